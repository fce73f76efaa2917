// or-tile: one camera's picture with its overlay and a chip that says how fresh it is.

import {attr, h, text} from '../dom.js';
import {clock} from '../stream.js';
import {camera as statusOf, effect} from '../store.js';
import {t} from '../i18n/text.js';
import {Overlay} from './overlay.js';
import {Player} from './player.js';

class Tile extends HTMLElement {
	#built = false;
	#times = new Float64Array(64); // of the last frames
	#frames = 0;
	#missed = 0; // frames without metadata
	#missedSince = 0;
	#gap = 40;
	#state = 'connecting';
	#timer = 0;
	#end = null;
	#age = NaN;
	#rough = false;
	#pending = null;
	#w = 0;
	#h = 0;

	frame = null; // of the picture that is shown: {rtp, w, h, cap, seq, burned}
	latest = null; // the newest metadata that was shown

	connectedCallback() {
		if (!this.#built) this.#build();
		this.player = new Player({
			camera: this.camera, video: this.video, img: this.img,
			onFrame: (meta, info) => this.#show(meta, info), onMode: () => this.#status(),
		});
		this.player.start();
		this.observer = new ResizeObserver(() => this.#resize());
		this.observer.observe(this.stage);
		this.#timer = setInterval(() => this.#status(), 500);
		this.#end = effect(() => {
			statusOf(this.camera);
			this.#status();
		});
	}

	disconnectedCallback() {
		this.player.stop();
		this.observer.disconnect();
		clearInterval(this.#timer);
		this.#end();
	}

	#build() {
		this.#built = true;
		this.video = h('video', {muted: true, autoplay: true, playsinline: true, disablepictureinpicture: true, 'aria-hidden': 'true', tabindex: '-1'});
		this.video.muted = true; // the attribute alone is the default, not the state
		this.img = h('img', {alt: '', hidden: true});
		this.canvas = h('canvas', {class: 'overlay', 'aria-hidden': 'true'});
		this.shapes = h('canvas', {'aria-hidden': 'true'});
		this.pointer = h('canvas', {class: 'pointer', 'aria-hidden': 'true'});
		this.band = h('p', {class: 'band', hidden: true});
		this.mode = h('b');
		this.figures = h('span');
		this.chip = h('p', {class: 'chip'}, this.mode, ' ', this.figures);
		this.stage = h('div', {class: 'stage', role: 'application', tabindex: '0', 'aria-label': t('tile.label', {name: this.camera})},
			this.video, this.img, this.shapes, this.canvas, this.pointer, this.band, this.chip);
		this.notice = h('p', {class: 'notice', role: 'status', hidden: true});
		this.append(this.stage, this.notice);
		this.overlay = new Overlay(this.canvas);
	}

	#resize() {
		this.overlay.resize(this.stage.clientWidth, this.stage.clientHeight);
		this.pointer.width = this.canvas.width;
		this.pointer.height = this.canvas.height;
		this.dispatchEvent(new Event('resized'));
	}

	#show(meta, info) {
		const now = performance.now();
		if (this.#frames) this.#gap += (now - this.#times[(this.#frames - 1) % 64] - this.#gap) / 8;
		this.#times[this.#frames++ % 64] = now;
		this.#rough = info.rough;
		if (meta && !meta.none) {
			this.latest = meta;
			this.#missedSince = 0;
		} else if (!info.burned) {
			this.#missed++;
			this.#missedSince ||= now;
		}
		this.#shape(info.w, info.h);
		if (meta) {
			this.overlay.draw(meta);
		} else {
			this.overlay.clear();
			this.overlay.fit(info.w, info.h);
		}
		this.frame = info;
		if (info.cap !== null) this.#age = Date.now() + clock.offset - info.cap;
		if (this.#state !== 'live') this.#status();
	}

	/** Gives the stage the picture's shape, so that bars appear only where the window forces them. */
	#shape(w, h) {
		if (w === this.#w && h === this.#h) return;
		this.#w = w;
		this.#h = h;
		this.stage.style.aspectRatio = `${w} / ${h}`;
		this.dispatchEvent(new Event('layers'));
	}

	/** Frames shown a second, over the last two. */
	fps() {
		const now = performance.now();
		let n = 0;
		let oldest = now;
		for (let i = 1; i <= Math.min(this.#frames, 64); i++) {
			const at = this.#times[(this.#frames - i) % 64];
			if (now - at > 2000) break;
			oldest = at;
			n++;
		}
		return n > 1 ? ((n - 1) * 1000) / (this.#times[(this.#frames - 1) % 64] - oldest) : 0;
	}

	#status() {
		if (!this.#built || !this.player) return;
		const now = performance.now();
		const p = this.player;
		const silent = p.lastFrame ? now - p.lastFrame : now - p.started;
		const limit = p.mode === 'jpeg' ? 3000 : Math.max(2000, 5 * this.#gap);
		const status = statusOf(this.camera);
		const stuck = status && !['streaming', 'connecting', ''].includes(status.state);
		if (!this.#frames) this.#state = stuck || silent > 10000 ? 'none' : 'connecting';
		else this.#state = silent > limit ? 'stale' : 'live';
		attr(this, 'data-state', this.#state);
		attr(this, 'data-mode', p.mode);
		attr(this, 'data-frames', this.#frames);

		const seconds = (ms) => (ms < 9950 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000));
		const reason = stuck ? t('state.' + status.state) + (status.error ? `: ${status.error}` : '') : '';
		switch (this.#state) {
			case 'live': {
				text(this.mode, p.mode === 'webrtc' ? t('tile.live') : t('tile.stills'));
				const fps = this.fps();
				const parts = [Number.isNaN(this.#age) ? '' : this.#age < 1000 ? t('tile.ms', {n: Math.max(0, Math.round(this.#age))}) : t('tile.seconds', {n: seconds(this.#age)}),
					fps ? t('tile.fps', {n: Math.round(fps)}) : ''];
				if (p.mode === 'webrtc') {
					if (this.#rough) parts.push(t('tile.rough'));
					else if (this.#missedSince && now - this.#missedSince > 200) parts.push(t('tile.late'));
					else if (this.latest && this.latest.q !== undefined && this.latest.q < 48) parts.push(t('tile.simple'));
				}
				text(this.figures, parts.filter(Boolean).join(' · '));
				this.#say('');
				break;
			}
			case 'connecting':
				text(this.mode, t('tile.connecting'));
				text(this.figures, '');
				this.#say(t('tile.wait', {n: seconds(silent)}));
				break;
			case 'stale':
				text(this.mode, t('tile.stills'));
				text(this.figures, t('tile.seconds', {n: seconds(silent)}));
				this.#say(status && !['streaming', 'stalled'].includes(status.state) && reason ? reason : t('tile.old', {n: Math.round(silent / 1000)}));
				break;
			default:
				text(this.mode, t('tile.none'));
				text(this.figures, '');
				this.#say(reason || t('tile.old', {n: Math.round(silent / 1000)}));
		}
		attr(this.chip, 'data-age', this.#age > 500 ? 'late' : this.#age > 150 ? 'slow' : null);
		const fallback = p.mode === 'jpeg' && p.why !== '';
		this.notice.hidden = !fallback;
		text(this.notice, fallback ? t('tile.fallback', {why: whyText(p.why)}) : '');
	}

	#say(s) {
		this.band.hidden = !s;
		text(this.band, s);
	}

	setLayers(layers) {
		Object.assign(this.overlay.layers, layers);
		this.dispatchEvent(new Event('layers'));
		this.redraw();
	}

	setHover(id) {
		if (this.overlay.hover === id) return;
		this.overlay.hover = id;
		this.redraw();
	}

	/** Draws the shown frame again, once a display frame. */
	redraw() {
		this.#pending ??= requestAnimationFrame(() => {
			this.#pending = null;
			if (this.overlay.shown) this.overlay.draw(this.overlay.shown);
		});
	}

	/** What tests and the curious may know. */
	stats() {
		const o = this.overlay;
		return {
			mode: this.player.mode, state: this.#state, shown: this.fps(), frames: this.#frames,
			received: this.player.received, missed: this.#missed, drawnRtp: o.shown?.rtp ?? null,
			mismatches: o.shown && this.frame && !this.#rough && (o.shown.rtp >>> 0) !== this.frame.rtp ? 1 : 0,
			drawMs: o.drawMs, age: this.#age,
			tracks: (o.shown?.tracks ?? []).map(({id, b, l, p, st, ob}) => ({id, box: b, label: l, prompt: p, state: st, observed: ob})),
		};
	}
}

function whyText(why) {
	return ['noframe', '0', '404', '406', '503'].includes(why) ? t('why.' + why) : t('why.other', {n: why});
}

customElements.define('or-tile', Tile);
