package mqtt

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// run connects, serves, and connects again until stop.
func (p *Publisher) run(ctx context.Context) {
	backoff, failures := backoffFirst, 0
	for p.stopping.Err() == nil {
		at := time.Now()
		err := p.session(ctx)
		if err == nil || p.stopping.Err() != nil {
			return
		}
		if time.Since(at) > backoffMost {
			backoff, failures = backoffFirst, 0
		}
		// A broker that stays away would say the same again and again: tell the 1st, 2nd, 4th, ...
		if failures++; failures&(failures-1) == 0 {
			p.Log.Warn("mqtt: not connected, trying on", "error", err, "times", failures, "waiting_events", p.Outbox.Len())
		}
		pause := time.NewTimer(backoff/2 + rand.N(backoff/2))
		select {
		case <-pause.C:
		case <-p.stopping.Done():
			pause.Stop()
		}
		backoff = min(2*backoff, backoffMost)
	}
}

// session is one connection from CONNECT to its end: nil after a clean stop.
func (p *Publisher) session(ctx context.Context) error {
	// A stop ends a connection that is being made; one that serves winds up by itself.
	c, err := dial(p.stopping, dialOptions{
		address: p.address, tls: p.tls, clientID: p.ClientID, will: p.topics.available(), receive: p.receive,
	})
	if err != nil {
		return err
	}
	err = p.serve(ctx, c)
	p.connected.Store(false)
	if err != nil {
		c.abort(err)
		if errors.Is(err, errLost) {
			return c.err
		}
		return err
	}
	c.close()
	return nil
}

// serve greets the broker and works until the connection breaks or Close is called.
func (p *Publisher) serve(ctx context.Context, c *connection) error {
	if err := p.greet(ctx, c); err != nil {
		return err
	}
	p.connects.Add(1)
	p.Log.Info("mqtt: connected", "broker", p.address.String(), "prefix", p.Prefix)

	pumpCtx, cancel := context.WithCancel(ctx)
	pumped := make(chan error, 1)
	go func() { pumped <- p.pump(pumpCtx, c) }()
	pumping := true
	defer func() {
		cancel()
		if pumping {
			<-pumped
		}
	}()

	states := time.NewTicker(p.StateInterval)
	defer states.Stop()
	stats := &time.Ticker{}
	if p.StatsInterval > 0 {
		stats = time.NewTicker(p.StatsInterval)
		defer stats.Stop()
	}
	// Changes that come in a burst are told together.
	settle := time.NewTimer(time.Hour)
	settle.Stop()
	defer settle.Stop()
	settling := false
	for {
		select {
		case <-p.stopping.Done():
			return p.farewell(ctx, c)
		case <-c.lost:
			return c.err
		case err := <-pumped:
			pumping = false
			return err
		case m := <-p.direct:
			c.publish(m.topic, m.qos, false, m.payload)
		case <-p.wake:
			if !settling {
				settle.Reset(settleTime)
				settling = true
			}
		case <-settle.C:
			settling = false
			p.tellStates(c, false)
		case <-states.C:
			p.tellStates(c, true)
		case <-stats.C:
			c.publish(p.topics.stats(), 0, false, p.stats())
		case <-p.announce:
			p.forgetAnnouncements()
			p.tellStates(c, true)
		}
	}
}

// greet subscribes, tells all states, and then says that we are online.
func (p *Publisher) greet(ctx context.Context, c *connection) error {
	filters := p.topics.commandFilters()
	if p.HomeAssistant {
		filters[p.DiscoveryPrefix+"/status"] = 1
	}
	if err := c.subscribe(ctx, filters); err != nil {
		return err
	}
	p.forgetTold()
	p.connected.Store(true)
	p.tellStates(c, true)
	if p.StatsInterval > 0 {
		c.publish(p.topics.stats(), 0, false, p.stats())
	}
	return c.wait(ctx, c.publish(p.topics.available(), 1, true, []byte(payloadOnline)))
}

// farewell lets the events leave, tells the last states, and then that we are gone.
func (p *Publisher) farewell(ctx context.Context, c *connection) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
drain:
	for p.Outbox.Len() > 0 {
		select {
		case <-tick.C:
		case <-c.lost:
			return nil
		case <-ctx.Done():
			p.Log.Warn("mqtt: events stay in the outbox", "waiting_events", p.Outbox.Len())
			break drain
		}
	}
	p.tellStates(c, true)
	for len(p.direct) > 0 {
		m := <-p.direct
		c.publish(m.topic, m.qos, false, m.payload)
	}
	gone := payloadStopped
	if p.HomeAssistant {
		gone = payloadOffline // the only word that its availability knows
	}
	if err := c.wait(ctx, c.publish(p.topics.available(), 1, true, []byte(gone))); err != nil {
		p.Log.Warn("mqtt: could not say goodbye", "error", err)
	}
	return nil
}

// receive is called by the client for every message that we subscribed to. It must not block.
func (p *Publisher) receive(topic string, payload []byte, retained bool) {
	if p.HomeAssistant && topic == p.DiscoveryPrefix+"/status" {
		if string(payload) == payloadOnline && !retained {
			select {
			case p.announce <- struct{}{}:
			default:
			}
		}
		return
	}
	p.commander.take(topic, payload, retained)
}
