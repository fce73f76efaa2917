// or-setup: what can be changed, a part at a time.

import {attr, h} from '../dom.js';
import {effect, route} from '../store.js';
import {t} from '../i18n/text.js';
import './cameras.js';
import './config.js';

const parts = ['cameras', 'config'];

class Setup extends HTMLElement {
	#end = null;
	#part = '';

	connectedCallback() {
		if (!this.body) {
			this.links = h('ul', {class: 'links'}, parts.map((p) => h('li', null, h('a', {href: `/setup/${p}`}, t('setup.' + p)))));
			this.body = h('div');
			this.append(h('h1', null, t('nav.setup')), h('nav', {'aria-label': t('nav.setup')}, this.links), this.body);
		}
		this.#end = effect(() => route.value.view === 'setup' && this.#show(route.value));
	}

	disconnectedCallback() {
		this.#end();
	}

	#show(r) {
		for (const [i, p] of parts.entries()) attr(this.links.children[i].firstChild, 'aria-current', p === r.part ? 'page' : null);
		if (this.#part === r.part + r.id) return;
		this.#part = r.part + r.id;
		this.body.replaceChildren(Object.assign(document.createElement(r.part === 'config' ? 'or-config' : 'or-setup-cameras'), {edit: r.id}));
	}
}

customElements.define('or-setup', Setup);
