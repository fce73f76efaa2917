package mqtt_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"outrider/streams/mqtt"
)

// proxy is a wire that can be cut.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	conns    []net.Conn
	torn     bool // new connections are refused
	wg       sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &proxy{listener: l, target: target}
	x.wg.Go(x.run)
	t.Cleanup(func() {
		l.Close()
		x.cut()
		x.wg.Wait()
	})
	return x
}

func (x *proxy) addr() string { return x.listener.Addr().String() }

func (x *proxy) run() {
	for {
		in, err := x.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", x.target)
		if err != nil {
			in.Close()
			continue
		}
		x.mu.Lock()
		torn := x.torn
		if !torn {
			x.conns = append(x.conns, in, out)
		}
		x.mu.Unlock()
		if torn {
			in.Close()
			out.Close()
			continue
		}
		pipe := func(a, b net.Conn) {
			io.Copy(a, b)
			a.Close()
			b.Close()
		}
		x.wg.Go(func() { pipe(in, out) })
		x.wg.Go(func() { pipe(out, in) })
	}
}

func (x *proxy) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.conns {
		c.Close()
	}
	x.conns = nil
}

// tear cuts the wire and keeps it so until it is mended.
func (x *proxy) tear(torn bool) {
	x.mu.Lock()
	x.torn = torn
	x.mu.Unlock()
	if torn {
		x.cut()
	}
}

// watchAuth is watch with the broker's own user.
func watchAuth(t *testing.T, b *mqtt.Broker, filter string) *watcher {
	t.Helper()
	return watchWith(t, b.ListenAddr(), filter, "watcher-"+t.Name(), b.User, b.Password)
}

// watch2 is a second watcher of everything.
func watch2(t *testing.T, addr string) *watcher {
	t.Helper()
	return watchWith(t, addr, "#", "second-"+t.Name(), "", "")
}

// captureLog returns a log and what was said to it.
func captureLog() (*slog.Logger, func() string) {
	var mu sync.Mutex
	var b bytes.Buffer
	w := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	})
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})), func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func watchWith(t *testing.T, addr, filter, id, user, password string) *watcher {
	t.Helper()
	w := &watcher{}
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetUsername(user).SetPassword(password)
	// A session that outlives the connection, or messages are lost while the broker is away.
	o.SetCleanSession(false).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).SetMaxReconnectInterval(100 * time.Millisecond)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, message{m.Topic(), string(m.Payload()), m.Retained()})
	})
	w.client = paho.NewClient(o)
	if tok := w.client.Connect(); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("watcher: connect to %s: %v", addr, tok.Error())
	}
	if tok := w.client.Subscribe(filter, 1, nil); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("watcher: subscribe: %v", tok.Error())
	}
	t.Cleanup(func() { w.client.Disconnect(50) })
	return w
}
