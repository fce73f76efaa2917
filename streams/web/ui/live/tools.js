// or-tools: the bar under the picture, with the pointing tools and the layers.

import {attr, h, text} from '../dom.js';
import {query, setQuery} from '../router.js';
import {t} from '../i18n/text.js';
import {follow, frameTime, refusal} from './follow.js';
import {Levels} from './levels.js';
import {Pointer} from './pointer.js';

const tools = ['point', 'not', 'box'];
const layers = ['masks', 'labels', 'trails', 'zones'];

class Tools extends HTMLElement {
	#draft = null; // the object that was pointed at last: {id, points, labels, track, box}
	#asked = Promise.resolve(); // clicks are answered in order

	connectedCallback() {
		if (this.pointer) return;
		this.levels = new Levels(this.camera, () => this.#levels());
		this.pointer = new Pointer(this.tile, {
			levels: this.levels,
			onPoint: (p) => (this.#asked = this.#asked.then(() => this.#point(p))),
			onBox: ({box, frame}) => (this.#asked = this.#asked.then(() => this.#box(box, frame))),
			onNothing: () => (refusal.value = t('tool.nopicture')),
		});
		this.buttons = tools.map((tool) => h('button', {type: 'button', 'data-tool': tool, onclick: () => this.arm(tool)}, t('tool.' + tool)));
		this.level = h('span', {class: 'hint', 'aria-live': 'polite'});
		this.levelBar = h('div', {class: 'bar', role: 'group', 'aria-label': t('level.title')},
			h('button', {type: 'button', 'aria-label': t('level.smaller'), onclick: () => this.levels.step(-1)}, '−'), this.level,
			h('button', {type: 'button', 'aria-label': t('level.larger'), onclick: () => this.levels.step(1)}, '+'));
		this.hint = h('p', {class: 'hint', id: 'tool-hint'});
		this.layers = this.#readLayers();
		this.append(
			h('div', {class: 'bar', role: 'group', 'aria-label': t('tools.title')}, this.buttons),
			this.levelBar,
			h('div', {class: 'bar', role: 'group', 'aria-label': t('layers.title')}, layers.map((l) => h('button', {
				type: 'button', 'data-layer': l, 'aria-pressed': String(this.layers[l]), onclick: (e) => this.#toggle(l, e.currentTarget),
			}, t('layer.' + l)))),
			this.hint);
		this.tile.setLayers(this.layers);
		this.#levels();
		this.arm('point');
	}

	/** Arms a tool; the armed one again disarms it. */
	arm(tool) {
		const next = tool === 'off' || (this.pointer.tool === tool && this.armed) ? 'off' : tool;
		this.armed = next !== 'off';
		this.pointer.setTool(next);
		for (const b of this.buttons) attr(b, 'aria-pressed', String(b.dataset.tool === next));
		text(this.hint, t('tool.hint.' + next));
	}

	#levels() {
		const n = this.levels.chain.length;
		const now = this.levels.level + 1;
		text(this.level, n > 1 ? t('level.of', {n: Math.min(now, n), all: n}) : t('level.now', {n: now}));
		this.pointer?.redraw();
	}

	/** Takes back what was begun, else disarms. */
	escape() {
		if (!this.pointer.cancel() && this.armed) this.arm(this.pointer.tool);
	}

	#readLayers() {
		const asked = (query('layers') ?? '').split(',').filter(Boolean);
		return Object.fromEntries(layers.map((l) => [l, !asked.includes('-' + l)]));
	}

	#toggle(l, button) {
		this.layers[l] = !this.layers[l];
		attr(button, 'aria-pressed', String(this.layers[l]));
		setQuery('layers', layers.filter((x) => !this.layers[x]).map((x) => '-' + x).join(','));
		this.tile.setLayers(this.layers);
	}

	async #point({x, y, positive, frame}) {
		const time = frameTime(frame.cap);
		if (positive) {
			const p = await follow(this.camera, {points: [[x, y]], labels: [1], level: this.levels.level || undefined, frame_time: time});
			if (p) this.#remember(p, [[x, y]], [1]);
			return;
		}
		const d = this.#draft;
		if (!d) {
			refusal.value = t('tool.first');
			return;
		}
		// The object has moved since: its earlier points move with it.
		const now = this.#trackBox(d.track);
		const dx = now && d.box ? (now[0] + now[2] - d.box[0] - d.box[2]) / 2 : 0;
		const dy = now && d.box ? (now[1] + now[3] - d.box[1] - d.box[3]) / 2 : 0;
		const clamp = (v, most) => Math.min(Math.max(v, 0), most - 1);
		const points = [...d.points.map(([px, py]) => [clamp(px + dx, frame.w), clamp(py + dy, frame.h)]), [x, y]];
		const labels = [...d.labels, 0];
		const p = await follow(this.camera, {points, labels, level: this.levels.level || undefined, frame_time: time}, d.id);
		if (p) this.#remember(p, points, labels);
	}

	async #box(box, frame) {
		const p = await follow(this.camera, {box, frame_time: frameTime(frame.cap)});
		if (p) this.#draft = null;
	}

	#remember(p, points, labels) {
		this.#draft = {id: p.id, points, labels, track: p.track_id, box: p.answer_box ?? this.#trackBox(p.track_id)};
	}

	#trackBox(id) {
		return this.tile.latest?.tracks.find((k) => k.id === id)?.b ?? null;
	}
}

customElements.define('or-tools', Tools);
