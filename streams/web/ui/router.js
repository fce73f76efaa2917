// The address is the state: / is the first camera or the overview, /cam/NAME one camera.

import {route} from './store.js';

function parse() {
  const m = /^\/cam\/([^/]+)$/.exec(location.pathname);
  return m ? {view: 'camera', camera: decodeURIComponent(m[1])} : {view: 'home', camera: ''};
}

export function start() {
  route.value = parse();
  addEventListener('popstate', () => (route.value = parse()));
  document.addEventListener('click', (e) => {
    const a = e.target.closest?.('a[href]');
    if (!a || a.origin !== location.origin || a.target || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
    if (!/^\/(cam\/[^/]+)?$/.test(a.pathname)) return;
    e.preventDefault();
    go(a.pathname + location.search);
  });
}

export function go(path) {
  if (path !== location.pathname + location.search) history.pushState(null, '', path);
  route.value = parse();
}

/** A parameter of the address, and its change without a new history entry. */
export const query = (name) => new URLSearchParams(location.search).get(name);

export function setQuery(name, value) {
  const q = new URLSearchParams(location.search);
  if (value) q.set(name, value);
  else q.delete(name);
  const s = q.toString().replaceAll('%2C', ',');
  history.replaceState(null, '', location.pathname + (s ? `?${s}` : ''));
}
