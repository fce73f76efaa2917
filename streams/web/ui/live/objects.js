// or-objects: the tracks of the picture as a list, four times a second. It is also the way to
// follow something without seeing it.

import {attr, h, reconcile, text} from '../dom.js';
import {getTracks} from '../api.js';
import {t} from '../i18n/text.js';
import {colour} from './paint.js';
import {follow, frameTime} from './follow.js';

const every = 250;
const pollEvery = 1000; // where the pictures carry no metadata

class Objects extends HTMLElement {
	#timer = 0;
	#polled = 0;
	#meta = null;

	connectedCallback() {
		if (!this.list) this.#build();
		this.#timer = setInterval(() => this.#digest(), every);
	}

	disconnectedCallback() {
		clearInterval(this.#timer);
	}

	#build() {
		this.list = h('ul', {class: 'rows'});
		this.empty = h('p', {class: 'muted'}, t('objects.empty'));
		this.count = h('span', {class: 'muted count'});
		this.append(h('section', {'aria-labelledby': 'objects-title'},
			h('h2', {id: 'objects-title'}, t('objects.title'), ' ', this.count), this.list, this.empty));
	}

	async #digest() {
		if (document.hidden) return;
		if (this.tile.player.mode === 'webrtc') {
			this.#show(this.tile.latest);
			return;
		}
		const now = performance.now();
		if (now - this.#polled < pollEvery) return;
		this.#polled = now;
		try {
			const a = await getTracks(this.camera);
			if (this.isConnected && this.tile.player.mode !== 'webrtc') this.#show(a.seq ? fromAPI(a) : null);
		} catch {
			// The list keeps what it has; the banner tells of an outage.
		}
	}

	#show(meta) {
		if (!meta || meta === this.#meta) return;
		this.#meta = meta;
		const tracks = meta.tracks.filter((k) => k.bg !== 1);
		text(this.count, t('objects.count', {n: tracks.length}));
		this.empty.hidden = tracks.length > 0;
		reconcile(this.list, tracks, (k) => k.id, (k) => {
			const swatch = h('span', {class: 'swatch', 'aria-hidden': 'true'});
			swatch.style.background = colour(k.id);
			return h('li', {
				class: 'row', onpointerenter: () => this.tile.setHover(k.id), onpointerleave: () => this.tile.setHover(0),
			}, swatch, h('span', {class: 'name'}), h('span', {class: 'state'}),
			h('button', {type: 'button', onclick: () => this.#follow(k.id), onfocus: () => this.tile.setHover(k.id), onblur: () => this.tile.setHover(0)}, t('objects.follow')));
		}, (row, k) => {
			const [, name, state, button] = row.children;
			const label = t('objects.name', {label: k.l || t('objects.object'), id: k.id});
			text(name, label);
			const words = [k.st === 'l' ? t('objects.lost') : k.ob === 1 ? (k.s ? k.s.toFixed(2) : '') : t('objects.predicted')];
			if (k.up) words.push(t('objects.part', {id: k.up}));
			text(state, words.filter(Boolean).join(' · '));
			attr(row, 'data-state', k.st === 'l' ? 'lost' : null);
			attr(button, 'aria-label', t('objects.follow.this', {name: label}));
			button.hidden = Boolean(k.p);
		});
	}

	#follow(id) {
		const k = this.#meta?.tracks.find((x) => x.id === id);
		if (k) follow(this.camera, {box: k.b, frame_time: frameTime(this.#meta.cap)});
	}
}

/** The API's tracks in the shape of a metadata message. */
function fromAPI(a) {
	return {
		cap: Date.parse(a.time),
		tracks: a.tracks.map((k) => ({
			id: k.id, p: k.prompt_id, st: k.state === 'lost' ? 'l' : 'c', ob: k.observed ? 1 : 0, b: k.box,
			l: k.label, s: k.score, up: k.parent, bg: k.stuff ? 1 : 0,
		})),
	};
}

customElements.define('or-objects', Objects);
