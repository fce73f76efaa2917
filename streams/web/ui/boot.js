// The shell: skip link, top bar, banners, toast, and the view that the address names.

import {h, reconcile, text, attr} from './dom.js';
import {cameras, effect, online, reloadWanted, route, toast} from './store.js';
import * as prefs from './prefs.js';
import * as router from './router.js';
import * as stream from './stream.js';
import {t} from './i18n/text.js';

const version = document.querySelector('meta[name="outrider-ui"]').content;

let theme = prefs.applyTheme();
const themeButton = h('button', {type: 'button', class: 'quiet', onclick: nextTheme});
function nextTheme() {
	theme = prefs.applyTheme(prefs.themes[(prefs.themes.indexOf(theme) + 1) % prefs.themes.length]);
	showTheme();
}
const showTheme = () => text(themeButton, t('app.theme', {name: t('theme.' + theme)}));
showTheme();

const places = [['home', '/', '◉'], ['review', '/review', '☰'], ['setup', '/setup/cameras', '⚙'], ['system', '/system', '∿']];
const viewLinks = h('ul', {class: 'links'}, places.map(([v, href, sign]) => h('li', null, h('a', {href}, h('span', {class: 'sign', 'aria-hidden': 'true'}, sign), t('nav.' + v)))));
const links = h('ul', {class: 'links'});
const banner = h('div', {class: 'banner', role: 'alert', hidden: true});
const reload = h('div', {class: 'banner', role: 'status', hidden: true}, t('app.reload'),
	h('button', {type: 'button', onclick: () => location.reload()}, t('app.reload.do')));
const strip = h('section', {class: 'strip', 'aria-label': t('alarm.title'), hidden: true});
const note = h('div', {class: 'toast', role: 'status', hidden: true});
const main = h('main', {id: 'main', tabindex: '-1'});
const camerasNav = h('nav', {'aria-label': t('app.cameras')}, links);

document.body.append(
	h('a', {class: 'skip', href: '#main'}, t('app.skip')),
	h('header', {class: 'top'},
		h('a', {class: 'brand', href: '/'}, 'outrider'),
		h('nav', {class: 'views', 'aria-label': t('nav.views')}, viewLinks),
		camerasNav, themeButton),
	banner, reload, strip, main, note);

effect(() => {
	const r = route.value;
	for (const [i, [v]] of places.entries()) attr(viewLinks.children[i].firstChild, 'aria-current', v === r.view || (v === 'home' && r.view === 'camera') ? 'page' : null);
});

effect(() => {
	const list = cameras.value ?? [];
	const r = route.value;
	camerasNav.hidden = r.view !== 'home' && r.view !== 'camera';
	const items = list.length > 1 ? [{name: '', state: ''}, ...list] : list;
	reconcile(links, items, (c) => c.name, (c) => h('li', null, c.name
		? h('a', {href: `/cam/${encodeURIComponent(c.name)}`}, h('span', {class: 'dot', 'aria-hidden': 'true'}), c.name, h('span', {class: 'unseen'}))
		: h('a', {href: '/'}, t('app.overview'))),
	(li, c) => {
		const a = li.firstChild;
		attr(a, 'aria-current', (c.name ? shown(r, list) === c.name : !shown(r, list)) ? 'page' : null);
		if (!c.name) return;
		attr(a, 'data-state', c.state);
		text(a.lastChild, ' ' + t('state.' + (c.state || 'connecting')));
	});
});

/** The camera that an address shows: with one camera the start page is that camera. */
function shown(r, list) {
	return r.camera || (r.view === 'home' && list.length === 1 ? list[0].name : '');
}

// Views are fetched when they are first entered.
const rooms = {
	camera: () => import('./live/camera.js'),
	grid: () => import('./grid/grid.js'),
	review: () => room(import('./review/review.js')),
	setup: () => room(import('./setup/setup.js')),
	system: () => room(import('./system/system.js')),
};

/** Waits for a view's module, and for the style that these views share. */
let style = null;
async function room(module) {
	style ??= new Promise((done, failed) => {
		document.head.append(h('link', {rel: 'stylesheet', href: new URL('css/rooms.css', import.meta.url).href, onload: done, onerror: () => failed(new Error(t('why.0')))}));
	});
	await Promise.all([module, style]);
}

// The view is replaced only when another one is wanted, never because figures changed.
let current = '';
effect(() => {
	const list = cameras.value;
	const r = route.value;
	let view;
	if (r.view !== 'camera' && rooms[r.view]) view = r.view;
	else if (list === null) view = 'loading';
	else if (r.view === 'camera' && !list.some((c) => c.name === r.camera)) view = `unknown ${r.camera}`;
	else if (shown(r, list)) view = `camera ${shown(r, list)}`;
	else view = list.length ? 'grid' : 'none';
	if (view === current) return;
	current = view;
	const [kind, name] = [view.split(' ', 1)[0], view.slice(view.indexOf(' ') + 1)];
	document.title = kind === 'camera' ? `${name} - outrider` : places.some(([v]) => v === kind) ? `${t('nav.' + kind)} - outrider` : 'outrider';
	if (rooms[kind]) {
		enter(kind, view, name);
	} else {
		main.replaceChildren(h('div', {class: 'empty'},
			h('h1', null, kind === 'loading' ? t('app.loading') : kind === 'none' ? t('home.none') : t('home.unknown', {name})),
			kind === 'none' && h('p', null, t('home.none.how')),
			kind === 'none' && h('p', null, h('a', {class: 'button', href: '/setup/cameras'}, t('setup.add')))));
	}
});

async function enter(kind, view, name) {
	try {
		await rooms[kind]();
		if (current === view) main.replaceChildren(Object.assign(document.createElement(`or-${kind}`), {camera: name}));
	} catch (e) {
		if (current !== view) return;
		current = '';
		main.replaceChildren(h('div', {class: 'empty'}, h('h1', null, t('app.failed', {why: e.message}))));
	}
}

effect(() => {
	banner.hidden = online.value;
	text(banner, online.value ? '' : t('app.gone'));
	document.body.classList.toggle('gone', !online.value);
});

effect(() => (reload.hidden = !reloadWanted.value));

let toastTimer = 0;
effect(() => {
	const m = toast.value;
	clearTimeout(toastTimer);
	note.hidden = !m;
	note.replaceChildren();
	if (!m) return;
	note.append(h('span', null, m.text));
	if (m.run) note.append(h('button', {type: 'button', onclick: () => (toast.value = null, m.run())}, m.action));
	note.append(h('button', {type: 'button', class: 'quiet', 'aria-label': t('app.close'), onclick: () => (toast.value = null)}, '×'));
	toastTimer = setTimeout(() => (toast.value = null), 10000);
});

// G and a letter goes to a view; ? lists the keys.
let going = -Infinity;
addEventListener('keydown', (e) => {
	if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.('input, select, textarea')) return;
	const key = e.key.toLowerCase();
	if (performance.now() - going < 1500) {
		going = -Infinity;
		const to = {l: '/', r: '/review', s: '/setup/cameras', y: '/system'}[key];
		if (to) {
			e.preventDefault();
			e.stopImmediatePropagation();
			router.go(to);
			main.focus();
		}
	} else if (key === 'g') going = performance.now();
	else if (key === '?') import('./help.js').then((m) => m.show());
}, {capture: true});

router.start();
stream.start(version);
import('./alarm/alarm.js').then((m) => m.start(strip));
