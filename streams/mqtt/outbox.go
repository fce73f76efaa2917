package mqtt

import (
	"errors"
	"log/slog"
	"slices"
	"sync"

	"outrider/pipeline"
)

const (
	memoryRows      = 10_000
	memoryBytes     = 32 << 20
	memoryEssential = 4 // times the bound, before even essential messages go
)

var errOutboxClosed = errors.New("the outbox is closed")

// MemoryOutbox is an outbox that does not outlive the process. When Rows or Bytes is reached
// the oldest droppable message goes. Others are kept up to four times the bound; past that
// the oldest of all goes, and Log says so: memory is not endless.
// The zero value is ready.
type MemoryOutbox struct {
	Rows  int // default 10,000
	Bytes int // of payload, default 32 MiB
	Log   *slog.Logger

	mu      sync.Mutex
	queue   []pipeline.OutboxMessage // ids ascending
	last    int64
	bytes   int
	dropped uint64
	closed  bool
	ready   chan struct{}
}

var _ pipeline.Outbox = (*MemoryOutbox)(nil)

// Put appends messages and makes room.
func (o *MemoryOutbox) Put(ms ...pipeline.OutboxMessage) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errOutboxClosed
	}
	for _, m := range ms {
		o.last++
		m.ID = o.last
		o.queue = append(o.queue, m)
		o.bytes += len(m.Payload)
	}
	o.makeRoom()
	select {
	case o.readyChan() <- struct{}{}:
	default:
	}
	return nil
}

func (o *MemoryOutbox) makeRoom() {
	rows, bytes := o.Rows, o.Bytes
	if rows <= 0 {
		rows = memoryRows
	}
	if bytes <= 0 {
		bytes = memoryBytes
	}
	from := 0
	for len(o.queue) > rows || o.bytes > bytes {
		i := from
		for i < len(o.queue) && !o.queue[i].Droppable {
			i++
		}
		if i == len(o.queue) {
			if len(o.queue) <= memoryEssential*rows && o.bytes <= memoryEssential*bytes {
				return
			}
			i = 0
			if o.Log != nil {
				o.Log.Error("mqtt: outbox is full of messages that must not be dropped: the oldest is lost", "waiting", len(o.queue), "topic", o.queue[0].Topic)
			}
		}
		o.bytes -= len(o.queue[i].Payload)
		o.queue = slices.Delete(o.queue, i, i+1)
		o.dropped++
		from = i
	}
}

// Peek returns the oldest messages.
func (o *MemoryOutbox) Peek(n int) ([]pipeline.OutboxMessage, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.queue[:min(n, len(o.queue))]), nil
}

// Delete removes messages.
func (o *MemoryOutbox) Delete(ids []int64) error {
	gone := make(map[int64]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = slices.DeleteFunc(o.queue, func(m pipeline.OutboxMessage) bool {
		if gone[m.ID] {
			o.bytes -= len(m.Payload)
		}
		return gone[m.ID]
	})
	return nil
}

// Len is the number of waiting messages.
func (o *MemoryOutbox) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue)
}

// Dropped counts what had to go.
func (o *MemoryOutbox) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// Ready yields after Put.
func (o *MemoryOutbox) Ready() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.readyChan()
}

func (o *MemoryOutbox) readyChan() chan struct{} {
	if o.ready == nil {
		o.ready = make(chan struct{}, 1)
	}
	return o.ready
}

// Close refuses further messages. Twice is fine.
func (o *MemoryOutbox) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return nil
}
