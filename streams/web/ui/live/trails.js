// Where each track's foot was in the last seconds.

import {colour} from './paint.js';

const span = 5000; // ms of capture time
const size = 160; // points of a trail

export class Trails {
	#by = new Map(); // id -> {cap, x, y: arrays used as rings, n: points ever, last: cap}

	/** Notes the tracks of a frame; frames come in capture order, repeats are ignored. */
	add(meta) {
		for (const k of meta.tracks) {
			if (k.bg === 1 || k.st === 'l') continue;
			let p = this.#by.get(k.id);
			if (!p) this.#by.set(k.id, (p = {cap: new Float64Array(size), x: new Float32Array(size), y: new Float32Array(size), n: 0, last: -Infinity}));
			if (meta.cap <= p.last) continue;
			const i = p.n++ % size;
			p.cap[i] = p.last = meta.cap;
			p.x[i] = (k.b[0] + k.b[2]) / 2;
			p.y[i] = k.b[3];
		}
		for (const [id, p] of this.#by) if (meta.cap - p.last > span) this.#by.delete(id);
	}

	paint(g, meta, px) {
		g.setLineDash([]);
		g.lineWidth = 2 * px;
		for (const k of meta.tracks) {
			const p = this.#by.get(k.id);
			if (!p) continue;
			g.strokeStyle = colour(k.id);
			const from = Math.max(0, p.n - size);
			// Three pieces, each fainter than the newer one.
			for (let part = 0; part < 3; part++) {
				const newest = meta.cap - (span * part) / 3;
				const oldest = meta.cap - (span * (part + 1)) / 3;
				g.globalAlpha = 0.9 - 0.3 * part;
				g.beginPath();
				let begun = false;
				for (let j = from; j < p.n; j++) {
					const i = j % size;
					if (p.cap[i] < oldest) continue;
					if (begun) g.lineTo(p.x[i], p.y[i]);
					else g.moveTo(p.x[i], p.y[i]);
					begun = true;
					if (p.cap[i] > newest) break; // the first point of the newer piece joins the two
				}
				g.stroke();
			}
		}
		g.globalAlpha = 1;
	}

	clear() {
		this.#by.clear();
	}
}
