// or-config: the configuration's text, checked while it is typed, with what a change does, and
// applied only when nobody else has changed it meanwhile.

import {Problem, problemOf} from '../api.js';
import {h, text} from '../dom.js';
import {t} from '../i18n/text.js';
import {diff} from './diff.js';

const pause = 500;
const around = 2; // unchanged lines shown beside a change

class Config extends HTMLElement {
	#saved = '';
	#tag = '';
	#timer = 0;
	#asked = 0;

	connectedCallback() {
		if (!this.text) this.#build();
		this.#load();
		addEventListener('beforeunload', this.#leave);
	}

	disconnectedCallback() {
		removeEventListener('beforeunload', this.#leave);
		clearTimeout(this.#timer);
	}

	#leave = (e) => {
		if (this.text.value !== this.#saved) e.preventDefault();
	};

	#build() {
		this.state = h('p', {role: 'status'}, t('app.loading'));
		this.numbers = h('pre', {class: 'numbers', 'aria-hidden': 'true'});
		this.text = h('textarea', {id: 'config-text', spellcheck: 'false', autocapitalize: 'off', wrap: 'off', rows: '24',
			'aria-describedby': 'config-state', oninput: () => this.#typed(), onscroll: () => (this.numbers.scrollTop = this.text.scrollTop), onkeydown: (e) => this.#key(e)});
		this.state.id = 'config-state';
		this.apply = h('button', {type: 'button', class: 'primary', disabled: true, onclick: () => this.#apply()}, t('config.apply'));
		this.goto = h('button', {type: 'button', hidden: true, onclick: () => this.#goto()}, '');
		this.changes = h('ul', {class: 'rows'});
		this.diff = h('div', {class: 'diff', role: 'region', 'aria-label': t('config.diff'), tabindex: '0'});
		this.append(h('label', {for: 'config-text'}, t('config.text')), h('div', {class: 'editor'}, this.numbers, this.text),
			h('div', {class: 'bar'}, this.apply,
				h('button', {type: 'button', onclick: () => this.#reload()}, t('config.reload')), this.goto),
			this.state, this.changes, this.diff);
	}

	async #request(method, path, body, headers) {
		let res;
		try {
			res = await fetch(`/api/v1/config${path}`, {method, body, cache: 'no-store', headers: {'content-type': 'application/yaml', ...headers}});
		} catch (e) {
			throw new Problem(0, 'offline', e.message);
		}
		if (!res.ok) throw await problemOf(res);
		return res;
	}

	async #load() {
		try {
			const res = await this.#request('GET', '');
			this.#tag = res.headers.get('etag');
			this.writable = res.headers.get('x-config-writable') === 'true';
			this.#saved = await res.text();
			this.#set(this.#saved);
			text(this.state, this.writable ? t('config.unchanged') : t('config.nofile'));
		} catch (e) {
			text(this.state, t('app.failed', {why: e.message}));
		}
	}

	#set(s) {
		this.text.value = s;
		this.#typed();
	}

	#typed() {
		const n = this.text.value.split('\n').length;
		text(this.numbers, Array.from({length: n}, (_, i) => i + 1).join('\n'));
		clearTimeout(this.#timer);
		this.apply.disabled = true;
		this.#compare(this.#saved);
		this.#timer = setTimeout(() => this.#check(), pause);
	}

	async #check() {
		const ask = ++this.#asked;
		const same = this.text.value === this.#saved;
		this.goto.hidden = true;
		if (same) {
			this.changes.replaceChildren();
			if (this.#tag) text(this.state, this.writable ? t('config.unchanged') : t('config.nofile'));
			return;
		}
		try {
			const c = await (await this.#request('POST', '/check', this.text.value)).json();
			if (ask !== this.#asked) return;
			text(this.state, t('config.right'));
			this.#say(c);
			this.apply.disabled = !this.writable;
		} catch (e) {
			if (ask !== this.#asked) return;
			this.#wrong(e);
		}
	}

	#say(c) {
		const rows = [['added', c.added], ['removed', c.removed], ['restarts', c.restarts], ['keeps', c.keeps], ['later', c.later]].filter(([, l]) => l.length);
		this.changes.replaceChildren(...rows.map(([k, l]) => h('li', null, h('b', null, t('config.' + k)), ` ${l.join(', ')}`)));
	}

	#wrong(e) {
		text(this.state, e.message);
		this.changes.replaceChildren();
		this.line = e.line;
		this.goto.hidden = !e.line;
		if (e.line) text(this.goto, t('config.goto', {n: e.line}));
	}

	#goto() {
		const lines = this.text.value.split('\n');
		const from = lines.slice(0, this.line - 1).join('\n').length + (this.line > 1 ? 1 : 0);
		this.text.focus();
		this.text.setSelectionRange(from, from + lines[this.line - 1].length);
		this.text.scrollTop = (this.line - 5) * (this.text.scrollHeight / lines.length);
	}

	async #apply() {
		this.apply.disabled = true;
		try {
			const res = await this.#request('PUT', '', this.text.value, {'if-match': this.#tag});
			this.#say(await res.json());
			this.#tag = res.headers.get('etag');
			this.#saved = this.text.value;
			this.#compare(this.#saved);
			text(this.state, t('config.applied'));
		} catch (e) {
			if (e.status !== 412) {
				this.#wrong(e);
				return;
			}
			// Somebody was faster: their text against ours, and the next Apply is against theirs.
			const res = await this.#request('GET', '').catch(() => null);
			if (!res) return;
			this.#tag = res.headers.get('etag');
			this.#saved = await res.text();
			this.#compare(this.#saved);
			text(this.state, t('config.conflict'));
			this.apply.disabled = false;
		}
	}

	async #reload() {
		try {
			this.#say(await (await this.#request('POST', '/reload')).json());
			await this.#load();
			text(this.state, t('config.reloaded'));
		} catch (e) {
			this.#wrong(e);
		}
	}

	#key(e) {
		if ((e.ctrlKey || e.metaKey) && e.key === 's') {
			e.preventDefault();
			if (!this.apply.disabled) this.#apply();
		}
	}

	/** Shows what differs from before, side by side, with a little around it. */
	#compare(before) {
		const rows = diff(before, this.text.value);
		const near = rows.map((_, i) => rows.slice(Math.max(0, i - around), i + around + 1).some((r) => r[0] !== 'same'));
		const out = [];
		let a = 0;
		let b = 0;
		for (const [i, [kind, left, right]] of rows.entries()) {
			if (kind !== 'added') a++;
			if (kind !== 'removed') b++;
			if (!near[i]) {
				if (near[i - 1]) out.push(h('p', {class: 'gap'}, '⋯'));
				continue;
			}
			out.push(h('p', {class: 'was', 'data-kind': kind}, kind === 'added' ? '' : `${a} ${kind === 'same' ? ' ' : '−'} ${left}`),
				h('p', {class: 'is', 'data-kind': kind}, kind === 'removed' ? '' : `${b} ${kind === 'same' ? ' ' : '+'} ${right}`));
		}
		this.diff.hidden = !near.some(Boolean);
		this.diff.replaceChildren(...out);
	}
}

customElements.define('or-config', Config);
