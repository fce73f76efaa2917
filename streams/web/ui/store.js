// Signals: values that run the effects which read them. Effects are batched in a microtask.
// Data of single frames never enters here: it goes from the ring to the canvas.

let active = null;
const dirty = new Set();

/** A value: s.value reads (and subscribes the running effect), s.value = v writes. */
export function signal(v) {
	const readers = new Set();
	return {
		get value() {
			if (active) {
				readers.add(active);
				active.sources.add(readers);
			}
			return v;
		},
		set value(next) {
			if (Object.is(v, next)) return;
			v = next;
			for (const e of readers) schedule(e);
		},
	};
}

/** Runs f now and whenever a signal that it read changes. Returns the function that ends it. */
export function effect(f) {
	const e = {sources: new Set(), run, ended: false};
	function run() {
		for (const s of e.sources) s.delete(e);
		e.sources.clear();
		const before = active;
		active = e;
		try {
			f();
		} finally {
			active = before;
		}
	}
	run();
	return () => {
		e.ended = true;
		for (const s of e.sources) s.delete(e);
	};
}

function schedule(e) {
	if (!dirty.size) queueMicrotask(flush);
	dirty.add(e);
}

function flush() {
	const run = [...dirty];
	dirty.clear();
	for (const e of run) if (!e.ended) e.run();
}

// What the page knows.
export const cameras = signal(null); // Camera[] of the API, null before the first answer
export const prompts = signal(new Map()); // camera name -> Prompt[], null where none are taken
export const route = signal({view: 'home', camera: ''});
export const online = signal(true); // false when the service does not answer
export const reloadWanted = signal(false); // the service has a newer page
export const lastEvent = signal(null); // the newest event of the stream
export const lastReview = signal(null); // {id, reviewed, flagged, note} that somebody has just said
export const toast = signal(null); // {text, action, run}

export const camera = (name) => cameras.value?.find((c) => c.name === name);

/** Puts one camera's new status into the list. */
export function putCamera(c) {
	const list = cameras.value ?? [];
	const i = list.findIndex((x) => x.name === c.name);
	cameras.value = i < 0 ? [...list, c].sort((a, b) => (a.name < b.name ? -1 : 1)) : list.with(i, c);
}
