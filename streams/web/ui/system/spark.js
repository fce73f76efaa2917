// A line of the last figures, drawn in place.

const keep = 60;

/** One line's memory and canvas: push(v) adds a figure. */
export class Spark {
	#values = [];

	constructor(canvas) {
		this.canvas = canvas;
	}

	push(v) {
		this.#values.push(v);
		if (this.#values.length > keep) this.#values.shift();
		this.#draw();
	}

	#draw() {
		const c = this.canvas;
		const g = c.getContext('2d');
		const top = Math.max(1e-9, ...this.#values);
		g.clearRect(0, 0, c.width, c.height);
		g.strokeStyle = getComputedStyle(c).color;
		g.lineWidth = 2;
		g.beginPath();
		for (const [i, v] of this.#values.entries()) {
			const x = c.width - (this.#values.length - 1 - i) * (c.width / (keep - 1));
			g.lineTo(x, c.height - 2 - (v / top) * (c.height - 4));
		}
		g.stroke();
	}
}
