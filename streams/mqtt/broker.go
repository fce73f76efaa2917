package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// DefaultAddr is where the embedded broker listens when nothing else is said.
const DefaultAddr = "127.0.0.1:1883"

const (
	brokerStart    = 10 * time.Second // given up after
	brokerMaxStore = 1 << 30          // bytes on disk for retained messages and waiting sessions
	brokerMaxMem   = 64 << 20
	brokerPayload  = 1 << 20 // largest message
	brokerSync     = time.Second
)

// Broker is an MQTT 3.1.1 broker in this process: nats-server with its file store, so that
// retained messages and the queues of persistent sessions outlive a restart. What it has
// acknowledged is on disk after a second at most.
//
// Fill the exported fields, call Initialize; Close stops it and waits. It listens for MQTT
// only: no NATS port is opened.
type Broker struct {
	Addr     string      // host:port, default DefaultAddr; port 0 takes a free one
	Dir      string      // folder of the file store, made when missing; needed
	User     string      // with Password: what clients must give; empty lets everybody in
	Password string      // needed when Addr is not a loopback address
	TLS      *tls.Config // nil for plain TCP
	Log      *slog.Logger

	mu     sync.Mutex
	server *server.Server
	addr   string
}

// Initialize starts the broker and returns when it accepts clients. It refuses an address
// that other machines reach unless a password is set, and a port that is in use.
func (b *Broker) Initialize() error {
	if b.Addr == "" {
		b.Addr = DefaultAddr
	}
	if b.Log == nil {
		b.Log = slog.New(slog.DiscardHandler)
	}
	host, port, err := b.check()
	if err != nil {
		return fmt.Errorf("start MQTT broker: %w", err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName:         "outrider",
		DontListen:         true,
		NoSigs:             true,
		NoSystemAccount:    true,
		MaxPayload:         brokerPayload,
		JetStream:          true,
		StoreDir:           filepath.Clean(b.Dir),
		JetStreamMaxStore:  brokerMaxStore,
		JetStreamMaxMemory: brokerMaxMem,
		SyncInterval:       brokerSync,
		MQTT: server.MQTTOpts{
			Host: host, Port: port,
			Username: b.User, Password: b.Password,
			TLSConfig: b.TLS, TLSTimeout: 5,
		},
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("start MQTT broker on %s: %w", b.Addr, err)
	}
	log := &brokerLog{log: b.Log, fatal: make(chan string, 1)}
	s.SetLoggerV2(log, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.Start()
	}()
	if err := b.await(s, log, started); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		<-started
		return fmt.Errorf("start MQTT broker on %s: %w", b.Addr, err)
	}
	b.mu.Lock()
	// The server notes a random port in its options.
	b.server, b.addr = s, net.JoinHostPort(host, strconv.Itoa(opts.MQTT.Port))
	b.mu.Unlock()
	if err := b.settle(); err != nil {
		return fmt.Errorf("start MQTT broker on %s: %w", b.Addr, errors.Join(err, b.Close()))
	}
	return nil
}

// settle connects once and leaves. The server makes its stores when the first client connects,
// and a shutdown meanwhile leaves them behind: it is done before anybody can ask for that. With
// TLS only clients know how to get in.
func (b *Broker) settle() error {
	if b.TLS != nil {
		return nil
	}
	a, err := parseAddress(b.URL())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), brokerStart)
	defer cancel()
	c, err := dial(ctx, dialOptions{address: a, clientID: "outrider-settle", will: "outrider-settle", receive: func(string, []byte, bool) {}})
	if err != nil {
		return err
	}
	c.close()
	return nil
}

// check looks at the parameters and tries the port, so that the common mistakes are told in
// plain words.
func (b *Broker) check() (host string, port int, err error) {
	host, p, err := net.SplitHostPort(b.Addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: want host:port, such as %s", b.Addr, DefaultAddr)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address %q: the port must be a number from 0 to 65535", b.Addr)
	}
	if b.Dir == "" {
		return "", 0, errors.New("no folder given for its store")
	}
	if (b.User == "") != (b.Password == "") {
		return "", 0, errors.New("give both user and password, or neither")
	}
	if b.Password == "" && !loopback(host) {
		return "", 0, fmt.Errorf("%s can be reached from other machines: set a user and a password, or listen on %s", b.Addr, DefaultAddr)
	}
	l, err := net.Listen("tcp", b.Addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", 0, fmt.Errorf("%s is in use, perhaps by another broker: choose another port, or connect to that broker with mqtt://%s: %w", b.Addr, b.Addr, err)
	case err != nil:
		return "", 0, fmt.Errorf("listen on %s: choose an address of this machine: %w", b.Addr, err)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, port, l.Close()
}

// await returns when the broker accepts clients, or why it does not.
func (b *Broker) await(s *server.Server, log *brokerLog, started <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), brokerStart)
	defer cancel()
	select {
	case <-started:
	case <-ctx.Done():
		return fmt.Errorf("not ready after %v", brokerStart)
	}
	select {
	case m := <-log.fatal:
		return fmt.Errorf("%s (store in %s)", m, b.Dir)
	default:
	}
	if !s.ReadyForConnections(brokerStart) {
		return fmt.Errorf("not ready after %v (store in %s)", brokerStart, b.Dir)
	}
	return nil
}

// Addr of a running broker with the port it really has; empty before Initialize.
func (b *Broker) ListenAddr() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addr
}

// URL is what a client in this process connects to. It holds the password: never print it.
func (b *Broker) URL() string {
	host, port, err := net.SplitHostPort(b.ListenAddr())
	if err != nil {
		return ""
	}
	// A wildcard address is not one to connect to.
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	u := url.URL{Scheme: "mqtt", Host: net.JoinHostPort(host, port)}
	if b.TLS != nil {
		u.Scheme = "mqtts"
	}
	if b.Password != "" {
		u.User = url.UserPassword(b.User, b.Password)
	}
	return u.String()
}

// Close stops the broker and waits until its files are written. Twice is fine.
func (b *Broker) Close() error {
	b.mu.Lock()
	s := b.server
	b.server = nil
	b.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
	return nil
}

// loopback tells whether only this machine can reach the host.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// brokerLog passes what nats-server says to slog; its chatter is at debug level. It keeps the
// first fatal message instead of ending the process.
type brokerLog struct {
	log   *slog.Logger
	fatal chan string
}

var _ server.Logger = (*brokerLog)(nil)

func (l *brokerLog) say(level slog.Level, format string, v []any) {
	ctx := context.Background()
	if l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "mqtt broker: "+strings.TrimSpace(fmt.Sprintf(format, v...)))
	}
}

func (l *brokerLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *brokerLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *brokerLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *brokerLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *brokerLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *brokerLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- strings.TrimSpace(fmt.Sprintf(format, v...)):
	default:
	}
}
