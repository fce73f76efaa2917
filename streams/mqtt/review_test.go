package mqtt_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"outrider/pipeline"
	"outrider/streams/mqtt"
)

type toldReview struct {
	Type          string
	Before, After struct {
		ID, Camera, Severity string
		End                  *float64 `json:"end_time"`
		Data                 struct{ Detections, Objects, Zones, Lines []string }
	}
}

// TestReviews tells of two visits: one of a followed person who crosses a line, one of a car
// that nobody asked for.
func TestReviews(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard")
	w := watch(t, b.ListenAddr(), "#") // before anything is told: who comes in between may miss it
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d, HomeAssistant: true})
	eventually(t, "NONE", func() bool { return w.last("outrider/yard/review_status") == "NONE" })
	person, car := track(1, "person", 10, 10), track(2, "car", 200, 100)
	person.PromptID = "people"
	both := []pipeline.Track{person, car}
	publish(result("yard", 0.5, both, event(pipeline.EventStarted, car)), p) // nobody asked for it
	publish(result("yard", 1, both, event(pipeline.EventStarted, person)), p)
	eventually(t, "DETECTION", func() bool { return w.last("outrider/yard/review_status") == "DETECTION" })
	publish(result("yard", 2, both, event(pipeline.EventMoving, person)), p) // nothing new about the review
	crossing := event(pipeline.EventLineCrossed, person)
	crossing.Line = "entry"
	publish(result("yard", 3, both, crossing), p)
	eventually(t, "ALERT", func() bool { return w.last("outrider/yard/review_status") == "ALERT" })
	publish(result("yard", 4, []pipeline.Track{car}, event(pipeline.EventEnded, person)), p)
	publish(result("yard", 13.9, []pipeline.Track{car}), p)
	if got := w.last("outrider/yard/review_status"); got != "ALERT" {
		t.Errorf("%s within ten seconds", got)
	}
	publish(result("yard", 14, []pipeline.Track{car}, event(pipeline.EventEnded, car)), p)
	eventually(t, "NONE again", func() bool { return w.last("outrider/yard/review_status") == "NONE" })
	eventually(t, "three messages", func() bool { return len(w.on("outrider/reviews")) >= 3 })
	var got []toldReview
	for _, m := range w.on("outrider/reviews") {
		if err := validate("review", []byte(m)); err != nil {
			t.Errorf("%v\n%s", err, m)
		}
		var r toldReview
		if err := json.Unmarshal([]byte(m), &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	var story []string
	for _, r := range got {
		story = append(story, r.Type+" "+r.After.Severity)
	}
	if s := strings.Join(story, ", "); s != "new detection, update alert, end alert" {
		t.Fatalf("reviews: %s", s)
	}
	end := got[2].After
	if end.ID != got[0].After.ID || end.End == nil || got[1].After.End != nil || got[2].Before.Severity != "alert" || got[2].Before.End != nil {
		t.Errorf("end %+v, before %+v", end, got[2].Before)
	}
	if !slices.Equal(end.Data.Objects, []string{"person"}) || !slices.Equal(end.Data.Lines, []string{"entry"}) || len(end.Data.Detections) != 1 {
		t.Errorf("data %+v", end.Data)
	}
	// A camera that stops ends its review.
	publish(result("yard", 20, both, event(pipeline.EventStarted, person)), p)
	p.CameraStatus(d.set("yard", pipeline.CameraStopped))
	eventually(t, "the end", func() bool {
		all := w.on("outrider/reviews")
		return len(all) == 5 && strings.HasPrefix(all[4], `{"type":"end"`)
	})
}

// switches is a house of switches, of which one is stuck.
type switches struct {
	mu sync.Mutex
	on map[string]bool
}

func (s *switches) Switched(camera, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on[camera+"/"+name]
}

func (s *switches) Switch(camera, name string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == mqtt.SwitchRecordings {
		return errors.New("the disk is full")
	}
	s.on[camera+"/"+name] = on
	return nil
}

func TestSwitches(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	s := &switches{on: map[string]bool{"yard/detect": true}}
	w := watch(t, b.ListenAddr(), "#")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: newDirectory("yard"), Switches: s, HomeAssistant: true})
	const state = "outrider/yard/detect/state"
	eventually(t, "the states", func() bool { return w.last(state) == "ON" && w.last("outrider/yard/snapshots/state") == "OFF" })
	w.send(t, "outrider/yard/detect/set", []byte("OFF"))
	eventually(t, "OFF", func() bool { return w.last(state) == "OFF" })
	w.send(t, "outrider/yard/detect/set", []byte(" on\n"))
	eventually(t, "ON", func() bool { return w.last(state) == "ON" })
	// What is refused, or cannot be done, is answered by the state.
	for _, c := range []struct{ name, payload string }{{"detect", "perhaps"}, {"detect", ""}, {"recordings", "ON"}} {
		topic := "outrider/yard/" + c.name + "/state"
		n, was := len(w.on(topic)), w.last(topic)
		w.send(t, "outrider/yard/"+c.name+"/set", []byte(c.payload))
		eventually(t, "the state again", func() bool { return len(w.on(topic)) > n })
		if got := w.last(topic); got != was {
			t.Errorf("%s %q: %s, was %s", c.name, c.payload, got, was)
		}
	}
	refused := p.Counters().Refused
	w.send(t, "outrider/nowhere/detect/set", []byte("OFF"))
	w.send(t, "outrider/yard/sprinkler/set", []byte("ON")) // not ours to refuse
	eventually(t, "refused", func() bool { return p.Counters().Refused == refused+1 })
	var device struct {
		Cmps map[string]map[string]any
	}
	discovery := w.last("homeassistant/device/outrider_yard/config")
	if err := json.Unmarshal([]byte(discovery), &device); err != nil {
		t.Fatal(err)
	}
	if err := validate("ha_device", []byte(discovery)); err != nil {
		t.Error(err)
	}
	if c := device.Cmps["switch_detect"]; c["command_topic"] != "outrider/yard/detect/set" || c["state_topic"] != state {
		t.Errorf("switch %v", c)
	}
}

// TestPictures gives pictures away: the newest of each label stays at the broker, and goes
// with its camera.
func TestPictures(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard")
	w := watch(t, b.ListenAddr(), "#")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d})
	eventually(t, "a camera", func() bool { return w.last("outrider/yard/all") == "0" })
	p.Picture("yard", "Big dog", []byte("one"))
	p.Picture("yard", "", []byte("two"))
	p.Picture("nowhere", "dog", []byte("three"))
	p.Picture("yard", "dog", nil)
	p.Picture("yard", "dog", make([]byte, 1<<20))
	eventually(t, "pictures", func() bool {
		return w.last("outrider/yard/big_dog/snapshot") == "one" && w.last("outrider/yard/object/snapshot") == "two" && w.last("outrider/yard/all/snapshot") == "two"
	})
	if got := w.on("outrider/yard/dog/snapshot"); len(got) != 0 {
		t.Errorf("%d pictures that are none, or too large", len(got))
	}
	kept(t, b.ListenAddr(), "outrider/yard/big_dog/snapshot", "", "")
	d.remove("yard")
	p.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraStopped})
	eventually(t, "the picture is taken away", func() bool {
		all := w.on("outrider/yard/big_dog/snapshot")
		return len(all) == 2 && all[1] == ""
	})
	if n := len(w.on("outrider/nowhere/dog/snapshot")); n != 0 {
		t.Error("a picture of a camera that is not there")
	}
}
