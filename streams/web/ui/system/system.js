// or-system: how the service does: each camera's rate, stages, drops and age, memory, disk,
// versions and models.

import {call} from '../api.js';
import {attr, h, reconcile, text} from '../dom.js';
import {bytes, dayTime, span} from '../time.js';
import {t} from '../i18n/text.js';

const every = 2000;
const columns = ['camera', 'state', 'fps', 'capture', 'queue', 'segment', 'track', 'latency', 'dropped', 'reconnects', 'tracks'];

class System extends HTMLElement {
	#timer = 0;

	connectedCallback() {
		if (!this.table) this.#build();
		this.#timer = setInterval(() => document.hidden || this.#poll(), every);
		this.#poll();
		this.#models();
	}

	disconnectedCallback() {
		clearInterval(this.#timer);
	}

	#build() {
		this.state = h('p', {class: 'muted', role: 'status'}, t('app.loading'));
		this.problems = h('ul', {class: 'problems', role: 'alert', hidden: true});
		this.facts = h('dl', {class: 'facts wide'});
		this.rows = h('tbody');
		this.table = h('table', null, h('caption', {class: 'unseen'}, t('system.cameras')),
			h('thead', null, h('tr', null, columns.map((c) => h('th', {scope: 'col'}, c === 'camera' ? t('fact.camera') : t('system.' + c))))), this.rows);
		this.models = h('ul', {class: 'rows'});
		this.append(h('h1', null, t('nav.system')), this.state, this.problems,
			h('section', null, h('h2', null, t('system.cameras')), h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('system.cameras')}, this.table)),
			h('section', null, h('h2', null, t('system.service')), this.facts),
			h('section', null, h('h2', null, t('system.models')), this.models));

	}

	async #poll() {
		let s;
		try {
			s = await call('GET', '/api/v1/system');
		} catch (e) {
			text(this.state, t('app.failed', {why: e.message}));
			this.state.hidden = false;
			return;
		}
		this.state.hidden = true;
		this.problems.hidden = !s.problems.length;
		reconcile(this.problems, s.problems, (p) => p, (p) => h('li', {class: 'problem'}, p), () => {});
		const facts = [
			[t('system.version'), s.build.version], [t('system.model'), s.build.model], [t('system.provider'), s.build.provider],
			['ONNX Runtime', s.build.ort], ['OpenCV', s.build.opencv], ['Go', s.go],
			[t('system.uptime'), `${span(s.uptime_s)} (${dayTime(new Date(s.started))})`],
			[t('system.memory'), `${s.rss_bytes ? bytes(s.rss_bytes) : '?'} · Go ${bytes(s.heap_bytes)}`],
			s.storage && [t('system.storage'), t('system.of', {a: bytes(s.storage.bytes), b: bytes(s.storage.limit_bytes)})],
		].filter((f) => f && f[1]);
		this.facts.replaceChildren(...facts.flatMap(([k, v]) => [h('dt', null, k), h('dd', null, v)]));
		reconcile(this.rows, s.cameras, (c) => c.name, (c) => h('tr', null, h('th', {scope: 'row'}, h('a', {href: `/cam/${encodeURIComponent(c.name)}`}, c.name)),
				columns.slice(1).map(() => h('td'))), (tr, c) => {
			const ms = (v) => t('tile.ms', {n: Math.round(v)});
			const values = {
				state: t('state.' + (c.state || 'connecting')) + (c.error ? `: ${c.error}` : ''), fps: c.fps.toFixed(1), capture: c.capture_fps.toFixed(1),
				queue: ms(c.stages_ms.queue), segment: ms(c.stages_ms.segment), track: ms(c.stages_ms.track), latency: ms(c.latency_ms),
				dropped: c.frames ? `${c.dropped} (${Math.round((100 * c.dropped) / c.frames)} %)` : '0', reconnects: String(c.reconnects), tracks: `${c.tracks} / ${c.tracks_total}`,
			};
			for (const [i, n] of columns.entries()) if (values[n] !== undefined) text(tr.children[i], values[n]);
			attr(tr, 'data-state', c.state);
		});
	}

	async #models() {
		try {
			const {models} = await call('GET', '/api/v1/models');
			this.models.replaceChildren(...models.map((m) => h('li', {class: 'model'}, h('b', null, m.name),
				h('span', {class: 'pill'}, m.active ? t('model.active') : m.installed ? t('model.installed') : '–'),
				h('span', {class: 'muted'}, `${m.description} · ${bytes(m.size)} · ${m.licence}`))));
		} catch {
			// The rest of the page says what is wrong.
		}
	}
}

customElements.define('or-system', System);
