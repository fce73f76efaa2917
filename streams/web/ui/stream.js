// Keeps the store up to date: one EventSource, and a slow poll for the figures that change
// all the time.

import * as api from './api.js';
import {cameras, lastEvent, lastReview, online, prompts, putCamera, reloadWanted} from './store.js';

const pollEvery = 2000;
const retryEvery = 5000;
const promptsEvery = 5000;

let source = null;
let goneSince = 0;
export const clock = {offset: 0};

/** Starts; call once. */
export function start(version) {
	listen(version);
	// A page that the browser only puts aside would keep one of its six connections.
	addEventListener('pagehide', () => source.close());
	addEventListener('pageshow', (e) => e.persisted && listen(version));
	setInterval(refresh, pollEvery);
	setInterval(() => document.hidden || refreshAllPrompts(), promptsEvery);
	setInterval(measureClock, 60000);
	refresh();
}

function listen(version) {
	source = new EventSource(`${api.base}/events/stream`);
	source.addEventListener('hello', (e) => {
		reloadWanted.value = JSON.parse(e.data).ui !== version;
		alive();
		refresh();
		refreshAllPrompts();
		measureClock();
	});
	source.addEventListener('camera', (e) => putCamera(JSON.parse(e.data)));
	source.addEventListener('event', (e) => (lastEvent.value = JSON.parse(e.data)));
	source.addEventListener('review', (e) => (lastReview.value = JSON.parse(e.data)));
	source.addEventListener('config', refresh);
	source.addEventListener('prompt', (e) => refreshPrompts(JSON.parse(e.data).camera));
	source.onerror = () => {
		gone();
		// The browser comes back by itself, except after a refusal.
		if (source.readyState === EventSource.CLOSED) setTimeout(listen, retryEvery, version);
	};
}

async function refresh() {
	if (document.hidden) return;
	try {
		cameras.value = await api.listCameras();
		alive();
	} catch (e) {
		if (e.status === 0 || e.status >= 500) gone();
	}
}

/** Fetches the prompts of one camera again. */
export async function refreshPrompts(cam) {
	try {
		const list = await api.listPrompts(cam);
		prompts.value = new Map(prompts.value).set(cam, list);
	} catch (e) {
		if (e.status === 409) prompts.value = new Map(prompts.value).set(cam, null);
	}
}

function refreshAllPrompts() {
	for (const [cam, list] of prompts.value) if (list) refreshPrompts(cam);
}

function alive() {
	goneSince = 0;
	online.value = true;
}

// One lost request is no outage: it takes two seconds of failures.
function gone() {
	const now = Date.now();
	goneSince ||= now;
	if (now - goneSince >= pollEvery - 100) online.value = false;
}

async function measureClock() {
	try {
		clock.offset = await api.clockOffset();
	} catch {
		// The next hello or minute tries again.
	}
}
