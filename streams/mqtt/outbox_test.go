package mqtt_test

import (
	"fmt"
	"strings"
	"testing"

	"outrider/pipeline"
	"outrider/streams/mqtt"
)

func put(t *testing.T, o pipeline.Outbox, payload string, droppable bool) {
	t.Helper()
	if err := o.Put(pipeline.OutboxMessage{Topic: "t", Payload: []byte(payload), Droppable: droppable}); err != nil {
		t.Fatal(err)
	}
}

func payloads(t *testing.T, o pipeline.Outbox) string {
	t.Helper()
	ms, err := o.Peek(1000)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, m := range ms {
		s = append(s, string(m.Payload))
	}
	return strings.Join(s, " ")
}

// TestMemoryOutboxFull drops the oldest updates first, and others only at four times the bound.
func TestMemoryOutboxFull(t *testing.T) {
	log, said := captureLog()
	o := &mqtt.MemoryOutbox{Rows: 4, Log: log}
	for i, kind := range []string{"new", "update", "update", "new", "update", "end"} {
		put(t, o, fmt.Sprintf("%s%d", kind, i), kind == "update")
	}
	if got, want := payloads(t, o), "new0 new3 update4 end5"; got != want || o.Dropped() != 2 {
		t.Errorf("%q, want %q; %d dropped", got, want, o.Dropped())
	}
	for i := 6; i < 19; i++ {
		put(t, o, fmt.Sprintf("new%d", i), false)
	}
	if o.Len() != 16 || o.Dropped() != 3 || said() != "" {
		t.Errorf("%d wait, %d dropped, log %q", o.Len(), o.Dropped(), said())
	}
	put(t, o, "new19", false)
	if got := payloads(t, o); o.Len() != 16 || !strings.HasPrefix(got, "new3 end5") || !strings.Contains(said(), "lost") {
		t.Errorf("past four times the bound: %d wait: %q; log %q", o.Len(), got, said())
	}
}

func TestMemoryOutboxBytes(t *testing.T) {
	o := &mqtt.MemoryOutbox{Bytes: 10}
	put(t, o, "12345", true)
	put(t, o, "67890", true)
	put(t, o, "x", true)
	if got := payloads(t, o); got != "67890 x" {
		t.Errorf("%q", got)
	}
}

func TestMemoryOutboxDelete(t *testing.T) {
	o := &mqtt.MemoryOutbox{}
	for _, s := range []string{"a", "b", "c"} {
		put(t, o, s, false)
	}
	<-o.Ready()
	ms, _ := o.Peek(2)
	if err := o.Delete([]int64{ms[0].ID, 999}); err != nil {
		t.Fatal(err)
	}
	if got := payloads(t, o); got != "b c" || o.Len() != 2 {
		t.Errorf("%q, %d wait", got, o.Len())
	}
	o.Close()
	if err := o.Put(pipeline.OutboxMessage{}); err == nil {
		t.Error("a closed outbox takes messages")
	}
}
