package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far long work is: a bar with rate and remaining time on a terminal, a
// line every few seconds elsewhere. Not safe for concurrent use.
type progress struct {
	out   io.Writer
	name  string
	total int // 0 when unknown
	bar   *progressbar.ProgressBar
	start time.Time
	said  time.Time
	done  int
	bytes bool // count bytes instead of frames
}

// progressEvery is the time between two lines where there is no terminal.
const progressEvery = 5 * time.Second

func newProgress(out io.Writer, name string, total int) *progress {
	return startProgress(&progress{out: out, name: name, total: total})
}

// newByteProgress is newProgress for work that is counted in bytes.
func newByteProgress(out io.Writer, name string, total int64) *progress {
	return startProgress(&progress{out: out, name: name, total: int(total), bytes: true})
}

func startProgress(p *progress) *progress {
	p.start, p.said = time.Now(), time.Now()
	unit := []progressbar.Option{progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("frames")}
	if p.bytes {
		unit = []progressbar.Option{progressbar.OptionShowBytes(true)}
	}
	if f, ok := p.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		n := int64(p.total)
		if n <= 0 {
			n = -1
		}
		p.bar = progressbar.NewOptions64(n, append(unit,
			progressbar.OptionSetWriter(p.out),
			progressbar.OptionSetDescription(p.name),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionEnableColorCodes(os.Getenv("NO_COLOR") == ""),
			progressbar.OptionClearOnFinish(),
		)...)
	}
	return p
}

// set says that n frames or bytes are done.
func (p *progress) set(n int) {
	p.done = n
	if p.bar != nil {
		_ = p.bar.Set(n) // a terminal that went away is no reason to stop working
		return
	}
	if now := time.Now(); now.Sub(p.said) >= progressEvery {
		p.said = now
		fmt.Fprintln(p.out, p.line(now))
	}
}

func (p *progress) line(now time.Time) string {
	fps := float64(p.done) / now.Sub(p.start).Seconds()
	if p.bytes {
		return fmt.Sprintf("%s: %s of %s, %s/s", p.name, megabytes(int64(p.done)), megabytes(int64(p.total)), megabytes(int64(fps)))
	}
	if p.total <= 0 || fps == 0 {
		return fmt.Sprintf("%s: %d frames, %.1f frames/s", p.name, p.done, fps)
	}
	left := time.Duration(float64(p.total-p.done) / fps * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s: %d of %d frames, %.1f frames/s, %v left", p.name, p.done, p.total, fps, max(left, 0))
}

// finish removes the bar.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
