// Pointing at the picture by mouse, touch, pen and keyboard. What was meant goes out as
// onPoint({x, y, positive, frame}) and onBox({box, frame}), in picture pixels. Acts happen on
// release; Escape and leaving take back. It draws on its own canvas, and only on input.

const slack = 6; // CSS pixels that a click may move
const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export class Pointer {
	tool = 'point'; // point, not, box, off
	#down = null; // {x, y, picture, frame, button, shift}
	#at = null; // stage position of the pointer
	#corner = null; // first corner of a box, picture position
	#cross = null; // crosshair of the keyboard, picture position
	#ring = null; // stage position of the last click

	constructor(tile, {onPoint, onBox, onNothing, levels}) {
		Object.assign(this, {tile, onPoint, onBox, onNothing, levels});
		this.g = tile.pointer.getContext('2d');
		const s = tile.stage;
		s.addEventListener('pointerdown', (e) => this.#press(e));
		s.addEventListener('pointermove', (e) => this.#move(e));
		s.addEventListener('pointerup', (e) => this.#release(e));
		s.addEventListener('pointercancel', () => this.cancel());
		s.addEventListener('pointerleave', () => this.#leave());
		s.addEventListener('contextmenu', (e) => this.tool === 'off' || e.preventDefault());
		// The wheel belongs to the page, except where it has something to choose.
		s.addEventListener('wheel', (e) => {
			if (this.tool === 'off' || this.levels.chain.length < 2 || e.ctrlKey) return;
			e.preventDefault();
			this.levels.step(e.deltaY < 0 ? 1 : -1);
		}, {passive: false});
		s.addEventListener('keydown', (e) => this.#key(e));
		s.addEventListener('blur', () => {
			this.#cross = null;
			this.#draw();
		});
		tile.addEventListener('resized', () => this.#draw());
	}

	setTool(tool) {
		this.tool = tool;
		this.tile.dataset.tool = tool;
		this.cancel();
	}

	/** Takes back what was begun. Reports whether there was anything. */
	cancel() {
		const begun = this.#down || this.#corner;
		this.#down = this.#corner = null;
		this.#draw();
		return Boolean(begun);
	}

	#position(e) {
		const r = this.tile.stage.getBoundingClientRect();
		return [e.clientX - r.left - this.tile.stage.clientLeft, e.clientY - r.top - this.tile.stage.clientTop];
	}

	#press(e) {
		if (this.tool === 'off' || (e.button !== 0 && e.button !== 2)) return;
		const [x, y] = this.#position(e);
		const picture = this.tile.overlay.toPicture(x, y);
		if (!this.tile.frame) this.onNothing();
		if (!picture || !this.tile.frame) return;
		this.#cross = null;
		this.#down = {x, y, picture, frame: this.tile.frame, button: e.button, type: e.pointerType};
		this.tile.stage.setPointerCapture(e.pointerId);
	}

	#dragging() {
		const d = this.#down;
		if (!d || d.button !== 0 || !this.#at || Math.hypot(this.#at[0] - d.x, this.#at[1] - d.y) <= slack) return false;
		return this.tool === 'box' || (this.tool === 'point' && d.type !== 'touch');
	}

	#move(e) {
		this.#at = this.#position(e);
		if (this.#down || this.#corner) this.#draw();
		const p = this.tool === 'off' ? null : this.tile.overlay.toPicture(...this.#at);
		this.tile.setHover(p ? (this.tile.overlay.trackAt(...p)?.id ?? 0) : 0);
		this.levels.move(p);
	}

	#leave() {
		this.tile.setHover(0);
		this.levels.move(null);
		if (!this.#down) this.#at = null;
	}

	#release(e) {
		const d = this.#down;
		if (!d) return;
		this.#at = this.#position(e);
		const drag = this.#dragging();
		this.#down = null;
		const end = this.#inside(this.#at);
		if (drag) this.#box(d.picture, end);
		else if (Math.hypot(this.#at[0] - d.x, this.#at[1] - d.y) <= slack) this.#click(d.picture, e.shiftKey || d.button === 2, d.frame);
		this.#draw();
	}

	/** The picture position nearest to a stage position. */
	#inside([x, y]) {
		const o = this.tile.overlay;
		const [left, top] = o.toStage(0, 0);
		const [right, bottom] = o.toStage(o.pictureW, o.pictureH);
		return o.toPicture(Math.min(Math.max(x, left), right - 0.01), Math.min(Math.max(y, top), bottom - 0.01)) ?? [0, 0];
	}

	#click(p, not, frame) {
		this.#ring = this.tile.overlay.toStage(...p);
		setTimeout(() => {
			this.#ring = null;
			this.#draw();
		}, 500);
		if (this.tool === 'box') {
			if (this.#corner) this.#box(this.#corner, p);
			else this.#corner = p;
			return;
		}
		this.onPoint({x: p[0], y: p[1], positive: !(not || this.tool === 'not'), frame});
	}

	#box(a, b) {
		this.#corner = null;
		const box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
		if (box[2] - box[0] >= 2 && box[3] - box[1] >= 2) this.onBox({box, frame: this.tile.frame});
	}

	#key(e) {
		if (this.tool === 'off' || e.altKey || e.metaKey) return;
		const o = this.tile.overlay;
		const step = steps[e.key];
		if (step && o.pictureW) {
			e.preventDefault();
			const by = e.ctrlKey ? 64 : e.shiftKey ? 1 : 8;
			const [x, y] = this.#cross ?? [o.pictureW / 2, o.pictureH / 2];
			this.#cross = [Math.min(Math.max(x + step[0] * by, 0), o.pictureW - 1), Math.min(Math.max(y + step[1] * by, 0), o.pictureH - 1)];
			this.tile.setHover(o.trackAt(...this.#cross)?.id ?? 0);
			this.levels.move(this.#cross);
			this.#draw();
		} else if (e.key === 'Enter' && this.#cross) {
			e.preventDefault();
			this.#click(this.#cross, e.shiftKey, this.tile.frame);
			this.#draw();
		}
	}

	/** Draws again, since what is under the pointer has changed. */
	redraw() {
		this.#draw();
	}

	#draw() {
		const g = this.g;
		const o = this.tile.overlay;
		const r = o.view.ratio;
		g.setTransform(1, 0, 0, 1, 0, 0);
		g.clearRect(0, 0, g.canvas.width, g.canvas.height);
		g.setTransform(r, 0, 0, r, 0, 0);
		const from = this.#dragging() ? [this.#down.x, this.#down.y] : this.#corner && o.toStage(...this.#corner);
		const to = this.#cross ? o.toStage(...this.#cross) : this.#at;
		const piece = !from && this.tool !== 'off' && this.levels.box;
		if (piece) {
			const [x, y] = o.toStage(piece[0], piece[1]);
			const [x2, y2] = o.toStage(piece[2], piece[3]);
			g.setLineDash([6, 4]);
			this.#stroke(() => g.rect(x, y, x2 - x, y2 - y));
			g.setLineDash([]);
		}
		if (from && to) this.#stroke(() => g.rect(from[0], from[1], to[0] - from[0], to[1] - from[1]));
		if (this.#cross) {
			const [x, y] = o.toStage(...this.#cross);
			this.#stroke(() => {
				for (const [dx, dy] of Object.values(steps)) {
					g.moveTo(x + 4 * dx, y + 4 * dy);
					g.lineTo(x + 14 * dx, y + 14 * dy);
				}
			});
		}
		if (this.#ring) this.#stroke(() => g.arc(this.#ring[0], this.#ring[1], 10, 0, 7));
	}

	// White inside black is seen on any picture.
	#stroke(shape) {
		const g = this.g;
		for (const [width, style] of [[4, 'rgb(0 0 0 / .7)'], [2, '#fff']]) {
			g.lineWidth = width;
			g.strokeStyle = style;
			g.beginPath();
			shape();
			g.stroke();
		}
	}
}
