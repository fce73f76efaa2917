// The difference of two texts, line by line: the longest common subsequence.

/** Rows [kind, before, after] with kind same, changed, added or removed. */
export function diff(a, b) {
	const x = a.split('\n');
	const y = b.split('\n');
	let head = 0;
	while (head < x.length && head < y.length && x[head] === y[head]) head++;
	let tail = 0;
	while (tail < x.length - head && tail < y.length - head && x[x.length - 1 - tail] === y[y.length - 1 - tail]) tail++;
	const p = x.slice(head, x.length - tail);
	const q = y.slice(head, y.length - tail);
	const rows = x.slice(0, head).map((s) => ['same', s, s]);
	// lengths[i][j] is that of the common subsequence of p from i on and q from j on.
	const w = q.length + 1;
	const lengths = new Uint16Array((p.length + 1) * w);
	for (let i = p.length - 1; i >= 0; i--) {
		for (let j = q.length - 1; j >= 0; j--) {
			lengths[i * w + j] = p[i] === q[j] ? lengths[(i + 1) * w + j + 1] + 1 : Math.max(lengths[(i + 1) * w + j], lengths[i * w + j + 1]);
		}
	}
	let i = 0;
	let j = 0;
	let gone = [];
	let come = [];
	const flush = () => {
		for (let k = 0; k < Math.max(gone.length, come.length); k++) {
			rows.push([k >= come.length ? 'removed' : k >= gone.length ? 'added' : 'changed', gone[k] ?? '', come[k] ?? '']);
		}
		gone = [];
		come = [];
	};
	while (i < p.length || j < q.length) {
		if (i < p.length && j < q.length && p[i] === q[j]) {
			flush();
			rows.push(['same', p[i++], q[j++]]);
		} else if (j >= q.length || (i < p.length && lengths[(i + 1) * w + j] >= lengths[i * w + j + 1])) gone.push(p[i++]);
		else come.push(q[j++]);
	}
	flush();
	return rows.concat(x.slice(x.length - tail).map((s) => ['same', s, s]));
}
