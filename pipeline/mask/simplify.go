package mask

// simplify removes points, the least important first, until limit are left in all, by
// Visvalingam and Whyatt (1993): a point matters as much as the triangle that it spans with
// its neighbours. A triangle goes as a whole when its area is the least; the first outline
// stays. Ties go to the point that was found first.
func (t *Tracer) simplify(limit int) {
	total := 0
	for _, r := range t.rings {
		total += int(r.n)
	}
	if total <= limit {
		return
	}
	t.heap = t.heap[:0]
	for i := range t.points {
		t.weigh(int32(i))
		t.points[i].at = int32(i)
		t.heap = append(t.heap, int32(i))
	}
	for i := len(t.heap)/2 - 1; i >= 0; i-- {
		t.down(i)
	}
	for total > limit && len(t.heap) > 0 {
		i := t.heap[0]
		p := t.points[i]
		r := &t.rings[p.ring]
		if r.n == 3 {
			t.drop(i)
			if p.ring != 0 {
				t.drop(p.prev)
				t.drop(p.next)
				r.n = 0
				total -= 3
			}
			continue
		}
		t.drop(i)
		t.points[p.prev].next, t.points[p.next].prev = p.next, p.prev
		if r.first == i {
			r.first = p.next
		}
		r.n--
		total--
		for _, j := range [2]int32{p.prev, p.next} {
			t.weigh(j)
			// Never less than what is gone: else one corner's loss would eat along the outline.
			t.points[j].area = max(t.points[j].area, p.area)
			t.fix(int(t.points[j].at))
		}
	}
}

// link chains the points of each ring in a circle.
func (t *Tracer) link() {
	for k, r := range t.rings {
		last := r.first + r.n - 1
		for i := r.first; i <= last; i++ {
			p := &t.points[i]
			p.prev, p.next, p.ring = i-1, i+1, int32(k)
		}
		t.points[r.first].prev, t.points[last].next = last, r.first
	}
}

// weigh sets a point's area.
func (t *Tracer) weigh(i int32) {
	p := &t.points[i]
	a, b := t.points[p.prev], t.points[p.next]
	v := int64(p.x-a.x)*int64(b.y-a.y) - int64(p.y-a.y)*int64(b.x-a.x)
	p.area = max(v, -v)
}

// less orders points by area, then by index.
func (t *Tracer) less(i, j int32) bool {
	if a, b := t.points[i].area, t.points[j].area; a != b {
		return a < b
	}
	return i < j
}

func (t *Tracer) swap(a, b int) {
	t.heap[a], t.heap[b] = t.heap[b], t.heap[a]
	t.points[t.heap[a]].at, t.points[t.heap[b]].at = int32(a), int32(b)
}

// down restores the heap below place a.
func (t *Tracer) down(a int) {
	for {
		c := 2*a + 1
		if c >= len(t.heap) {
			return
		}
		if c+1 < len(t.heap) && t.less(t.heap[c+1], t.heap[c]) {
			c++
		}
		if !t.less(t.heap[c], t.heap[a]) {
			return
		}
		t.swap(a, c)
		a = c
	}
}

// fix restores the heap after the point at place a changed. A point that left the heap is at
// a negative place.
func (t *Tracer) fix(a int) {
	if a < 0 {
		return
	}
	for a > 0 && t.less(t.heap[a], t.heap[(a-1)/2]) {
		t.swap(a, (a-1)/2)
		a = (a - 1) / 2
	}
	t.down(a)
}

// drop takes a point out of the heap.
func (t *Tracer) drop(i int32) {
	a, last := int(t.points[i].at), len(t.heap)-1
	if a < 0 {
		return
	}
	t.swap(a, last)
	t.heap = t.heap[:last]
	t.points[i].at = -1
	if a < last {
		t.fix(a)
	}
}
