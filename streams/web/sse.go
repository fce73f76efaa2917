package web

import (
	"encoding/json"
	"net/http"
	"time"
)

// eventWriter writes server-sent events. It remembers the first error; flush returns it.
type eventWriter struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
	buf []byte
}

// writeStall is how long a reader may take nothing before its stream is ended.
const writeStall = 10 * time.Second

func (o *eventWriter) json(name, id string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		o.fail(err)
		return
	}
	o.write(message{name, id, data})
}

// write adds one message. Encoded JSON holds no line break, so the data is one line.
func (o *eventWriter) write(m message) {
	b := o.buf[:0]
	if m.id != "" {
		b = append(append(append(b, "id: "...), m.id...), '\n')
	}
	b = append(append(append(b, "event: "...), m.name...), '\n')
	b = append(append(append(b, "data: "...), m.data...), "\n\n"...)
	o.buf = b
	o.send(b)
}

func (o *eventWriter) comment() { o.send([]byte(":\n\n")) }

func (o *eventWriter) send(b []byte) {
	if o.err != nil {
		return
	}
	o.fail(o.c.SetWriteDeadline(time.Now().Add(writeStall)))
	_, err := o.w.Write(b)
	o.fail(err)
}

func (o *eventWriter) flush() error {
	if o.err == nil {
		o.fail(o.c.Flush())
	}
	return o.err
}

func (o *eventWriter) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}
