package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	connectTimeout = 10 * time.Second
	keepAlive      = 60 * time.Second
	pingTimeout    = 10 * time.Second
	writeTimeout   = 2 * time.Second  // a Publish that the socket does not take
	ackTimeout     = 10 * time.Second // a PUBACK that does not come: the broker is frozen
	quiesce        = 250              // ms for the DISCONNECT packet to leave
)

var (
	errLost     = errors.New("the connection to the broker is lost")
	errNoAck    = fmt.Errorf("the broker did not acknowledge for %v", ackTimeout)
	errNotAcked = errors.New("the broker did not take the subscription")
)

// connection is one MQTT session over one TCP connection, used until it breaks. The next one
// is a new paho client with a clean session: what must not be lost waits in the outbox and
// states are told anew, so none of paho's own storing, resending and reconnecting is wanted.
type connection struct {
	client paho.Client
	conn   net.Conn
	lost   chan struct{} // closed when the connection breaks
	once   sync.Once
	err    error // why, valid after lost
}

// dialOptions is what a connection needs to know.
type dialOptions struct {
	address  address
	tls      *tls.Config
	clientID string
	will     string // topic that gets "offline", retained, when we vanish
	receive  func(topic string, payload []byte, retained bool)
}

// dial connects and returns after CONNACK. A cancelled ctx ends it at once.
func dial(ctx context.Context, o dialOptions) (*connection, error) {
	c := &connection{lost: make(chan struct{})}
	opts := paho.NewClientOptions()
	opts.AddBroker("tcp://" + o.address.hostport) // paho wants one; we dial ourselves
	opts.SetClientID(o.clientID)
	opts.SetUsername(o.address.user)
	opts.SetPassword(o.address.password)
	opts.SetProtocolVersion(4) // else a refusal is tried again as MQTT 3.1
	opts.SetCleanSession(true)
	opts.SetAutoReconnect(false)
	opts.SetConnectRetry(false)
	opts.SetConnectTimeout(connectTimeout)
	opts.SetKeepAlive(keepAlive)
	opts.SetPingTimeout(pingTimeout)
	opts.SetWriteTimeout(writeTimeout)
	// Handlers run in order in paho's own goroutine: receive must hand over at once.
	opts.SetOrderMatters(true)
	opts.SetWill(o.will, payloadOffline, 1, true)
	opts.SetConnectionLostHandler(func(_ paho.Client, err error) { c.fail(err) })
	opts.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		o.receive(m.Topic(), m.Payload(), m.Retained())
	})

	dialCtx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dialCtx, "tcp", o.address.hostport)
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", o.address, err)
	}
	if o.tls != nil {
		t := tls.Client(conn, o.tls)
		if err := t.HandshakeContext(dialCtx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("connect to %v: TLS: %w", o.address, err)
		}
		conn = t
	}
	c.conn = conn
	taken := false
	opts.SetCustomOpenConnectionFn(func(_ *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		if taken {
			return nil, errLost
		}
		taken = true
		return conn, nil
	})
	c.client = paho.NewClient(opts)
	// Whoever waits for CONNACK is freed by closing the socket.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	token := c.client.Connect()
	<-token.Done()
	stop()
	if err := token.Error(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to %v: %w", o.address, explain(err, o.tls != nil))
	}
	if ctx.Err() != nil {
		c.abort(ctx.Err())
		return nil, ctx.Err()
	}
	return c, nil
}

// explain says what a refusal means, where the protocol says less than one needs.
func explain(err error, overTLS bool) error {
	switch {
	case errors.Is(err, packets.ErrorRefusedNotAuthorised), errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return fmt.Errorf("the broker refused us: check user and password: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		// Some brokers, nats-server among them, just hang up. With TLS 1.3 a refused client
		// certificate may look the same.
		if overTLS {
			return fmt.Errorf("the broker hung up without an answer: check user and password, and our client certificate: %w", err)
		}
		return fmt.Errorf("the broker hung up without an answer: check user and password, and that the port speaks MQTT without TLS (else mqtts://): %w", err)
	}
	return err
}

// fail marks the connection as broken.
func (c *connection) fail(err error) {
	c.once.Do(func() {
		c.err = errLost
		if err != nil {
			c.err = fmt.Errorf("%w: %w", errLost, err)
		}
		close(c.lost)
	})
}

// publish sends without waiting for the acknowledgement. It may block for writeTimeout: never
// call it from where frames pass.
func (c *connection) publish(topic string, qos byte, retained bool, payload []byte) paho.Token {
	return c.client.Publish(topic, qos, retained, payload)
}

// wait returns when the broker has acknowledged.
func (c *connection) wait(ctx context.Context, t paho.Token) error {
	timeout := time.NewTimer(ackTimeout)
	defer timeout.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-c.lost:
		return c.err
	case <-timeout.C:
		return errNoAck
	case <-ctx.Done():
		return ctx.Err()
	}
}

// subscribe returns when the broker has taken every filter.
func (c *connection) subscribe(ctx context.Context, filters map[string]byte) error {
	t := c.client.SubscribeMultiple(filters, nil)
	if err := c.wait(ctx, t); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for f, code := range t.(*paho.SubscribeToken).Result() {
		if code == 0x80 {
			return fmt.Errorf("subscribe to %s: %w: check the access rights of our user", f, errNotAcked)
		}
	}
	return nil
}

// abort breaks the connection without DISCONNECT, so that the broker sends our will.
func (c *connection) abort(err error) {
	c.fail(err)
	c.conn.Close()
	c.client.Disconnect(0)
}

// close says goodbye; the broker sends no will.
func (c *connection) close() {
	c.client.Disconnect(quiesce)
	c.fail(nil)
	c.conn.Close()
}
