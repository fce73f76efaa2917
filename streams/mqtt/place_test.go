package mqtt_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"outrider/pipeline"
	"outrider/streams/mqtt"
)

// counted is a result in which track 1 is in zone drive, when it is among its tracks.
func counted(sec float64, c *pipeline.Counts, tracks []pipeline.Track, events ...pipeline.Event) *pipeline.Result {
	for i := range events {
		events[i].Track = tracks[0]
	}
	r := result("yard", sec, tracks, events...)
	r.Counts = c
	return r
}

func driveAndDoor(inside, active int, in, out uint64) *pipeline.Counts {
	z := pipeline.ZoneCount{Zone: pipeline.Zone{ID: "drive", Loiter: 5}, Inside: inside, Active: active}
	if inside > 0 {
		z.ByLabel, z.ActiveByLabel = map[string]int{"person": inside}, map[string]int{"person": active}
	}
	return &pipeline.Counts{Zones: []pipeline.ZoneCount{z}, Lines: []pipeline.LineCount{{Line: pipeline.Line{ID: "door"}, In: in, Out: out}}}
}

// A track goes into a zone, loiters, goes out over a line; then zone and line are deleted.
func TestZonesAndLines(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard")
	p := startPublisher(t, &mqtt.Publisher{URL: "embedded", Broker: b, Directory: d, HomeAssistant: true})
	w := watchAuth(t, b, "#")
	eventually(t, "online", func() bool { return w.last("outrider/available") == "online" })
	is := func(topic, want string) {
		t.Helper()
		eventually(t, topic+" = "+want, func() bool { return w.last("outrider/"+topic) == want })
	}

	one := track(1, "person", 100, 100)
	publish(counted(1, driveAndDoor(0, 0, 0, 0), []pipeline.Track{one}, event(pipeline.EventStarted, one)), p)
	is("drive/all", "0")
	is("yard/line/door/in", "0")

	in := one
	in.Zones, in.Speed = 1, pipeline.Speed{MPS: 2, Error: .3, Heading: 90}
	enter := event(pipeline.EventZoneEnter, in)
	enter.Zone = "drive"
	publish(counted(2, driveAndDoor(1, 1, 0, 0), []pipeline.Track{in}, enter), p)
	for topic, want := range map[string]string{"drive/all": "1", "drive/person": "1", "drive/all/active": "1", "drive/person/active": "1"} {
		is(topic, want)
	}
	loiter := event(pipeline.EventLoitering, in)
	loiter.Zone, loiter.Data = "drive", map[string]any{"dwell_s": 5.2}
	publish(counted(8, driveAndDoor(1, 0, 0, 0), []pipeline.Track{in}, loiter), p)
	is("drive/person/active", "0")

	leave, cross := event(pipeline.EventZoneLeave, one), event(pipeline.EventLineCrossed, one)
	leave.Zone, cross.Line, cross.Data = "drive", "door", map[string]any{"direction": pipeline.Out}
	publish(counted(9, driveAndDoor(0, 0, 0, 1), []pipeline.Track{one}, leave, cross), p)
	is("drive/person", "0")
	is("yard/line/door/out", "1")

	eventually(t, "events", func() bool { return len(w.on("outrider/events")) == 5 && len(w.on("outrider/yard/event")) == 5 })
	type object struct {
		Current []string `json:"current_zones"`
		Entered []string `json:"entered_zones"`
		Pending bool     `json:"pending_loitering"`
		Speed   float64  `json:"current_estimated_speed"`
		Ext     struct{ Kind, Zone, Line string }
	}
	var got []object
	for _, m := range w.on("outrider/events") {
		var e struct{ After object }
		if err := json.Unmarshal([]byte(m), &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e.After)
	}
	if o := got[0]; len(o.Current) != 0 || len(o.Entered) != 0 || o.Pending {
		t.Errorf("before: %+v", o)
	}
	if o := got[1]; !slices.Equal(o.Current, []string{"drive"}) || !slices.Equal(o.Entered, []string{"drive"}) || !o.Pending || o.Speed != 7.2 || o.Ext.Zone != "drive" {
		t.Errorf("entered: %+v", o)
	}
	if o := got[2]; o.Pending || o.Ext.Kind != "loitering" {
		t.Errorf("loitering: %+v", o)
	}
	if o := got[4]; len(o.Current) != 0 || !slices.Equal(o.Entered, []string{"drive"}) || o.Ext.Line != "door" {
		t.Errorf("after: %+v", o)
	}
	types := ""
	for _, m := range w.on("outrider/yard/event") {
		var e struct {
			EventType string `json:"event_type"`
		}
		if err := json.Unmarshal([]byte(m), &e); err != nil {
			t.Fatal(err)
		}
		types += e.EventType + " "
	}
	if types != "new zone_enter loitering zone_leave line_crossed " {
		t.Errorf("event types %q", types)
	}

	// Home Assistant's entities, and how they go.
	const config = "homeassistant/device/outrider_yard/config"
	components := func(payload string) map[string]map[string]any {
		t.Helper()
		var m struct{ Cmps map[string]map[string]any }
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatal(err)
		}
		return m.Cmps
	}
	c := components(w.last(config))
	if c["zone_drive"]["device_class"] != "occupancy" || c["zone_drive"]["state_topic"] != "outrider/drive/all" ||
		c["line_door_in"]["state_class"] != "total_increasing" || c["line_door_out"]["state_topic"] != "outrider/yard/line/door/out" {
		t.Errorf("components %v", c)
	}
	retainedNow := []string{"outrider/drive/all", "outrider/drive/person", "outrider/drive/person/active", "outrider/yard/line/door/in"}
	before := len(w.on(config))
	publish(counted(10, nil, []pipeline.Track{one}), p)
	for _, topic := range retainedNow {
		eventually(t, topic+" is emptied", func() bool { return w.last(topic) == "" })
	}
	eventually(t, "two announcements", func() bool { return len(w.on(config)) == before+2 })
	last := w.on(config)[before:]
	if c := components(last[0])["zone_drive"]; len(c) != 1 || c["p"] != "binary_sensor" {
		t.Errorf("the message that removes: %v", c)
	}
	if c := components(last[1]); c["zone_drive"] != nil || c["line_door_in"] != nil || c["occupancy"] == nil {
		t.Errorf("the message after: %v", c)
	}
	for _, m := range w.all() {
		if s := schemaOf("outrider", m.topic); s != "" && m.payload != "" {
			if err := validate(s, []byte(m.payload)); err != nil {
				t.Errorf("%s: %v\n%s", m.topic, err, m.payload)
			}
		}
	}
}

// Cameras share a zone of one name; one that stops has nobody in it; a zone that is named as a
// camera is keeps off the camera's topics.
func TestZoneOverCameras(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard", "roof")
	p := startPublisher(t, &mqtt.Publisher{URL: "embedded", Broker: b, Directory: d})
	w := watchAuth(t, b, "#")
	for camera, n := range map[string]int{"yard": 2, "roof": 3} {
		r := result(camera, 1, nil)
		r.Counts = driveAndDoor(n, n, 0, 0)
		r.Counts.Zones = append(r.Counts.Zones, pipeline.ZoneCount{Zone: pipeline.Zone{ID: "roof"}, Inside: 9})
		publish(r, p)
	}
	eventually(t, "the sum", func() bool { return w.last("outrider/drive/all") == "5" && w.last("outrider/drive/person") == "5" })
	p.CameraStatus(d.set("roof", pipeline.CameraStopped))
	eventually(t, "one camera's", func() bool { return w.last("outrider/drive/all") == "2" })
	for _, m := range w.all() {
		if strings.HasPrefix(m.topic, "outrider/roof/all") && m.payload == "9" {
			t.Errorf("%s = %s is a zone's", m.topic, m.payload)
		}
	}
	d.remove("roof")
	p.CameraStatus(pipeline.CameraStatus{Name: "roof", State: pipeline.CameraStopped})
	eventually(t, "its line is emptied", func() bool { return w.last("outrider/roof/line/door/in") == "" })
}
