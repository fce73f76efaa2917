// Gets a camera's pictures by the best way that works: WebRTC, else single JPEGs by long poll.
// A worse way is only a stopgap: WebRTC is tried again for ever and takes over at its first
// frame.

import {cameraURL, request} from '../api.js';
import {camera as statusOf} from '../store.js';
import {Ring} from './ring.js';
import * as whep from './whep.js';

const firstFrameWait = 3000;
const stallWait = 2000;
const hiddenWait = 10000;
const retries = [5000, 15000, 30000, 60000];
const jpegGap = 125;
const jpegWidth = 960;

/**
 * onFrame(meta, info) is called for every frame that appears, with its metadata or null and
 * {rtp, w, h, cap, seq, burned}; onMode() when mode or why changed.
 */
export class Player {
	mode = 'none'; // none, webrtc, jpeg
	why = ''; // why WebRTC does not work: a status, or noframe
	received = 0; // metadata messages
	ring = new Ring();
	lastFrame = 0; // performance.now()
	started = performance.now();

	#session = null;
	#opening = null; // AbortController
	#openedAt = 0;
	#got = false; // this session has shown a frame
	#failures = 0;
	#retryAt = 0;
	#jpeg = null; // AbortController
	#seq = 0;
	#timer = 0;
	#hidden = 0;
	#rvfc = 0;

	constructor({camera, video, img, onFrame, onMode}) {
		Object.assign(this, {camera, video, img, onFrame, onMode});
	}

	start() {
		this.#timer = setInterval(() => this.#check(), 250);
		document.addEventListener('visibilitychange', this.#visibility);
		addEventListener('online', this.#now);
		addEventListener('pagehide', this.#drop);
		this.#still();
		this.#connect();
	}

	stop() {
		clearInterval(this.#timer);
		clearTimeout(this.#hidden);
		document.removeEventListener('visibilitychange', this.#visibility);
		removeEventListener('online', this.#now);
		removeEventListener('pagehide', this.#drop);
		this.#drop();
		this.#jpeg?.abort();
		this.#jpeg = null;
	}

	#now = () => {
		this.#failures = 0;
		this.#retryAt = 0;
	};

	#visibility = () => {
		clearTimeout(this.#hidden);
		if (document.hidden) {
			this.#hidden = setTimeout(() => {
				this.#drop();
				this.#stopJPEG();
			}, hiddenWait);
		} else {
			this.#now();
			this.#check();
		}
	};

	async #connect() {
		if (this.#opening || this.#session) return;
		const abort = (this.#opening = new AbortController());
		this.#openedAt = performance.now();
		this.#got = false;
		try {
			const s = await whep.open(`/whep/${encodeURIComponent(this.camera)}`, {
				signal: abort.signal,
				onTrack: (stream) => {
					if (abort.signal.aborted) return;
					this.video.srcObject = stream;
					this.video.play().catch(() => {}); // replaced by a newer stream
					this.#listen();
				},
				onMessage: (text) => this.#message(text),
			});
			if (abort.signal.aborted) s.close();
			else this.#session = s;
		} catch (e) {
			if (!abort.signal.aborted) this.#failed(String(e.status ?? 'noframe'));
		} finally {
			if (this.#opening === abort) this.#opening = null;
		}
	}

	#message(text) {
		let m;
		try {
			m = JSON.parse(text);
		} catch {
			return;
		}
		if (m.t !== 'f') return;
		this.received++;
		this.ring.put(m);
	}

	#listen() {
		const v = this.video;
		if (!v.requestVideoFrameCallback) {
			this.#failed('noframe');
			return;
		}
		const on = (_, md) => {
			this.#rvfc = v.requestVideoFrameCallback(on);
			this.lastFrame = performance.now();
			if (!this.#got) this.#first();
			// Without an RTP timestamp the newest metadata is the best guess, and is called so.
			const known = md.rtpTimestamp !== undefined;
			const meta = known ? this.ring.get(md.rtpTimestamp) : this.ring.newest;
			this.onFrame(meta ?? null, {
				rtp: md.rtpTimestamp >>> 0, w: meta?.w ?? md.width, h: meta?.h ?? md.height,
				cap: meta?.cap ?? null, seq: meta?.seq ?? 0, burned: false, rough: !known,
			});
		};
		v.cancelVideoFrameCallback(this.#rvfc);
		this.#rvfc = v.requestVideoFrameCallback(on);
	}

	#first() {
		this.#got = true;
		this.#failures = 0;
		this.#stopJPEG();
		this.img.hidden = true;
		this.#become('webrtc', '');
	}

	#check() {
		if (document.hidden) return;
		const now = performance.now();
		if (this.#session || this.#opening) {
			if (!this.#got) {
				if (now - this.#openedAt > firstFrameWait) this.#failed('noframe');
			} else if (now - this.lastFrame > stallWait) {
				// A camera without new pictures is not the connection's fault.
				const lost = ['failed', 'closed', 'disconnected'].includes(this.#session?.pc.connectionState);
				const fresh = statusOf(this.camera)?.state === 'streaming' && now - this.lastFrame > 2 * stallWait;
				if (lost || fresh) this.#failed('noframe');
			}
		} else if (now >= this.#retryAt) {
			this.#connect();
		}
	}

	#failed(why) {
		this.#drop();
		this.#retryAt = performance.now() + retries[Math.min(this.#failures++, retries.length - 1)];
		this.#become('jpeg', why);
		this.#startJPEG();
	}

	#drop = () => {
		this.#opening?.abort();
		this.#opening = null;
		this.#session?.close();
		this.#session = null;
		this.video.cancelVideoFrameCallback?.(this.#rvfc);
		this.video.srcObject = null;
		this.ring.clear();
	};

	#become(mode, why) {
		if (mode === this.mode && why === this.why) return;
		this.mode = mode;
		this.why = why;
		this.onMode();
	}

	/** One picture at once, until video comes. */
	async #still() {
		try {
			await this.#fetchPicture(`overlay=0&w=${jpegWidth}`, undefined, () => this.mode === 'none');
		} catch {
			// The camera has no picture yet; video or the JPEGs will come.
		}
	}

	#startJPEG() {
		if (!this.#jpeg) this.#pollJPEG((this.#jpeg = new AbortController()));
	}

	#stopJPEG() {
		this.#jpeg?.abort();
		this.#jpeg = null;
	}

	async #pollJPEG(abort) {
		while (!abort.signal.aborted) {
			const from = performance.now();
			let pause = jpegGap;
			try {
				const info = await this.#fetchPicture(`overlay=1&w=${jpegWidth}&after=${this.#seq}`, abort.signal, () => !abort.signal.aborted);
				if (info) {
					this.lastFrame = performance.now();
					this.onFrame(null, info);
				} else {
					this.#seq = 0; // nothing new for long: perhaps the service began to count anew
					pause = 1000;
				}
			} catch {
				pause = 1000;
			}
			await new Promise((done) => setTimeout(done, Math.max(0, from + pause - performance.now())));
		}
	}

	/** Shows one JPEG; null when there is no newer one. */
	async #fetchPicture(query, signal, wanted) {
		const res = await request(`${cameraURL(this.camera)}/snapshot.jpg?${query}`, {signal, cache: 'no-store'});
		if (res.status !== 200) return null;
		const seq = Number(res.headers.get('x-frame-seq'));
		const cap = Date.parse(res.headers.get('x-frame-time'));
		const url = URL.createObjectURL(await res.blob());
		try {
			if (!wanted() || seq === this.#seq) return null;
			this.img.src = url;
			await this.img.decode();
		} finally {
			URL.revokeObjectURL(url);
		}
		if (!wanted()) return null;
		this.#seq = seq;
		this.img.hidden = false;
		const c = statusOf(this.camera);
		return {rtp: 0, w: c?.width || this.img.naturalWidth, h: c?.height || this.img.naturalHeight, cap, seq, burned: true, rough: false};
	}
}
