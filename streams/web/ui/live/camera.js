// or-camera: one camera, to watch and to point at.

import {attr, h, text} from '../dom.js';
import {camera as statusOf, effect} from '../store.js';
import {t} from '../i18n/text.js';
import './tile.js';

class Camera extends HTMLElement {
	#end = null;
	#keys = (e) => this.#key(e);

	connectedCallback() {
		if (!this.tile) this.#build();
		this.#hands();
		this.#end = effect(() => this.#status(statusOf(this.camera)));
		document.addEventListener('keydown', this.#keys);
	}

	disconnectedCallback() {
		this.#end();
		document.removeEventListener('keydown', this.#keys);
	}

	#build() {
		const part = (name, props) => Object.assign(document.createElement(name), {camera: this.camera, ...props});
		this.tile = part('or-tile');
		this.state = h('span', {class: 'pill'});
		this.figures = h('p', {class: 'figures'});
		const picture = h('section', {class: 'picture', 'aria-label': t('tile.still', {name: this.camera})},
			h('div', {class: 'head'}, h('h1', null, this.camera), this.state, this.figures), this.tile);
		// The tile must have its stage before the tools take hold of it.
		this.append(h('div', {class: 'camera'}, picture));
		this.panel = h('aside', {class: 'panel', 'aria-label': t('camera.panel')});
		this.firstChild.append(this.panel);
	}

	/** The picture comes first: what points at it is fetched after. */
	async #hands() {
		if (this.tools) return;
		[this.follow] = await Promise.all([import('./follow.js'), import('./tools.js'), import('./prompts.js'), import('./objects.js'), import('../edit/places.js')]);
		if (!this.isConnected || this.tools) return;
		const part = (name) => Object.assign(document.createElement(name), {camera: this.camera, tile: this.tile});
		this.tools = part('or-tools');
		this.prompts = part('or-prompts');
		this.tile.after(this.tools);
		this.panel.append(this.prompts, part('or-objects'), Object.assign(part('or-places'), {tools: this.tools}));
	}

	#status(c) {
		if (!c) return;
		attr(this.state, 'data-state', c.state);
		text(this.state, t('state.' + (c.state || 'connecting')));
		attr(this.state, 'title', c.error);
		const parts = [t('figures.fps', {n: c.fps.toFixed(1)}), t('figures.capture', {n: c.capture_fps.toFixed(1)}),
			t('figures.latency', {n: Math.round(c.latency_ms)}), t('figures.frames', {n: c.frames})];
		if (c.dropped) parts.push(t('figures.dropped', {n: c.dropped}));
		text(this.figures, parts.join(' · ') + (c.error ? ` · ${c.error}` : ''));
	}

	#key(e) {
		if (e.target.closest?.('input, textarea, select')) {
			if (e.key === 'Escape') e.target.blur();
			return;
		}
		const key = e.key.toLowerCase();
		if ((e.ctrlKey || e.metaKey) && key === 'z') {
			e.preventDefault();
			if (e.shiftKey) this.follow?.redo();
			else this.follow?.undo();
		}
		if (!this.tools || e.ctrlKey || e.metaKey || e.altKey) return;
		if (key === 'p') this.tools.arm('point');
		else if (key === 'b') this.tools.arm('box');
		else if (key === '[' || key === ']') this.tools.levels.step(key === ']' ? 1 : -1);
		else if (key === 'n') {
			e.preventDefault();
			this.prompts.focusWords();
		} else if (key === 'escape') this.tools.escape();
	}
}

customElements.define('or-camera', Camera);
