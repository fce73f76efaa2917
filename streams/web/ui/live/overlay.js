// The canvas over one picture. It lies on the whole stage and maps the picture as
// object-fit: contain does, so that bars at the sides never shift a box.

import {paint} from './paint.js';
import {Trails} from './trails.js';

export class Overlay {
	constructor(canvas) {
		this.canvas = canvas;
		this.g = canvas.getContext('2d');
		this.view = {scale: 1, dx: 0, dy: 0, ratio: 1, width: 0, height: 0};
		this.layers = {masks: true, labels: true, trails: true};
		this.hover = 0;
		this.trails = new Trails();
		this.shown = null; // the metadata that is on the canvas
		this.drawMs = 0;
		this.pictureW = 0;
		this.pictureH = 0;
	}

	/** Tells the stage's size in CSS pixels. */
	resize(width, height) {
		const ratio = Math.min(devicePixelRatio || 1, 2);
		this.canvas.width = Math.round(width * ratio);
		this.canvas.height = Math.round(height * ratio);
		Object.assign(this.view, {ratio, width, height});
		this.fit(this.pictureW, this.pictureH);
		if (this.shown) this.draw(this.shown);
	}

	/** Tells the picture's size in its own pixels. */
	fit(w, h) {
		this.pictureW = w;
		this.pictureH = h;
		if (!w || !h) return;
		const v = this.view;
		v.scale = Math.min(this.canvas.width / w, this.canvas.height / h);
		v.dx = (this.canvas.width - w * v.scale) / 2;
		v.dy = (this.canvas.height - h * v.scale) / 2;
	}

	draw(meta) {
		const from = performance.now();
		if (meta.w !== this.pictureW || meta.h !== this.pictureH) this.fit(meta.w, meta.h);
		this.clear();
		if (meta !== this.shown) this.trails.add(meta);
		paint(this.g, meta, this.view, this.layers, this.hover, this.trails);
		this.shown = meta;
		this.drawMs += (performance.now() - from - this.drawMs) / 16;
	}

	clear() {
		this.g.setTransform(1, 0, 0, 1, 0, 0);
		this.g.clearRect(0, 0, this.canvas.width, this.canvas.height);
		this.shown = null;
	}

	/** The picture position of a point of the stage, in CSS pixels; null outside the picture. */
	toPicture(x, y) {
		const v = this.view;
		if (!this.pictureW) return null;
		const px = (x * v.ratio - v.dx) / v.scale;
		const py = (y * v.ratio - v.dy) / v.scale;
		return px >= 0 && py >= 0 && px < this.pictureW && py < this.pictureH ? [px, py] : null;
	}

	/** The stage position, in CSS pixels, of a picture position. */
	toStage(x, y) {
		const v = this.view;
		return [(x * v.scale + v.dx) / v.ratio, (y * v.scale + v.dy) / v.ratio];
	}

	/** The smallest track of the shown frame that covers a picture position, or null. */
	trackAt(x, y) {
		let best = null;
		let least = Infinity;
		for (const k of this.shown?.tracks ?? []) {
			const [x1, y1, x2, y2] = k.b;
			const area = (x2 - x1) * (y2 - y1);
			if (k.bg === 1 || area >= least || x < x1 || y < y1 || x >= x2 || y >= y2) continue;
			if (k.path && k.m && !inside(this.g, k.path, x, y)) continue;
			best = k;
			least = area;
		}
		return best;
	}
}

function inside(g, path, x, y) {
	g.setTransform(1, 0, 0, 1, 0, 0);
	return g.isPointInPath(path, x, y, 'evenodd');
}
