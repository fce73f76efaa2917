package mqtt

import (
	"context"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	pumpBatch = 256
	pumpRetry = time.Second
)

// pump delivers the outbox over one connection: the oldest messages, acknowledgements, delete,
// again. It returns when the connection fails or ctx ends. Nothing is held open meanwhile.
func (p *Publisher) pump(ctx context.Context, c *connection) error {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	ids := make([]int64, 0, pumpBatch)
	tokens := make([]paho.Token, 0, pumpBatch)
	for {
		ms, err := p.Outbox.Peek(pumpBatch)
		if err != nil {
			p.Log.Error("mqtt: read the outbox", "error", err)
		}
		if len(ms) == 0 {
			retry.Reset(pumpRetry)
			select {
			case <-p.Outbox.Ready():
			case <-retry.C:
			case <-c.lost:
				return c.err
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		ids, tokens = ids[:0], tokens[:0]
		for i := range ms {
			select {
			case <-c.lost:
			default:
				tokens = append(tokens, c.publish(ms[i].Topic, 1, false, ms[i].Payload))
				continue
			}
			break
		}
		// Only the acknowledged beginning goes: what follows a gap is sent again, in order.
		var failed error
		for i, t := range tokens {
			if failed = c.wait(ctx, t); failed != nil {
				break
			}
			ids = append(ids, ms[i].ID)
		}
		p.acked.Add(uint64(len(ids)))
		if err := p.Outbox.Delete(ids); err != nil {
			// They would be sent again at once, and again.
			p.Log.Error("mqtt: remove delivered events from the outbox", "error", err)
			retry.Reset(pumpRetry)
			select {
			case <-retry.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if failed != nil {
			return failed
		}
		if len(tokens) < len(ms) {
			return errLost
		}
	}
}
