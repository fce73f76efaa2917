package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"outrider/streams/capture/child"
	"outrider/streams/capture/decode"
)

// process is a running capture child, as its parent sees it.
type process struct {
	cmd    *exec.Cmd
	ring   *child.Ring
	stdin  io.WriteCloser
	stderr tail

	opened chan child.Message // at most one
	ready  chan struct{}      // a picture is in the ring
	ended  chan child.Message // Failed or Ended, at most one

	stopped atomic.Bool   // by a signal such as SIGSTOP
	exited  chan struct{} // closed when the process is reaped and exit is set
	exit    error
	read    chan struct{} // closed when no more messages come
}

// startProcess starts a child and sends it the request.
func startProcess(command []string, request child.Request) (*process, error) {
	ring, err := child.NewRing()
	if err != nil {
		return nil, fmt.Errorf("start the decoder process: %w", err)
	}
	messages, theirs, err := os.Pipe()
	if err != nil {
		ring.Close()
		return nil, fmt.Errorf("start the decoder process: %w", err)
	}
	p := &process{
		ring:   ring,
		opened: make(chan child.Message, 1), ready: make(chan struct{}, 1), ended: make(chan child.Message, 1),
		exited: make(chan struct{}), read: make(chan struct{}),
	}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Env = childEnvironment(os.Environ())
	p.cmd.ExtraFiles = []*os.File{theirs, ring.File()} // descriptors 3 and 4
	p.cmd.Stdout, p.cmd.Stderr = &p.stderr, &p.stderr  // native code writes to both
	p.cmd.WaitDelay = time.Second
	// A group of its own: Ctrl-C reaches only us, and what the child starts dies with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.stdin, err = p.cmd.StdinPipe()
	if err == nil {
		started := make(chan error)
		go p.own(started)
		err = <-started
	}
	theirs.Close()
	if err != nil {
		messages.Close()
		ring.Close()
		return nil, fmt.Errorf("start the decoder process: %w", err)
	}
	go p.listen(messages)
	if err := request.Write(p.stdin); err != nil {
		p.stop(0)
		return nil, err
	}
	return p, nil
}

// childEnvironment is what the loader, GStreamer's plugins and TLS need; everything else, and
// secrets with it, stays here.
func childEnvironment(environ []string) []string {
	// Warnings of FFmpeg (24) and OpenCV hold the reasons of failures, see hint.
	env := []string{"OPENCV_LOG_LEVEL=WARN", decode.FFmpegLogLevel + "=24", "GOTRACEBACK=none"}
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case strings.HasPrefix(name, "GST_"), strings.HasPrefix(name, "LIBVA_"),
			name == "LD_LIBRARY_PATH", name == "HOME", name == "XDG_CACHE_HOME", name == "TMPDIR",
			name == "SSL_CERT_FILE", name == "SSL_CERT_DIR", name == "GOCOVERDIR":
			env = append(env, e)
		}
	}
	return env
}

// own starts the process and waits for its end. It keeps one thread from start to end,
// because the kernel sends the parent-death signal when the starting thread ends.
func (p *process) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	defer close(p.exited)
	pid := p.cmd.Process.Pid
	for wait := unix.WEXITED | unix.WSTOPPED; ; {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, wait|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && info.Code == cldStopped {
			// A stopped decoder gives no pictures and holds the camera: end it.
			p.stopped.Store(true)
			_ = p.cmd.Process.Kill()
			wait = unix.WEXITED
			continue
		}
		break
	}
	// Not reaped yet, so the number of the group is still ours.
	_ = unix.Kill(-pid, unix.SIGKILL)
	p.exit = p.cmd.Wait()
}

const cldStopped = 5 // CLD_STOPPED of <signal.h>

// listen passes the child's messages on. It never blocks on the reader of pictures.
func (p *process) listen(messages *os.File) {
	defer close(p.read)
	defer messages.Close()
	for {
		m, err := child.ReadMessage(messages)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = p.cmd.Process.Kill()
			}
			return
		}
		to := p.ended
		switch m.Kind {
		case child.Ready:
			select {
			case p.ready <- struct{}{}:
			default:
			}
			continue
		case child.Opened:
			to = p.opened
		}
		select {
		case to <- m:
		default: // said twice: the first counts
		}
	}
}

// reapTimeout is how long a killed process may take to go: one that hangs in the kernel (a
// dead USB device) cannot be waited for.
const reapTimeout = 2 * time.Second

// stop ends the child: politely for grace, so that the camera is told goodbye, then by
// SIGKILL. When it returns, process, descriptors and goroutines are gone, except for a
// process that the kernel cannot end; that one is cleaned up after when it does.
func (p *process) stop(grace time.Duration) {
	p.stdin.Close()
	if grace > 0 {
		select {
		case <-p.exited:
		case <-time.After(grace):
		}
	}
	_ = p.cmd.Process.Kill()
	select {
	case <-p.exited:
		p.release()
	case <-time.After(reapTimeout):
		go func() {
			<-p.exited
			p.release()
		}()
	}
}

func (p *process) release() {
	<-p.read
	p.ring.Close()
}

// reason says why a child ended by itself; call it after exited.
func (p *process) reason() error {
	<-p.read
	said := hint(p.stderr.String())
	select {
	case m := <-p.ended:
		switch {
		case m.Kind == child.Ended:
			return io.EOF
		case said != "":
			return errors.New(said)
		}
		return errors.New(m.Text)
	default:
	}
	var how string
	var exit *exec.ExitError
	switch {
	case p.stopped.Load():
		how = "was stopped by a signal"
	case errors.As(p.exit, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		how = "was ended by signal " + exit.Sys().(syscall.WaitStatus).Signal().String()
	case p.exit != nil:
		how = "ended with " + p.exit.Error()
	default:
		how = "ended without a word"
	}
	if last := lastWords(p.stderr.String()); last != "" {
		how += ": " + last
	}
	return fmt.Errorf("the decoder process %s", how)
}

// tail keeps the end of what the child wrote to its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 64 << 10 // a Go crash writes every goroutine

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(b), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
