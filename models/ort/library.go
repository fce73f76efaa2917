package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"
)

// LibraryVersion is the release of ONNX Runtime that outrider is built and tested with. Any
// newer one works too.
const LibraryVersion = "1.32.0"

// ErrNoLibrary is wrapped by the error of a process that has no ONNX Runtime.
var ErrNoLibrary = errors.New("ONNX Runtime's shared library is missing: run \"make setup\", or set ORT_LIB to a libonnxruntime of at least version " + LibraryVersion)

var library struct {
	mu   sync.Mutex
	path string // of the loaded library
}

// LibraryPath is where ONNX Runtime's shared library is looked for: the environment's
// ORT_LIB, else outrider/onnxruntime in the user's cache folder.
func LibraryPath() (string, error) {
	if p := os.Getenv("ORT_LIB"); p != "" {
		return p, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find ONNX Runtime: %w (set ORT_LIB to the library)", err)
	}
	name := "libonnxruntime.so." + LibraryVersion
	if runtime.GOOS == "darwin" {
		name = "libonnxruntime." + LibraryVersion + ".dylib"
	}
	return filepath.Join(cache, "outrider", "onnxruntime", LibraryVersion, name), nil
}

// Init loads the library and starts ONNX Runtime, once a process; more calls do nothing. Open
// calls it. Safe for concurrent use.
func Init() error {
	library.mu.Lock()
	defer library.mu.Unlock()
	if onnx.IsInitialized() {
		return nil
	}
	p, err := LibraryPath()
	if err != nil {
		return err
	}
	switch st, err := os.Stat(p); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("load %s: %w", p, ErrNoLibrary)
	case err != nil:
		return fmt.Errorf("load ONNX Runtime: %w", err)
	case st.IsDir():
		return fmt.Errorf("load %s: a directory, want the library file: %w", p, ErrNoLibrary)
	}
	// An absolute path, for a bare name would be searched for elsewhere.
	if p, err = filepath.Abs(p); err != nil {
		return fmt.Errorf("load ONNX Runtime: %w", err)
	}
	onnx.SetSharedLibraryPath(p)
	// Errors come back as errors; printing them too would only soil the terminal.
	if err := onnx.InitializeEnvironment(onnx.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("load %s: %w (want ONNX Runtime %s or newer for this machine)", p, err, LibraryVersion)
	}
	library.path = p
	return nil
}

// Version is the version of the loaded library and its path, both empty before Init.
func Version() (version, path string) {
	library.mu.Lock()
	defer library.mu.Unlock()
	if !onnx.IsInitialized() {
		return "", ""
	}
	return onnx.GetVersion(), library.path
}
