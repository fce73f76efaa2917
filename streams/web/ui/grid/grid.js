// or-grid: all cameras as still pictures, each with its age; a click opens one. One scheduler
// fetches them, two at a time.

import {attr, h, reconcile, text} from '../dom.js';
import {cameraURL, request} from '../api.js';
import {cameras, effect} from '../store.js';
import {clock} from '../stream.js';
import {t} from '../i18n/text.js';

const every = 1000; // of one camera
const width = 480;
const most = 2; // in flight

class Grid extends HTMLElement {
	#timer = 0;
	#end = null;
	#flying = 0;
	#stills = new Map(); // name -> {asked, etag, cap, img}

	connectedCallback() {
		if (!this.list) {
			this.list = h('ul', {class: 'grid'});
			this.append(h('h1', {class: 'unseen'}, t('app.overview')), this.list);
		}
		this.#end = effect(() => this.#show(cameras.value ?? []));
		this.#timer = setInterval(() => this.#tick(), 250);
	}

	disconnectedCallback() {
		clearInterval(this.#timer);
		this.#end();
	}

	#show(list) {
		reconcile(this.list, list, (c) => c.name, (c) => {
			const img = h('img', {alt: t('tile.still', {name: c.name}), hidden: true});
			this.#stills.set(c.name, {asked: 0, etag: '', cap: NaN, img});
			return h('li', null, h('a', {href: `/cam/${encodeURIComponent(c.name)}`},
				h('span', {class: 'frame'}, img), h('span', {class: 'caption'}, h('b', null, c.name), h('span', {class: 'pill'}), h('span', {class: 'muted age'}))));
		}, (li, c) => {
			const pill = li.querySelector('.pill');
			attr(pill, 'data-state', c.state);
			text(pill, t('state.' + (c.state || 'connecting')));
			attr(li, 'title', c.error);
		});
	}

	#tick() {
		if (document.hidden) return;
		const now = performance.now();
		for (const li of this.list.children) {
			const s = this.#stills.get(li.dataset.key);
			if (!Number.isNaN(s.cap)) {
				const age = Math.max(0, Date.now() + clock.offset - s.cap) / 1000;
				text(li.querySelector('.age'), `${t('tile.stills')} ${t('tile.seconds', {n: age < 10 ? age.toFixed(1) : Math.round(age)})}`);
				attr(li, 'data-stale', age > 5 ? '' : null);
			}
		}
		const due = [...this.#stills].filter(([, s]) => now - s.asked >= every && s.img.isConnected).sort((a, b) => a[1].asked - b[1].asked);
		for (const [name, s] of due) {
			if (this.#flying >= most) return;
			this.#fetch(name, s);
		}
	}

	async #fetch(name, s) {
		s.asked = performance.now();
		this.#flying++;
		try {
			const res = await request(`${cameraURL(name)}/snapshot.jpg?overlay=1&w=${width}`, {cache: 'no-store', headers: s.etag ? {'if-none-match': s.etag} : {}});
			if (res.status !== 200) return;
			s.etag = res.headers.get('etag') ?? '';
			s.cap = Date.parse(res.headers.get('x-frame-time'));
			const url = URL.createObjectURL(await res.blob());
			s.img.src = url;
			await s.img.decode().finally(() => URL.revokeObjectURL(url));
			s.img.hidden = false;
		} catch {
			// No picture yet, or an outage that the banner tells of.
		} finally {
			this.#flying--;
		}
	}
}

customElements.define('or-grid', Grid);
