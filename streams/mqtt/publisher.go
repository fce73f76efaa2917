package mqtt

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"outrider/pipeline"
)

const (
	defaultPrefix   = "outrider"
	defaultHAPrefix = "homeassistant"
	stateInterval   = 10 * time.Second
	statsInterval   = time.Minute
	backoffFirst    = 500 * time.Millisecond
	backoffMost     = 10 * time.Second
	drainTimeout    = 2 * time.Second
	directSize      = 256
)

// Directory is what the publisher asks about the cameras; *pipeline.Engine is one. It must be
// ready to answer when Initialize is called.
type Directory interface {
	Cameras() []string
	Status(name string) (pipeline.CameraStatus, error)
	Latest(name string) (*pipeline.Result, error)
	Prompts(name string) (pipeline.Prompts, error)
}

// Publisher tells an MQTT broker what the cameras see, and takes prompts from it; the topics
// are in the package comment. Fill the exported fields, call Initialize, give it to the engine
// as a sink. A broker that is away, at the start or later, is tried again for ever: events
// wait in the outbox, states are told anew after each connection.
//
// When Outbox is a pipeline.EventOutbox, that one asks for the messages of each result and
// must be a sink of the engine too, before the publisher, so that it is closed after it.
type Publisher struct {
	URL       string // mqtt://[user:password@]host[:port], mqtts://..., or "embedded" for Broker
	Broker    *Broker
	TLS       TLS
	ClientID  string // default: prefix, host name and six random characters. Two clients of one id throw each other out.
	Prefix    string // default "outrider"
	Directory Directory
	Outbox    pipeline.Outbox // default: a MemoryOutbox
	Switches  Switches        // nil for none

	HomeAssistant   bool   // announce devices
	DiscoveryPrefix string // default "homeassistant"
	Version         string // of the program, told in states and discovery
	DashboardURL    string // shown by Home Assistant, empty for none

	StateInterval time.Duration // between refreshes of camera states, default 10 s
	StatsInterval time.Duration // between messages on <prefix>/stats, default 60 s, negative for none
	Log           *slog.Logger

	topics    topics
	address   address
	tls       *tls.Config
	started   time.Time
	feeds     bool // the outbox asks for messages; else Publish puts them
	commander commander
	direct    chan directMessage
	wake      chan struct{} // something about the states changed
	announce  chan struct{} // Home Assistant came up
	stopping  context.Context
	stop      context.CancelFunc
	done      chan struct{}

	mu        sync.Mutex
	views     map[string]*view
	announced bool              // the service, on this connection
	zonesTold map[string]string // topic -> retained payload at the broker

	connected atomic.Bool
	connects  atomic.Uint64
	acked     atomic.Uint64
	missed    atomic.Uint64 // direct messages dropped
}

// directMessage is sent once, when connected, and not kept.
type directMessage struct {
	topic   string
	qos     byte
	payload []byte
}

var (
	_ pipeline.Sink       = (*Publisher)(nil)
	_ pipeline.StatusSink = (*Publisher)(nil)
	_ Directory           = (*pipeline.Engine)(nil)
)

// Initialize checks the parameters and starts; it does not wait for the broker.
func (p *Publisher) Initialize() error {
	if err := p.prepare(); err != nil {
		return fmt.Errorf("start MQTT: %w", err)
	}
	if eo, ok := p.Outbox.(pipeline.EventOutbox); ok {
		p.feeds = true
		eo.Render(p.messages)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.commander.start(ctx)
	go func() {
		defer close(p.done)
		defer cancel()
		p.run(ctx)
		cancel()
		p.commander.wait()
	}()
	return nil
}

func (p *Publisher) prepare() error {
	if p.Directory == nil {
		return errors.New("no directory of cameras")
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Prefix == "" {
		p.Prefix = defaultPrefix
	}
	if p.DiscoveryPrefix == "" {
		p.DiscoveryPrefix = defaultHAPrefix
	}
	for _, s := range []string{p.Prefix, p.DiscoveryPrefix} {
		if err := checkPrefix(s); err != nil {
			return err
		}
	}
	target := p.URL
	if target == "embedded" {
		if p.Broker == nil || p.Broker.ListenAddr() == "" {
			return errors.New("url embedded: the embedded broker does not run")
		}
		target = p.Broker.URL()
	}
	var err error
	if p.address, err = parseAddress(target); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if p.address.tls {
		if p.tls, err = p.TLS.config(p.address.hostport); err != nil {
			return err
		}
	}
	var id [3]byte
	rand.Read(id[:]) // never fails
	if p.ClientID == "" {
		host, _ := os.Hostname()
		p.ClientID = objectID(p.Prefix) + "-" + objectID(host) + "-" + hex.EncodeToString(id[:])
	}
	if p.Outbox == nil {
		p.Outbox = &MemoryOutbox{Log: p.Log}
	}
	if p.StateInterval <= 0 {
		p.StateInterval = stateInterval
	}
	if p.StatsInterval == 0 {
		p.StatsInterval = statsInterval
	}
	p.topics = topics{p.Prefix}
	p.started = time.Now()
	p.views, p.zonesTold = map[string]*view{}, map[string]string{}
	p.direct = make(chan directMessage, directSize)
	p.wake, p.announce = make(chan struct{}, 1), make(chan struct{}, 1)
	p.stopping, p.stop = context.WithCancel(context.Background())
	p.done = make(chan struct{})
	p.commander = commander{
		topics: p.topics, discovery: p.DiscoveryPrefix, directory: p.Directory,
		switches: p.Switches, switched: p.tellSwitches,
		answer: func(topic string, payload []byte) { p.send(topic, 1, payload) }, log: p.Log,
	}
	return nil
}

// Publish takes in the counts of a frame and its events. It never blocks.
func (p *Publisher) Publish(r *pipeline.Result) {
	p.count(r)
	if p.feeds {
		return
	}
	if ms := p.messages(r); len(ms) > 0 {
		p.put(ms)
	}
}

func (p *Publisher) put(ms []pipeline.OutboxMessage) {
	if err := p.Outbox.Put(ms...); err != nil {
		p.Log.Error("mqtt: events not kept", "error", err, "messages", len(ms))
	}
}

// send queues a message that is worth nothing later. When the queue is full it is dropped.
func (p *Publisher) send(topic string, qos byte, payload []byte) {
	if !p.connected.Load() {
		p.missed.Add(1)
		return
	}
	select {
	case p.direct <- directMessage{topic, qos, payload}:
	default:
		p.missed.Add(1)
	}
}

// Connected tells whether the broker has us now.
func (p *Publisher) Connected() bool { return p.connected.Load() }

// Counters are totals since Initialize, for metrics.
type Counters struct {
	Connects uint64 `json:"connects"` // connections made
	Acked    uint64 `json:"events"`   // events that the broker has acknowledged
	Outbox   int    `json:"outbox"`   // events that wait
	Dropped  uint64 `json:"dropped"`  // events that were given up because the outbox was full
	Missed   uint64 `json:"missed"`   // messages for the moment that found no connection
	Commands uint64 `json:"commands"` // taken
	Refused  uint64 `json:"refused"`  // commands over a limit, and switches that cannot be turned
}

// Counters returns the totals.
func (p *Publisher) Counters() Counters {
	return Counters{
		Connects: p.connects.Load(), Acked: p.acked.Load(),
		Outbox: p.Outbox.Len(), Dropped: p.Outbox.Dropped(), Missed: p.missed.Load(),
		Commands: p.commander.taken.Load(), Refused: p.commander.refused.Load(),
	}
}

// Close gives waiting events two seconds to leave, says that we are gone, and waits for all
// goroutines. Twice is fine.
func (p *Publisher) Close() error {
	if p.stop == nil {
		return nil
	}
	p.stop()
	<-p.done
	return nil
}
