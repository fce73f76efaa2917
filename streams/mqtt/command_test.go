package mqtt_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"outrider/pipeline"
	"outrider/streams/mqtt"
)

// answer is a prompt result as a client reads it.
type answer struct {
	OK          bool
	Op          string
	Camera      string
	Correlation string
	ID          string
	Prompt      *pipeline.PromptStatus
	Prompts     []pipeline.PromptStatus
	Error       *struct {
		Type, Detail, Field string
		Known               []string
	}
}

func TestCommands(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d})
	w := watch(t, b.ListenAddr(), "#")
	eventually(t, "connected", p.Connected)
	const result = "outrider/yard/prompt/result"
	ask := func(t *testing.T, topic, payload, on string) answer {
		t.Helper()
		n := len(w.on(on))
		w.send(t, topic, []byte(payload))
		eventually(t, "an answer on "+on, func() bool { return len(w.on(on)) > n })
		var a answer
		if err := json.Unmarshal([]byte(w.last(on)), &a); err != nil {
			t.Fatal(err)
		}
		if err := validate("prompt_result", []byte(w.last(on))); err != nil {
			t.Errorf("%v\n%s", err, w.last(on))
		}
		return a
	}

	set := `{"id":"gate","points":[[10,20]],"labels":[1],"level":1,"correlation":"c1"}`
	if err := validate("prompt_set", []byte(set)); err != nil {
		t.Error(err)
	}
	a := ask(t, "outrider/yard/prompt/set", set, result)
	if !a.OK || a.ID != "gate" || a.Correlation != "c1" || a.Prompt.TrackID != 7 || a.Prompt.Level != 1 {
		t.Errorf("create: %+v", a)
	}
	if a = ask(t, "outrider/yard/prompt/list", "", result); !a.OK || len(a.Prompts) != 1 || a.Prompts[0].ID != "gate" {
		t.Errorf("list: %+v", a)
	}
	if a = ask(t, "outrider/yard/prompt/list", `{"response_topic":"my/answers","correlation":"x"}`, "my/answers"); !a.OK || a.Correlation != "x" {
		t.Errorf("answer elsewhere: %+v", a)
	}
	if a = ask(t, "outrider/yard/prompt/gate/delete", "now", result); !a.OK || a.Op != "delete" || a.ID != "gate" {
		t.Errorf("delete: %+v", a)
	}
	if a = ask(t, "outrider/yard/prompt/list", "", result); !a.OK || a.Prompts == nil || len(a.Prompts) != 0 {
		t.Errorf("list of none: %+v", a)
	}
	for _, c := range []struct {
		name, topic, payload, kind, field string
	}{
		{"not JSON", "set", "{", "invalid", ""},
		{"empty", "set", "", "invalid", ""},
		{"nothing to look for", "set", "{}", "invalid", "points"},
		{"unknown member", "set", `{"point":[1,2]}`, "invalid", ""},
		{"two objects", "set", `{"text":["person"]}{}`, "invalid", ""},
		{"wrong type", "set", `{"text":5}`, "invalid", "text"},
		{"outside the frame", "set", `{"points":[[9000,1]]}`, "invalid", "points"},
		{"empty box", "set", `{"box":[5,5,5,5]}`, "invalid", "box"},
		{"unknown word", "set", `{"text":["gnu"]}`, "unknown_text", "text"},
		{"another camera", "set", `{"camera":"gate","text":["person"]}`, "invalid", "camera"},
		{"bad id", "set", `{"id":"a/b","text":["person"]}`, "invalid", "id"},
		{"answer to a command", "set", `{"text":["person"],"response_topic":"outrider/yard/prompt/set"}`, "invalid", "response_topic"},
		{"answer to a delete", "set", `{"text":["person"],"response_topic":"outrider/yard/prompt/result/delete"}`, "invalid", "response_topic"},
		{"answer to our states", "set", `{"text":["person"],"response_topic":"outrider/available"}`, "invalid", "response_topic"},
		{"answer to discovery", "set", `{"text":["person"],"response_topic":"homeassistant/x"}`, "invalid", "response_topic"},
		{"answer to a filter", "set", `{"text":["person"],"response_topic":"a/#"}`, "invalid", "response_topic"},
		{"no such prompt", "nobody/delete", "", "not_found", "id"},
		{"too large", "set", `{"text":["` + strings.Repeat("x", 64<<10) + `"]}`, "too_large", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ask(t, "outrider/yard/prompt/"+c.topic, c.payload, result)
			if a.OK || a.Error == nil || a.Error.Type != c.kind || a.Error.Field != c.field || a.Error.Detail == "" {
				t.Errorf("answer %+v, error %+v", a, a.Error)
			}
		})
	}
	a = ask(t, "outrider/nowhere/prompt/list", "", "outrider/nowhere/prompt/result")
	if a.OK || a.Error.Type != "unknown_camera" || len(a.Error.Known) != 1 || a.Error.Known[0] != "yard" {
		t.Errorf("unknown camera: %+v", a.Error)
	}
}

// TestCommandFlood sends more than the rate allows: refused, counted, and still alive.
func TestCommandFlood(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d})
	w := watch(t, b.ListenAddr(), "outrider/yard/prompt/result")
	eventually(t, "connected", p.Connected)
	for range 200 {
		w.client.Publish("outrider/yard/prompt/list", 0, false, "")
	}
	eventually(t, "refusals", func() bool { return p.Counters().Refused > 100 && p.Counters().Commands+p.Counters().Refused == 200 })
	if n := len(w.all()); n > 80 {
		t.Errorf("%d answers", n)
	}
}

// TestRetainedCommand is not obeyed again after each connection.
func TestRetainedCommand(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	w := watch(t, b.ListenAddr(), "outrider/yard/prompt/result")
	if tok := w.client.Publish("outrider/yard/prompt/set", 1, true, `{"text":["person"]}`); tok.Wait() && tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	kept(t, b.ListenAddr(), "outrider/yard/prompt/set", "", "")
	d := newDirectory("yard")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d})
	eventually(t, "refused", func() bool { return p.Counters().Refused == 1 })
	ps, _ := d.Prompts("yard")
	if n := len(ps.List()); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// TestCommandMosquitto adds a prompt as one would from a shell.
func TestCommandMosquitto(t *testing.T) {
	pub := mosquittoTool(t, "mosquitto_pub")
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d})
	eventually(t, "connected", p.Connected)
	h, port, _ := strings.Cut(b.ListenAddr(), ":")
	cmd := exec.Command(pub, "-h", h, "-p", port, "-t", "outrider/yard/prompt/set", "-q", "1", "-s")
	cmd.Stdin = bytes.NewReader([]byte(`{"text": ["person"]}`))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ps, _ := d.Prompts("yard")
	eventually(t, "the prompt", func() bool { return len(ps.List()) == 1 })
}
