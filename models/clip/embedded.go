package clip

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
)

// The embedded pair: trained for this program, 512 wide, input side 224.
var (
	//go:embed weights/image.onnx
	embeddedImage []byte
	//go:embed weights/text.onnx
	embeddedText []byte
)

const (
	embeddedImageSHA256 = "be599238a1c4768dc14f7e57ee8a2c86a484b98cc91be3c7b0c96469fc4888ba"
	embeddedTextSHA256  = "15f98a824c90185925bc293197a0734cf74a7b20bb20bf14aac4ade2ccd84dc3"
)

// Embedded is the embedded pair as ONNX files, checked. The bytes are shared and not to be
// changed.
func Embedded() (image, text []byte, err error) {
	if image, err = verified("image encoder", embeddedImage, embeddedImageSHA256); err != nil {
		return nil, nil, err
	}
	text, err = verified("text encoder", embeddedText, embeddedTextSHA256)
	return image, text, err
}

// verified returns weights when their checksum is right: a build from a damaged checkout (a
// git-lfs pointer, changed line ends) must not answer nonsense.
func verified(name string, weights []byte, want string) ([]byte, error) {
	sum := sha256.Sum256(weights)
	if got := hex.EncodeToString(sum[:]); got != want {
		return nil, fmt.Errorf("embedded %s: SHA-256 is %s, want %s: build again from a clean checkout", name, got, want)
	}
	return weights, nil
}
