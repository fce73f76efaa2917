package models

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Task is what a model is for.
type Task string

// The tasks.
const (
	TaskSegment Task = "segment" // FastSAM's contract
	TaskText    Task = "text"    // a pair of image and text encoder
)

// File is one file of a model.
type File struct {
	Name   string // within the model's folder
	Size   int64  // bytes
	SHA256 string // lower-case hexadecimal
}

// Verify compares data with the file's size and checksum.
func (f File) Verify(data []byte) error {
	if int64(len(data)) != f.Size {
		return fmt.Errorf("model file %s: %d bytes, want %d: the file is damaged", f.Name, len(data), f.Size)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
		return fmt.Errorf("model file %s: SHA-256 is %x, want %s: the file is damaged or another one", f.Name, sum, f.SHA256)
	}
	return nil
}

// Entry is a model of the catalogue.
type Entry struct {
	Name        string
	Task        Task
	Description string
	Files       []File
	Licence     string // SPDX identifier
	Source      string // where it comes from
	Input       int    // long side of the network's input in pixels that it was made for
	Embedded    bool   // carried in the program
}

// Size is the bytes of all files.
func (e Entry) Size() int64 {
	n := int64(0)
	for _, f := range e.Files {
		n += f.Size
	}
	return n
}

// Catalogue lists the models that outrider knows, by name. The caller owns the list.
func Catalogue() []Entry {
	return []Entry{{
		Name:        DefaultName,
		Task:        TaskSegment,
		Description: "segments everything and the drivable surface; MobileNetV2, 2.5 M parameters, half-precision weights",
		Files:       []File{{Name: "everything-nano.onnx", Size: 5149682, SHA256: "08cdce95adf4727849151aec20b8867ce4d1037a8da79ce5d9e3e9cd1968ba23"}},
		Licence:     "Apache-2.0",
		Source:      "trained for outrider, see models/weights/LICENCE.md",
		Input:       640,
		Embedded:    true,
	}}
}

// Find returns the entry of that name, whatever its case.
func Find(name string) (Entry, error) {
	var known []string
	for _, e := range Catalogue() {
		if strings.EqualFold(e.Name, name) {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Entry{}, fmt.Errorf("model %q is not in the catalogue; known: %s", name, strings.Join(known, ", "))
}
