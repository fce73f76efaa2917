// or-review: what happened. Filters, a timeline, the list, and one event with its picture,
// clip and evidence. All of it by keys: J K next and previous, R reviewed and next, U undo,
// S flag, Space play.

import {call} from '../api.js';
import {attr, h, reconcile, text} from '../dom.js';
import {cameras, effect, lastEvent, lastReview, route, toast} from '../store.js';
import {replace} from '../router.js';
import {dayTime, fromField, span, toField, zone} from '../time.js';
import {t} from '../i18n/text.js';
import * as history from '../live/undo.js';
import {kinds, matches, names, read, search, write} from './filter.js';
import './timeline.js';

const page = 60;

class Review extends HTMLElement {
	#events = [];
	#next = '';
	#selected = '';
	#asked = 0;
	#ends = [];
	#fresh = 0;
	#keys = (e) => this.#key(e);

	connectedCallback() {
		if (!this.list) this.#build();
		this.filter = read();
		this.#fill();
		this.#ends = [
			effect(() => this.#cameras(cameras.value ?? [])),
			effect(() => this.#new(lastEvent.value)),
			effect(() => this.#said(lastReview.value)),
			effect(() => route.value.view === 'review' && this.#show(route.value.id ?? '')),
		];
		document.addEventListener('keydown', this.#keys);
		this.#apply(false);
	}

	disconnectedCallback() {
		for (const end of this.#ends) end();
		document.removeEventListener('keydown', this.#keys);
	}

	#build() {
		const option = (v, s) => h('option', {value: v}, s);
		const on = {onchange: () => this.#changed()};
		this.fields = {
			camera: h('select', {id: 'f-camera', ...on}, option('', t('review.any'))),
			kind: h('select', {id: 'f-kind', ...on}, option('', t('review.any')), kinds.map((k) => option(k, t('event.' + k)))),
			label: h('input', {id: 'f-label', type: 'text', autocomplete: 'off', ...on}),
			zone: h('input', {id: 'f-zone', type: 'text', autocomplete: 'off', ...on}),
			state: h('select', {id: 'f-state', ...on}, option('', t('review.any')), option('unreviewed', t('review.unreviewed')), option('flagged', t('review.flagged'))),
			from: h('input', {id: 'f-from', type: 'datetime-local', ...on}),
			to: h('input', {id: 'f-to', type: 'datetime-local', ...on}),
		};
		this.timeline = document.createElement('or-timeline');
		this.timeline.addEventListener('seek', (e) => this.#seek(e.detail));
		this.fresh = h('button', {type: 'button', hidden: true, onclick: () => this.#apply(false)});
		this.list = h('ul', {class: 'events', 'aria-label': t('review.list')});
		this.more = h('button', {type: 'button', hidden: true, onclick: () => this.#load()}, t('review.more'));
		this.empty = h('p', {class: 'muted', role: 'status'}, t('app.loading'));
		this.one = h('section', {class: 'event', 'aria-live': 'polite', hidden: true});
		this.append(h('div', {class: 'head'}, h('h1', null, t('nav.review')), h('span', {class: 'muted'}, zone())),
			h('details', {open: innerWidth > 640}, h('summary', null, t('review.filter')), h('form', {class: 'filters', onsubmit: (e) => e.preventDefault()}, names.map((n) => h('div', null, h('label', {for: `f-${n}`}, t('fact.' + n)), this.fields[n])),
				h('button', {type: 'button', onclick: () => this.#clear()}, t('review.clear')))),
			this.timeline,
			h('div', {class: 'review'}, h('div', null, this.fresh, this.list, this.empty, this.more), this.one));
	}

	#cameras(list) {
		reconcile(this.fields.camera, [{name: ''}, ...list], (c) => c.name, (c) => h('option', {value: c.name}, c.name || t('review.any')), () => {});
		this.fields.camera.value = this.filter.camera ?? '';
	}

	/** Puts the filter into its fields. */
	#fill() {
		for (const n of names) {
			const v = this.filter[n] ?? '';
			this.fields[n].value = n === 'from' || n === 'to' ? toField(v && new Date(v)) : v;
		}
	}

	#changed() {
		for (const n of names) {
			const v = this.fields[n].value.trim();
			this.filter[n] = n === 'from' || n === 'to' ? (fromField(v)?.toISOString() ?? '') : v;
		}
		this.#apply(true);
	}

	#clear() {
		this.filter = {};
		this.#fill();
		this.#apply(true);
	}

	#apply(changed) {
		if (changed) write(this.filter);
		this.#events = [];
		this.#next = '';
		this.#fresh = 0;
		this.fresh.hidden = true;
		this.timeline.refresh(search({...this.filter, from: '', to: ''}));
		this.#load();
	}

	#seek(at) {
		this.filter.to = at ? new Date(at).toISOString() : '';
		this.#fill();
		write(this.filter);
		this.#events = [];
		this.#next = '';
		this.#load();
	}

	async #load() {
		const ask = ++this.#asked;
		try {
			const a = await call('GET', `/api/v1/events?${search(this.filter, {limit: page, cursor: this.#next})}`);
			if (ask !== this.#asked) return;
			this.#events.push(...a.events);
			this.#next = a.next ?? '';
			text(this.empty, t('review.empty'));
			this.empty.hidden = this.#events.length > 0;
		} catch (e) {
			if (ask !== this.#asked) return;
			text(this.empty, t('app.failed', {why: e.message}));
			this.empty.hidden = false;
		}
		this.more.hidden = !this.#next;
		this.#rows();
	}

	#rows() {
		reconcile(this.list, this.#events, (e) => e.id, (e) => h('li', null, h('button', {type: 'button', class: 'item', onclick: () => this.#select(e.id)},
			e.snapshot ? h('img', {src: picture(e.id, false), alt: '', loading: 'lazy'}) : h('span', {class: 'nopicture', 'aria-hidden': 'true'}),
			h('span', {class: 'what'}, h('b', null, title(e)), h('span', {class: 'muted'}, `${e.camera} · ${dayTime(new Date(e.time))}`)), h('span', {class: 'marks'}))),
		(li, e) => {
			const b = li.firstChild;
			attr(b, 'aria-current', e.id === this.#selected ? 'true' : null);
			attr(li, 'data-reviewed', e.reviewed ? '' : null);
			text(b.lastChild, [e.flagged ? `★ ${t('review.flag.short')}` : '', e.reviewed ? `✓ ${t('review.reviewed')}` : ''].filter(Boolean).join(' '));
		});
	}

	#index() {
		return this.#events.findIndex((e) => e.id === this.#selected);
	}

	#select(id, focus = false) {
		replace(`/event/${encodeURIComponent(id)}${location.search}`);
		this.#show(id);
		if (focus) this.list.children[this.#index()]?.firstChild.focus();
	}

	async #show(id) {
		if (!id || id === this.#selected) return;
		this.#selected = id;
		this.#rows();
		let e = this.#events.find((x) => x.id === id);
		if (!e) {
			try {
				e = await call('GET', `/api/v1/events/${encodeURIComponent(id)}`);
			} catch (err) {
				this.one.hidden = false;
				this.one.replaceChildren(h('p', {class: 'problem'}, err.message));
				return;
			}
		}
		if (id === this.#selected) this.#detail(e);
	}

	#detail(e) {
		this.timeline.mark(Date.parse(e.time));
		this.one.hidden = false;
		const k = e.track;
		const seen = (Date.parse(k.last_seen) - Date.parse(k.first_seen)) / 1000;
		const facts = [
			[t('fact.camera'), h('a', {href: `/cam/${encodeURIComponent(e.camera)}`}, e.camera)], [t('fact.time'), dayTime(new Date(e.time))],
			[t('fact.track'), `#${k.id}`], [t('fact.score'), k.score?.toFixed(2)],
			[t('fact.prompt'), k.prompt_id], [t('fact.seen'), seen > 0 ? span(seen) : ''], [t('fact.reason'), e.reason], [t('fact.zone'), e.zone], [t('fact.line'), e.line],
			...Object.entries(e.data ?? {}).map(([name, v]) => [name.replaceAll('_', ' '), typeof v === 'object' ? JSON.stringify(v) : String(v)]),
		].filter(([, v]) => v !== undefined && v !== '');
		this.video = e.clip ? h('video', {src: `${eventURL(e.id)}/clip.mp4`, controls: true, muted: true, preload: 'metadata', 'aria-label': t('review.clip')}) : null;
		this.note = h('input', {id: 'note', type: 'text', maxlength: '500', value: e.note ?? '', onchange: (x) => this.#say(e.id, {note: x.target.value})});
		this.one.replaceChildren(...h('div', null,
			h('div', {class: 'head'}, h('h2', null, title(e)), h('span', {class: 'muted'}, dayTime(new Date(e.time)))),
			this.video, e.snapshot && !this.video && h('img', {class: 'large', src: picture(e.id, true), alt: t('review.picture', {what: title(e)})}),
			!e.snapshot && !e.clip && h('p', {class: 'muted'}, t('review.nothing')),
			h('div', {class: 'bar'},
				h('button', {type: 'button', 'aria-pressed': String(e.reviewed), onclick: () => this.#say(e.id, {reviewed: !this.#of(e.id).reviewed})}, t('review.reviewed')),
				h('button', {type: 'button', 'aria-pressed': String(e.flagged), onclick: () => this.#say(e.id, {flagged: !this.#of(e.id).flagged})}, t('review.flag')),
				e.clip && h('a', {class: 'button', href: `${eventURL(e.id)}/clip.mp4`, download: `${e.camera}_${e.time.slice(0, 19)}.mp4`}, t('review.download'))),
			h('label', {for: 'note'}, t('review.note')), this.note,
			h('h3', null, t('review.why')), h('dl', {class: 'facts'}, facts.flatMap(([name, v]) => [h('dt', null, name), h('dd', null, v)]))).childNodes);
		this.shown = e;
	}

	#of(id) {
		return this.#events.find((e) => e.id === id) ?? this.shown;
	}

	/** Changes what is said about an event; the undo says what was said before. */
	async #say(id, change) {
		const e = this.#of(id);
		const before = Object.fromEntries(Object.keys(change).map((k) => [k, e[k] ?? '']));
		const put = async (c) => this.#merge(await call('PATCH', eventURL(id), c));
		try {
			await history.run({do: () => put(change), undo: () => put(before)});
		} catch (err) {
			toast.value = {text: t('app.failed', {why: err.message})};
		}
	}

	#merge(e) {
		const i = this.#events.findIndex((x) => x.id === e.id);
		if (i >= 0) Object.assign(this.#events[i], e);
		if (this.shown?.id === e.id) {
			Object.assign(this.shown, e);
			const [done, flag] = this.one.querySelectorAll('.bar button');
			attr(done, 'aria-pressed', String(Boolean(this.shown.reviewed)));
			attr(flag, 'aria-pressed', String(Boolean(this.shown.flagged)));
		}
		this.#rows();
	}

	#said(r) {
		if (r) this.#merge({note: '', ...r});
	}

	#new(e) {
		if (!e || !matches(this.filter, e) || this.filter.to || this.#events.some((x) => x.id === e.id)) return;
		this.#fresh++;
		this.fresh.hidden = false;
		text(this.fresh, t('review.new', {n: this.#fresh}));
	}

	#step(d) {
		const i = Math.min(Math.max(this.#index() + d, 0), this.#events.length - 1);
		if (this.#events[i]) this.#select(this.#events[i].id, true);
		if (i > this.#events.length - 5 && this.#next) this.#load();
	}

	async #key(e) {
		if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.('input, select, textarea, video')) {
			if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'z' && !e.target.closest?.('input, textarea')) (e.shiftKey ? history.redo : history.undo)();
			return;
		}
		const key = e.key.toLowerCase();
		const now = this.#of(this.#selected);
		if (key === 'j') this.#step(1);
		else if (key === 'k') this.#step(-1);
		else if (key === 'u') await history.undo();
		else if (now && key === 'r' && !e.shiftKey) {
			const id = this.#selected;
			this.#step(1);
			await this.#say(id, {reviewed: true});
		} else if (now && key === 's') await this.#say(this.#selected, {flagged: !now.flagged});
		else if (now && e.key === ' ' && this.video) this.video.paused ? this.video.play() : this.video.pause();
		else return;
		e.preventDefault();
	}
}

const eventURL = (id) => `/api/v1/events/${encodeURIComponent(id)}`;
const picture = (id, marked) => `${eventURL(id)}/snapshot.jpg${marked ? '?overlay=1' : ''}`;

/** What happened, in words. */
export function title(e) {
	const what = e.track?.label || t('objects.object');
	const place = e.zone || e.line;
	const kind = kinds.includes(e.kind) ? t('event.' + e.kind) : e.kind.replaceAll('_', ' ');
	return `${what} #${e.track?.id ?? ''} ${kind}${place ? ` · ${place}` : ''}`;
}

customElements.define('or-review', Review);
