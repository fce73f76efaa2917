package child

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"outrider/streams/capture/decode"
)

// Argument is the hidden subcommand that runs Main.
const Argument = "capture-child"

// Descriptors that the parent passes.
const (
	messageFD = 3
	ringFD    = 4
)

// exitGrace is how long the native code may take to end after the parent has closed standard
// input; a camera that is being read returns within a frame time and is told goodbye.
const exitGrace = 2 * time.Second

// Main is the capture child: it reads one Request from stdin and the stream that it names
// until stdin closes or the stream ends, and returns the exit code. It works only as a child
// of package capture, which passes the descriptors; started by hand it says so.
func Main(stdin io.Reader, stderr io.Writer) int {
	// The Go runtime has descriptors of its own, so their being open says nothing.
	var stat unix.Stat_t
	seals, err := unix.FcntlInt(ringFD, unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 || unix.Fstat(messageFD, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		fmt.Fprintln(stderr, "outrider capture-child is started by outrider itself, never by hand")
		return 2
	}
	// Pictures of people have no place in a core file, and one thread is all that the
	// colour conversion needs: the other cores belong to the other cameras.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	decode.SetThreads(1)
	decode.LineBuffered()
	debug.SetTraceback("none")

	messages := os.NewFile(messageFD, "messages")
	ring, err := JoinRing(ringFD)
	if err == nil {
		err = serve(stdin, messages, ring)
	}
	if err != nil {
		_ = Message{Failed, err.Error()}.Write(messages)
		return 1
	}
	return 0
}

// serve does the work; the process is confined by the time that the request has been read
// and before the first byte of the stream is.
func serve(stdin io.Reader, messages io.Writer, ring *Ring) error {
	in := bufio.NewReaderSize(stdin, maxRequest)
	q, err := readRequest(in)
	if err != nil {
		return err
	}
	c := child{request: q, messages: messages, ring: ring, wanted: make(chan struct{}, 1)}
	go c.listen(in)
	if q.File {
		return c.file()
	}
	return c.live()
}

type child struct {
	request  Request
	messages io.Writer
	ring     *Ring
	closing  atomic.Bool
	wanted   chan struct{} // a token for each picture of a file that the parent asked for; closed at the end
}

// listen takes the parent's bytes, and ends the process when there is no parent any more or
// it wants no more and the native code does not return.
func (c *child) listen(in io.Reader) {
	var b [1]byte
	for {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			break
		}
		c.wanted <- struct{}{}
	}
	c.closing.Store(true)
	close(c.wanted)
	time.Sleep(exitGrace)
	os.Exit(0)
}

func (c *child) tell(k Kind) error {
	if err := (Message{Kind: k}).Write(c.messages); err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	return nil
}

func (c *child) live() error {
	live := decode.Live{API: c.request.API, Target: c.request.Target, Transport: c.request.Transport, Timeout: c.request.Timeout}
	var failed error
	err := live.Run(
		func() { failed = c.tell(Opened) },
		func(p decode.Picture, captured time.Duration) bool {
			switch {
			case failed != nil || c.closing.Load():
				return false
			case p.Data == nil:
				c.ring.Skip()
				return true
			}
			failed = errors.Join(c.ring.Publish(p, captured), c.tell(Ready))
			return failed == nil
		})
	if c.closing.Load() {
		return nil
	}
	return errors.Join(failed, err)
}

// file delivers every picture, one for each byte from the parent.
func (c *child) file() error {
	r, err := decode.Open(c.request.API, c.request.Target)
	if err != nil {
		return err
	}
	defer r.Close()
	w, h := r.Size()
	if err := (Message{Opened, fmt.Sprintf("%d %d %g %d", w, h, r.FPS(), r.Frames())}).Write(c.messages); err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	for range c.wanted {
		p, ok, err := r.Read()
		if err != nil {
			return err
		}
		if !ok {
			return c.tell(Ended)
		}
		position := time.Duration(-1)
		if p.HasPosition {
			position = p.Position
		}
		if err := errors.Join(c.ring.Publish(p, position), c.tell(Ready)); err != nil {
			return err
		}
	}
	return nil
}
