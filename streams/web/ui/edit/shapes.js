// Draws zones and lines over the picture, and the one that is being drawn: a click adds a
// point, a drag or the arrow keys move one, Backspace takes the last one back.

const near = 12; // CSS pixels
const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export class Shapes {
	points = []; // picture pixels
	#places = [];
	#editing = false;
	#name = '';
	#most = 64;
	#held = -1;
	#ends = new AbortController();

	constructor(tile, changed) {
		Object.assign(this, {tile, changed});
		const on = {signal: this.#ends.signal, capture: true};
		const s = tile.stage;
		s.addEventListener('pointerdown', (e) => this.#press(e), on);
		s.addEventListener('pointermove', (e) => this.#move(e), on);
		s.addEventListener('pointerup', () => (this.#held = -2), on);
		s.addEventListener('keydown', (e) => this.#key(e), on);
		tile.addEventListener('resized', () => this.#draw(), {signal: this.#ends.signal});
		tile.addEventListener('layers', () => this.#draw(), {signal: this.#ends.signal});
	}

	close() {
		this.#ends.abort();
		this.tile.shapes.getContext('2d').clearRect(0, 0, 1e5, 1e5);
	}

	show(places) {
		this.#places = places;
		this.#draw();
	}

	/** Begins a shape of at most so many points; null ends it. name is that of the one changed. */
	edit(points, most = 64, name = '') {
		this.#editing = points !== null;
		Object.assign(this, {points: points ?? []});
		this.#most = most;
		this.#name = name;
		this.tile.dataset.shape = this.#editing ? 'on' : 'off';
		if (this.#editing) this.changed();
		this.#draw();
	}

	set(points) {
		const o = this.tile.overlay;
		this.points = points.slice(0, this.#most).map(([x, y]) => [Math.min(Math.max(x, 0), o.pictureW), Math.min(Math.max(y, 0), o.pictureH)]);
		this.changed();
		this.#draw();
	}

	pop() {
		this.set(this.points.slice(0, -1));
	}

	#at(e) {
		const r = this.tile.stage.getBoundingClientRect();
		return [e.clientX - r.left - this.tile.stage.clientLeft, e.clientY - r.top - this.tile.stage.clientTop];
	}

	#press(e) {
		if (!this.#editing || e.button) return;
		e.stopPropagation();
		const at = this.#at(e);
		const o = this.tile.overlay;
		this.#held = this.points.findIndex((p) => Math.hypot(...o.toStage(...p).map((v, i) => v - at[i])) < near);
		this.tile.stage.setPointerCapture(e.pointerId);
		const p = o.toPicture(...at);
		if (this.#held >= 0 || !p || this.points.length >= this.#most) return;
		this.#held = this.points.length;
		this.set([...this.points, p]);
	}

	#move(e) {
		if (!this.#editing) return;
		e.stopPropagation();
		const p = this.#held >= 0 && e.buttons && this.tile.overlay.toPicture(...this.#at(e));
		if (p) this.set(this.points.with(this.#held, p));
	}

	#key(e) {
		if (!this.#editing || !this.points.length) return;
		const d = arrows[e.key];
		if (e.key === 'Backspace' || e.key === 'Delete') this.pop();
		else if (d) {
			const by = e.shiftKey ? 10 : 1;
			const [x, y] = this.points.at(-1);
			this.set(this.points.with(-1, [x + d[0] * by, y + d[1] * by]));
		} else return;
		e.preventDefault();
		e.stopPropagation();
	}

	#draw() {
		const {overlay: o, shapes: c, canvas} = this.tile;
		c.width = canvas.width;
		c.height = canvas.height;
		const g = c.getContext('2d');
		const r = o.view.ratio;
		g.setTransform(r, 0, 0, r, 0, 0);
		g.font = '600 12px system-ui, sans-serif';
		if (o.layers.zones !== false) {
			for (const p of this.#places) {
				if (p.id === this.#name) continue;
				const [w, h] = p.size?.[0] ? p.size : [o.pictureW, o.pictureH];
				const points = (p.kind === 'zone' ? p.polygon : [p.from, p.to]).map(([x, y]) => o.toStage((x * o.pictureW) / w, (y * o.pictureH) / h));
				this.#shape(g, points, p.kind === 'zone', [6, 4]);
				this.#word(g, p.kind === 'line' ? `${p.id} A→B` : p.id, points[0]);
			}
		}
		if (!this.#editing) return;
		const points = this.points.map((p) => o.toStage(...p));
		this.#shape(g, points, this.#most > 2 && points.length > 2, []);
		for (const [i, [x, y]] of points.entries()) {
			for (const [size, style] of [[7, '#000'], [5, '#fff']]) {
				g.fillStyle = style;
				g.beginPath();
				g.arc(x, y, size, 0, 7);
				g.fill();
			}
			this.#word(g, this.#most === 2 ? 'AB'[i] : String(i + 1), [x + 8, y]);
		}
	}

	#shape(g, points, closed, dash) {
		g.beginPath();
		for (const [x, y] of points) g.lineTo(x, y);
		if (closed) g.closePath();
		for (const [width, style, d] of [[4, 'rgb(0 0 0 / .7)', []], [1.5, '#fff', dash]]) {
			g.lineWidth = width;
			g.strokeStyle = style;
			g.setLineDash(d);
			g.stroke();
		}
	}

	#word(g, s, [x, y]) {
		g.fillStyle = 'rgb(0 0 0 / .78)';
		g.fillRect(x, y, g.measureText(s).width + 8, 18);
		g.fillStyle = '#fff';
		g.fillText(s, x + 4, y + 13);
	}
}

/** Whether sides of a polygon cross each other. */
export function crossing(p) {
	const turn = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
	const n = p.length;
	for (let i = 0; i < n; i++) {
		for (let j = i + 2; j < n; j++) {
			if (i === 0 && j === n - 1) continue;
			const [a, b, c, d] = [p[i], p[(i + 1) % n], p[j], p[(j + 1) % n]];
			if (turn(a, b, c) !== turn(a, b, d) && turn(c, d, a) !== turn(c, d, b)) return true;
		}
	}
	return false;
}
