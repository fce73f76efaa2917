package mqtt_test

import (
	"testing"

	"outrider/pipeline"
	"outrider/streams/mqtt"
)

// eventOutbox asks for the messages of a result itself, as the store does.
type eventOutbox struct {
	mqtt.MemoryOutbox
	render func(*pipeline.Result) []pipeline.OutboxMessage
}

var _ pipeline.EventOutbox = (*eventOutbox)(nil)

func (o *eventOutbox) Render(f func(*pipeline.Result) []pipeline.OutboxMessage) { o.render = f }
func (o *eventOutbox) Publish(r *pipeline.Result)                               { o.Put(o.render(r)...) }

// TestEventOutbox delivers each event once, though two sinks see it.
func TestEventOutbox(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	o := &eventOutbox{}
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: newDirectory("yard"), Outbox: o})
	w := watch(t, b.ListenAddr(), "outrider/events")
	eventually(t, "connected", p.Connected)
	one := track(1, "person", 10, 10)
	for i, k := range []pipeline.EventKind{pipeline.EventStarted, pipeline.EventUpdated, pipeline.EventEnded} {
		publish(result("yard", float64(i), nil, event(k, one)), o, p)
	}
	eventually(t, "three events", func() bool { return len(w.all()) >= 3 && o.Len() == 0 })
	if ev := readEvents(t, w.on("outrider/events")); len(ev) != 3 || ev[0].Type != "new" || ev[2].Type != "end" {
		t.Errorf("%d events", len(ev))
	}
}
