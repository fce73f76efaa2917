package capture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"outrider/pipeline"
	"outrider/streams/capture"
	"outrider/streams/capture/child"
	"outrider/streams/capture/rtsptest"
)

func camera(t *testing.T, c *rtsptest.Camera) *rtsptest.Camera {
	t.Helper()
	if err := c.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// children returns the process ids of the decoder processes of this process.
func children(t *testing.T) []int {
	t.Helper()
	return childrenOf(t, os.Getpid())
}

func childrenOf(t *testing.T, of int) []int {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		b, err := os.ReadFile(e)
		if err != nil {
			continue // gone meanwhile
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if parent, _ := strconv.Atoi(fields[1]); parent == of {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(e)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// descriptors counts the open files of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// running is a source that was started in the background.
type running struct {
	frames atomic.Uint64
	number atomic.Uint64 // of the newest picture
	err    error
	done   chan struct{}
	cancel context.CancelFunc
}

func start(t *testing.T, src *capture.Source) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(r.done)
		r.err = src.Run(ctx, func(f *pipeline.Frame) {
			if n, err := rtsptest.Number(f.Data, f.Width, f.Height); err == nil {
				r.number.Store(n)
			}
			r.frames.Add(1)
			f.Release()
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

func (r *running) waitFrames(t *testing.T, n uint64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); r.frames.Load() < n; time.Sleep(2 * time.Millisecond) {
		select {
		case <-r.done:
			t.Fatalf("ended after %d frames: %v", r.frames.Load(), r.err)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%d frames in 20 s, want %d", r.frames.Load(), n)
		}
	}
}

func (r *running) wait(t *testing.T, d time.Duration) error {
	t.Helper()
	select {
	case <-r.done:
		return r.err
	case <-time.After(d):
		t.Fatalf("still running after %v", d)
		return nil
	}
}

func TestNetworkCamera(t *testing.T) {
	for _, isolation := range []capture.Isolation{capture.Auto, capture.None} {
		t.Run(string(isolation), func(t *testing.T) {
			cam := camera(t, &rtsptest.Camera{FPS: 100})
			var pool pipeline.FramePool
			src := open(t, cam.URL(), capture.Options{Pool: &pool, Isolation: isolation})
			shots, err := collect(t, src, 30)
			if !errors.Is(err, context.Canceled) || len(shots) != 30 {
				t.Fatalf("%d frames, %v", len(shots), err)
			}
			for i, s := range shots {
				if s.w != 320 || s.h != 240 {
					t.Fatalf("frame of %dx%d", s.w, s.h)
				}
				if i > 0 && (!s.captured.After(shots[i-1].captured) || s.media <= shots[i-1].media) {
					t.Errorf("frame %d at %v, media %v; the one before at %v, media %v", i, s.captured, s.media, shots[i-1].captured, shots[i-1].media)
				}
			}
			if n := pool.Outstanding(); n != 0 {
				t.Errorf("%d frames not released", n)
			}
			if pids := children(t); len(pids) != 0 {
				t.Errorf("children left: %v", pids)
			}
		})
	}
}

func TestNetworkCameraUDP(t *testing.T) {
	t.Parallel()
	cam := camera(t, &rtsptest.Camera{FPS: 100, UDP: true})
	start(t, open(t, cam.URL(), capture.Options{Transport: "udp"})).waitFrames(t, 10)
}

// TestNetworkHTTP reads Motion JPEG over HTTP, as many cameras give it.
func TestNetworkHTTP(t *testing.T) {
	t.Parallel()
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 320, 240)), nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p@ss" {
			w.Header().Set("WWW-Authenticate", `Basic realm="camera"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
		for r.Context().Err() == nil {
			fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", picture.Len(), picture.Bytes())
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	r := start(t, open(t, "http://u:p@ss@"+host+"/video", capture.Options{}))
	r.waitFrames(t, 10)
	r.cancel()
	<-r.done
	r = start(t, open(t, "http://u:wrong@"+host+"/video", capture.Options{}))
	if err := r.wait(t, 10*time.Second); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
		t.Errorf("Run: %v", err)
	}
}

func TestNewestFrameWins(t *testing.T) {
	cam := camera(t, &rtsptest.Camera{FPS: 50})
	src := open(t, cam.URL(), capture.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	frames, behind := 0, 0
	var first, last uint64
	err := src.Run(ctx, func(f *pipeline.Frame) {
		defer f.Release()
		n, err := rtsptest.Number(f.Data, f.Width, f.Height)
		if err != nil || n <= last {
			t.Errorf("picture %d after %d: %v", n, last, err)
		}
		if frames++; frames == 1 {
			first = n
		}
		last = n
		if frames > 1 && cam.Sent() > n+2 {
			behind++
		}
		time.Sleep(150 * time.Millisecond) // seven pictures
		if frames == 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if behind > 2 { // the machine of the tests may be busy
		t.Errorf("%d of %d pictures were not the newest", behind, frames)
	}
	if want := last - first + 1 - uint64(frames); src.Dropped() != want || want < 10 {
		t.Errorf("%d counted as dropped, %d are missing", src.Dropped(), want)
	}
}

// TestChildKilled ends the decoder process in every way; Run returns at once and names it.
func TestChildKilled(t *testing.T) {
	tests := []struct {
		signal unix.Signal
		want   string
	}{
		{unix.SIGKILL, "ended by signal killed"},
		{unix.SIGSTOP, "stopped by a signal"},
		{unix.SIGABRT, "SIGABRT"},
	}
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	for _, tt := range tests {
		t.Run(tt.signal.String(), func(t *testing.T) {
			fds := descriptors(t)
			r := start(t, open(t, cam.URL(), capture.Options{}))
			r.waitFrames(t, 2)
			pids := children(t)
			if len(pids) != 1 {
				t.Fatalf("children %v, want one", pids)
			}
			if err := unix.Kill(pids[0], tt.signal); err != nil {
				t.Fatal(err)
			}
			err := r.wait(t, 5*time.Second)
			if err == nil || !strings.Contains(err.Error(), "read "+cam.URL()+": the decoder process ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run: %v, want %s", err, tt.want)
			}
			if pids := children(t); len(pids) != 0 {
				t.Errorf("children left: %v", pids)
			}
			if n := descriptors(t); n > fds+2 { // the server of the test closes its side a little later
				t.Errorf("%d descriptors, before %d", n, fds)
			}
		})
	}
}

func TestCameraFreezes(t *testing.T) {
	t.Parallel()
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	r := start(t, open(t, cam.URL(), capture.Options{ReadTimeout: time.Second}))
	r.waitFrames(t, 5)
	cam.Freeze(true)
	err := r.wait(t, 10*time.Second)
	if err == nil || !strings.HasPrefix(err.Error(), "read "+cam.URL()) {
		t.Errorf("Run: %v", err)
	}
}

func TestCameraPausesWithinTheTimeout(t *testing.T) {
	t.Parallel()
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	r := start(t, open(t, cam.URL(), capture.Options{ReadTimeout: 8 * time.Second}))
	r.waitFrames(t, 5)
	cam.Freeze(true)
	time.Sleep(1300 * time.Millisecond)
	before := r.frames.Load()
	cam.Freeze(false)
	r.waitFrames(t, before+3)
}

func TestCameraDiesAndReturns(t *testing.T) {
	t.Parallel()
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	src := open(t, cam.URL(), capture.Options{})
	r := start(t, src)
	r.waitFrames(t, 3)
	cam.Close()
	if err := r.wait(t, 10*time.Second); err == nil || !strings.HasPrefix(err.Error(), "read "+cam.URL()) {
		t.Errorf("Run: %v", err)
	}
	r = start(t, src)
	if err := r.wait(t, 10*time.Second); err == nil || !strings.HasPrefix(err.Error(), "open "+cam.URL()+": connection refused") {
		t.Errorf("Run without a server: %v", err)
	}
	if err := cam.Initialize(); err != nil {
		t.Fatal(err)
	}
	r = start(t, src)
	r.waitFrames(t, 3)
}

func TestCameraPassword(t *testing.T) {
	for _, password := range []string{"PLANTED", "PLANTED/s@cr#t:1%", "?PLANTED"} { // few URL parsers take the latter
		t.Run(password, func(t *testing.T) { testPassword(t, password) })
	}
}

func testPassword(t *testing.T, password string) {
	cam := camera(t, &rtsptest.Camera{FPS: 100, User: "admin", Password: password})
	r := start(t, open(t, "rtsp://admin:"+password+"@"+cam.Address+"/stream", capture.Options{}))
	r.waitFrames(t, 2)

	// While it runs, the password is in no place that other users can read.
	for _, pid := range children(t) {
		for _, file := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil || len(b) == 0 || bytes.Contains(b, []byte("PLANTED")) {
				t.Errorf("%s of the child (%v): %q", file, err, b)
			}
		}
	}
	r.cancel()
	<-r.done

	want := "open rtsp://***@" + cam.Address + "/stream: the camera refuses user and password (401 Unauthorized)"
	r = start(t, open(t, "rtsp://admin:PLANTEDwrong@"+cam.Address+"/stream", capture.Options{}))
	if err := r.wait(t, 10*time.Second); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Run: %v, want %s", err, want)
	}
}

func TestCameraClockJumps(t *testing.T) {
	t.Parallel()
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last *shot
	err := open(t, cam.URL(), capture.Options{}).Run(ctx, func(f *pipeline.Frame) {
		defer f.Release()
		if last != nil && (!f.Captured.After(last.captured) || f.MediaTime <= last.media || time.Since(f.Captured) > 2*time.Second) {
			t.Errorf("frame %d captured at %v, media %v; the one before at %v, media %v", n, f.Captured, f.MediaTime, last.captured, last.media)
		}
		last = &shot{captured: f.Captured, media: f.MediaTime}
		switch n++; n {
		case 10:
			cam.Jump(time.Hour)
		case 30:
			cam.Jump(-2 * time.Hour)
		case 60:
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCameraDoesNotAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	url := "rtsp://" + l.Addr().String() + "/s"
	r := start(t, open(t, url, capture.Options{OpenTimeout: 300 * time.Millisecond}))
	if err := r.wait(t, 5*time.Second); err == nil || !strings.HasPrefix(err.Error(), "open "+url+": timeout after 300ms") || !errors.Is(err, pipeline.ErrStalled) {
		t.Errorf("Run: %v", err)
	}
	// Cancelled while it opens.
	r = start(t, open(t, url, capture.Options{}))
	time.Sleep(100 * time.Millisecond)
	r.cancel()
	if err := r.wait(t, 5*time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if pids := children(t); len(pids) != 0 {
		t.Errorf("children left: %v", pids)
	}
}

// TestPlantedSecrets fails sources in every way and looks for their secrets.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	cam := camera(t, &rtsptest.Camera{User: "a", Password: "b"})
	var wg sync.WaitGroup
	for _, source := range []string{
		"rtsp://PLANTED:PLANTED@127.0.0.1:1/s?key=PLANTED",
		"rtsp://u:PLANTED@" + mute.Addr().String() + "/s",
		"rtsp://u:PLANTED@" + cam.Address + "/stream?token=PLANTED",
		"rtsps://u:PLANTED@" + cam.Address + "/stream",
		"rtsp://u:PLANTED@no-such-host.invalid/s",
		"http://u:PLANTED@127.0.0.1:1/mjpeg?password=PLANTED",
		"gst:rtspsrc location=rtsp://u:PLANTED@127.0.0.1:1/s ! fakesink",
		"gst:nosuchelement password=PLANTED",
		"gopher://u:PLANTED@host/",
	} {
		wg.Go(func() {
			src, err := capture.Open(source, capture.Options{OpenTimeout: 2 * time.Second, ReadTimeout: time.Second})
			if err == nil {
				if strings.Contains(src.Display(), "PLANTED") {
					t.Errorf("%s is shown as %s", source, src.Display())
				}
				err = src.Run(t.Context(), func(f *pipeline.Frame) { f.Release() })
			}
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "PLANTED") {
				t.Errorf("%s: %v", source, err)
			}
		})
	}
	wg.Wait()
}

func TestGStreamer(t *testing.T) {
	src := open(t, "gst:videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=50/1", capture.Options{})
	shots, err := collect(t, src, 5)
	if err != nil && (strings.Contains(err.Error(), "no element") || strings.Contains(err.Error(), "base plugins")) {
		t.Skip("needs the package gstreamer1.0-plugins-base")
	}
	if !errors.Is(err, context.Canceled) || len(shots) != 5 || shots[0].w != 160 || shots[0].h != 120 {
		t.Errorf("%+v, %v", shots, err)
	}
}

// TestGStreamerHangs reads a pipeline that never gives a picture; the back end of OpenCV 4.6
// would block for ever.
func TestGStreamerHangs(t *testing.T) {
	r := start(t, open(t, "gst:videotestsrc ! valve drop=true ! videoconvert ! appsink", capture.Options{OpenTimeout: time.Second}))
	if err := r.wait(t, 10*time.Second); err == nil || !strings.HasPrefix(err.Error(), "open gst:videotestsrc ...: ") {
		t.Errorf("Run: %v", err)
	}
	if pids := children(t); len(pids) != 0 {
		t.Errorf("children left: %v", pids)
	}
}

func TestUSBMissing(t *testing.T) {
	r := start(t, open(t, "usb:63", capture.Options{}))
	if err := r.wait(t, 10*time.Second); err == nil || !strings.HasPrefix(err.Error(), "open usb:63: no camera that can be used") {
		t.Errorf("Run: %v", err)
	}
}

func TestChildCommandMissing(t *testing.T) {
	r := start(t, open(t, "rtsp://u:secret@127.0.0.1:1/s", capture.Options{Child: []string{"/nonexistent/outrider", child.Argument}}))
	err := r.wait(t, 5*time.Second)
	if err == nil || !strings.Contains(err.Error(), "start the decoder process") || strings.Contains(err.Error(), "secret") {
		t.Errorf("Run: %v", err)
	}
}

// TestParentDies kills a process that reads a camera: its decoder process must go too.
func TestParentDies(t *testing.T) {
	cam := camera(t, &rtsptest.Camera{FPS: 100})
	parent := exec.Command("/proc/self/exe", parentArgument, cam.URL())
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	_, readErr := out.Read(make([]byte, 1)) // it has a frame
	pids := childrenOf(t, parent.Process.Pid)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if readErr != nil || len(pids) != 1 {
		t.Fatalf("children %v, want one; %v", pids, readErr)
	}
	for end := time.Now().Add(5 * time.Second); alive(pids[0]); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the decoder process lives on without a parent")
		}
	}
}

// alive tells whether a process runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

// TestStartStop opens and ends sources again and again; nothing may be left behind.
func TestStartStop(t *testing.T) {
	n := 50
	if testing.Short() {
		n = 5
	}
	fds := descriptors(t)
	const workers = 4
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				src, err := capture.Open("rtsp://127.0.0.1:1/s", capture.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithCancel(t.Context())
				if i%2 == 1 {
					time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
				}
				if err := src.Run(ctx, func(f *pipeline.Frame) { f.Release() }); err == nil {
					t.Error("a camera that is not there gave no error")
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if got := descriptors(t); got > fds {
		t.Errorf("%d descriptors, before %d", got, fds)
	}
	if pids := children(t); len(pids) != 0 {
		t.Errorf("children left: %v", pids)
	}
}
