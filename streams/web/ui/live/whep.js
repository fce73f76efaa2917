// WHEP: asks the service for a camera's video, and for the metadata channel beside it.

import {problemOf, Problem} from '../api.js';

const gatherWait = 1000;

/**
 * Opens a session. onTrack(MediaStream) and onMessage(string) are called as they come. Returns
 * {pc, close()}; throws a Problem when the service refuses.
 */
export async function open(url, {onTrack, onMessage, signal}) {
	const pc = new RTCPeerConnection();
	let session = null;
	let meta = null;
	// The session is deleted before the connection ends: a server that has seen it end by itself
	// would know nothing of it any more.
	const close = () => {
		pc.ontrack = null;
		if (meta) meta.onmessage = null;
		const at = session;
		session = null;
		if (!at) return pc.close();
		fetch(at, {method: 'DELETE', keepalive: true}).catch(() => {}).finally(() => pc.close());
	};
	try {
		const video = pc.addTransceiver('video', {direction: 'recvonly'});
		if ('jitterBufferTarget' in video.receiver) video.receiver.jitterBufferTarget = 0;
		// WHEP has no channels of its own: the offerer creates it, with an id that both sides know.
		meta = pc.createDataChannel('meta', {negotiated: true, id: 1, ordered: false, maxRetransmits: 0});
		meta.onmessage = (e) => onMessage(e.data);
		pc.ontrack = (e) => onTrack(e.streams[0] ?? new MediaStream([e.track]));
		await pc.setLocalDescription();
		await gathered(pc);
		let res;
		try {
			res = await fetch(url, {method: 'POST', headers: {'content-type': 'application/sdp'}, body: pc.localDescription.sdp, signal});
		} catch (e) {
			throw e.name === 'AbortError' ? e : new Problem(0, 'offline', e.message);
		}
		if (res.status !== 201) throw await problemOf(res);
		const at = res.headers.get('location');
		if (at) session = new URL(at, new URL(url, location.href)).href;
		await pc.setRemoteDescription({type: 'answer', sdp: await res.text()});
	} catch (e) {
		close();
		throw e;
	}
	return {pc, close};
}

/** Waits for all candidates, or for those that came in time. */
function gathered(pc) {
	if (pc.iceGatheringState === 'complete') return Promise.resolve();
	return new Promise((done) => {
		const timer = setTimeout(done, gatherWait);
		pc.addEventListener('icegatheringstatechange', () => {
			if (pc.iceGatheringState !== 'complete') return;
			clearTimeout(timer);
			done();
		});
	});
}
