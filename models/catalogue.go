package models

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the manifest
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Task is what a model is for, and with it the package that runs it.
type Task string

// The tasks.
const (
	TaskSegment  Task = "segment"  // FastSAM's contract: package fastsam
	TaskSAM      Task = "sam"      // an encoder and a decoder of the Segment Anything family: package sam
	TaskText     Task = "text"     // a pair of image and text encoder: package clip
	TaskDrivable Task = "drivable" // drivable area and lane lines of a road
)

// roles are the files that a model of each task has.
var roles = map[Task][]string{
	TaskSegment:  {RoleModel},
	TaskSAM:      {RoleEncoder, RoleDecoder},
	TaskText:     {RoleImage, RoleText},
	TaskDrivable: {RoleModel},
}

// The roles of a model's files.
const (
	RoleModel   = "model" // the only one
	RoleEncoder = "encoder"
	RoleDecoder = "decoder"
	RoleImage   = "image"
	RoleText    = "text"
)

// File is one file of a model.
type File struct {
	Role   string `json:"role,omitempty"`   // one of the Role constants
	Name   string `json:"name"`             // within the model's folder
	Size   int64  `json:"size,omitempty"`   // bytes, 0 when unknown
	SHA256 string `json:"sha256,omitempty"` // lower-case hexadecimal; empty when unknown: first use pins it
	URL    string `json:"url,omitempty"`    // where it can be had; empty when nobody is known to publish it
}

// Verify compares data with what is known of the file.
func (f File) Verify(data []byte) error {
	if f.Size > 0 && int64(len(data)) != f.Size {
		return fmt.Errorf("model file %s: %d bytes, want %d: the file is damaged", f.Name, len(data), f.Size)
	}
	if sum := sha256.Sum256(data); f.SHA256 != "" && hex.EncodeToString(sum[:]) != f.SHA256 {
		return fmt.Errorf("model file %s: SHA-256 is %x, want %s: the file is damaged or another one", f.Name, sum, f.SHA256)
	}
	return nil
}

// Entry is a model of the catalogue.
type Entry struct {
	Name        string `json:"name"`
	Family      string `json:"family"` // whose export steps docs/models.md has
	Task        Task   `json:"task"`
	Description string `json:"description"`
	Licence     string `json:"licence"`           // of the weights
	Source      string `json:"source"`            // who made it
	Input       int    `json:"input"`             // long side of the network's input in pixels that it was made for
	Classes     string `json:"classes,omitempty"` // what it tells apart, in words
	Embedded    bool   `json:"embedded,omitempty"`
	// Unreached says that the URLs were not fetched by who wrote the entry: they and the
	// checksums are what others publish.
	Unreached bool `json:"unreached,omitempty"`
	// Mean and Std are how an image encoder wants its pixels, both empty for CLIP's own.
	Mean  []float32 `json:"mean,omitempty"`
	Std   []float32 `json:"std,omitempty"`
	Files []File    `json:"files"`
}

// Size is the bytes of all files, 0 when one of them is unknown.
func (e Entry) Size() int64 {
	n := int64(0)
	for _, f := range e.Files {
		if f.Size == 0 {
			return 0
		}
		n += f.Size
	}
	return n
}

// File returns the file of that role.
func (e Entry) File(role string) (File, bool) {
	i := slices.IndexFunc(e.Files, func(f File) bool { return f.Role == role })
	if i < 0 {
		return File{}, false
	}
	return e.Files[i], true
}

// Published reports whether all files can be had from somewhere.
func (e Entry) Published() bool {
	return !slices.ContainsFunc(e.Files, func(f File) bool { return f.URL == "" })
}

//go:embed manifest.json
var manifest []byte

var catalogue = sync.OnceValues(func() ([]Entry, error) { return parseManifest(manifest, true) })

// Catalogue lists the models that outrider knows without any file of the user. The caller
// owns the list, not the files within it.
func Catalogue() []Entry {
	list, err := catalogue()
	if err != nil {
		panic("models: the embedded manifest: " + err.Error()) // a test holds that it is well
	}
	return slices.Clone(list)
}

// Find returns the entry of that name, whatever its case, of Catalogue.
func Find(name string) (Entry, error) { return find(Catalogue(), name) }

// ErrUnknown is wrapped by the error of a name that no entry has.
var ErrUnknown = errors.New("not in the catalogue")

func find(list []Entry, name string) (Entry, error) {
	var known []string
	for _, e := range list {
		if strings.EqualFold(e.Name, name) {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Entry{}, fmt.Errorf("model %q is %w; known: %s", name, ErrUnknown, strings.Join(known, ", "))
}

// maxManifest bounds a manifest file.
const maxManifest = 1 << 20

// ParseManifest reads a list of models in the form of models/manifest.json: unknown keys,
// paths instead of names, broken checksums and URLs other than http and https are refused.
// An entry cannot claim to be embedded.
func ParseManifest(data []byte) ([]Entry, error) { return parseManifest(data, false) }

func parseManifest(data []byte, own bool) ([]Entry, error) {
	if len(data) > maxManifest {
		return nil, fmt.Errorf("more than %d bytes", maxManifest)
	}
	var m struct {
		Version int     `json:"version"`
		Models  []Entry `json:"models"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text behind the end of the list")
	}
	if m.Version != 1 {
		return nil, fmt.Errorf("version %d is not known to this program, want 1", m.Version)
	}
	seen := map[string]bool{}
	for i := range m.Models {
		e := &m.Models[i]
		if err := e.check(own); err != nil {
			return nil, fmt.Errorf("model %d (%q): %w", i+1, e.Name, err)
		}
		if seen[e.Name] {
			return nil, fmt.Errorf("model %q stands twice", e.Name)
		}
		seen[e.Name] = true
	}
	return m.Models, nil
}

var (
	modelName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	fileName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.onnx$`)
	hexSum    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// check refuses what could not work, and what could leave the model's folder.
func (e *Entry) check(own bool) error {
	want, ok := roles[e.Task]
	switch {
	case !modelName.MatchString(e.Name):
		return errors.New("a name is lower-case letters, digits and -, at most 64")
	case !ok:
		return fmt.Errorf("task %q, want segment, sam, text or drivable", e.Task)
	case e.Embedded && !own:
		return errors.New("only the program's own models are embedded")
	case e.Input < 0 || e.Input > 4096:
		return fmt.Errorf("input %d, want at most 4096", e.Input)
	case len(e.Mean) != len(e.Std) || len(e.Mean) != 0 && len(e.Mean) != 3:
		return errors.New("mean and std: want three numbers each, or neither")
	case len(e.Files) != len(want):
		return fmt.Errorf("%d files, want %d: %s", len(e.Files), len(want), strings.Join(want, ", "))
	}
	names := map[string]bool{}
	for i := range e.Files {
		f := &e.Files[i]
		if f.Role == "" && len(want) == 1 {
			f.Role = RoleModel
		}
		switch {
		case f.Role != want[i]:
			return fmt.Errorf("file %d has role %q, want %q", i+1, f.Role, want[i])
		case !fileName.MatchString(f.Name) || names[f.Name]:
			return fmt.Errorf("file name %q: want one of its own like model.onnx, without folders", f.Name)
		case f.Size < 0:
			return fmt.Errorf("file %s: size %d", f.Name, f.Size)
		case f.SHA256 != "" && !hexSum.MatchString(f.SHA256):
			return fmt.Errorf("file %s: SHA-256 %q, want 64 lower-case hexadecimal digits", f.Name, f.SHA256)
		}
		names[f.Name] = true
		if f.URL != "" {
			if u, err := url.Parse(f.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				return fmt.Errorf("file %s: URL %q, want http or https", f.Name, f.URL)
			}
		}
	}
	return nil
}
