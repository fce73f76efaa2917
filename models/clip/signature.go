package clip

import (
	"fmt"
	"slices"
	"strings"

	"outrider/models/ort"
)

// An exporter names the joint-space output in one of these ways; other outputs (hidden
// states, poolings before the projection) are not comparable with the other encoder's.
var embeddingNames = []string{"image_embeds", "text_embeds", "image_features", "text_features", "embeddings", "embedding", "features", "output"}

// imageSignature is what an image encoder's file says of its input and output.
type imageSignature struct {
	output string
	side   int // 0 when open
	batch  int // 0 when open
}

func readImageSignature(info *ort.Info) (imageSignature, error) {
	var s imageSignature
	if len(info.Inputs) != 1 {
		return s, fmt.Errorf("image encoder: has %d inputs (%s), want one picture: export the two encoders as two files", len(info.Inputs), describe(info.Inputs))
	}
	in := info.Inputs[0]
	if in.Type != "float32" || len(in.Shape) != 4 || in.Shape[1] > 0 && in.Shape[1] != 3 {
		return s, fmt.Errorf("image encoder: input is %s, want float32 [N, 3, side, side] (weights may be float16, input and output not)", in)
	}
	if h, w := in.Shape[2], in.Shape[3]; h != w && h > 0 && w > 0 {
		return s, fmt.Errorf("image encoder: input is %s, want a square", in)
	}
	s.side, s.batch = int(max(in.Shape[2], in.Shape[3], 0)), int(max(in.Shape[0], 0))
	if s.side > 4096 || s.batch > 1024 {
		return s, fmt.Errorf("image encoder: input is %s, want sides of at most 4096 and batches of at most 1024", in)
	}
	out, err := embeddingOutput(info.Outputs)
	if err != nil {
		return s, fmt.Errorf("image encoder: %w", err)
	}
	s.output = out
	return s, nil
}

// textSignature is what a text encoder's file says.
type textSignature struct {
	output string
	mask   int // index of the attention mask among the inputs, -1 for none
	batch  int // 0 when open
	narrow bool
}

func readTextSignature(info *ort.Info) (textSignature, error) {
	s := textSignature{mask: -1}
	ids := 0
	switch len(info.Inputs) {
	case 1:
	case 2:
		s.mask = slices.IndexFunc(info.Inputs, func(t ort.TensorInfo) bool { return strings.Contains(t.Name, "mask") })
		ids = 1 - s.mask
	}
	if len(info.Inputs) > 2 || len(info.Inputs) == 2 && s.mask < 0 || len(info.Inputs) == 0 {
		return s, fmt.Errorf("text encoder: inputs are %s, want token ids and at most an attention mask: export the two encoders as two files", describe(info.Inputs))
	}
	for _, in := range info.Inputs {
		if in.Type != info.Inputs[ids].Type || in.Type != "int64" && in.Type != "int32" || len(in.Shape) != 2 {
			return s, fmt.Errorf("text encoder: input is %s, want int64 or int32 [N, %d]", in, ContextLength)
		}
		if n := in.Shape[1]; n > 0 && n != ContextLength {
			return s, fmt.Errorf("text encoder: input is %s, want %d of CLIP's tokens (SigLIP's SentencePiece tokens are not supported)", in, ContextLength)
		}
	}
	in := info.Inputs[ids]
	s.narrow = in.Type == "int32"
	s.batch = int(max(in.Shape[0], 0))
	if s.batch > 1024 {
		return s, fmt.Errorf("text encoder: input is %s, want batches of at most 1024", in)
	}
	out, err := embeddingOutput(info.Outputs)
	if err != nil {
		return s, fmt.Errorf("text encoder: %w", err)
	}
	s.output = out
	return s, nil
}

// embeddingOutput names the output that holds one vector a row.
func embeddingOutput(outputs []ort.TensorInfo) (string, error) {
	fits := func(t ort.TensorInfo) bool {
		return t.Type == "float32" && (t.Shape == nil || len(t.Shape) == 2)
	}
	for _, name := range embeddingNames {
		if t, ok := ort.Find(outputs, name); ok && fits(t) {
			return name, nil
		}
	}
	var only []string
	for _, t := range outputs {
		if fits(t) {
			only = append(only, t.Name)
		}
	}
	if len(only) != 1 {
		return "", fmt.Errorf("outputs are %s, want one float32 [N, width], or one of that shape named image_embeds or text_embeds", describe(outputs))
	}
	return only[0], nil
}

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
