// What needs a person now: events of zones and lines that are alarms, warnings of obstacles,
// and cameras that are gone. A strip, a sound and, where the browser may, a notification. To
// acknowledge an event is to review it, so that it is acknowledged everywhere.

import {call} from '../api.js';
import {h, reconcile, text} from '../dom.js';
import {cameras, effect, lastEvent, lastReview, signal} from '../store.js';
import {clockTime} from '../time.js';
import {t} from '../i18n/text.js';

const lostAfter = 30000;
const muteFor = 300000;
const most = 5; // rows in the strip

export const alarms = signal([]); // {id, what, at, href, event}, the newest first
let sound = null;
let muted = 0;

const put = (a) => {
	if (alarms.value.some((x) => x.id === a.id)) return;
	alarms.value = [a, ...alarms.value].slice(0, 99);
	if (performance.now() >= muted) beep();
	if (document.hidden && globalThis.Notification?.permission === 'granted') new Notification(a.what, {tag: a.id});
};
const drop = (which) => alarms.value.some(which) && (alarms.value = alarms.value.filter((a) => !which(a)));

/** Two low tones; nothing before the page was touched, which browsers ask for. */
function beep() {
	sound ??= new AudioContext();
	for (const [i, hz] of [440, 330].entries()) {
		const o = new OscillatorNode(sound, {frequency: hz});
		const g = new GainNode(sound, {gain: 0.2});
		o.connect(g).connect(sound.destination);
		o.start(sound.currentTime + i * 0.25);
		o.stop(sound.currentTime + i * 0.25 + 0.2);
	}
}

function acknowledge(a) {
	drop((x) => x === a);
	if (a.event) call('PATCH', `/api/v1/events/${encodeURIComponent(a.id)}`, {reviewed: true}).catch(() => put(a));
}

/** Builds the strip; call once. */
export function start(strip) {
	const list = h('ul', {role: 'alert'});
	const quiet = h('button', {type: 'button', class: 'quiet', onclick: () => mute()});
	const allow = h('button', {type: 'button', class: 'quiet', onclick: async () => {
		await sound?.resume();
		await globalThis.Notification?.requestPermission();
		show();
	}}, t('alarm.allow'));
	const more = h('span', {class: 'muted'});
	strip.append(list, h('div', {class: 'bar'}, more, allow, quiet));
	const show = () => {
		const all = alarms.value;
		strip.hidden = !all.length;
		document.title = `${all.length ? `(${all.length}) ` : ''}${document.title.replace(/^\(\d+\) /, '')}`;
		reconcile(list, all.slice(0, most), (a) => a.id, (a) => h('li', null, h('b', null, `▲ ${t('alarm')}`), h('a', {href: a.href}, a.what), h('span', {class: 'muted'}, clockTime(a.at)),
			h('button', {type: 'button', onclick: () => acknowledge(a)}, t('alarm.ack'))), () => {});
		text(more, all.length > most ? t('alarm.more', {n: all.length - most}) : '');
		text(quiet, performance.now() < muted ? t('alarm.muted') : t('alarm.mute'));
		allow.hidden = (!sound || sound.state === 'running') && globalThis.Notification?.permission !== 'default';
	};
	const mute = () => {
		muted = performance.now() < muted ? 0 : performance.now() + muteFor;
		show();
	};
	effect(show);
	// What follows reads the alarms too: not within the effect, which would run for ever.
	const on = (source, f) => effect(() => {
		const v = source.value;
		queueMicrotask(() => f(v));
	});
	on(lastEvent, (e) => {
		if (e?.data?.alert) put({id: e.id, event: true, at: new Date(e.time), href: `/event/${encodeURIComponent(e.id)}`, what: `${e.camera}: ${e.track.label || t('objects.object')} ${t('event.' + e.kind)} ${e.zone || e.line || ''}`});
	});
	on(lastReview, (r) => r?.reviewed && drop((a) => a.id === r.id));
	on(cameras, (list) => {
		for (const c of list ?? []) {
			const since = Date.parse(c.since);
			if (['retrying', 'stalled'].includes(c.state) && Date.now() - since > lostAfter) put({id: `camera ${c.name} ${c.since}`, at: new Date(since), href: `/cam/${encodeURIComponent(c.name)}`, what: t('alarm.camera', {name: c.name, why: c.error ?? ''})});
			else if (c.state === 'streaming') drop((a) => a.id.startsWith(`camera ${c.name} `));
		}
	});
	addEventListener('keydown', (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.('input, select, textarea')) return;
		if (e.key === 'a' && alarms.value.length) acknowledge(alarms.value[0]);
		else if (e.key === 'm') mute();
	});
}
