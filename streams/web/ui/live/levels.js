// Which piece of what lies under the pointer is meant: the segments there, the smallest first.
// The service is asked for them when the pointer rests; wheel and keys choose.

import {call, cameraURL} from '../api.js';

const rest = 100; // ms without a movement
const fresh = 500; // ms that an answer is good for
const most = 5; // the highest level there is

export class Levels {
	level = 0;
	chain = []; // boxes under the pointer, the smallest first
	#segments = [];
	#asked = -Infinity;
	#timer = 0;
	#at = null;

	constructor(camera, changed) {
		Object.assign(this, {camera, changed});
	}

	/** The pointer is at a picture position, or nowhere (null). */
	move(at) {
		this.#at = at;
		clearTimeout(this.#timer);
		this.#timer = at ? setTimeout(() => this.#ask(), rest) : 0;
		this.#find();
	}

	async #ask() {
		if (performance.now() - this.#asked < fresh) return;
		this.#asked = performance.now();
		try {
			this.#segments = (await call('GET', `${cameraURL(this.camera)}/segments?masks=0`)).segments;
			this.#find();
		} catch {
			// Without an answer there is no preview; the click works all the same.
		}
	}

	#find() {
		const before = this.chain.length;
		this.chain = !this.#at ? [] : this.#segments.map((s) => s.box).filter(([x1, y1, x2, y2]) => this.#at[0] >= x1 && this.#at[0] < x2 && this.#at[1] >= y1 && this.#at[1] < y2)
			.sort((a, b) => (a[2] - a[0]) * (a[3] - a[1]) - (b[2] - b[0]) * (b[3] - b[1])).slice(0, 6);
		if (before || this.chain.length) this.changed();
	}

	/** The box of the chosen level, when there is more than one to choose from. */
	get box() {
		return this.chain.length > 1 ? this.chain[Math.min(this.level, this.chain.length - 1)] : null;
	}

	/** One level larger (1) or smaller (-1). */
	step(d) {
		this.level = Math.min(Math.max(this.level + d, 0), this.chain.length ? this.chain.length - 1 : most);
		this.changed();
	}
}
