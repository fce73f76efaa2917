// or-setup-cameras: the list of cameras, and the form that adds or changes one, with a test
// that says which step fails.

import {call, cameraURL} from '../api.js';
import {attr, h, reconcile, text} from '../dom.js';
import {cameras, effect, toast} from '../store.js';
import {go} from '../router.js';
import {t} from '../i18n/text.js';

const network = ['rtsp', 'rtsps', 'http', 'https'];
const kinds = [...network, 'usb', 'file', 'other'];

class SetupCameras extends HTMLElement {
	#end = null;

	connectedCallback() {
		if (!this.list) this.#build();
		this.#end = effect(() => this.#show(cameras.value ?? []));
		if (this.edit) this.#edit(this.edit);
	}

	disconnectedCallback() {
		this.#end();
	}

	#build() {
		this.list = h('ul', {class: 'rows'});
		this.empty = h('p', {class: 'muted'}, t('home.none'));
		this.form = h('section', {hidden: true});
		this.append(h('div', {class: 'bar'}, h('button', {type: 'button', class: 'primary', onclick: () => this.#edit('')}, t('setup.add'))),
			this.list, this.empty, this.form);
	}

	#show(list) {
		this.empty.hidden = list.length > 0;
		reconcile(this.list, list, (c) => c.name, (c) => h('li', {class: 'camera-row'}, h('span', {class: 'dot', 'aria-hidden': 'true'}), h('b', null, c.name), h('span', {class: 'pill'}),
			h('span', {class: 'muted name'}), h('button', {type: 'button', 'aria-label': t('setup.edit.this', {name: c.name}), onclick: () => this.#edit(c.name)}, t('setup.edit')),
			h('button', {type: 'button', class: 'quiet', 'aria-label': t('setup.remove.this', {name: c.name}), onclick: () => this.#remove(c.name)}, t('setup.remove'))),
		(li, c) => {
			attr(li, 'data-state', c.state);
			attr(li.children[2], 'data-state', c.state);
			text(li.children[2], t('state.' + (c.state || 'connecting')));
			text(li.children[3], c.error || c.source);
		});
	}

	async #remove(name) {
		// One of the few questions: its settings are gone for good.
		if (!confirm(t('setup.remove.sure', {name}))) return;
		try {
			await call('DELETE', cameraURL(name));
			cameras.value = cameras.value.filter((c) => c.name !== name);
			this.form.hidden = true;
			toast.value = {text: t('setup.removed', {name})};
		} catch (e) {
			toast.value = {text: t('app.failed', {why: e.message})};
		}
	}

	async #edit(name) {
		let s = {rate: 0, rotate: 0, rtsp_transport: 'tcp'};
		if (name) {
			try {
				s = await call('GET', `${cameraURL(name)}/settings`);
			} catch (e) {
				toast.value = {text: t('app.failed', {why: e.message})};
				return;
			}
		}
		const field = (id, props, label = t('setup.' + id)) => h('div', {'data-field': id}, h('label', {for: `c-${id}`}, label), h('input', {id: `c-${id}`, autocomplete: 'off', ...props}));
		const choice = (id, values, name = (v) => v) => h('div', {'data-field': id}, h('label', {for: `c-${id}`}, t('setup.' + id)), h('select', {id: `c-${id}`}, values.map((v) => h('option', {value: v}, name(v)))));
		this.old = {name, ...parts(s.source ?? 'rtsp://')};
		this.why = h('p', {class: 'problem', role: 'alert', hidden: true});
		this.steps = h('ol', {class: 'steps', 'aria-live': 'polite'});
		this.test = h('button', {type: 'button', onclick: () => this.#test()}, t('setup.test'));
		const save = h('button', {type: 'submit', class: 'primary'}, name ? t('setup.save') : t('setup.add'));
		const old = this.old;
		this.body = h('form', {class: 'fields', onsubmit: (e) => this.#save(e), oninput: () => this.#kind()},
			field('name', {type: 'text', required: true, pattern: '[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}', value: name, disabled: Boolean(name)}),
			choice('kind', kinds, (k) => (network.includes(k) ? k.toUpperCase() : t('setup.kind.' + k))),
			field('host', {type: 'text', value: old.host, spellcheck: 'false'}), field('port', {type: 'text', inputmode: 'numeric', value: old.port, placeholder: t('setup.port.default')}),
			field('path', {type: 'text', value: old.path, spellcheck: 'false', placeholder: '/stream1'}),
			field('user', {type: 'text', value: old.user === '***' ? '' : old.user, placeholder: old.user === '***' ? t('setup.secret') : ''}),
			field('password', {type: 'password', value: '', autocomplete: 'new-password', placeholder: old.user === '***' ? t('setup.secret') : ''}),
			field('source', {type: 'text', value: old.source, spellcheck: 'false'}),
			choice('transport', ['tcp', 'udp'], (v) => v.toUpperCase()), field('rate', {type: 'number', min: '0', max: '1000', step: 'any', value: s.rate ?? 0}),
			choice('rotate', ['0', '90', '180', '270'], (v) => `${v}°`),
			h('div', {class: 'bar wide'}, this.test, save, h('button', {type: 'button', class: 'quiet', onclick: () => this.#close()}, t('setup.cancel'))),
			this.why, this.steps);
		this.form.replaceChildren(h('h2', null, name ? t('setup.edit.this', {name}) : t('setup.add')), this.body);
		this.form.hidden = false;
		this.#value('kind', old.kind);
		this.#value('transport', s.rtsp_transport);
		this.#value('rotate', String(s.rotate ?? 0));
		this.#kind();
		this.body.querySelector(name ? '#c-host, #c-source' : '#c-name').focus();
	}

	#close() {
		this.form.hidden = true;
		go('/setup/cameras');
	}

	#value(id, set) {
		const el = this.body.querySelector(`#c-${id}`);
		if (set !== undefined) el.value = set;
		return el.value.trim();
	}

	/** Shows the fields that belong to the kind of source. */
	#kind() {
		const k = this.#value('kind');
		const net = network.includes(k);
		for (const id of ['host', 'port', 'path', 'user', 'password']) this.body.querySelector(`[data-field=${id}]`).hidden = !net;
		this.body.querySelector('[data-field=source]').hidden = net;
		this.body.querySelector('[data-field=transport]').hidden = !k.startsWith('rtsp');
		text(this.body.querySelector('[data-field=source] label'), t('setup.source.' + (net ? 'other' : k)));
		this.body.querySelector('#c-source').placeholder = {usb: '/dev/video0', file: '/videos/yard.mp4', other: 'synth:road'}[k] ?? '';
	}

	/** What the fields say, as the API wants it. */
	#settings() {
		const k = this.#value('kind');
		const s = {rate: Number(this.#value('rate')) || 0, rotate: Number(this.#value('rotate')), rtsp_transport: this.#value('transport')};
		if (!network.includes(k)) s.source = this.#value('source');
		else {
			const user = this.#value('user');
			const password = this.body.querySelector('#c-password').value;
			// Nothing typed keeps what is known; the service knows it only for the same host.
			const known = this.old.user === '***' && !user && !password ? '***@' : '';
			const typed = user || password ? `${encodeURIComponent(user)}${password ? `:${encodeURIComponent(password)}` : ''}@` : '';
			const host = this.#value('host');
			const port = this.#value('port');
			const path = this.#value('path');
			s.source = `${k}://${typed || known}${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}${port ? `:${port}` : ''}${path && !path.startsWith('/') ? '/' : ''}${path}`;
		}
		return s;
	}

	async #test() {
		this.test.disabled = true;
		this.why.hidden = true;
		this.steps.replaceChildren(h('li', {'aria-busy': 'true'}, t('setup.testing')));
		try {
			const a = await call('POST', '/api/v1/cameras/test', {...(this.old.name ? {name: this.old.name} : {}), ...this.#settings()});
			this.steps.replaceChildren(...a.steps.map((s) => h('li', {'data-ok': String(s.ok)}, h('b', null, `${s.ok ? '✓' : '✗'} ${t('step.' + s.name)}`),
				h('span', {class: 'muted'}, ` ${t('tile.ms', {n: Math.round(s.ms)})}`), s.error && h('p', null, s.error))));
			if (!a.ok) return;
			this.steps.append(h('li', null, `${a.width} × ${a.height}, ${t('tile.fps', {n: a.fps ?? 0})}`));
			if (a.image) this.#picture(a.image);
		} catch (e) {
			this.steps.replaceChildren();
			this.#wrong(e);
		} finally {
			this.test.disabled = false;
		}
	}

	#picture(base64) {
		const raw = atob(base64);
		const url = URL.createObjectURL(new Blob([Uint8Array.from(raw, (c) => c.charCodeAt(0))], {type: 'image/jpeg'}));
		const img = h('img', {alt: t('setup.picture'), src: url, onload: () => URL.revokeObjectURL(url)});
		this.steps.append(h('li', null, img));
	}

	#wrong(e) {
		text(this.why, e.message);
		this.why.hidden = false;
	}

	async #save(e) {
		e.preventDefault();
		const name = this.old.name || this.#value('name');
		try {
			const a = this.old.name ? await call('PATCH', cameraURL(name), this.#settings()) : await call('POST', '/api/v1/cameras', {name, ...this.#settings()});
			toast.value = {text: t(a.saved ? 'setup.saved' : 'setup.unsaved', {name})};
			this.#close();
		} catch (err) {
			this.#wrong(err);
		}
	}
}

/** A source's parts; kinds that have none are kept whole. */
function parts(source) {
	const m = /^(rtsps?|https?):\/\/(?:(.*)@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?(.*)$/.exec(source);
	if (!m) return {kind: source.startsWith('/dev/') || source.startsWith('usb:') ? 'usb' : /^\w+:/.test(source) ? 'other' : 'file', source, host: '', port: '', path: '', user: ''};
	const user = m[2] === undefined ? '' : m[2] === '***' ? '***' : m[2].split(':')[0];
	return {kind: m[1], host: m[3], port: m[4] ?? '', path: m[5], user, source: ''};
}

customElements.define('or-setup-cameras', SetupCameras);
