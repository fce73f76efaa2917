package sam

import (
	"fmt"
	"slices"
	"strings"

	"outrider/models/ort"
)

// Normalization says who turns pixel values into what the network was trained on.
type Normalization string

// The ways to feed an encoder.
const (
	// NormalizeAuto takes [H, W, 3] encoders as inside and [1, 3, S, S] encoders as outside.
	NormalizeAuto Normalization = ""
	// NormalizeInside feeds RGB values of 0..255; the encoder normalises.
	NormalizeInside Normalization = "inside"
	// NormalizeOutside feeds values with SAM's mean and standard deviation removed.
	NormalizeOutside Normalization = "outside"
)

// The tensors of the contract.
const (
	embeddingName = "image_embeddings"
	intermName    = "interm_embeddings"
	iouName       = "iou_predictions"
	lowResName    = "low_res_masks"
)

// encoderContract is how an encoder takes a picture.
type encoderContract struct {
	planes  bool // [1, 3, H, W], else [H, W, 3]
	batched bool // [1, H, W, 3]
	h, w    int  // 0 when open
	inside  bool // it normalises
	outputs []string
	interm  bool
}

func readEncoder(info *ort.Info, n Normalization) (encoderContract, error) {
	var c encoderContract
	if len(info.Inputs) != 1 || info.Inputs[0].Type != "float32" {
		return c, fmt.Errorf("encoder: inputs are %s, want one float32 picture", describe(info.Inputs))
	}
	in := info.Inputs[0]
	s := in.Shape
	switch {
	case len(s) == 4 && s[1] == 3:
		c.planes, c.h, c.w = true, open(s[2]), open(s[3])
	case len(s) == 3 && s[2] == 3:
		c.h, c.w = open(s[0]), open(s[1])
	case len(s) == 4 && s[3] == 3:
		c.batched, c.h, c.w = true, open(s[1]), open(s[2])
	default:
		return c, fmt.Errorf("encoder: input is %s, want [1, 3, side, side] or [H, W, 3]", in)
	}
	if len(s) == 4 && s[0] > 1 {
		return c, fmt.Errorf("encoder: input is %s, want a batch of 1", in)
	}
	if c.h > maxSide || c.w > maxSide {
		return c, fmt.Errorf("encoder: input is %s, want sides of at most %d", in, maxSide)
	}
	switch n {
	case NormalizeAuto:
		c.inside = !c.planes
	case NormalizeInside, NormalizeOutside:
		c.inside = n == NormalizeInside
	default:
		return c, fmt.Errorf("normalization %q: want %q or %q", n, NormalizeInside, NormalizeOutside)
	}
	name, err := rank4(info.Outputs, embeddingName)
	if err != nil {
		return c, fmt.Errorf("encoder: %w", err)
	}
	c.outputs = []string{name}
	if _, ok := ort.Find(info.Outputs, intermName); ok {
		c.interm = true
		c.outputs = append(c.outputs, intermName)
	}
	return c, nil
}

// rank4 finds the output by name, else the only one with four sides.
func rank4(outputs []ort.TensorInfo, name string) (string, error) {
	if t, ok := ort.Find(outputs, name); ok && t.Type == "float32" {
		return name, nil
	}
	var fit []string
	for _, t := range outputs {
		if t.Type == "float32" && len(t.Shape) == 4 {
			fit = append(fit, t.Name)
		}
	}
	if len(fit) != 1 {
		return "", fmt.Errorf("outputs are %s, want float32 %s [1, C, side, side]", describe(outputs), name)
	}
	return fit[0], nil
}

// decoderContract is what a decoder takes besides a prompt.
type decoderContract struct {
	embedding []int64 // shape
	interm    []int64 // shape with -1 for open sides; nil when it takes none
	mask      int     // side of mask_input
}

// decoderInputs are the inputs of every decoder of the family.
var decoderInputs = []string{embeddingName, "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}

func readDecoder(info *ort.Info) (decoderContract, error) {
	var c decoderContract
	for _, name := range decoderInputs {
		if t, ok := ort.Find(info.Inputs, name); !ok || t.Type != "float32" {
			return c, fmt.Errorf("decoder: inputs are %s, want float32 %s", describe(info.Inputs), strings.Join(decoderInputs, ", "))
		}
	}
	for _, t := range info.Inputs {
		if t.Name == intermName {
			c.interm = t.Shape
		} else if !slices.Contains(decoderInputs, t.Name) {
			return c, fmt.Errorf("decoder: unknown input %s", t)
		}
	}
	for _, name := range []string{iouName, lowResName} {
		if t, ok := ort.Find(info.Outputs, name); !ok || t.Type != "float32" {
			return c, fmt.Errorf("decoder: outputs are %s, want float32 %s and %s", describe(info.Outputs), iouName, lowResName)
		}
	}
	e, _ := ort.Find(info.Inputs, embeddingName)
	if len(e.Shape) != 4 || e.Shape[1] < 1 || e.Shape[2] < 1 || e.Shape[2] != e.Shape[3] || e.Shape[2] > maxSide/stride || e.Shape[1] > 1<<14 {
		return c, fmt.Errorf("decoder: %s, want [1, C, side, side] with fixed sides", e)
	}
	c.embedding = []int64{1, e.Shape[1], e.Shape[2], e.Shape[3]}
	m, _ := ort.Find(info.Inputs, "mask_input")
	c.mask = int(4 * e.Shape[2])
	if len(m.Shape) != 4 || m.Shape[2] > 0 && m.Shape[2] != int64(c.mask) || m.Shape[3] > 0 && m.Shape[3] != int64(c.mask) {
		return c, fmt.Errorf("decoder: %s, want [1, 1, %d, %d]", m, c.mask, c.mask)
	}
	return c, nil
}

const (
	stride  = 16   // network pixels a cell of the embedding
	maxSide = 4096 // of a network's input
)

// side is the side of the square that the decoder's coordinates live in.
func (c decoderContract) side() int { return int(c.embedding[2]) * stride }

// agree checks that the two halves are of one pair.
func agree(e encoderContract, d decoderContract) error {
	side := d.side()
	if e.h > side || e.w > side || e.planes && (e.h != 0 && e.h != side || e.w != 0 && e.w != side) {
		return fmt.Errorf("the encoder takes %dx%d and the decoder works in %dx%d: these are not of one pair", e.w, e.h, side, side)
	}
	if d.interm != nil && !e.interm {
		return fmt.Errorf("the decoder takes %s, which the encoder does not give: an HQ-SAM decoder needs HQ-SAM's encoder", intermName)
	}
	return nil
}

func open(d int64) int { return int(max(d, 0)) }

func describe(list []ort.TensorInfo) string {
	if len(list) == 0 {
		return "none"
	}
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = t.String()
	}
	return strings.Join(parts, "; ")
}
