// The shell: skip link, top bar, banners, toast, and the view that the address names.

import {h, reconcile, text, attr} from './dom.js';
import {cameras, effect, online, reloadWanted, route, toast} from './store.js';
import * as prefs from './prefs.js';
import * as router from './router.js';
import * as stream from './stream.js';
import {t} from './i18n/text.js';
import './live/camera.js';
import './grid/grid.js';

const version = document.querySelector('meta[name="outrider-ui"]').content;

let theme = prefs.applyTheme();
const themeButton = h('button', {type: 'button', class: 'quiet', onclick: nextTheme});
function nextTheme() {
  theme = prefs.applyTheme(prefs.themes[(prefs.themes.indexOf(theme) + 1) % prefs.themes.length]);
  showTheme();
}
const showTheme = () => text(themeButton, t('app.theme', {name: t('theme.' + theme)}));
showTheme();

const links = h('ul', {class: 'links'});
const banner = h('div', {class: 'banner', role: 'alert', hidden: true});
const reload = h('div', {class: 'banner', role: 'status', hidden: true}, t('app.reload'),
  h('button', {type: 'button', onclick: () => location.reload()}, t('app.reload.do')));
const note = h('div', {class: 'toast', role: 'status', hidden: true});
const main = h('main', {id: 'main', tabindex: '-1'});

document.body.append(
  h('a', {class: 'skip', href: '#main'}, t('app.skip')),
  h('header', {class: 'top'},
    h('a', {class: 'brand', href: '/'}, 'outrider'),
    h('nav', {'aria-label': t('app.cameras')}, links),
    themeButton),
  banner, reload, main, note);

effect(() => {
  const list = cameras.value ?? [];
  const r = route.value;
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
  return r.camera || (list.length === 1 ? list[0].name : '');
}

// The view is replaced only when another one is wanted, never because figures changed.
let current = '';
effect(() => {
  const list = cameras.value;
  const r = route.value;
  let view;
  if (list === null) view = 'loading';
  else if (r.view === 'camera' && !list.some((c) => c.name === r.camera)) view = `unknown ${r.camera}`;
  else if (shown(r, list)) view = `camera ${shown(r, list)}`;
  else view = list.length ? 'grid' : 'none';
  if (view === current) return;
  current = view;
  const [kind, name] = [view.split(' ', 1)[0], view.slice(view.indexOf(' ') + 1)];
  document.title = kind === 'camera' ? `${name} - outrider` : 'outrider';
  if (kind === 'camera') {
    main.replaceChildren(Object.assign(document.createElement('or-camera'), {camera: name}));
  } else if (kind === 'grid') {
    main.replaceChildren(document.createElement('or-grid'));
  } else {
    main.replaceChildren(h('div', {class: 'empty'},
      h('h1', null, kind === 'loading' ? t('app.loading') : kind === 'none' ? t('home.none') : t('home.unknown', {name})),
      kind === 'none' && h('p', null, t('home.none.how'))));
  }
});

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

router.start();
stream.start(version);
