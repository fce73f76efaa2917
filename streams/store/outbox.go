package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"outrider/pipeline"
)

var errClosed = errors.New("the store is closed")

// outboxMost is how far past its bounds the outbox may grow with messages that must not be
// dropped.
const outboxMost = 4

// outbox knows which messages wait, in memory or in the file. It gives ids when messages come,
// so that one can leave before it was ever written. Guarded by Store.mu.
type outbox struct {
	rows, bytes int // bounds

	last       int64
	live       map[int64]waiting
	order      []int64 // ascending, with some that are gone
	droppables []int64 // the same, of droppable ones
	size       int
	dropped    uint64
	gone       map[int64]bool // delivered or dropped, perhaps still in the file
}

type waiting struct {
	size      int
	droppable bool
}

func (o *outbox) load(ctx context.Context, db *sql.DB) error {
	o.live, o.gone = map[int64]waiting{}, map[int64]bool{}
	rows, err := db.QueryContext(ctx, "SELECT id, length(payload), droppable FROM outbox ORDER BY id")
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var w waiting
		if err := rows.Scan(&id, &w.size, &w.droppable); err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		o.note(id, w)
	}
	return rows.Err()
}

func (o *outbox) note(id int64, w waiting) {
	o.last = id
	o.live[id] = w
	o.size += w.size
	o.order = append(o.order, id)
	if w.droppable {
		o.droppables = append(o.droppables, id)
	}
}

// add gives m its id and makes room.
func (o *outbox) add(m *pipeline.OutboxMessage) {
	m.ID = o.last + 1
	o.note(m.ID, waiting{len(m.Payload), m.Droppable})
	for len(o.live) > o.rows || o.size > o.bytes {
		id, ok := o.first(&o.droppables)
		if !ok {
			if len(o.live) <= outboxMost*o.rows && o.size <= outboxMost*o.bytes {
				break
			}
			id, _ = o.first(&o.order)
		}
		o.drop(id)
	}
}

// first is the oldest of a list that still waits.
func (o *outbox) first(list *[]int64) (int64, bool) {
	for len(*list) > 0 {
		if _, ok := o.live[(*list)[0]]; ok {
			return (*list)[0], true
		}
		*list = (*list)[1:]
	}
	return 0, false
}

// drop gives a message up.
func (o *outbox) drop(id int64) {
	if o.remove(id) {
		o.dropped++
	}
}

func (o *outbox) remove(id int64) bool {
	w, ok := o.live[id]
	if !ok {
		return false
	}
	delete(o.live, id)
	o.size -= w.size
	o.gone[id] = true
	if len(o.order) > 2*len(o.live)+1024 {
		stale := func(id int64) bool { _, ok := o.live[id]; return !ok }
		o.order = slices.DeleteFunc(o.order, stale)
		o.droppables = slices.DeleteFunc(o.droppables, stale)
	}
	return true
}

func (o *outbox) len() int { return len(o.live) }

// takeGone lists what the next transaction is to delete.
func (o *outbox) takeGone() []int64 {
	ids := make([]int64, 0, len(o.gone))
	for id := range o.gone {
		ids = append(ids, id)
	}
	return ids
}

// forget is called when they are deleted.
func (o *outbox) forget(ids []int64) {
	for _, id := range ids {
		delete(o.gone, id)
	}
}

// Render sets what makes the messages of a result.
func (s *Store) Render(f func(*pipeline.Result) []pipeline.OutboxMessage) {
	s.mu.Lock()
	s.render = f
	s.mu.Unlock()
}

// Put takes messages over; they are on disk soon after.
func (s *Store) Put(ms ...pipeline.OutboxMessage) error {
	group := make([]entry, len(ms))
	for i := range ms {
		m := ms[i]
		group[i].message = &m
	}
	return s.enqueue(group)
}

// Peek returns the oldest messages of the file, and while nothing can be written those that
// wait in memory after them.
func (s *Store) Peek(n int) ([]pipeline.OutboxMessage, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	var inMemory []*pipeline.OutboxMessage
	if s.failing != nil {
		for _, list := range [][]entry{s.writing, s.pending} {
			for i := range list {
				if m := list[i].message; m != nil && !s.outbox.gone[m.ID] {
					inMemory = append(inMemory, m)
				}
			}
		}
	}
	gone := make(map[int64]bool, len(s.outbox.gone))
	for id := range s.outbox.gone {
		gone[id] = true
	}
	s.mu.Unlock()

	out, err := s.readOutbox(n, len(gone), gone)
	if err != nil {
		s.Log.Warn("store: the outbox cannot be read, delivering from memory", "error", err)
	}
	var last int64
	if len(out) > 0 {
		last = out[len(out)-1].ID
	}
	for _, m := range inMemory {
		if len(out) == n {
			break
		}
		if m.ID > last { // else it was written meanwhile
			out = append(out, *m)
		}
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

func (s *Store) readOutbox(n, extra int, gone map[int64]bool) ([]pipeline.OutboxMessage, error) {
	rows, err := s.reader.Query("SELECT id, key, topic, payload, droppable FROM outbox ORDER BY id LIMIT ?", n+extra)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	defer rows.Close()
	var out []pipeline.OutboxMessage
	for rows.Next() && len(out) < n {
		var m pipeline.OutboxMessage
		if err := rows.Scan(&m.ID, &m.Key, &m.Topic, &m.Payload, &m.Droppable); err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		if !gone[m.ID] {
			out = append(out, m)
		}
	}
	return out, rows.Err()
}

// Delete removes delivered messages, from the file with the next transaction. When that does not happen
// because we die, they are delivered twice.
func (s *Store) Delete(ids []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for _, id := range ids {
		s.outbox.remove(id)
	}
	s.wakeWriter()
	return nil
}

// Len is the number of messages that wait.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outbox.len()
}

// Ready yields when messages can be peeked at.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Dropped counts the messages that were given up because the outbox was full.
func (s *Store) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outbox.dropped
}
