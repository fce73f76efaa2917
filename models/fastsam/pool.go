package fastsam

import "sync"

// pool keeps idle values; unlike sync.Pool it never drops them, since their memory is dear.
type pool[T any] struct {
	mu   sync.Mutex
	idle []*T
}

func (p *pool[T]) get() *T {
	if v := p.take(); v != nil {
		return v
	}
	return new(T)
}

// take returns an idle value or nil.
func (p *pool[T]) take() *T {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	v := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return v
}

func (p *pool[T]) put(v *T) {
	p.mu.Lock()
	p.idle = append(p.idle, v)
	p.mu.Unlock()
}
