package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"outrider/pipeline"
)

// noCameras is a directory of one camera that takes no prompts.
type noCameras struct{}

func (noCameras) Cameras() []string { return []string{"yard"} }
func (noCameras) Status(string) (pipeline.CameraStatus, error) {
	return pipeline.CameraStatus{}, nil
}
func (noCameras) Latest(string) (*pipeline.Result, error) { return nil, nil }
func (noCameras) Prompts(string) (pipeline.Prompts, error) {
	return nil, errors.New("no prompts here")
}

// FuzzCommand: whatever comes in, nothing panics, each answer is JSON and goes to a topic that is not one
// of our commands.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		`{"text":["person"]}`, `{"points":[[1,2]],"labels":[1]}`, `{"box":[1,2,3,4],"correlation":"c"}`,
		`{"mask":{"size":[4,4],"counts":"11"}}`, `{"mask":{"size":[4,4],"counts":[4,4,8]}}`, `{"points":[[1e400,2]]}`,
		`{"text":["x"],"response_topic":"a/b"}`, `{"response_topic":"outrider/yard/prompt/set"}`, `[`, ``, `null`, `{"frame_time":"x"}`,
		"\xff\xfe", `{"box":null}`, strings.Repeat("[", 10000),
	} {
		for _, t := range []string{"outrider/yard/prompt/set", "outrider/yard/prompt/a/delete", "outrider/yard/prompt/list", "outrider//prompt/set", "other"} {
			f.Add(t, []byte(s), false)
		}
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte, retained bool) {
		ctx, cancel := context.WithCancel(t.Context())
		tp := topics{"outrider"}
		c := commander{topics: tp, discovery: "homeassistant", directory: noCameras{}, log: slog.New(slog.DiscardHandler)}
		c.answer = func(to string, b []byte) {
			if !json.Valid(b) {
				t.Errorf("answer %q", b)
			}
			if _, ok, _ := tp.parseCommand("homeassistant", to, nil); ok {
				t.Errorf("the answer to %q on %q goes to a command: %q", payload, topic, to)
			}
			if strings.HasPrefix(to, "homeassistant/") && !strings.HasPrefix(topic, "homeassistant/") {
				t.Errorf("the answer goes to %q", to)
			}
		}
		c.start(ctx)
		c.limiter = rate.NewLimiter(rate.Inf, 1)
		c.take(topic, payload, retained)
		cancel()
		c.wait()
	})
}

// FuzzAddress: no URL panics, and no error repeats its password.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"mqtt://u:hush@h:1883", "mqtts://h", "mqtt://[::1]:1", "mqtt://u:hush@h/x", "mqtt://u:hu%zz@h", "://", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil && strings.Contains(s, "hush") && strings.Contains(err.Error(), "hush") && !strings.HasPrefix(s, "hush") {
			t.Errorf("error %q repeats the secret of %q", err, s)
		}
		if err == nil && a.password == "hush" && a.user != "hush" && !strings.Contains(a.hostport, "hush") && strings.Contains(a.String(), "hush") {
			t.Errorf("%v shows the password", a)
		}
	})
}
