package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Material is what a file or folder says about itself. Zero means unknown.
type Material struct {
	Frames        int // an estimate for some containers; before Start, End and Every
	FPS           float64
	Width, Height int // before Rotate
	Duration      time.Duration
}

// TruncatedError ends a file of which less could be decoded than it announces. What there is
// was delivered. It is an io.EOF for errors.Is: trying again would not help.
type TruncatedError struct {
	Display   string
	Got, Want time.Duration // media time
}

// Error says how much was there.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("read %s: it ends after %v of %v: the file is cut short or damaged", e.Display,
		e.Got.Round(time.Millisecond), e.Want.Round(time.Millisecond))
}

// Unwrap returns io.EOF.
func (e *TruncatedError) Unwrap() error { return io.EOF }

// Probe opens a file or folder and returns what it says about itself. Of other sources it
// returns the zero Material and nil.
func (s *Source) Probe() (Material, error) {
	switch {
	case s.Kind() == Folder:
		return s.probeFolder()
	case s.spec.kind == File:
		return s.probeFile()
	}
	return Material{}, nil
}

// checkFile finds what the decoder could not name: nothing there, not ours to read, empty.
func (s *Source) checkFile() error {
	f, err := os.Open(s.spec.target)
	if err != nil {
		return s.opening(plain(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return s.opening(plain(err))
	case !info.Mode().IsRegular():
		return s.opening(errors.New("not a regular file"))
	case info.Size() == 0:
		return s.opening(errors.New("the file is empty (0 bytes)"))
	}
	return nil
}

func (s *Source) opening(err error) error { return fmt.Errorf("open %s: %w", s.spec.display, err) }
func (s *Source) reading(err error) error { return fmt.Errorf("read %s: %w", s.spec.display, err) }

// plain takes the operation and path off an error, which our own message names.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (info.IsDir() || info.Mode().IsRegular() && isImage(path))
}
