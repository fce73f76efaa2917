package models

import (
	_ "embed" // the default weights
	"sync"
)

// DefaultName is the catalogue's name of the embedded model.
const DefaultName = "everything-nano"

//go:embed weights/everything-nano.onnx
var everythingNano []byte

var verified = sync.OnceValue(func() error {
	e, err := Find(DefaultName)
	if err != nil {
		return err
	}
	return e.Files[0].Verify(everythingNano)
})

// Default is the embedded segment-everything network, an ONNX file of FastSAM's contract. The
// bytes are shared and not to be changed. It fails when they are not what the catalogue says,
// which means a damaged program file.
func Default() ([]byte, error) {
	if err := verified(); err != nil {
		return nil, err
	}
	return everythingNano, nil
}
