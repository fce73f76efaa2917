package mqtt_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/mask"
	"outrider/streams/mqtt"
)

// TestStory follows one track and one camera through their lives and holds every message
// against its schema.
func TestStory(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{User: "u", Password: "p@ss/word"})
	d := newDirectory("yard")
	p := startPublisher(t, &mqtt.Publisher{
		URL: "embedded", Broker: b, Directory: d, HomeAssistant: true, Version: "1.2.3", DashboardURL: "http://127.0.0.1:8080",
		StatsInterval: 100 * time.Millisecond,
	})
	w := watchAuth(t, b, "#")
	eventually(t, "online", func() bool { return w.last("outrider/available") == "online" })

	one := track(1, "person", 100, 100)
	publish(result("yard", 1, []pipeline.Track{one}, event(pipeline.EventStarted, one)), p)
	eventually(t, "count", func() bool { return w.last("outrider/yard/person") == "1" && w.last("outrider/yard/all") == "1" })
	one.Score, one.LastSeen = .95, epoch.Add(2*time.Second)
	for s := 2; s <= 8; s++ {
		one.Stationary = s >= 6 // as the stage that counts has it
		publish(result("yard", float64(s), []pipeline.Track{one}), p)
	}
	lost := one
	lost.State, lost.Observed, lost.Mask = pipeline.Lost, false, nil
	publish(result("yard", 9, []pipeline.Track{lost}, event(pipeline.EventLost, lost)), p)
	ended := event(pipeline.EventEnded, lost)
	ended.Track.State, ended.Reason = pipeline.Ended, pipeline.EndTimeout
	publish(result("yard", 80, nil, ended), p)

	eventually(t, "end", func() bool { return len(w.on("outrider/events")) == 4 })
	ev := readEvents(t, w.on("outrider/events"))
	types := ""
	for i, e := range ev {
		types += e.Type + " "
		if e.After.ID != ev[0].After.ID || e.After.Ext.TrackID != 1 || e.After.Ext.EventSeq != uint64(i+1) {
			t.Errorf("event %d: %+v", i, e.After)
		}
	}
	if types != "new update update end " {
		t.Errorf("types %q", types)
	}
	if !ev[1].After.Stationary || ev[1].Before["stationary"] != false {
		t.Errorf("the flip to stationary: before %v, after %v", ev[1].Before["stationary"], ev[1].After.Stationary)
	}
	if ev[3].After.TopScore != .95 || ev[3].After.Ext.Reason != "timeout" || ev[3].After.EndTime != nil && *ev[3].After.EndTime == 0 {
		t.Errorf("end: %+v", ev[3].After)
	}
	m, err := ev[0].After.Ext.Mask.Mask()
	if err != nil || m.Area() != 40*80 || len(ev[0].After.Ext.Polygon) != 4 {
		t.Errorf("outline of the first event: %v, polygon %v", err, ev[0].After.Ext.Polygon)
	}
	eventually(t, "entity events", func() bool { return len(w.on("outrider/yard/event")) == 4 })
	eventually(t, "count 0", func() bool { return w.last("outrider/yard/person") == "0" && w.last("outrider/yard/all") == "0" })

	p.CameraStatus(d.set("yard", pipeline.CameraStalled))
	eventually(t, "offline", func() bool { return w.last("outrider/yard/status/detect") == "offline" })
	eventually(t, "outbox empty", func() bool { return p.Counters().Outbox == 0 })
	if c := p.Counters(); c.Acked != 4 || c.Dropped != 0 || c.Connects != 1 {
		t.Errorf("counters %+v", c)
	}
	p.Close()
	eventually(t, "gone", func() bool { return w.last("outrider/available") == "offline" })

	kinds := map[string]bool{}
	for _, m := range w.all() {
		if s := schemaOf("outrider", m.topic); s != "" && m.payload != "" {
			kinds[s] = true
			if err := validate(s, []byte(m.payload)); err != nil {
				t.Errorf("%s: %v\n%s", m.topic, err, m.payload)
			}
		}
		if strings.Contains(m.payload, "p@ss") {
			t.Errorf("%s tells the password", m.topic)
		}
	}
	for _, s := range []string{"event", "camera_state", "stats", "camera_event", "ha_device"} {
		if !kinds[s] {
			t.Errorf("no message of schema %s was seen", s)
		}
	}
}

// TestRetained looks at what a client finds that comes later.
func TestRetained(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	d := newDirectory("yard", "gate")
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: d, Prefix: "home/cams", HomeAssistant: true})
	first := watch(t, b.ListenAddr(), "home/cams/available")
	eventually(t, "online", func() bool { return first.last("home/cams/available") == "online" })
	one := track(1, "Big dog/#+", 10, 10)
	publish(result("yard", 1, []pipeline.Track{one}, event(pipeline.EventStarted, one)), p)
	eventually(t, "event", func() bool { return p.Counters().Acked == 1 })
	time.Sleep(300 * time.Millisecond) // counts settle

	sub := mosquittoTool(t, "mosquitto_sub")
	h, port, _ := strings.Cut(b.ListenAddr(), ":")
	out, err := exec.Command(sub, "-h", h, "-p", port, "-t", "#", "-W", "1", "-v").Output()
	if err != nil && err.(*exec.ExitError).ExitCode() != 27 { // 27: its time is up
		t.Fatal(err)
	}
	got := map[string]string{}
	for l := range strings.Lines(string(out)) {
		topic, payload, _ := strings.Cut(strings.TrimSuffix(l, "\n"), " ")
		got[topic] = payload
	}
	for topic, want := range map[string]string{
		"home/cams/available": "online", "home/cams/yard/status/detect": "online", "home/cams/gate/status/detect": "online",
		"home/cams/yard/all": "1", "home/cams/gate/all": "0", "home/cams/yard/big_dog___": "1",
	} {
		if got[topic] != want {
			t.Errorf("retained %s = %q, want %q", topic, got[topic], want)
		}
	}
	if _, ok := got["home/cams/events"]; ok {
		t.Error("events are retained")
	}
	var device struct {
		Cmps map[string]struct {
			StateTopic string `json:"state_topic"`
		}
	}
	if err := json.Unmarshal([]byte(got["homeassistant/device/home_cams_yard/config"]), &device); err != nil {
		t.Fatalf("discovery: %v in %v", err, got)
	}
	if device.Cmps["count_big_dog___"].StateTopic != "home/cams/yard/big_dog___" {
		t.Errorf("components %v", device.Cmps)
	}

	// A camera that is taken away leaves nothing behind.
	late := watch(t, b.ListenAddr(), "home/cams/events")
	d.remove("yard")
	p.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraStopped})
	eventually(t, "the camera is forgotten", func() bool { return p.Counters().Acked == 2 })
	time.Sleep(400 * time.Millisecond)
	again := watch2(t, b.ListenAddr())
	time.Sleep(200 * time.Millisecond)
	for _, m := range again.all() {
		if strings.Contains(m.topic, "yard") {
			t.Errorf("left behind: %s %q", m.topic, m.payload)
		}
	}
	eventually(t, "end event", func() bool { return len(late.on("home/cams/events")) > 0 })
	end := readEvents(t, late.on("home/cams/events"))
	if len(end) != 1 || end[0].Type != "end" || end[0].After.Ext.Reason != "camera stopped" {
		t.Errorf("end of the open track: %+v", end)
	}
}

// TestRoad tells of obstacles and keeps the level.
func TestRoad(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	p := startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: newDirectory("front", "yard"), HomeAssistant: true})
	w := watch(t, b.ListenAddr(), "#")
	eventually(t, "online", func() bool { return w.last("outrider/available") == "online" })
	metres := 12.5
	show := func(at float64, obstacles ...pipeline.Obstacle) {
		r := result("front", at, nil)
		r.Road.Status, r.Obstacles = pipeline.RoadCalibrated, obstacles
		publish(r, p)
		publish(result("yard", at, nil), p)
	}
	show(1, pipeline.Obstacle{TrackID: 7, Distance: &metres, Level: pipeline.LevelWarning, Motion: pipeline.MotionStatic}, pipeline.Obstacle{TrackID: 8})
	show(1.1, pipeline.Obstacle{TrackID: 7, Distance: &metres, Level: pipeline.LevelWarning})
	eventually(t, "the level", func() bool { return w.last("outrider/front/obstacle/level") == "warning" })
	eventually(t, "the list", func() bool { return len(w.on("outrider/front/obstacle")) > 0 })
	var list struct {
		Calibration string
		Obstacles   []pipeline.Obstacle
	}
	if err := json.Unmarshal([]byte(w.last("outrider/front/obstacle")), &list); err != nil || list.Calibration != "CALIBRATED" || len(list.Obstacles) != 1 || *list.Obstacles[0].Distance != 12.5 {
		t.Errorf("%v %+v", err, list)
	}
	show(2)
	show(3)
	eventually(t, "the level falls", func() bool { return w.last("outrider/front/obstacle/level") == "none" })
	eventually(t, "the end", func() bool { return len(w.on("outrider/front/obstacle")) == 2 })
	eventually(t, "the sensor", func() bool {
		return strings.Contains(w.last("homeassistant/device/outrider_front/config"), "road_warning")
	})
	if len(w.on("outrider/yard/obstacle/level")) > 0 || strings.Contains(w.last("homeassistant/device/outrider_yard/config"), "road_warning") {
		t.Error("a camera without a road has a road warning")
	}
}

// TestAnnounceAgain lets Home Assistant come up late.
func TestAnnounceAgain(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	startPublisher(t, &mqtt.Publisher{URL: b.URL(), Directory: newDirectory("yard"), HomeAssistant: true})
	w := watch(t, b.ListenAddr(), "#")
	topic := "homeassistant/device/outrider_yard/config"
	eventually(t, "online", func() bool { return w.last("outrider/available") == "online" && len(w.on(topic)) > 0 })
	before := len(w.on(topic))
	w.send(t, "homeassistant/status", []byte("online"))
	eventually(t, "announced again", func() bool { return len(w.on(topic)) > before })
}

// TestWill kills a connection without a goodbye: the broker must tell.
func TestWill(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	w := watch(t, b.ListenAddr(), "#")
	proxy := startProxy(t, b.ListenAddr())
	p := startPublisher(t, &mqtt.Publisher{URL: "mqtt://" + proxy.addr(), Directory: newDirectory("yard")})
	eventually(t, "online", func() bool {
		return w.last("outrider/available") == "online" && p.Connected() && p.Counters().Connects == 1
	})
	// Torn until the broker has told: a client that is back at once takes its old place over,
	// and nobody has missed it.
	proxy.tear(true)
	eventually(t, "will", func() bool { return slices.Contains(w.on("outrider/available"), "offline") })
	proxy.tear(false)
	defer func() {
		if t.Failed() {
			t.Logf("availability was %v, %+v", w.on("outrider/available"), p.Counters())
		}
	}()
	eventually(t, "back", func() bool { return w.last("outrider/available") == "online" && p.Counters().Connects >= 2 })
	p.Close()
	eventually(t, "stopped", func() bool { return w.last("outrider/available") == "stopped" })
}

// TestBrokerAwayAtStart starts without a broker, makes events, and gets one later.
func TestBrokerAwayAtStart(t *testing.T) {
	dir := t.TempDir()
	first := startBroker(t, &mqtt.Broker{Dir: dir})
	addr := first.ListenAddr()
	first.Close()
	p := startPublisher(t, &mqtt.Publisher{URL: "mqtt://" + addr, Directory: newDirectory("yard")})
	for i := range 20 {
		tr := track(uint64(i+1), "person", 10, 10)
		publish(result("yard", float64(i), nil, event(pipeline.EventStarted, tr)), p)
	}
	if p.Connected() || p.Counters().Outbox != 20 {
		t.Fatalf("connected %v, %+v", p.Connected(), p.Counters())
	}
	startBroker(t, &mqtt.Broker{Addr: addr, Dir: dir})
	eventually(t, "delivered", func() bool { return p.Counters().Acked == 20 && p.Counters().Outbox == 0 })
	if !p.Connected() {
		t.Error("not connected")
	}
}

// TestCloseWithoutBroker must not wait for one.
func TestCloseWithoutBroker(t *testing.T) {
	p := startPublisher(t, &mqtt.Publisher{URL: "mqtt://127.0.0.1:1", Directory: newDirectory()})
	at := time.Now()
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(at); d > 2*time.Second {
		t.Errorf("close took %v", d)
	}
}

func TestPublisherRefuses(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDirectory()
	for _, c := range []struct {
		name string
		p    *mqtt.Publisher
		want string
	}{
		{"no directory", &mqtt.Publisher{URL: "mqtt://h"}, "directory"},
		{"scheme", &mqtt.Publisher{URL: "http://u:hush@h", Directory: d}, "mqtt://"},
		{"no URL", &mqtt.Publisher{URL: "mqtt://u:hu%sh@h", Directory: d}, "percent-encoded"},
		{"no host", &mqtt.Publisher{URL: "mqtt://u:hush@", Directory: d}, "host"},
		{"path", &mqtt.Publisher{URL: "mqtt://u:hush@h/topic", Directory: d}, "port"},
		{"embedded without broker", &mqtt.Publisher{URL: "embedded", Directory: d}, "broker"},
		{"prefix wildcard", &mqtt.Publisher{URL: "mqtt://h", Directory: d, Prefix: "a/#"}, "prefix"},
		{"prefix slash", &mqtt.Publisher{URL: "mqtt://h", Directory: d, Prefix: "a/"}, "prefix"},
		{"no CA file", &mqtt.Publisher{URL: "mqtts://h", Directory: d, TLS: mqtt.TLS{CA: filepath.Join(dir, "none.pem")}}, "none.pem"},
		{"junk CA file", &mqtt.Publisher{URL: "mqtts://h", Directory: d, TLS: mqtt.TLS{CA: junk}}, "PEM"},
		{"certificate without key", &mqtt.Publisher{URL: "mqtts://h", Directory: d, TLS: mqtt.TLS{Cert: junk}}, "both"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.p.Initialize()
			if err == nil {
				c.p.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hu") && strings.Contains(err.Error(), "sh@") {
				t.Errorf("error %q, want %q and no secret", err, c.want)
			}
		})
	}
}

// TestWrongPassword reads in the log what is wrong, and no password.
func TestWrongPassword(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		b := startBroker(t, &mqtt.Broker{User: "u", Password: "right"})
		wrongPassword(t, "mqtt://u:hush-hush@"+b.ListenAddr())
	})
	t.Run("mosquitto", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "passwords")
		passwd := mosquittoTool(t, "mosquitto_passwd")
		if out, err := exec.Command(passwd, "-b", "-c", file, "u", "right").CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
		m := startMosquitto(t, "allow_anonymous false", "password_file "+file)
		wrongPassword(t, "mqtt://u:hush-hush@"+m.addr)
	})
}

func wrongPassword(t *testing.T, url string) {
	t.Helper()
	log, said := captureLog()
	p := startPublisher(t, &mqtt.Publisher{URL: url, Directory: newDirectory("yard"), Log: log})
	eventually(t, "the log says why", func() bool { return strings.Contains(said(), "check user and password") })
	if s := said(); strings.Contains(s, "hush") || !strings.Contains(s, "***") {
		t.Errorf("log: %s", s)
	}
	if p.Connected() {
		t.Error("connected with a wrong password")
	}
}

// TestFrozenBroker stops mosquitto without closing its socket: publishing must not block.
func TestFrozenBroker(t *testing.T) {
	m := startMosquitto(t)
	p := startPublisher(t, &mqtt.Publisher{URL: "mqtt://" + m.addr, Directory: newDirectory("yard")})
	eventually(t, "connected", p.Connected)
	if err := m.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for i := range 100 {
		tr := track(uint64(i+1), "person", 10, 10)
		publish(result("yard", float64(i), []pipeline.Track{tr}, event(pipeline.EventStarted, tr)), p)
	}
	if d := time.Since(at); d > 2*time.Second {
		t.Errorf("100 results took %v", d)
	}
	if err := m.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivered", func() bool { return p.Counters().Outbox == 0 })
}

// TestBrokerRestarts ends mosquitto three times while 500 events pass: all arrive, each track
// in order. It is told to end, not killed: mosquitto acknowledges before it writes its file, so
// that after SIGKILL about one run in fifty lacks what it had acknowledged a moment before, and
// no client could help that.
func TestBrokerRestarts(t *testing.T) {
	m := startMosquitto(t)
	p := startPublisher(t, &mqtt.Publisher{URL: "mqtt://" + m.addr, Directory: newDirectory("yard")})
	w := watch(t, m.addr, "outrider/events")
	eventually(t, "connected", p.Connected)
	const tracks, each = 10, 50
	for i := range each {
		for id := 1; id <= tracks; id++ {
			tr := track(uint64(id), "person", float64(10+i), 10)
			tr.Mask = nil
			kind := pipeline.EventUpdated
			switch i {
			case 0:
				kind = pipeline.EventStarted
			case each - 1:
				kind = pipeline.EventEnded
			}
			publish(result("yard", float64(i), nil, event(kind, tr)), p)
		}
		if i == 10 || i == 25 || i == 40 {
			m.terminate()
			time.Sleep(20 * time.Millisecond)
			m.start()
			eventually(t, "connected again", p.Connected)
		}
		time.Sleep(2 * time.Millisecond)
	}
	eventually(t, "outbox empty", func() bool { return p.Counters().Outbox == 0 })
	distinct := func() int {
		ids := map[string]bool{}
		for _, e := range readEvents(t, w.on("outrider/events")) {
			ids[e.After.Ext.EventID] = true
		}
		return len(ids)
	}
	eventually(t, "all events", func() bool { return distinct() >= tracks*each })
	next := map[uint64]uint64{}
	seen := map[string]bool{}
	all := readEvents(t, w.on("outrider/events"))
	for _, e := range all {
		x := e.After.Ext
		if seen[x.EventID] {
			continue
		}
		seen[x.EventID] = true
		next[x.TrackID]++
		if x.EventSeq != next[x.TrackID] {
			t.Fatalf("track %d: message %d came as number %d", x.TrackID, x.EventSeq, next[x.TrackID])
		}
	}
	t.Logf("%d events, %d delivered, %d connections", len(seen), len(all), p.Counters().Connects)
}

// TestBigOutline sends a mask that no broker would take.
func TestBigOutline(t *testing.T) {
	o := &mqtt.MemoryOutbox{}
	p := startPublisher(t, &mqtt.Publisher{URL: "mqtt://127.0.0.1:1", Directory: newDirectory("yard"), Outbox: o})
	g := mask.FrameGrid(640, 480)
	m := mask.New(g, g.Bounds())
	for y := range 480 {
		for x := range 640 {
			if (x+y)%2 == 0 {
				m.Set(x, y)
			}
		}
	}
	tr := track(1, "person", 10, 10)
	tr.Mask = m
	publish(result("yard", 1, nil, event(pipeline.EventStarted, tr)), p)
	ms, err := o.Peek(1)
	if err != nil || len(ms) != 1 || len(ms[0].Payload) > 10_000 {
		t.Fatalf("%d messages, %v", len(ms), err)
	}
	if err := validate("event", ms[0].Payload); err != nil {
		t.Error(err)
	}
}
