package pipeline

// OutboxMessage is a message that must reach its receiver. Key names what must stay in order
// among itself, such as a track.
type OutboxMessage struct {
	ID        int64 // given by the outbox, ascending in the order of Put
	Key       string
	Topic     string
	Payload   []byte // not changed after Put
	Droppable bool   // may be given up when the outbox is full; the oldest goes first
}

// Outbox keeps messages until they are delivered: put, peeked at, deleted when the receiver
// has acknowledged them. At least once: a message may be peeked at again after a crash, so
// that its payload must carry an id. Safe for concurrent use.
type Outbox interface {
	// Put takes messages over, in order, and never blocks on a disk: a durable outbox writes
	// them soon after. It fails only when the outbox is closed.
	Put(ms ...OutboxMessage) error
	// Peek returns the oldest messages, at most n, oldest first, and leaves them.
	Peek(n int) ([]OutboxMessage, error)
	// Delete removes delivered messages; unknown ids are fine.
	Delete(ids []int64) error
	// Len is the number of messages that wait.
	Len() int
	// Ready yields a value when messages were put since the last one.
	Ready() <-chan struct{}
	// Dropped counts the messages that were given up because the outbox was full.
	Dropped() uint64
}

// EventOutbox is an outbox that is a Sink of events too, and writes an event and the messages
// that tell of it in one transaction. Whoever makes the messages gives it their renderer
// instead of putting them.
type EventOutbox interface {
	Outbox
	// Render sets what makes the messages of a result, called once for each published one,
	// results of one camera in order; nil for none.
	Render(func(r *Result) []OutboxMessage)
}
