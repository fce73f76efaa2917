// The HTTP API. Failures are thrown as Problem.

/** What the service answered when it refused, or status 0 when it did not answer. */
export class Problem extends Error {
	constructor(status, title, detail, field, known, line) {
		super(detail || title);
		Object.assign(this, {status, title, field, known, line});
	}
}

export const base = '/api/v1';

export const cameraURL = (name) => `${base}/cameras/${encodeURIComponent(name)}`;

/** The problem that a response tells. */
export async function problemOf(res) {
	const p = await res.json().catch(() => ({}));
	return new Problem(res.status, p.title ?? res.statusText, p.detail, p.field, p.known, p.line);
}

/** Fetches path and returns the decoded JSON, null for an empty answer. */
export async function call(method, path, body, headers) {
	const init = {method, cache: 'no-store', headers};
	if (body !== undefined) {
		init.body = JSON.stringify(body);
		init.headers = {...headers, 'content-type': 'application/json'};
	}
	const res = await request(path, init);
	return res.status === 204 ? null : res.json();
}

/** Fetches path; anything but success is a Problem. */
export async function request(path, init) {
	let res;
	try {
		res = await fetch(path, init);
	} catch (e) {
		if (e.name === 'AbortError') throw e;
		throw new Problem(0, 'offline', e.message);
	}
	if (!res.ok && res.status !== 304) throw await problemOf(res);
	return res;
}

export const listCameras = () => call('GET', `${base}/cameras`).then((a) => a.cameras);
export const listPrompts = (cam) => call('GET', `${cameraURL(cam)}/prompts`).then((a) => a.prompts);
export const createPrompt = (cam, p) => call('POST', `${cameraURL(cam)}/prompts`, p);
export const deletePrompt = (cam, id) => call('DELETE', `${cameraURL(cam)}/prompts/${encodeURIComponent(id)}`);
export const getTracks = (cam) => call('GET', `${cameraURL(cam)}/tracks`);

/**
 * Measures the service's clock against ours: milliseconds to add to Date.now(). The sample of
 * the shortest round trip counts.
 */
export async function clockOffset() {
	let best = Infinity;
	let offset = 0;
	for (let i = 0; i < 8; i++) {
		const sent = Date.now();
		const {time} = await call('GET', '/healthz');
		const back = Date.now();
		if (back - sent < best) {
			best = back - sent;
			offset = Date.parse(time) - (sent + back) / 2;
		}
	}
	return offset;
}
