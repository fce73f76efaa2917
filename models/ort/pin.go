package ort

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// A pin is a file beside a model, named like it with .sha256 behind, that holds the model's
// checksum as sha256sum writes it. ReadFile refuses a model that is not what its pin says, so
// that the bytes that were checked are the bytes that are loaded.

// PinSuffix is what a pin's name has more than its model's.
const PinSuffix = ".sha256"

var pinLine = regexp.MustCompile(`^([0-9a-f]{64}) [ *]([^\n]*)\n?$`)

// Pin returns the checksum that path is pinned to, in lower-case hexadecimal, and "" when it
// has no pin.
func Pin(path string) (string, error) {
	f, err := os.Open(path + PinSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read pin: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", fmt.Errorf("read pin %s: %w", f.Name(), err)
	}
	m := pinLine.FindSubmatch(b)
	if m == nil {
		return "", fmt.Errorf("pin %s is damaged: want one line as sha256sum writes it", f.Name())
	}
	return string(m[1]), nil
}

// WritePin pins path to a checksum in lower-case hexadecimal, in place of an older pin.
func WritePin(path, sum string) error {
	line := sum + "  " + filepath.Base(path) + "\n"
	if !pinLine.MatchString(line) {
		return fmt.Errorf("pin %s: %q is no SHA-256", path, sum)
	}
	tmp := path + PinSuffix + ".new"
	if err := os.WriteFile(tmp, []byte(line), 0o644); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	if err := os.Rename(tmp, path+PinSuffix); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("pin %s: %w", path, err)
	}
	return nil
}
