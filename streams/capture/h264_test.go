package capture_test

import (
	"bufio"
	"context"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"outrider/pipeline"
	"outrider/streams/capture"
)

// TestH264Camera reads a real H.264 stream from GStreamer's RTSP server, as from an IP camera.
func TestH264Camera(t *testing.T) {
	// The distribution's own Python has the bindings, another one in PATH may not.
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import gi; gi.require_version('GstRtspServer', '1.0')").Run(); err != nil {
		t.Skipf("GStreamer's RTSP server is not installed (Debian: gir1.2-gst-rtsp-server-1.0, python3-gi): %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	server := exec.Command(python, "testdata/h264camera.py", port)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the camera says %q, %v", line, err)
	}
	src, err := capture.Open("rtsp://127.0.0.1:"+port+"/cam", capture.Options{OpenTimeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	type shot struct {
		at   time.Time
		w, h int
		pix  []byte
	}
	var frames []shot
	ctx, enough := context.WithTimeout(t.Context(), 30*time.Second)
	defer enough()
	err = src.Run(ctx, func(f *pipeline.Frame) {
		frames = append(frames, shot{f.Captured, f.Width, f.Height, append([]byte(nil), f.Data...)})
		f.Release()
		if len(frames) == 30 {
			enough()
		}
	})
	if len(frames) < 30 {
		t.Fatalf("%d frames: %v", len(frames), err)
	}
	first, last := frames[0], frames[len(frames)-1]
	if last.w != 320 || last.h != 240 {
		t.Errorf("frames of %dx%d", last.w, last.h)
	}
	// Capture times follow the camera's clock: 25 frames/s, some of them replaced by newer ones.
	if d := last.at.Sub(first.at).Seconds(); d < 29./25*.9 {
		t.Errorf("30 frames in %.2f s of capture time", d)
	}
	// The ball is bright on black, and it moves.
	bright := func(p []byte) (n, sum int) {
		for i := 0; i < len(p); i += 3 {
			if p[i] > 128 {
				n, sum = n+1, sum+i/3%320
			}
		}
		return n, sum
	}
	n1, s1 := bright(first.pix)
	n2, s2 := bright(last.pix)
	if n1 == 0 || n2 == 0 || s1/n1 == s2/n2 && n1 == n2 {
		t.Errorf("the ball: %d and %d bright pixels at columns %d and %d", n1, n2, s1/max(1, n1), s2/max(1, n2))
	}
}
