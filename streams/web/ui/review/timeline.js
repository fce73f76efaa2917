// or-timeline: how many events there were, a lane a camera. Wheel or + and - zoom around the
// pointer, drag or arrow keys move, a click (or Enter) asks for the events there.

import {call} from '../api.js';
import {h, text} from '../dom.js';
import {clockTime, dayTime} from '../time.js';
import {t} from '../i18n/text.js';

const lane = 22;
const axis = 20;
const least = 10e3; // ms shown
const most = 30 * 86400e3;
const steps = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 86400, 7 * 86400]; // seconds

class Timeline extends HTMLElement {
	#counts = [];
	#step = 3600;
	#asked = 0;
	#drag = null;
	#pending = 0;

	connectedCallback() {
		if (!this.canvas) {
			const now = Date.now();
			this.to = now;
			this.from = now - 86400e3;
			this.canvas = h('canvas', {
				tabindex: '0', role: 'img', 'aria-label': t('review.timeline'),
				onkeydown: (e) => this.#key(e), onpointerdown: (e) => this.#press(e), onpointermove: (e) => this.#move(e),
				onpointerup: (e) => this.#release(e), onpointercancel: () => (this.#drag = null),
			});
			this.canvas.addEventListener('wheel', (e) => this.#wheel(e), {passive: false});
			this.where = h('p', {class: 'muted', role: 'status'});
			const zoom = (f) => () => this.#zoom(f, 0.5);
			this.append(this.canvas, h('div', {class: 'bar'},
				h('button', {type: 'button', 'aria-label': t('review.zoom.in'), onclick: zoom(0.5)}, '+'),
				h('button', {type: 'button', 'aria-label': t('review.zoom.out'), onclick: zoom(2)}, '−'),
				h('button', {type: 'button', 'aria-label': t('review.earlier'), onclick: () => this.#pan(-0.5)}, '‹'),
				h('button', {type: 'button', 'aria-label': t('review.later'), onclick: () => this.#pan(0.5)}, '›'),
				h('button', {type: 'button', onclick: () => this.#now()}, t('review.now')), this.where));
		}
		this.observer = new ResizeObserver(() => this.#draw());
		this.observer.observe(this);
		this.#load();
	}

	disconnectedCallback() {
		this.observer.disconnect();
		clearTimeout(this.#pending);
	}

	/** Counts again: another filter, or new events. query is that of the API without times. */
	refresh(query = this.query) {
		this.query = query;
		this.#load();
	}

	/** Marks a time, NaN for none. */
	mark(at) {
		this.playhead = at;
		this.#draw();
	}

	async #load() {
		const width = Math.max(200, this.clientWidth || 800);
		const wanted = (this.to - this.from) / 1000 / (width / 6);
		const step = steps.find((s) => s >= wanted) ?? steps.at(-1);
		const ask = ++this.#asked;
		const q = new URLSearchParams(this.query);
		q.set('from', new Date(this.from).toISOString());
		q.set('to', new Date(this.to + 1000).toISOString());
		q.set('step', `${step}s`);
		try {
			const a = await call('GET', `/api/v1/events/summary?${q}`);
			if (ask !== this.#asked) return;
			this.#counts = a.counts.map((c) => ({camera: c.camera, at: Date.parse(c.start), n: c.events}));
			this.#step = step;
			this.#draw();
		} catch {
			// The list says what is wrong.
		}
	}

	#changed() {
		this.#draw();
		clearTimeout(this.#pending);
		this.#pending = setTimeout(() => this.#load(), 150);
	}

	#zoom(factor, at) {
		const span = this.to - this.from;
		const next = Math.min(Math.max(span * factor, least), most);
		const pivot = this.from + span * at;
		this.from = pivot - next * at;
		this.to = this.from + next;
		this.#changed();
	}

	#pan(share) {
		const d = (this.to - this.from) * share;
		this.from += d;
		this.to += d;
		this.#changed();
	}

	#now() {
		const span = this.to - this.from;
		this.to = Date.now();
		this.from = this.to - span;
		this.#changed();
		this.#seek(this.to, true);
	}

	#share(e) {
		const r = this.canvas.getBoundingClientRect();
		return Math.min(1, Math.max(0, (e.clientX - r.left) / r.width));
	}

	#wheel(e) {
		e.preventDefault();
		this.#zoom(e.deltaY > 0 ? 1.25 : 0.8, this.#share(e));
	}

	#press(e) {
		this.#drag = {x: e.clientX, from: this.from, moved: false};
		this.canvas.setPointerCapture(e.pointerId);
	}

	#move(e) {
		const at = this.from + (this.to - this.from) * this.#share(e);
		text(this.where, dayTime(at));
		const d = this.#drag;
		if (!d || (!d.moved && Math.abs(e.clientX - d.x) < 4)) return;
		d.moved = true;
		const span = this.to - this.from;
		this.from = d.from - ((e.clientX - d.x) / this.canvas.clientWidth) * span;
		this.to = this.from + span;
		this.#changed();
	}

	#release(e) {
		const d = this.#drag;
		this.#drag = null;
		if (!d || d.moved) return;
		this.#seek(this.from + (this.to - this.from) * this.#share(e));
	}

	#seek(at, live = false) {
		this.playhead = live ? NaN : at;
		this.#draw();
		this.dispatchEvent(new CustomEvent('seek', {detail: live ? null : at + this.#step * 1000}));
	}

	#key(e) {
		const d = {ArrowLeft: -0.1, ArrowRight: 0.1}[e.key];
		if (d) this.#pan(d);
		else if (e.key === '+') this.#zoom(0.5, 0.5);
		else if (e.key === '-') this.#zoom(2, 0.5);
		else if (e.key === 'Enter') this.#seek((this.from + this.to) / 2);
		else return;
		e.preventDefault();
	}

	#draw() {
		const c = this.canvas;
		const cameras = [...new Set(this.#counts.map((x) => x.camera))].sort();
		const ratio = Math.min(devicePixelRatio || 1, 2);
		const width = this.clientWidth;
		const height = axis + lane * Math.max(1, cameras.length);
		c.style.height = `${height}px`;
		c.width = Math.round(width * ratio);
		c.height = Math.round(height * ratio);
		const g = c.getContext('2d');
		const css = getComputedStyle(this);
		const colour = (n) => css.getPropertyValue(n).trim();
		g.scale(ratio, ratio);
		g.font = '12px system-ui, sans-serif';
		g.textBaseline = 'middle';
		const x = (at) => ((at - this.from) / (this.to - this.from)) * width;
		const tick = steps.find((s) => (width * s * 1000) / (this.to - this.from) >= 90) ?? steps.at(-1);
		const offset = new Date(this.from).getTimezoneOffset() * 60000;
		g.fillStyle = colour('--muted');
		for (let at = Math.ceil((this.from - offset) / (tick * 1000)) * tick * 1000 + offset; at < this.to; at += tick * 1000) {
			g.fillRect(Math.round(x(at)), axis - 4, 1, height);
			g.fillText(tick >= 86400 ? dayTime(at).split(',').slice(0, 2).join() : clockTime(at).slice(0, tick < 60 ? 8 : 5), x(at) + 4, axis / 2);
		}
		const top = Math.max(1, ...this.#counts.map((k) => k.n));
		const w = Math.max(2, (width * this.#step * 1000) / (this.to - this.from) - 1);
		for (const [i, name] of cameras.entries()) {
			const y = axis + lane * i;
			g.fillStyle = colour('--accent');
			for (const k of this.#counts) {
				if (k.camera !== name) continue;
				const high = 3 + (lane - 7) * Math.sqrt(k.n / top);
				g.fillRect(x(k.at), y + lane - 2 - high, w, high);
			}
			g.fillStyle = colour('--text');
			g.fillText(name, 4, y + lane / 2);
		}
		if (!cameras.length) {
			g.fillStyle = colour('--muted');
			g.fillText(t('review.empty'), 4, axis + lane / 2);
		}
		if (this.playhead >= this.from && this.playhead <= this.to) {
			g.fillStyle = colour('--text');
			g.fillRect(x(this.playhead) - 1, 0, 2, height);
		}
		const what = t('review.timeline.summary', {n: this.#counts.reduce((a, k) => a + k.n, 0), from: dayTime(this.from), to: dayTime(this.to)});
		c.setAttribute('aria-label', `${t('review.timeline')} ${what}`);
	}
}

customElements.define('or-timeline', Timeline);
