// The list of keys, in a dialog.

import {h} from './dom.js';
import {t} from './i18n/text.js';

const keys = {
	everywhere: [['?', 'help'], ['G L', 'home'], ['G R', 'review'], ['G S', 'setup'], ['G Y', 'system'], ['A', 'ack'], ['M', 'mute'], ['Ctrl Z', 'undo'], ['Ctrl Shift Z', 'redo'], ['Esc', 'escape']],
	camera: [['P', 'point'], ['B', 'box'], ['N', 'name'], ['Enter', 'yes'], ['Shift Enter', 'not'], ['[ ]', 'level']],
	review: [['J', 'next'], ['K', 'previous'], ['R', 'reviewed'], ['U', 'undo'], ['S', 'flag'], ['Space', 'play']],
};

export function show() {
	const d = h('dialog', {'aria-labelledby': 'help-title', onclose: () => d.remove()},
		h('div', {class: 'head'}, h('h2', {id: 'help-title'}, t('help.title')), h('button', {type: 'button', onclick: () => d.close()}, t('app.close'))),
		Object.entries(keys).map(([place, list]) => h('section', null, h('h3', null, place === 'everywhere' ? t('help.everywhere') : place === 'review' ? t('nav.review') : t('fact.camera')),
			h('dl', {class: 'facts'}, list.flatMap(([k, what]) => [h('dt', null, h('kbd', null, k)), h('dd', null, k[0] === 'G' ? t('nav.' + what) : t('key.' + what))])))));
	document.body.append(d);
	d.showModal();
}
