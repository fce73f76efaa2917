package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"outrider/models/ort"
)

// Folder is where pulled models lie, each in a folder of its name, and the catalogue that
// goes with it.
type Folder struct {
	Dir     string
	Entries []Entry
}

// DefaultDir is the folder of pulled models: the environment's OUTRIDER_MODELS, else
// outrider/models in the user's data folder.
func DefaultDir() (string, error) {
	if dir := os.Getenv("OUTRIDER_MODELS"); dir != "" {
		return dir, nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); data != "" {
		return filepath.Join(data, "outrider", "models"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of models: %w; set OUTRIDER_MODELS", err)
	}
	return filepath.Join(home, ".local", "share", "outrider", "models"), nil
}

// ManifestName is the file of a folder that is laid over the embedded manifest.
const ManifestName = "manifest.json"

// OpenFolder reads the catalogue of a folder: the embedded manifest with that of the file
// laid over it, entry by entry. An empty dir means DefaultDir, an empty manifest the folder's
// own ManifestName where there is one. The folder need not exist.
func OpenFolder(dir, manifest string) (*Folder, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	f := &Folder{Dir: dir, Entries: Catalogue()}
	named := manifest != ""
	if !named {
		manifest = filepath.Join(dir, ManifestName)
	}
	b, err := readSmall(manifest)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest of models: %w", err)
	}
	more, err := ParseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("manifest of models %s: %w", manifest, err)
	}
	for _, e := range more {
		if err := f.lay(e); err != nil {
			return nil, fmt.Errorf("manifest of models %s: %w", manifest, err)
		}
	}
	return f, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxManifest+1))
}

// lay puts e in the place of the entry of its name, or at the end.
func (f *Folder) lay(e Entry) error {
	for i, old := range f.Entries {
		if old.Name != e.Name {
			continue
		}
		if old.Embedded {
			return fmt.Errorf("model %q is embedded in the program: take another name", e.Name)
		}
		f.Entries[i] = e
		return nil
	}
	f.Entries = append(f.Entries, e)
	return nil
}

// Find returns the entry of that name, whatever its case.
func (f *Folder) Find(name string) (Entry, error) { return find(f.Entries, name) }

// Path is where a file of a model lies or would lie.
func (f *Folder) Path(e Entry, file File) string { return filepath.Join(f.Dir, e.Name, file.Name) }

// ErrNotPulled is wrapped by the error of a model whose files are not in the folder.
var ErrNotPulled = errors.New("not pulled")

// State is how a model stands in a folder.
type State string

// The states of a model.
const (
	StateEmbedded State = "embedded" // carried in the program
	StatePulled   State = "pulled"   // all files are there
	StatePartial  State = "partial"  // some are
	StateAbsent   State = "absent"
)

// State tells how e stands by the files that are there. It reads none of them.
func (f *Folder) State(e Entry) State {
	if e.Embedded {
		return StateEmbedded
	}
	n := 0
	for _, file := range e.Files {
		if st, err := os.Stat(f.Path(e, file)); err == nil && st.Mode().IsRegular() {
			n++
		}
	}
	switch n {
	case len(e.Files):
		return StatePulled
	case 0:
		return StateAbsent
	}
	return StatePartial
}

// Use returns the path of each file of e by its role, for loading with ort.ReadFile, which
// compares each file with its pin. A file that lies there without a pin is compared with
// the catalogue and pinned now. It fails with ErrNotPulled, saying what to run, when a file
// is missing, and when a pin is not what the catalogue says.
func (f *Folder) Use(e Entry) (map[string]string, error) {
	if e.Embedded {
		return nil, fmt.Errorf("model %s is embedded: it has no files", e.Name)
	}
	if s := f.State(e); s != StatePulled {
		how := "run: outrider models pull " + e.Name
		if !e.Published() {
			how = "nobody publishes it in this form; for how to make it, run: outrider models export-help " + e.Name
		}
		return nil, fmt.Errorf("model %s is %w (%s is %s): %s", e.Name, ErrNotPulled, filepath.Join(f.Dir, e.Name), s, how)
	}
	paths := map[string]string{}
	for _, file := range e.Files {
		path := f.Path(e, file)
		pin, err := ort.Pin(path)
		if err != nil {
			return nil, err
		}
		if pin == "" {
			if pin, err = f.pin(path, file); err != nil {
				return nil, err
			}
		}
		if file.SHA256 != "" && pin != file.SHA256 {
			return nil, fmt.Errorf("model file %s is not the one of the catalogue (SHA-256 %s, want %s): run: outrider models pull %s", path, pin, file.SHA256, e.Name)
		}
		paths[file.Role] = path
	}
	return paths, nil
}

// pin writes down what lies at path, after the catalogue's checks.
func (f *Folder) pin(path string, file File) (string, error) {
	b, err := ort.ReadFile(path)
	if err != nil {
		return "", err
	}
	if err := file.Verify(b); err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	pin := hex.EncodeToString(sum[:])
	if err := ort.WritePin(path, pin); err != nil && !errors.Is(err, fs.ErrPermission) {
		return "", err // a folder that cannot be written cannot be changed by us either
	}
	return pin, nil
}
