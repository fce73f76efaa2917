// Decodes the outline of a track: base64 of varints, zigzag deltas on a 4096 x 4096 grid over
// the picture (the service's streams/webrtc/outline.go says it in full).

const grid = 4096;

/** The outline as a Path2D in pixels of a w x h picture; null when it is not decodable. */
export function outlinePath(text, w, h) {
	let bytes;
	try {
		bytes = atob(text);
	} catch {
		return null;
	}
	let at = 0;
	const next = () => {
		let v = 0;
		for (let shift = 0; shift < 35 && at < bytes.length; shift += 7) {
			const b = bytes.charCodeAt(at++);
			v |= (b & 127) << shift;
			if (b < 128) return v >>> 0;
		}
		at = Infinity;
		return 0;
	};
	const delta = () => {
		const u = next();
		return (u >>> 1) ^ -(u & 1);
	};
	const path = new Path2D();
	const sx = w / grid;
	const sy = h / grid;
	let x = 0;
	let y = 0;
	for (let rings = next(); rings > 0 && at < bytes.length; rings--) {
		const n = next();
		for (let i = 0; i < n && at < bytes.length; i++) {
			x += delta();
			y += delta();
			if (i) path.lineTo(x * sx, y * sy);
			else path.moveTo(x * sx, y * sy);
		}
		path.closePath();
	}
	return at === bytes.length ? path : null;
}
