// What the review shows: read from and written to the address, and said to the API.

import {query, setQuery} from '../router.js';

export const names = ['camera', 'kind', 'label', 'zone', 'state', 'from', 'to'];

// All but the steady updates of tracks.
export const kinds = ['started', 'lost', 'resumed', 'ended', 'zone_enter', 'zone_leave', 'loitering', 'trip', 'line_crossed', 'left_behind', 'removed', 'stationary', 'moving'];

/** The filter of the address; unknown values are left out. */
export function read() {
	const f = {};
	for (const n of names) {
		const v = query(n);
		if (!v) continue;
		if ((n === 'from' || n === 'to') && Number.isNaN(Date.parse(v))) continue;
		if (n === 'state' && !['unreviewed', 'flagged'].includes(v)) continue;
		f[n] = v;
	}
	return f;
}

export function write(f) {
	for (const n of names) setQuery(n, f[n] ?? '');
}

/** The query of an API call. */
export function search(f, more = {}) {
	const q = new URLSearchParams({kind: kinds});
	for (const n of names) {
		if (!f[n]) continue;
		q.set(n, n === 'from' || n === 'to' ? new Date(f[n]).toISOString() : f[n]);
	}
	for (const [k, v] of Object.entries(more)) if (v) q.set(k, v);
	return q.toString();
}

/** Whether a new event belongs to what the filter shows. */
export function matches(f, e) {
	return (!f.camera || f.camera === e.camera) && (f.kind ? f.kind.split(',') : kinds).includes(e.kind) &&
		(!f.label || f.label === e.track.label) && (!f.from || Date.parse(e.time) >= Date.parse(f.from)) &&
		(!f.to || Date.parse(e.time) < Date.parse(f.to)) && f.state !== 'flagged' &&
		(!f.zone || e.zone === f.zone);
}
