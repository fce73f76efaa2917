// The metadata of the last two seconds, by the RTP timestamp of its frame.

const keep = 2000; // ms of capture time
const most = 150;

export class Ring {
	#by = new Map();
	newest = null;

	put(meta) {
		const rtp = meta.rtp >>> 0;
		this.#by.set(rtp, meta);
		// Messages may overtake each other; capture times tell their order.
		if (!this.newest || meta.cap >= this.newest.cap || this.newest.cap - meta.cap > keep) this.newest = meta;
		for (const [k, m] of this.#by) {
			if (this.#by.size <= most && this.newest.cap - m.cap <= keep) break;
			this.#by.delete(k);
		}
	}

	get(rtp) {
		return this.#by.get(rtp >>> 0);
	}

	clear() {
		this.#by.clear();
		this.newest = null;
	}
}
