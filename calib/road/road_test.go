package road_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"outrider/calib"
	"outrider/calib/road"
	"outrider/streams/capture/synth"
)

const degree = math.Pi / 180

func intrinsics(c synth.Camera) calib.Intrinsics {
	return calib.Intrinsics{Width: c.Width, Height: c.Height, FX: c.FX, FY: c.FY, CX: c.CX, CY: c.CY, Model: calib.PlumbBob}
}

func estimator(t testing.TB, s *synth.Scene) *road.Estimator {
	t.Helper()
	c, err := calib.New(intrinsics(s.Camera))
	if err != nil {
		t.Fatal(err)
	}
	e := &road.Estimator{Camera: c}
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestDrive drives ten seconds along the street while the camera nods: pitch, yaw and height come
// out within the contract's good column (0.15 and 0.3 degrees, 5 %), and the nod is followed.
func TestDrive(t *testing.T) {
	s := synth.Road(7, 640, 360)
	const pitch, yaw, height, fps, swing = 3 * degree, -1.5 * degree, 1.55, 15, 0.4 * degree
	s.Camera.Yaw, s.Camera.HeightM = yaw, height
	e := estimator(t, s)
	e.LaneWidth = 3.5
	r := synth.Renderer{Scene: s}
	pix := make([]byte, 3*640*360)
	var sum, still float64
	n := 0
	for i := range 122 {
		at := float64(i) / fps
		nod := swing * math.Sin(2*math.Pi*1.2*at)
		s.Camera.Pitch = pitch + nod
		r.Render(at, pix)
		m := e.Frame(pix, 640, 360, time.Duration(at*float64(time.Second)), 8)
		if at > 2 && m.OK {
			sum += (m.Nod - nod) * (m.Nod - nod)
			still += nod * nod
			n++
		}
	}
	st := e.State()
	t.Logf("%+v", st)
	if st.Status != calib.Calibrated {
		t.Fatalf("%+v", st)
	}
	if math.Abs(st.PitchDeg-pitch/degree) > 0.15 || math.Abs(st.YawDeg-yaw/degree) > 0.3 || st.PitchSD > 0.15 || st.HeightFrom != "speed" || math.Abs(st.Height/height-1) > 0.05 {
		t.Errorf("want pitch 3, yaw -1.5, height 1.55, got %+v", st)
	}
	if rms := math.Sqrt(sum / float64(n)); rms > 0.5*math.Sqrt(still/float64(n)) {
		t.Errorf("nod followed within %.3f degrees rms of %.3f", rms/degree, math.Sqrt(still/float64(n))/degree)
	} else {
		t.Logf("nod within %.3f degrees rms of %.3f", rms/degree, math.Sqrt(still/float64(n))/degree)
	}
	m, ok := st.Mount(0, 1.6)
	if !ok || math.Abs(m.Pitch-st.PitchDeg*degree) > 1e-12 || m.Front != 1.6 {
		t.Errorf("mount %+v", m)
	}

	// What was learnt is taken up by the next run, and only by this camera's.
	b, err := e.Save()
	if err != nil {
		t.Fatal(err)
	}
	again := estimator(t, s)
	if err := again.Restore(b); err != nil || again.State().PitchDeg != st.PitchDeg {
		t.Errorf("restored %+v, %v", again.State(), err)
	}
	other := synth.Road(7, 1280, 720)
	if err := estimator(t, other).Restore(b); err == nil || !strings.Contains(err.Error(), "another camera") {
		t.Errorf("another camera's blocks: %v", err)
	}
	for _, bad := range []string{"", "{}", "[1]", `{"version":1,"size":[640,360],"focal":[576,576],"blocks":[{"pitch":{"v":1e9,"n":5}}]}`} {
		if err := again.Restore([]byte(bad)); err == nil || again.State().PitchDeg != st.PitchDeg {
			t.Errorf("%q: %v", bad, err)
		}
	}

	// A stream of another aspect is INVALID, not wrong.
	e.Frame(make([]byte, 3*640*480), 640, 480, time.Minute, 8)
	if st := e.State(); st.Status != calib.Invalid || !strings.Contains(st.Reason, "another aspect") {
		t.Errorf("another aspect: %+v", st)
	}
}

// TestNothingToRead holds that what is no straight driving gives no reading.
func TestNothingToRead(t *testing.T) {
	s := synth.Road(5, 320, 180)
	r := synth.Renderer{Scene: s}
	street := func(at float64) []byte {
		pix := make([]byte, 3*320*180)
		r.Render(at, pix)
		return pix
	}
	black := make([]byte, 3*320*180)
	glare := bytes.Repeat([]byte{255}, 3*320*180)
	parked := street(1)
	for name, c := range map[string]struct {
		pix   func(i int) []byte
		at    func(i int) float64
		speed float64
	}{
		"night":    {func(int) []byte { return black }, nil, 10},
		"tunnel":   {func(i int) []byte { return [][]byte{black, glare}[i%2] }, nil, 10},
		"standing": {func(int) []byte { return parked }, nil, -1},
		"reverse":  {func(i int) []byte { return street(2 - float64(i)/10) }, nil, -1},
		"slow":     {func(i int) []byte { return street(float64(i) / 10) }, nil, 3},
		"clock":    {func(i int) []byte { return street(float64(i) / 10) }, func(i int) float64 { return []float64{5, 1, 100}[i%3] }, -1},
	} {
		e := estimator(t, s)
		for i := range 6 {
			at := float64(i) / 10
			if c.at != nil {
				at = c.at(i)
			}
			m := e.Frame(c.pix(i), 320, 180, time.Duration(at*float64(time.Second)), c.speed)
			if m.OK || math.IsNaN(m.Pitch+m.Yaw+m.Nod+m.NodSigma+m.Height+m.YawRate) {
				t.Errorf("%s: %+v", name, m)
			}
		}
		if st := e.State(); st.Status != calib.Uncalibrated || st.Blocks != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	if err := (&road.Estimator{}).Initialize(); err == nil || !strings.Contains(err.Error(), "calib board") {
		t.Errorf("no camera: %v", err)
	}
}

func BenchmarkFrame(b *testing.B) {
	s := synth.Road(7, 640, 360)
	r := synth.Renderer{Scene: s}
	frames := make([][]byte, 8)
	for i := range frames {
		frames[i] = make([]byte, 3*640*360)
		r.Render(float64(i)/15, frames[i])
	}
	e := estimator(b, s)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		e.Frame(frames[i%8], 640, 360, time.Duration(i)*time.Second/15, 8)
	}
}
