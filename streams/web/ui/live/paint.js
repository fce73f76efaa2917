// Draws tracks on a canvas. Colour and dash follow from the id alone, so that a track looks
// the same in every view and client.

import {outlinePath} from './outline.js';

const palette = ['#69DFF3', '#C0789B', '#2BA169', '#CEFAE9', '#5B88FD', '#9BB95C', '#A87BD0', '#87CDA4'];
const dashes = [[], [8, 4], [2, 4]];
const none = [];
const dotted = [2, 3];
const predicted = [6, 4];

export const colour = (id) => palette[id % palette.length];

const widths = new Map(); // text -> width at font, in CSS px
const pillFont = '600 12px system-ui, sans-serif';
const pillHeight = 18;
const smallPicture = 480; // CSS pixels of width

/**
 * Draws meta's tracks. view maps picture pixels to canvas pixels: {scale, dx, dy, ratio, width,
 * height} with ratio device pixels a CSS pixel. layers: {masks, labels, trails}; hover: id of
 * the track under the pointer or 0.
 */
export function paint(g, meta, view, layers, hover, trails) {
	const px = view.ratio / view.scale; // one CSS pixel in picture pixels
	g.setTransform(view.scale, 0, 0, view.scale, view.dx, view.dy);
	g.lineJoin = 'round';
	if (layers.trails) trails.paint(g, meta, px);
	if (layers.masks) {
		for (const k of meta.tracks) if (k.bg !== 1) outline(g, k, meta, px, k.id === hover);
	}
	g.setLineDash(none);
	g.setTransform(1, 0, 0, 1, 0, 0);
	if (layers.labels) pills(g, meta, view);
}

function outline(g, k, meta, px, hovered) {
	const lost = k.st === 'l';
	const seen = k.ob === 1 && !lost;
	let path = k.path;
	if (path === undefined) path = k.path = k.m && !lost ? outlinePath(k.m, meta.w, meta.h) : null;
	if (!path) {
		path = new Path2D();
		path.rect(k.b[0], k.b[1], k.b[2] - k.b[0], k.b[3] - k.b[1]);
		k.path = path;
	}
	const c = colour(k.id);
	if (seen && k.m) {
		g.globalAlpha = hovered ? 0.45 : 0.3;
		g.fillStyle = c;
		g.fill(path, 'evenodd');
		g.globalAlpha = 1;
	}
	const dash = lost ? dotted : seen ? dashes[Math.floor(k.id / palette.length) % dashes.length] : predicted;
	g.setLineDash(dash.length ? dash.map((d) => d * px) : none);
	g.lineWidth = (hovered ? 6 : 4) * px;
	g.strokeStyle = 'rgb(0 0 0 / .7)';
	g.stroke(path);
	g.lineWidth = (hovered ? 3 : 2) * px;
	g.strokeStyle = c;
	g.stroke(path);
}

/** The words on a track's pill; a small picture has no room for the score. */
function pillText(k, small) {
	const score = k.s && !small ? ` ${k.s.toFixed(2)}` : '';
	return `${k.l ? k.l + ' ' : ''}#${k.id}${score}`;
}

const placed = []; // rectangles of this frame's pills, in CSS pixels, reused

function pills(g, meta, view) {
	const r = view.ratio;
	g.setTransform(r, 0, 0, r, 0, 0);
	g.font = pillFont;
	g.textBaseline = 'middle';
	let n = 0;
	const small = view.width < smallPicture;
	const left = view.dx / r;
	const top = view.dy / r;
	const right = left + (meta.w * view.scale) / r;
	const bottom = top + (meta.h * view.scale) / r;
	for (const k of meta.tracks) {
		if (k.bg === 1) continue;
		const s = pillText(k, small);
		let w = widths.get(s);
		if (w === undefined) {
			if (widths.size > 1000) widths.clear();
			widths.set(s, (w = Math.ceil(g.measureText(s).width)));
		}
		w += 20;
		const bx = (k.b[0] * view.scale + view.dx) / r;
		const by = (k.b[1] * view.scale + view.dy) / r;
		const x = Math.min(Math.max(bx, left), right - w);
		let y = Math.max(by - pillHeight - 3, top);
		// Other pills push it down, but not so far that it seems to name something else.
		for (let tries = small ? 6 : 3; tries < 8; tries++) {
			const hit = overlaps(n, x, y, w);
			if (hit < 0) break;
			y = placed[hit].y + pillHeight + 2;
		}
		if (y + pillHeight > bottom || overlaps(n, x, y, w) >= 0) continue; // no room: the list has it
		const p = (placed[n] ??= {x: 0, y: 0, w: 0});
		n++;
		p.x = x;
		p.y = y;
		p.w = w;
		g.globalAlpha = k.st === 'l' ? 0.6 : 1;
		if (y > by + pillHeight) { // moved away from its object: a leader shows whose it is
			g.strokeStyle = colour(k.id);
			g.lineWidth = 1;
			g.beginPath();
			g.moveTo(x + 4, y);
			g.lineTo(bx, by);
			g.stroke();
		}
		g.fillStyle = 'rgb(0 0 0 / .78)';
		g.beginPath();
		g.roundRect(x, y, w, pillHeight, 4);
		g.fill();
		g.fillStyle = colour(k.id);
		g.fillRect(x + 5, y + 5, 6, pillHeight - 10);
		g.fillStyle = '#fff';
		g.fillText(s, x + 15, y + pillHeight / 2 + 0.5);
		g.globalAlpha = 1;
	}
	g.setTransform(1, 0, 0, 1, 0, 0);
}

function overlaps(n, x, y, w) {
	for (let i = 0; i < n; i++) {
		const p = placed[i];
		if (x < p.x + p.w && p.x < x + w && y < p.y + pillHeight && p.y < y + pillHeight) return i;
	}
	return -1;
}
