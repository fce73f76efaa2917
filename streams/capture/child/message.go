package child

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"outrider/streams/capture/decode"
)

// Request says what to read. It goes over standard input as one line of JSON.
type Request struct {
	API       decode.API    `json:"api"`
	Target    string        `json:"target"`
	Transport string        `json:"transport,omitempty"`
	Timeout   time.Duration `json:"timeout"`
	File      bool          `json:"file,omitempty"` // deliver every picture, each when it is asked for by one byte
}

// maxRequest bounds the line: it must fit into a pipe that nobody reads yet.
const maxRequest = 32 << 10

// Write sends the request.
func (q Request) Write(w io.Writer) error {
	b, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	if len(b) >= maxRequest {
		return fmt.Errorf("write request: the source is %d bytes long, at most %d are allowed", len(q.Target), maxRequest/2)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	return nil
}

func readRequest(r *bufio.Reader) (Request, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	var q Request
	if err := json.Unmarshal(line, &q); err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	return q, nil
}

// Message tells the parent what happened. One byte of Kind, two bytes of length, the text.
type Message struct {
	Kind Kind
	Text string
}

// Kind of a message.
type Kind byte

// The messages.
const (
	Opened Kind = 'o' // the stream is open
	Ready  Kind = 'p' // a picture is in the ring
	Failed Kind = 'f' // Text says why it ended
	Ended  Kind = 'e' // a file is at its end
)

// maxText bounds what a parent reads of one message.
const maxText = 4096

// Write sends the message; a longer text is cut.
func (m Message) Write(w io.Writer) error {
	text := m.Text[:min(len(m.Text), maxText)]
	b := make([]byte, 0, 64)
	b = append(b, byte(m.Kind))
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	_, err := w.Write(append(b, text...))
	return err
}

// ReadMessage returns the next message, io.EOF when the child closed its end between two.
func ReadMessage(r io.Reader) (Message, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Message{}, err
	}
	m := Message{Kind: Kind(head[0])}
	switch m.Kind {
	case Opened, Ready, Failed, Ended:
	default:
		return Message{}, fmt.Errorf("read message: unknown kind %#x", head[0])
	}
	n := binary.BigEndian.Uint16(head[1:])
	if n > maxText {
		return Message{}, fmt.Errorf("read message: %d bytes, at most %d are allowed", n, maxText)
	}
	if n > 0 {
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return Message{}, fmt.Errorf("read message: %w", err)
		}
		m.Text = string(text)
	}
	return m, nil
}
