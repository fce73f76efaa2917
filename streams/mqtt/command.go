package mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"outrider/pipeline"
)

const (
	maxCommand     = 64 << 10
	commandRate    = 20 // a second, over all cameras
	commandBurst   = 40
	commandQueue   = 16 // a camera
	commandTimeout = 5 * time.Second
	maxCorrelation = 256 // bytes
)

// The operations that a command may ask for.
const (
	opCreate = "create"
	opDelete = "delete"
	opList   = "list"
	opSwitch = "switch"
)

// command is what a client asks of a camera.
type command struct {
	op       string
	camera   string
	id       string // of the prompt to delete, or of the switch
	on       bool   // what the switch shall be
	prompt   pipeline.Prompt
	response string // topic for the answer, empty for the usual one
	ref      string // echoed in the answer
}

// commandBody is the payload of prompt/set: the prompt as the HTTP API takes it, and where to
// answer.
type commandBody struct {
	pipeline.Prompt
	Response    string `json:"response_topic"`
	Correlation string `json:"correlation"`
}

// commandError is a command that cannot be obeyed, in the words of the HTTP API's problems.
type commandError struct {
	Type   string   `json:"type"`
	Detail string   `json:"detail"`
	Field  string   `json:"field,omitempty"`
	Known  []string `json:"known,omitempty"` // what could have been meant
}

func (e *commandError) Error() string { return e.Detail }

// commandAnswer is the payload on <prefix>/<camera>/prompt/result.
type commandAnswer struct {
	OK          bool                    `json:"ok"`
	Op          string                  `json:"op"`
	Camera      string                  `json:"camera"`
	Correlation string                  `json:"correlation,omitempty"`
	ID          string                  `json:"id,omitempty"`
	Prompt      *pipeline.PromptStatus  `json:"prompt,omitempty"`
	Prompts     []pipeline.PromptStatus `json:"prompts,omitzero"`
	Error       *commandError           `json:"error,omitempty"`
}

var promptID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// parseCommand reads a command. The camera is set even when the rest is refused, so that the
// refusal can be answered; ok is false for a topic that is no command at all. Errors are
// *commandError.
func (t topics) parseCommand(discovery, topic string, payload []byte) (c command, ok bool, err error) {
	rest, ok := strings.CutPrefix(topic, t.prefix+"/")
	parts := strings.Split(rest, "/")
	if ok && len(parts) == 3 && slices.Contains(switchNames, parts[1]) && parts[0] != "" && parts[2] == "set" {
		c.camera, c.op, c.id = parts[0], opSwitch, parts[1]
		c.on, err = parseSwitch(payload)
		return c, true, err
	}
	if !ok || len(parts) < 3 || parts[0] == "" || parts[1] != "prompt" {
		return command{}, false, nil
	}
	c.camera = parts[0]
	switch {
	case len(parts) == 3 && parts[2] == "set":
		c.op = opCreate
	case len(parts) == 3 && parts[2] == "list":
		c.op = opList
	case len(parts) == 4 && parts[3] == "delete":
		c.op, c.id = opDelete, parts[2]
	default:
		return command{}, false, nil
	}
	var body commandBody
	if c.op == opCreate || len(bytes.TrimSpace(payload)) > 0 {
		if err := decodeBody(payload, &body, c.op); err != nil {
			return c, true, err
		}
	}
	if len(body.Correlation) > maxCorrelation {
		return c, true, &commandError{Type: "invalid", Field: "correlation", Detail: fmt.Sprintf("%d bytes, at most %d are taken", len(body.Correlation), maxCorrelation)}
	}
	c.ref = body.Correlation
	if body.Response != "" {
		if err := t.checkResponse(discovery, body.Response); err != nil {
			return c, true, &commandError{Type: "invalid", Field: "response_topic", Detail: err.Error()}
		}
		c.response = body.Response
	}
	if c.op != opCreate {
		return c, true, nil
	}
	c.prompt = body.Prompt
	if c.prompt.Camera != "" && c.prompt.Camera != c.camera {
		return c, true, &commandError{Type: "invalid", Field: "camera", Detail: fmt.Sprintf("camera %q is not the topic's %q", c.prompt.Camera, c.camera)}
	}
	c.prompt.Camera, c.prompt.Created = c.camera, time.Time{}
	if c.prompt.ID != "" && !promptID.MatchString(c.prompt.ID) {
		return c, true, &commandError{Type: "invalid", Field: "id", Detail: "an id is 1 to 64 letters, digits, _, . and -"}
	}
	if err := c.prompt.Validate(0, 0); err != nil {
		return c, true, describeError(err)
	}
	return c, true, nil
}

// decodeBody reads exactly one JSON object of known members. What is no JSON is allowed where
// the payload means nothing.
func decodeBody(payload []byte, body *commandBody, op string) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	err := d.Decode(body)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err == nil {
		return nil
	}
	if op != opCreate && bytes.TrimSpace(payload)[0] != '{' {
		*body = commandBody{} // any payload will do
		return nil
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		field := strings.TrimPrefix(kind.Field, "Prompt.") // it is embedded: the client knows nothing of that
		return &commandError{Type: "invalid", Field: field, Detail: fmt.Sprintf("the payload is not a prompt: %s must not be a %s", field, kind.Value)}
	}
	return &commandError{Type: "invalid", Detail: "the payload is not a prompt: " + err.Error()}
}

// checkResponse refuses topics by which an answer could become a command, or overwrite what
// we or the brokers of discovery say.
func (t topics) checkResponse(discovery, topic string) error {
	if err := checkTopic(topic); err != nil {
		return err
	}
	if topic == discovery || strings.HasPrefix(topic, discovery+"/") {
		return fmt.Errorf("response_topic: topics below %s are for discovery", discovery)
	}
	if rest, ok := strings.CutPrefix(topic, t.prefix+"/"); ok || topic == t.prefix {
		parts := strings.Split(rest, "/")
		if len(parts) != 4 || parts[1] != "prompt" || parts[2] != "result" || parts[3] == "delete" {
			return fmt.Errorf("response_topic: below %s only %s/<camera>/prompt/result/<name> is taken", t.prefix, t.prefix)
		}
	}
	return nil
}

// describeError puts an error of the prompts into words for the client.
func describeError(err error) *commandError {
	var own *commandError
	var prompt *pipeline.PromptError
	var text *pipeline.UnknownTextError
	var camera *pipeline.UnknownCameraError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &prompt):
		return &commandError{Type: "invalid", Field: prompt.Field, Detail: err.Error()}
	case errors.As(err, &text):
		return &commandError{Type: "unknown_text", Field: "text", Detail: err.Error(), Known: text.Near}
	case errors.As(err, &camera):
		return &commandError{Type: "unknown_camera", Field: "camera", Detail: err.Error(), Known: camera.Known}
	case errors.Is(err, pipeline.ErrNoPrompt):
		return &commandError{Type: "not_found", Field: "id", Detail: err.Error()}
	case errors.Is(err, pipeline.ErrPromptExists):
		return &commandError{Type: "conflict", Field: "id", Detail: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &commandError{Type: "timeout", Detail: fmt.Sprintf("no answer within %v: the camera delivers no frames", commandTimeout)}
	}
	return &commandError{Type: "failed", Detail: err.Error()}
}

// commander checks commands, and obeys those of one camera one after the other.
type commander struct {
	topics    topics
	discovery string
	directory Directory
	switches  Switches                           // nil for none
	switched  func()                             // a switch was asked for: tell the states again
	answer    func(topic string, payload []byte) // never blocks
	log       *slog.Logger

	ctx     context.Context
	limiter *rate.Limiter
	quiet   *rate.Sometimes
	taken   atomic.Uint64
	refused atomic.Uint64

	mu     sync.Mutex
	queues map[string]chan command
	wg     sync.WaitGroup
}

func (c *commander) start(ctx context.Context) {
	c.ctx, c.limiter = ctx, rate.NewLimiter(commandRate, commandBurst)
	c.quiet = &rate.Sometimes{First: 1, Interval: 10 * time.Second}
	c.queues = map[string]chan command{}
}

func (c *commander) wait() {
	c.mu.Lock()
	c.queues = nil // nothing starts from here on
	c.mu.Unlock()
	c.wg.Wait()
}

// take accepts a message from the broker. It never blocks, never panics, and keeps no part of
// payload.
func (c *commander) take(topic string, payload []byte, retained bool) {
	refuse := func(why string) {
		c.refused.Add(1)
		c.quiet.Do(func() {
			c.log.Warn("mqtt: command refused", "topic", topic, "reason", why, "refused", c.refused.Load())
		})
	}
	if !c.limiter.Allow() {
		refuse("more than 20 a second")
		return
	}
	if retained {
		refuse("it is retained and would be obeyed again after each connection: publish it without retain")
		return
	}
	if len(payload) > maxCommand {
		refuse(fmt.Sprintf("%d bytes, at most %d are taken", len(payload), maxCommand))
		if cmd, ok, _ := c.topics.parseCommand(c.discovery, topic, nil); ok {
			c.reply(cmd, commandAnswer{Error: &commandError{Type: "too_large", Detail: fmt.Sprintf("%d bytes, at most %d are taken", len(payload), maxCommand)}})
		}
		return
	}
	cmd, ok, err := c.topics.parseCommand(c.discovery, topic, payload)
	if !ok {
		return
	}
	if cmd.op == opSwitch && (err != nil || c.switches == nil) {
		if err == nil {
			err = errors.New("there are no switches")
		}
		refuse(err.Error())
		c.switched() // whoever asked shows what he asked for: the state says what is
		return
	}
	if err != nil {
		c.taken.Add(1)
		c.reply(cmd, commandAnswer{Error: describeError(err)})
		return
	}
	if !slices.Contains(c.directory.Cameras(), cmd.camera) {
		if cmd.op == opSwitch {
			refuse("there is no such camera")
			return
		}
		c.taken.Add(1)
		c.reply(cmd, commandAnswer{Error: describeError(&pipeline.UnknownCameraError{Name: cmd.camera, Known: c.directory.Cameras()})})
		return
	}
	if !c.enqueue(cmd) {
		refuse("too many wait for this camera")
		if cmd.op == opSwitch {
			c.switched()
			return
		}
		c.reply(cmd, commandAnswer{Error: &commandError{Type: "busy", Detail: fmt.Sprintf("%d commands wait for this camera already", commandQueue)}})
		return
	}
	c.taken.Add(1)
}

// enqueue hands a command to its camera's worker, started when new.
func (c *commander) enqueue(cmd command) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues == nil {
		return false
	}
	q := c.queues[cmd.camera]
	if q == nil {
		q = make(chan command, commandQueue)
		c.queues[cmd.camera] = q
		c.wg.Go(func() {
			for {
				select {
				case cmd := <-q:
					c.obey(cmd)
				case <-c.ctx.Done():
					return
				}
			}
		})
	}
	select {
	case q <- cmd:
		return true
	default:
		return false
	}
}

func (c *commander) obey(cmd command) {
	if cmd.op == opSwitch {
		if err := c.switches.Switch(cmd.camera, cmd.id, cmd.on); err != nil {
			c.log.Warn("mqtt: not switched", "camera", cmd.camera, "switch", cmd.id, "on", cmd.on, "error", err)
		}
		c.switched()
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, commandTimeout)
	defer cancel()
	prompts, err := c.directory.Prompts(cmd.camera)
	var a commandAnswer
	if err == nil {
		switch cmd.op {
		case opCreate:
			var s pipeline.PromptStatus
			if s, err = prompts.Create(ctx, cmd.prompt); err == nil {
				a.ID, a.Prompt = s.ID, &s
			}
		case opDelete:
			a.ID = cmd.id
			err = prompts.Delete(cmd.id)
		case opList:
			a.Prompts = append([]pipeline.PromptStatus{}, prompts.List()...) // none is [], not absent
		}
	}
	if err != nil {
		if c.ctx.Err() != nil {
			return
		}
		a.Error = describeError(err)
	}
	c.reply(cmd, a)
}

func (c *commander) reply(cmd command, a commandAnswer) {
	a.OK, a.Op, a.Camera, a.Correlation = a.Error == nil, cmd.op, cmd.camera, cmd.ref
	topic := cmd.response
	if topic == "" {
		topic = c.topics.result(cmd.camera)
	}
	b, err := json.Marshal(a)
	if err != nil {
		c.log.Error("mqtt: render an answer", "error", err)
		return
	}
	c.answer(topic, b)
}
