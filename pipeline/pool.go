package pipeline

import (
	"image"
	"sync"

	"outrider/pipeline/mask"
)

// freeList keeps a few idle values of T. Unlike sync.Pool it never forgets them at a garbage
// collection, which on small machines costs freshly mapped memory.
type freeList[T any] struct {
	mu   sync.Mutex
	free []*T
}

func (l *freeList[T]) get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.free)
	if n == 0 {
		return nil
	}
	v := l.free[n-1]
	l.free = l.free[:n-1]
	return v
}

func (l *freeList[T]) put(v *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) < maxFree {
		l.free = append(l.free, v)
	}
}

// maskArena hands out masks that are all given back at once; each keeps its memory for the
// next round.
type maskArena struct {
	masks []*mask.Mask
	used  int
}

func (a *maskArena) next() *mask.Mask {
	if a.used == len(a.masks) {
		a.masks = append(a.masks, &mask.Mask{})
	}
	m := a.masks[a.used]
	a.used++
	m.Reset(mask.Grid{}, image.Rectangle{}, nil)
	return m
}

func (a *maskArena) reset() { a.used = 0 }

// numberArena hands out places for numbers that are all given back at once. Blocks never
// move, so that a place stays valid while others are handed out.
type numberArena struct {
	blocks []*[64]float64
	used   int
}

func (a *numberArena) next(v float64) *float64 {
	i, j := a.used/64, a.used%64
	if i == len(a.blocks) {
		a.blocks = append(a.blocks, new([64]float64))
	}
	a.used++
	p := &a.blocks[i][j]
	*p = v
	return p
}

func (a *numberArena) reset() { a.used = 0 }
