// or-places: the zones and lines of a camera: what they count, drawing them, changing them.

import {call, cameraURL} from '../api.js';
import {attr, h, reconcile, text} from '../dom.js';
import * as history from '../live/undo.js';
import {toast} from '../store.js';
import {t} from '../i18n/text.js';
import {Shapes, crossing} from './shapes.js';

const every = 2000;

class Places extends HTMLElement {
	#timer = 0;
	#draft = null; // {kind, id, old, tag}

	connectedCallback() {
		if (!this.list) this.#build();
		this.shapes = new Shapes(this.tile, () => this.#drawn());
		this.#timer = setInterval(() => document.hidden || this.#load(), every);
		this.#load();
	}

	disconnectedCallback() {
		clearInterval(this.#timer);
		this.shapes.close();
	}

	#build() {
		this.list = h('ul', {class: 'rows'});
		this.empty = h('p', {class: 'muted'}, t('places.empty'));
		this.form = h('form', {hidden: true, class: 'fields', onsubmit: (e) => this.#save(e)});
		this.append(h('section', {'aria-labelledby': 'places-title'}, h('h2', {id: 'places-title'}, t('places.title')), this.list, this.empty,
			h('div', {class: 'bar'}, ['zone', 'line'].map((k) => h('button', {type: 'button', onclick: () => this.#edit(k, null)}, t('places.add.' + k)))), this.form));
	}

	#url(kind, id) {
		return `${cameraURL(this.camera)}/${kind}s${id ? `/${encodeURIComponent(id)}` : ''}`;
	}

	async #load() {
		try {
			const [z, l] = await Promise.all([call('GET', this.#url('zone')), call('GET', this.#url('line'))]);
			this.places = [...z.zones.map((p) => ({...p, kind: 'zone'})), ...l.lines.map((p) => ({...p, kind: 'line'}))];
		} catch (e) {
			if (e.status) this.hidden = true; // a camera without them
			return;
		}
		if (!this.isConnected) return;
		this.empty.hidden = this.places.length > 0;
		this.shapes.show(this.places);
		reconcile(this.list, this.places, (p) => `${p.kind} ${p.id}`, (p) => h('li', {class: 'row'}, h('span', {'aria-hidden': 'true'}, p.kind === 'zone' ? '▱' : '╱'), h('span', {class: 'name'}, p.id), h('span', {class: 'state'}),
			h('button', {type: 'button', 'aria-label': t('setup.edit.this', {name: p.id}), onclick: () => this.#edit(p.kind, p.id)}, t('setup.edit'))),
		(row, p) => text(row.children[2], p.kind === 'zone' ? t('places.inside', {n: p.inside}) : t('places.crossed', {in: p.in, out: p.out})));
	}

	async #edit(kind, id) {
		const o = this.tile.overlay;
		if (!o.pictureW) {
			toast.value = {text: t('tool.nopicture')};
			return;
		}
		let old = null;
		let tag = '';
		if (id) {
			const res = await fetch(this.#url(kind, id), {cache: 'no-store'});
			tag = res.headers.get('etag');
			old = await res.json();
		}
		this.#draft = {kind, old, tag};
		this.tools?.arm('off');
		const field = (name, label, props) => h('div', null, h('label', {for: `p-${name}`}, label), h('input', {id: `p-${name}`, autocomplete: 'off', ...props}));
		this.points = h('input', {id: 'p-points', autocomplete: 'off', 'aria-describedby': 'p-why', onchange: () => this.#typed()});
		this.why = h('p', {id: 'p-why', class: 'hint wide', role: 'status'}, t('places.how.' + kind));
		this.save = h('button', {type: 'submit', class: 'primary'}, t('setup.save'));
		this.form.replaceChildren(...[
			field('id', t('setup.name'), {required: true, pattern: '[A-Za-z0-9_\\-]{1,64}', value: id ?? '', disabled: Boolean(id)}),
			kind === 'zone' && field('loiter', t('places.loiter'), {type: 'number', min: '0', step: 'any', value: old?.loiter_s ?? 0}),
			h('div', {class: 'wide'}, h('label', {for: 'p-points'}, t('places.points')), this.points),
			h('label', {class: 'check'}, h('input', {id: 'p-alert', type: 'checkbox', checked: Boolean(old?.alert)}), t('places.alert')), this.why,
			h('div', {class: 'bar wide'}, this.save, h('button', {type: 'button', onclick: () => this.shapes.pop()}, t('places.pop')),
				id && h('button', {type: 'button', onclick: () => this.#remove(old, tag)}, t('setup.remove')),
				h('button', {type: 'button', class: 'quiet', onclick: () => this.#end()}, t('setup.cancel'))),
		].filter(Boolean));
		this.form.hidden = false;
		// A shape keeps its ground when the picture's size has changed since.
		const [w, hh] = old?.size ?? [o.pictureW, o.pictureH];
		const points = !old ? [] : kind === 'zone' ? old.polygon : [old.from, old.to];
		this.shapes.edit(points.map(([x, y]) => [(x * o.pictureW) / w, (y * o.pictureH) / hh]), kind === 'line' ? 2 : 64, id);
		this.form.querySelector(id ? '#p-points' : '#p-id').focus();
	}

	#end() {
		this.#draft = null;
		this.form.hidden = true;
		this.shapes.edit(null);
		this.tools?.arm('point');
		this.#load();
	}

	/** The shape was changed in the picture. */
	#drawn() {
		const p = this.shapes.points;
		this.points.value = p.map(([x, y]) => `${Math.round(x)},${Math.round(y)}`).join(' ');
		this.#judge(p);
	}

	#judge(p) {
		const cross = this.#draft.kind === 'zone' && crossing(p);
		text(this.why, cross ? t('places.crosses') : t('places.how.' + this.#draft.kind));
		attr(this.points, 'aria-invalid', cross ? 'true' : null);
		this.save.disabled = cross || p.length < (this.#draft.kind === 'zone' ? 3 : 2);
	}

	/** The numbers were changed: the way without pointing. */
	#typed() {
		const p = this.points.value.trim().split(/\s+/).map((s) => s.split(',').map(Number));
		if (p.every((q) => q.length === 2 && q.every(Number.isFinite))) this.shapes.set(p);
		else text(this.why, t('places.numbers'));
	}

	async #save(e) {
		e.preventDefault();
		const {kind, old, tag} = this.#draft;
		const o = this.tile.overlay;
		const id = this.form.querySelector('#p-id').value.trim();
		const points = this.shapes.points.map((p) => p.map((v) => Math.round(v * 10) / 10));
		const next = {...writable(old), size: [o.pictureW, o.pictureH], alert: this.form.querySelector('#p-alert').checked,
			...(kind === 'zone' ? {polygon: points, loiter_s: Number(this.form.querySelector('#p-loiter').value) || 0} : {from: points[0], to: points[1]})};
		const put = (p, headers) => this.#request('PUT', kind, id, p, headers);
		try {
			await history.run({
				do: () => put(next, tag ? {'if-match': tag} : {'if-none-match': '*'}),
				undo: () => (old ? put(writable(old)) : this.#request('DELETE', kind, id)),
			});
			this.#end();
		} catch (err) {
			text(this.why, err.message);
		}
	}

	async #remove(old, tag) {
		const {kind} = this.#draft;
		try {
			await history.run({do: () => this.#request('DELETE', kind, old.id, undefined, {'if-match': tag}), undo: () => this.#request('PUT', kind, old.id, writable(old))});
			toast.value = {text: t('places.removed', {name: old.id}), action: t('prompts.undo'), run: history.undo};
			this.#end();
		} catch (err) {
			text(this.why, err.message);
		}
	}

	#request(method, kind, id, body, headers) {
		return call(method, this.#url(kind, id), body, headers).then(() => this.#load());
	}
}

/** A place without what it counts, which is the service's to say. */
function writable(p) {
	const {inside, active, inside_by_label, entered, appeared, left, vanished, loiters, trips, since, in: _, out, by_label, last, ...spec} = p ?? {};
	return spec;
}

customElements.define('or-places', Places);
