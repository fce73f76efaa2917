package models

import (
	"crypto/sha256"
	_ "embed" // the default weights
	"encoding/hex"
	"fmt"
	"os"
)

//go:embed weights/everything-nano.onnx
var everythingNano []byte

// Entry is a model of the catalogue.
type Entry struct {
	Name    string
	Task    string // segment, text
	SHA256  string
	Licence string
	Note    string
	data    []byte
}

// Default is the embedded segment-everything model: FastSAM's contract, 2.5 M parameters.
func Default() Entry {
	return Entry{
		Name: "everything-nano", Task: "segment", Licence: "Apache-2.0",
		SHA256: "08cdce95adf4727849151aec20b8867ce4d1037a8da79ce5d9e3e9cd1968ba23",
		Note:   "class-agnostic, 5.1 MB, input sides multiples of 32",
		data:   everythingNano,
	}
}

// Catalogue lists the models that need no download.
func Catalogue() []Entry { return []Entry{Default()} }

// Find returns an entry by name; the error lists the names there are.
func Find(name string) (Entry, error) {
	known := ""
	for _, e := range Catalogue() {
		if e.Name == name {
			return e, nil
		}
		known += " " + e.Name
	}
	return Entry{}, fmt.Errorf("model %q: not in the catalogue; it has:%s; or give a file", name, known)
}

// Bytes returns the weights after checking them.
func (e Entry) Bytes() ([]byte, error) {
	if sum := sha256.Sum256(e.data); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, fmt.Errorf("model %q: SHA-256 %x, want %s: the program file is damaged", e.Name, sum, e.SHA256)
	}
	return e.data, nil
}

// maxModelBytes bounds a model file: FastSAM-x has 290 MB.
const maxModelBytes = 2 << 30

// ReadFile reads an ONNX file of at most 2 GB.
func ReadFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open model: %w", err)
	case st.IsDir():
		return nil, fmt.Errorf("open model %s: is a folder, want an ONNX file", path)
	case st.Size() > maxModelBytes:
		return nil, fmt.Errorf("open model %s: %d bytes, at most %d are taken", path, st.Size(), int64(maxModelBytes))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return b, nil
}
