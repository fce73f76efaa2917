package pull

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// part is the file that is being pulled, beside its place, locked against other processes.
type part struct {
	path string
	f    *os.File
	size int64
	origin
}

// origin says what the bytes of a part are the beginning of; it lies beside an interrupted
// part as JSON.
type origin struct {
	URL       string `json:"url"`
	Validator string `json:"validator"` // an ETag or a date of change
	Total     int64  `json:"total"`     // 0 when unknown
}

const (
	partSuffix   = ".part"
	originSuffix = ".json" // behind the part's name
)

// openPart opens or makes the part of the file at path. It fails while another process has
// it.
func openPart(path string) (*part, error) {
	p := &part{path: path + partSuffix}
	f, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: another pull of this file is running: %w", p.path, err)
	}
	p.f = f
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	b, err := os.ReadFile(p.path + originSuffix)
	if err != nil || json.Unmarshal(b, &p.origin) != nil || p.Validator == "" {
		return p, p.restart()
	}
	p.size = st.Size()
	return p, nil
}

// resumable reports whether a later pull could go on from here.
func (p *part) resumable() bool { return p.size > 0 && p.Validator != "" }

// restart throws away what came.
func (p *part) restart() error {
	p.size, p.origin = 0, origin{}
	if err := p.f.Truncate(0); err != nil {
		return fmt.Errorf("write %s: %w", p.path, err)
	}
	return nil
}

// write appends b.
func (p *part) write(b []byte) error {
	n, err := p.f.WriteAt(b, p.size)
	p.size += int64(n)
	if err != nil {
		return final("write %s: %v", p.path, err)
	}
	return nil
}

// head is the first bytes, at most n.
func (p *part) head(n int) []byte {
	b := make([]byte, n)
	m, err := p.f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return b[:m]
}

// close ends the pull. The part stays with its origin when keep says so, else nothing does.
func (p *part) close(keep bool) {
	if keep {
		if b, err := json.Marshal(p.origin); err == nil && os.WriteFile(p.path+originSuffix, b, 0o644) == nil {
			_ = p.f.Close()
			return
		}
	}
	// A part that was moved into its place is not there any more, which is as well.
	_ = os.Remove(p.path)
	_ = os.Remove(p.path + originSuffix)
	_ = p.f.Close()
}
