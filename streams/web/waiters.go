package web

import "sync"

// waiters wake long polls when a camera has a new result. The zero value is ready; safe for
// concurrent use. Nobody waiting costs nothing a frame.
type waiters struct {
	mu sync.Mutex
	by map[string]chan struct{}
}

// next is closed at the camera's next result.
func (w *waiters) next(camera string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.by[camera]
	if !ok {
		if w.by == nil {
			w.by = map[string]chan struct{}{}
		}
		c = make(chan struct{})
		w.by[camera] = c
	}
	return c
}

func (w *waiters) wake(camera string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.by[camera]; ok {
		close(c)
		delete(w.by, camera)
	}
}
