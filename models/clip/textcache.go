package clip

import (
	"container/list"
	"sync"
)

// textCache keeps the embeddings of the texts used last. Safe for concurrent use.
type textCache struct {
	max int

	mu    sync.Mutex
	byKey map[string]*list.Element
	used  list.List // *cachedText, last used first
}

type cachedText struct {
	text   string
	vector []float32
}

func (c *textCache) get(text string) ([]float32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[text]
	if !ok {
		return nil, false
	}
	c.used.MoveToFront(e)
	return e.Value.(*cachedText).vector, true
}

func (c *textCache) put(text string, v []float32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[text]; ok { // another goroutine was faster
		c.used.MoveToFront(e)
		return
	}
	if c.byKey == nil {
		c.byKey = map[string]*list.Element{}
	}
	c.byKey[text] = c.used.PushFront(&cachedText{text, v})
	if c.used.Len() > c.max {
		last := c.used.Back()
		c.used.Remove(last)
		delete(c.byKey, last.Value.(*cachedText).text)
	}
}
