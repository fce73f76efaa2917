package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"
	"golang.org/x/sys/unix"

	"outrider/pipeline"
	"outrider/pipeline/pipetest"
)

const width, height = 160, 120

var day = time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, change func(*Recorder)) *Recorder {
	t.Helper()
	r := &Recorder{Dir: dir, Retain: -1, Reserve: -1, Options: func(string) Options {
		return Options{Clips: true, Snapshots: true, Pre: time.Second, Post: time.Second}
	}}
	if change != nil {
		change(r)
	}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// stage plays frames of a camera to a recorder: a bright square on dark ground.
type stage struct {
	t        *testing.T
	recorder *Recorder
	camera   string
	pool     pipeline.FramePool
	seq      uint64
	epoch    uint32
}

// play shows a track at a place for a while, 25 frames a second from at, and returns the time
// after. events go with the first frame.
func (s *stage) play(at time.Time, length time.Duration, x float64, prompt string, kinds ...pipeline.EventKind) time.Time {
	s.t.Helper()
	end := at.Add(length)
	for ; at.Before(end); at = at.Add(40 * time.Millisecond) {
		f := s.pool.Get(width, height)
		s.seq++
		f.Camera, f.Seq, f.Epoch, f.Captured = s.camera, s.seq, s.epoch, at
		box := pipeline.Box{X1: x, Y1: 40, X2: x + 30, Y2: 80}
		for i := range f.Data {
			f.Data[i] = byte(40 + i%7)
		}
		if x >= 0 {
			for y := 40; y < 80; y++ {
				for i := int(x); i < int(x)+30; i++ {
					copy(f.Data[3*(y*width+i):], []byte{220, byte(40 * (i % 5)), 30})
				}
			}
		}
		s.recorder.PushFrame(f)
		r := pipeline.NewResult(f)
		if x >= 0 {
			r.Tracks = append(r.Tracks, pipeline.Track{
				ID: 7, PromptID: prompt, Label: "person", Box: box, State: pipeline.Confirmed, Observed: true, Score: .9, Segment: -1, FirstSeen: day, LastSeen: at,
			})
		}
		for _, k := range kinds {
			r.Events = append(r.Events, pipeline.Event{ID: fmt.Sprint(s.seq, k), Camera: s.camera, Kind: k, Time: at, Track: pipeline.Track{ID: 7, PromptID: prompt, FirstSeen: day}})
		}
		kinds = nil
		s.recorder.Publish(r)
		r.Release()
		f.Release()
		s.settle()
	}
	return at
}

// settle waits until what was played is taken.
func (s *stage) settle() {
	s.t.Helper()
	s.recorder.mu.Lock()
	c := s.recorder.cameras[s.camera]
	s.recorder.mu.Unlock()
	if !c.records() {
		return
	}
	pipetest.Await(s.t, "the recorder to take all frames", func() bool {
		if len(c.frames)+len(c.results) == 0 {
			return true
		}
		runtime.Gosched()
		return false
	})
}

// TestClip records a visit: the clip has what was before and after, and no more.
func TestClip(t *testing.T) {
	r := open(t, t.TempDir(), nil)
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, 6*time.Second, -1, "")
	came := at
	at = s.play(at, time.Second, 20, "gate", pipeline.EventStarted)
	at = s.play(at, time.Second, 90, "gate") // it moved
	gone := at
	at = s.play(at, 5*time.Second, 90, "gate") // and stands
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	clips := r.Clips("yard", day, at)
	if len(clips) != 1 {
		t.Fatalf("%d clips, want 1: %+v", len(clips), clips)
	}
	c := clips[0]
	// It begins at a key frame, at most two key intervals and the pre-roll before.
	if pre := came.Sub(c.From); pre < time.Second || pre > (1+keySeconds+1)*time.Second {
		t.Errorf("the clip begins %v before the object", pre)
	}
	if post := c.To.Sub(gone); post < -time.Second || post > 2*time.Second {
		t.Errorf("the clip ends %v after the last move", post)
	}
	if c.Class != Plain || c.Bytes == 0 {
		t.Errorf("clip %+v", c)
	}
	frames := decode(t, filepath.Join(r.Dir, "yard", onlyFile(t, r.Dir, ".mp4")))
	if want := int(c.To.Sub(c.From)/(40*time.Millisecond)) + 1; frames != want {
		t.Errorf("%d frames play, want %d", frames, want)
	}
	if n := r.Dropped(); n != 0 {
		t.Errorf("%d dropped", n)
	}
	if n := s.pool.Outstanding(); n != 0 {
		t.Errorf("%d frames were not given back", n)
	}
}

// decode plays a file with an independent decoder and counts its frames.
func decode(t *testing.T, path string) int {
	t.Helper()
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	m := gocv.NewMat()
	defer m.Close()
	n := 0
	for v.Read(&m) && !m.Empty() {
		if m.Cols() != width || m.Rows() != height {
			t.Fatalf("frame of %dx%d", m.Cols(), m.Rows())
		}
		n++
	}
	return n
}

func onlyFile(t *testing.T, dir, suffix string) string {
	t.Helper()
	found := ""
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, suffix) {
			if found != "" {
				t.Errorf("two files end in %s", suffix)
			}
			found = filepath.Base(p)
		}
		return err
	})
	if found == "" {
		t.Fatalf("no file ends in %s", suffix)
	}
	return found
}

func TestNothingOfInterest(t *testing.T) {
	r := open(t, t.TempDir(), nil)
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, 2*time.Second, 30, "", pipeline.EventStarted, pipeline.EventStationary, pipeline.EventMoving) // a track of no prompt
	r.Close()
	if c := r.Clips("yard", day, at); len(c) != 0 {
		t.Errorf("clips %+v", c)
	}
	if _, err := r.Snapshot("yard", day, 7, false); !errors.Is(err, ErrNone) {
		t.Errorf("snapshot: %v", err)
	}
	if n, _ := r.Usage(); n != 0 {
		t.Errorf("%d bytes used", n)
	}
}

// Whoever crosses a line is recorded, whether a prompt follows it or not.
func TestLineCrossed(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, nil)
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, time.Second, 30, "", pipeline.EventStarted)
	at = s.play(at, 2*time.Second, 40, "", pipeline.EventLineCrossed)
	s.play(at, 40*time.Millisecond, -1, "", pipeline.EventEnded)
	r.Close()
	if c := r.Clips("yard", day, at); len(c) != 1 || c[0].Class != Alert {
		t.Errorf("clips %+v", c)
	}
	f, err := open(t, dir, nil).Snapshot("yard", day, 7, false)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if n := s.pool.Outstanding(); n != 0 {
		t.Errorf("%d frames were not given back", n)
	}
}

func TestCameraRecordsNothing(t *testing.T) {
	r := open(t, t.TempDir(), func(r *Recorder) { r.Options = func(string) Options { return Options{} } })
	s := &stage{t: t, recorder: r, camera: "yard"}
	s.play(day, time.Second, 30, "gate", pipeline.EventStarted)
	r.Close()
	if n, _ := r.Usage(); n != 0 || s.pool.Outstanding() != 0 {
		t.Errorf("%d bytes used, %d frames held", n, s.pool.Outstanding())
	}
}

// TestSnapshot wants the whole, central view, with and without drawing, while the object is
// still there, and again by a recorder that starts later.
func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	var told []byte
	r := open(t, dir, func(r *Recorder) {
		r.Picture = func(camera, label string, jpeg []byte) {
			if camera != "yard" || label != "person" {
				t.Errorf("a picture of %q by %q", label, camera)
			}
			told = jpeg
		}
	})
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, 1500*time.Millisecond, 0, "gate", pipeline.EventStarted) // cut by the edge
	early, err := r.Snapshot("yard", day, 7, false)
	if err != nil {
		t.Fatalf("no picture while the object is there: %v", err)
	}
	early.Close()
	at = s.play(at, time.Second, 65, "gate") // whole and central
	at = s.play(at, time.Second, 128, "gate")
	s.play(at, 40*time.Millisecond, -1, "gate", pipeline.EventEnded)
	r.Close()
	again := open(t, dir, nil)
	var pictures [2][]byte
	for i, marked := range []bool{false, true} {
		f, err := again.Snapshot("yard", day, 7, marked)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		f.(io.Seeker).Seek(0, io.SeekStart)
		pictures[i], _ = io.ReadAll(f)
		f.Close()
		if img.Bounds().Dx() != width || img.Bounds().Dy() != height {
			t.Errorf("picture of %v", img.Bounds())
		}
		if _, _, b, _ := img.At(65+15, 60).RGBA(); !marked && b>>8 < 120 {
			t.Errorf("the best picture does not show the object in the middle: blue %d", b>>8)
		}
	}
	if string(pictures[0]) == string(pictures[1]) {
		t.Error("the marked picture shows no mark")
	}
	if string(told) != string(pictures[1]) {
		t.Error("another picture was told than the last one kept")
	}
	if n := s.pool.Outstanding(); n != 0 {
		t.Errorf("%d frames were not given back", n)
	}
}

// TestReload switches recording off and on again while the camera runs.
func TestReload(t *testing.T) {
	on := true
	r := open(t, t.TempDir(), func(r *Recorder) {
		r.Options = func(string) Options { return Options{Clips: on, Pre: time.Second, Post: time.Second} }
	})
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, time.Second, 30, "gate", pipeline.EventStarted)
	on = false
	r.Reload("yard")
	pipetest.Await(t, "the clip ends", func() bool { return len(r.Clips("yard", day, at)) == 1 })
	at = s.play(at, time.Second, 60, "gate", pipeline.EventResumed)
	on = true
	r.Reload("yard")
	r.Reload("nowhere")
	off := at
	at = s.play(at, time.Second, 30, "gate", pipeline.EventResumed)
	r.Close()
	clips := r.Clips("yard", day, at)
	if len(clips) != 2 || clips[1].From.Before(off) {
		t.Errorf("clips %+v, want one before and one after %v", clips, off)
	}
}

// TestNewStream wants a new file when the camera reconnects or its picture changes.
func TestNewStream(t *testing.T) {
	r := open(t, t.TempDir(), nil)
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, 2*time.Second, 30, "gate", pipeline.EventStarted)
	s.epoch++
	at = s.play(at, 2*time.Second, 60, "gate", pipeline.EventResumed)
	r.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraEnded})
	pipetest.Await(t, "two clips", func() bool { return len(r.Clips("yard", day, at)) == 2 })
}

func TestLongClipGoesOnInTheNextFile(t *testing.T) {
	a, err := openArchive(t.TempDir(), -1, defaultBytes, -1)
	if err != nil {
		t.Fatal(err)
	}
	r := &Recorder{archive: a, Options: func(string) Options { return Options{} }}
	c := &camera{recorder: r, name: "yard", class: Plain, options: Options{Clips: true, Pre: time.Second, Post: time.Hour}, tracks: map[uint64]*portrait{}}
	var pool pipeline.FramePool
	n := int(maxClip/time.Second) + 20
	for i := range n { // one frame a second
		f := pool.Get(width, height)
		clear(f.Data)
		f.Camera, f.Captured = "yard", day.Add(time.Duration(i)*time.Second)
		if i == 0 {
			c.hit(day, Alert)
		}
		c.frame(f)
		f.Release()
	}
	c.end()
	clips := a.clips("yard", day, day.Add(time.Hour))
	if len(clips) != 2 {
		t.Fatalf("%d clips, want 2", len(clips))
	}
	if gap := clips[1].From.Sub(clips[0].To); gap != time.Second || clips[0].Class != Alert {
		t.Errorf("gap %v, class %s", gap, clips[0].Class)
	}
}

// TestKilled cuts a file anywhere, as a kill or a power cut does: what is whole is kept and
// plays, the rest is gone, and nothing is left under a temporary name.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, nil)
	s := &stage{t: t, recorder: r, camera: "yard"}
	s.play(day, 6*time.Second, 30, "gate", pipeline.EventStarted, "line_crossed")
	r.Close()
	name := onlyFile(t, dir, ".mp4")
	whole, err := os.ReadFile(filepath.Join(dir, "yard", name))
	if err != nil {
		t.Fatal(err)
	}
	first := fragmentEnds(whole)
	for _, cut := range []int{0, 7, 300, first[0] - 1, first[0], first[0] + 9, first[1] - 1, first[1], len(whole) - 1, len(whole)} {
		dir := t.TempDir()
		os.Mkdir(filepath.Join(dir, "yard"), 0o700)
		part := filepath.Join(dir, "yard", "."+day.Format(stamp)+".mp4.part")
		if err := os.WriteFile(part, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		r := open(t, dir, nil)
		clips := r.Clips("yard", day, day.Add(time.Hour))
		wantFragments := 0
		for _, end := range first {
			if cut >= end {
				wantFragments++
			}
		}
		if (len(clips) == 1) != (wantFragments > 0) {
			t.Errorf("cut at %d: %d clips, want %v", cut, len(clips), wantFragments > 0)
			continue
		}
		if len(clips) == 1 {
			frames := decode(t, filepath.Join(dir, "yard", onlyFile(t, dir, ".mp4")))
			if got := clips[0].To.Sub(clips[0].From); frames < 20 || (got-time.Duration(frames)*40*time.Millisecond).Abs() > 45*time.Millisecond {
				t.Errorf("cut at %d: %d frames play in a clip of %v", cut, frames, got)
			}
		}
		if _, err := os.Stat(part); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("cut at %d: the temporary file is still there", cut)
		}
	}
}

// fragmentEnds lists where each mdat box ends.
func fragmentEnds(b []byte) []int {
	var out []int
	for at := 0; at+8 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if string(b[at+4:at+8]) == "mdat" {
			out = append(out, at+n)
		}
		at += n
	}
	return out
}

func FuzzWholeFragments(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x00\x08moof\x00\x00\x00\x08mdat"))
	f.Add([]byte("\x00\x00\x00\x24moof\x00\x00\x00\x1ctraf\x00\x00\x00\x14trun\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x08mdat"))
	f.Fuzz(func(t *testing.T, b []byte) {
		size, length, err := wholeFragments(strings.NewReader(string(b)))
		if err != nil || size < 0 || size > int64(len(b)) || length < 0 {
			t.Errorf("size %d of %d, length %v, error %v", size, len(b), length, err)
		}
	})
}

// put writes a file into an archive's folder before it is opened.
func put(t *testing.T, dir, camera string, f file, n int) {
	t.Helper()
	os.MkdirAll(filepath.Join(dir, camera), 0o700)
	if err := os.WriteFile(filepath.Join(dir, camera, f.title()), make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRoom(t *testing.T) {
	at := func(hours int) time.Time { return day.Add(time.Duration(hours) * time.Hour) }
	clip := func(h int, c Class) file { return file{clip: true, from: at(h), to: at(h).Add(time.Minute), class: c} }
	files := []file{clip(0, Protected), clip(1, Alert), clip(2, Plain), clip(3, Plain), clip(4, Alert)}
	for _, c := range []struct {
		name   string
		retain time.Duration
		bytes  int64
		want   []int // hours of what stays
		full   bool
	}{
		{"all fits", -1, 500, []int{0, 1, 2, 3, 4}, false},
		{"the oldest plain one goes first", -1, 450, []int{0, 1, 3, 4}, false},
		{"then the other plain one, then the oldest alert", -1, 250, []int{0, 4}, false},
		{"a protected one stays, whatever", -1, 50, []int{0}, true},
		{"age", 150 * time.Minute, 500, []int{0, 3, 4}, false}, // now is 5:00
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for i, f := range files {
				put(t, dir, []string{"yard", "gate"}[i%2], f, 100)
			}
			os.WriteFile(filepath.Join(dir, "yard", "notes.txt"), []byte("mine"), 0o600)
			a, err := openArchive(dir, c.retain, c.bytes, -1)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.tidy(at(5)); (err != nil) != c.full || c.full && !errors.Is(err, errFull) {
				t.Errorf("tidy: %v", err)
			}
			for i, f := range files {
				camera := []string{"yard", "gate"}[i%2]
				_, err := os.Stat(filepath.Join(dir, camera, f.title()))
				want := false
				for _, h := range c.want {
					want = want || h == i
				}
				if (err == nil) != want || (len(a.clips(camera, f.from, f.to)) == 1) != want {
					t.Errorf("hour %d: there %v, want %v", i, err == nil, want)
				}
			}
			if a.usage() != int64(100*len(c.want)) {
				t.Errorf("usage %d", a.usage())
			}
			if _, err := os.Stat(filepath.Join(dir, "yard", "notes.txt")); err != nil {
				t.Error("a file that is not ours was removed")
			}
		})
	}
}

func TestProtect(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, nil)
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, 2*time.Second, 30, "gate", pipeline.EventStarted)
	s.play(at, 40*time.Millisecond, -1, "gate", pipeline.EventEnded)
	r.CameraStatus(pipeline.CameraStatus{Name: "yard", State: pipeline.CameraStopped})
	pipetest.Await(t, "the clip", func() bool { return len(r.Clips("yard", day, at)) == 1 })
	if n, err := r.Protect("yard", day.Add(time.Second), day, 7, true); err != nil || n != 3 {
		t.Errorf("%d files, %v; want the clip and two pictures", n, err)
	}
	if c := r.Clips("yard", day, at); c[0].Class != Protected {
		t.Errorf("class %s", c[0].Class)
	}
	if _, err := r.Protect("yard", day.Add(-time.Hour), day.Add(-time.Hour), 8, true); !errors.Is(err, ErrNone) {
		t.Errorf("nothing there: %v", err)
	}
	f, err := r.OpenClip(r.Clips("yard", day, at)[0])
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := r.OpenClip(Clip{Camera: "../../etc", From: day, To: day}); !errors.Is(err, ErrNone) {
		t.Errorf("a foreign camera: %v", err)
	}
}

// TestFullDisk fills the disk: recording stops and says so, frames go on, and it records
// again when there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("a small file system cannot be mounted here (needs root): %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	r := open(t, filepath.Join(dir, "media"), func(r *Recorder) { r.Reserve = 1 << 20 })
	s := &stage{t: t, recorder: r, camera: "yard"}
	at := s.play(day, time.Second, 30, "gate", pipeline.EventStarted)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 5<<19), 0o600); err != nil {
		t.Fatal(err)
	}
	s.epoch++ // ends the clip, which looks for room
	at = s.play(at, time.Second, 60, "gate", pipeline.EventResumed)
	if err := r.Health(); !errors.Is(err, errFull) {
		t.Fatalf("health: %v, want %v", err, errFull)
	}
	os.Remove(ballast)
	r.setFailing(r.archive.tidy(time.Now())) // what housekeeping does every five seconds
	if err := r.Health(); err != nil {
		t.Fatalf("there is room again: %v", err)
	}
	came := at
	at = s.play(at, 2*time.Second, 100, "gate", pipeline.EventResumed)
	r.Close()
	if c := r.Clips("yard", came, at); len(c) == 0 {
		t.Error("nothing was recorded after there was room again")
	}
}

func TestSink(t *testing.T) {
	pipetest.TestSink(t, func(t *testing.T) pipeline.Sink { return open(t, t.TempDir(), nil) })
}

// BenchmarkFrame is what a recorded camera costs, a frame of 640x480.
func BenchmarkFrame(b *testing.B) {
	a, err := openArchive(b.TempDir(), -1, defaultBytes, -1)
	if err != nil {
		b.Fatal(err)
	}
	c := &camera{recorder: &Recorder{archive: a}, name: "yard", options: Options{Clips: true, Pre: 2 * time.Second}, tracks: map[uint64]*portrait{}}
	defer c.end()
	var pool pipeline.FramePool
	f := pool.Get(640, 480)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for j := range 4800 {
			f.Data[(j*191+i*7)%len(f.Data)] = byte(i)
		}
		f.Captured = day.Add(time.Duration(i) * 40 * time.Millisecond)
		c.frame(f)
	}
}
