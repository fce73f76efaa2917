package models

import (
	_ "embed" // the embedded weights
	"fmt"
	"sync"
)

// The catalogue's names of the embedded segmentation models.
const (
	DefaultName = "everything-nano"
	// Int8Name is the same network with most convolutions in 8 bits: faster on CPUs with
	// instructions for them (docs/performance.md).
	Int8Name = "everything-nano-int8"
)

var (
	//go:embed weights/everything-nano.onnx
	everythingNano []byte
	//go:embed weights/everything-nano-int8.onnx
	everythingNanoInt8 []byte
)

var verified = map[string]func() ([]byte, error){
	DefaultName: sync.OnceValues(func() ([]byte, error) { return check(DefaultName, everythingNano) }),
	Int8Name:    sync.OnceValues(func() ([]byte, error) { return check(Int8Name, everythingNanoInt8) }),
}

func check(name string, data []byte) ([]byte, error) {
	e, err := Find(name)
	if err != nil {
		return nil, err
	}
	return data, e.Files[0].Verify(data)
}

// Default is the embedded segment-everything network, an ONNX file of FastSAM's contract. The
// bytes are shared and not to be changed. It fails when they are not what the catalogue says,
// which means a damaged program file.
func Default() ([]byte, error) { return Embedded(DefaultName) }

// Embedded is an embedded segmentation network by its name in the catalogue, as Default.
func Embedded(name string) ([]byte, error) {
	read, ok := verified[name]
	if !ok {
		return nil, fmt.Errorf("model %s is not an embedded segmentation model", name)
	}
	data, err := read()
	if err != nil {
		return nil, err
	}
	return data, nil
}
