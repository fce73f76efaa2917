package ort

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// fix returns the model with the named inputs of these shapes. What the model says of a side
// must be open or the same. The model must have passed Inspect.
func fix(model []byte, info *Info, shapes map[string][]int64) ([]byte, error) {
	for name, shape := range shapes {
		t, ok := Find(info.Inputs, name)
		if !ok {
			return nil, fmt.Errorf("fix shapes: the model has no input %q", name)
		}
		bad := len(t.Shape) != len(shape)
		for i := 0; !bad && i < len(shape); i++ {
			bad = shape[i] < 1 || t.Shape[i] > 0 && t.Shape[i] != shape[i]
		}
		if bad {
			return nil, fmt.Errorf("fix shapes: the model's input is %s, which cannot be %s", t, FormatShape(shape))
		}
	}
	// Down to input.type.tensor_type.shape, which is replaced.
	return replace(model, 7, func(graph []byte) ([]byte, error) {
		return replace(graph, 11, func(input []byte) ([]byte, error) {
			t, err := valueInfo(input)
			if err != nil || shapes[t.Name] == nil {
				return input, err
			}
			return replace(input, 2, func(typ []byte) ([]byte, error) {
				return replace(typ, 1, func(tensor []byte) ([]byte, error) {
					return replace(tensor, 2, func([]byte) ([]byte, error) { return shapeProto(shapes[t.Name]), nil })
				})
			})
		})
	})
}

// replace returns the message with the content of each bytes field num changed by f.
func replace(message []byte, num int, f func([]byte) ([]byte, error)) ([]byte, error) {
	out := make([]byte, 0, len(message))
	err := each(message, func(v field) error {
		if v.num != num || v.wire != wireBytes {
			out = append(out, v.raw...)
			return nil
		}
		b, err := f(v.bytes)
		out = appendBytes(out, num, b)
		return err
	})
	return out, err
}

func appendBytes(out []byte, num int, b []byte) []byte {
	out = binary.AppendUvarint(out, uint64(num)<<3|wireBytes)
	out = binary.AppendUvarint(out, uint64(len(b)))
	return append(out, b...)
}

// shapeProto is a TensorShapeProto of fixed sides.
func shapeProto(shape []int64) []byte {
	var out []byte
	for _, d := range shape {
		dim := binary.AppendUvarint([]byte{1<<3 | wireVarint}, uint64(d))
		out = appendBytes(out, 1, dim)
	}
	return slices.Clip(out)
}
