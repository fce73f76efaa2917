// The address is the state: which view, and what it shows.

import {route} from './store.js';

const views = [
	[/^\/$/, () => ({view: 'home'})],
	[/^\/cam\/([^/]+)$/, (m) => ({view: 'camera', camera: decodeURIComponent(m[1])})],
	[/^\/review$/, () => ({view: 'review'})],
	[/^\/event\/([^/]+)$/, (m) => ({view: 'review', id: decodeURIComponent(m[1])})],
	[/^\/alarms$/, () => ({view: 'alarms'})],
	[/^\/setup(?:\/(cameras|config))?(?:\/([^/]+))?$/, (m) => ({view: 'setup', part: m[1] ?? 'cameras', id: decodeURIComponent(m[2] ?? '')})],
	[/^\/system$/, () => ({view: 'system'})],
];

function parse(path) {
	for (const [re, make] of views) {
		const m = re.exec(path);
		if (m) return {camera: '', ...make(m)};
	}
	return null;
}

const show = () => (route.value = parse(location.pathname) ?? {view: 'home', camera: ''});

export function start() {
	show();
	addEventListener('popstate', show);
	document.addEventListener('click', (e) => {
		const a = e.target.closest?.('a[href]');
		if (!a || a.origin !== location.origin || a.target || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
		if (a.hash || !parse(a.pathname)) return;
		e.preventDefault();
		go(a.pathname + a.search);
	});
}

export function go(path) {
	if (path !== location.pathname + location.search) history.pushState(null, '', path);
	show();
}

/** Changes the path without a new history entry, and without a new view. */
export function replace(path) {
	history.replaceState(null, '', path);
}

/** A parameter of the address, and its change without a new history entry. */
export const query = (name) => new URLSearchParams(location.search).get(name);

export function setQuery(name, value) {
	const q = new URLSearchParams(location.search);
	if (value) q.set(name, value);
	else q.delete(name);
	const s = q.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
	history.replaceState(null, '', location.pathname + (s ? `?${s}` : ''));
}
