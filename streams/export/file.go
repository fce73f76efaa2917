package export

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// file is written under a temporary name in the folder of its final one.
type file struct {
	*bufio.Writer
	f    *os.File
	path string
	done bool
}

func create(path string) (*file, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &file{Writer: bufio.NewWriterSize(f, 1<<16), f: f, path: path}, nil
}

// commit flushes to disk and gives the file its name.
func (f *file) commit() error {
	if f.done {
		return nil
	}
	f.done = true
	err := errors.Join(f.Flush(), f.f.Chmod(0o644), f.f.Sync(), f.f.Close())
	if err == nil {
		err = os.Rename(f.f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.f.Name())
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// discard removes what was written; after commit it does nothing.
func (f *file) discard() {
	if f.done {
		return
	}
	f.done = true
	f.f.Close()
	os.Remove(f.f.Name())
}

// WriteFile writes a whole file under a temporary name and renames it.
func WriteFile(path string, write func(w *bufio.Writer) error) error {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer f.discard()
	if err := write(f.Writer); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.commit()
}
