package ort

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// TensorInfo is what a model says of one input or output.
type TensorInfo struct {
	Name string
	Type string // element type: "float32", "float16", "int64", ...; empty when the model does not say
	// Shape has -1 for a dimension that is open or named; nil when the model does not say.
	Shape []int64
}

// check refuses shapes that no memory holds.
func (t TensorInfo) check() error {
	n := int64(1)
	for _, d := range t.Shape {
		if d = max(d, 1); n > maxElements/d {
			return fmt.Errorf("%q has shape %s: more than %d elements", t.Name, FormatShape(t.Shape), int64(maxElements))
		}
		n *= d
	}
	return nil
}

// String is like `images float32 [?, 3, 640, 640]`.
func (t TensorInfo) String() string {
	s := t.Name + " " + t.Type + " " + FormatShape(t.Shape)
	if t.Type == "" {
		s = t.Name + " of unknown type " + FormatShape(t.Shape)
	}
	return s
}

// FormatShape is like [?, 3, 640, 640]; a negative side is an open one.
func FormatShape(shape []int64) string {
	if shape == nil {
		return "of unknown shape"
	}
	var b strings.Builder
	for i, d := range shape {
		if i > 0 {
			b.WriteString(", ")
		}
		if d < 0 {
			b.WriteString("?")
		} else {
			fmt.Fprint(&b, d)
		}
	}
	return "[" + b.String() + "]"
}

// Info is what a model's file says of itself.
type Info struct {
	Producer string
	Opset    int64 // of the standard operators
	Inputs   []TensorInfo
	Outputs  []TensorInfo
	Metadata map[string]string // as exporters write it: "names", "imgsz", "stride"
	Elements int64             // weights
}

// Find returns the input or output of that name.
func Find(list []TensorInfo, name string) (TensorInfo, bool) {
	i := slices.IndexFunc(list, func(t TensorInfo) bool { return t.Name == name })
	if i < 0 {
		return TensorInfo{}, false
	}
	return list[i], true
}

// Inspect reads the description out of an ONNX model and refuses what cannot be one: an empty
// file, text or a web page, a truncated file, weights in other files (they could name any
// file of the machine, or with ONNX Runtime's own mark any address of its memory), compiled
// engines, sizes that no memory holds. It runs nothing; passing it does not prove that ONNX
// Runtime will load the model.
func Inspect(model []byte) (*Info, error) {
	info, err := inspect(model)
	if err != nil {
		return nil, fmt.Errorf("read ONNX model (%d bytes): %w", len(model), err)
	}
	return info, nil
}

func inspect(model []byte) (*Info, error) {
	switch {
	case len(model) == 0:
		return nil, errors.New("the file is empty")
	case bytes.HasPrefix(model, []byte("PK\x03\x04")):
		return nil, errors.New("this is a zip archive (a PyTorch checkpoint?): export it to ONNX first")
	case bytes.HasPrefix(model, []byte("version https://git-lfs")):
		return nil, errors.New("this is a git-lfs pointer: fetch the file itself")
	case looksLikeText(model):
		return nil, errors.New("this is text or a web page, not a model: was the download refused?")
	}
	w := walker{info: &Info{Metadata: map[string]string{}}}
	err := each(model, w.model)
	switch {
	case errors.Is(err, errWire) && w.graphs > 0:
		return nil, errors.New("the file is damaged behind its graph")
	case errors.Is(err, errWire) && w.ir > 0:
		return nil, errors.New("the file is truncated or damaged")
	case errors.Is(err, errWire):
		return nil, errors.New("not an ONNX model")
	case err != nil:
		return nil, err
	case w.ir == 0 || w.graphs == 0:
		return nil, errors.New("not an ONNX model: it has no graph")
	case w.graphs > 1:
		return nil, errors.New("the file holds more than one graph")
	}
	// Old exporters list the weights among the inputs.
	w.info.Inputs = slices.DeleteFunc(w.info.Inputs, func(t TensorInfo) bool { return w.weights[t.Name] })
	if len(w.info.Outputs) == 0 {
		return nil, errors.New("the model has no outputs")
	}
	return w.info, nil
}

// looksLikeText tells by the first bytes: a model begins with a control character.
func looksLikeText(b []byte) bool {
	for _, c := range b[:min(len(b), 16)] {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// walker gathers an Info and checks what it passes. Field numbers are those of onnx.proto.
type walker struct {
	info    *Info
	ir      uint64
	graphs  int
	weights map[string]bool
}

// maxDepth bounds graphs within graphs (If, Loop), as the runtime itself does.
const maxDepth = 32

func (w *walker) model(f field) error {
	switch {
	case f.num == 1 && f.wire == wireVarint:
		w.ir = f.number
	case f.num == 2 && f.wire == wireBytes:
		w.info.Producer = string(f.bytes)
	case f.num == 7 && f.wire == wireBytes:
		w.graphs++
		return w.graph(f.bytes, 0)
	case f.num == 8 && f.wire == wireBytes:
		return w.opset(f.bytes)
	case f.num == 14 && f.wire == wireBytes:
		return w.property(f.bytes)
	case f.num == 25 && f.wire == wireBytes:
		return each(f.bytes, func(f field) error { // a function: its nodes may hold tensors
			switch {
			case f.num == 7 && f.wire == wireBytes:
				return w.node(f.bytes, 1)
			case f.num == 11 && f.wire == wireBytes: // an attribute's default
				return w.attribute(f.bytes, 1)
			}
			return nil
		})
	}
	return nil
}

func (w *walker) opset(b []byte) error {
	domain, version := "", int64(0)
	err := each(b, func(f field) error {
		switch {
		case f.num == 1 && f.wire == wireBytes:
			domain = string(f.bytes)
		case f.num == 2 && f.wire == wireVarint:
			version = int64(f.number)
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		w.info.Opset = version
	}
	return err
}

func (w *walker) property(b []byte) error {
	key, value := "", ""
	err := each(b, func(f field) error {
		switch {
		case f.num == 1 && f.wire == wireBytes:
			key = string(f.bytes)
		case f.num == 2 && f.wire == wireBytes:
			value = string(f.bytes)
		}
		return nil
	})
	w.info.Metadata[key] = value
	return err
}

func (w *walker) graph(b []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	return each(b, func(f field) error {
		if f.wire != wireBytes {
			return nil
		}
		switch f.num {
		case 1:
			return w.node(f.bytes, depth)
		case 5:
			name, err := w.tensor(f.bytes)
			if depth == 0 && err == nil {
				if w.weights == nil {
					w.weights = map[string]bool{}
				}
				w.weights[name] = true
			}
			return err
		case 15:
			return w.sparse(f.bytes)
		case 11, 12:
			if depth > 0 {
				return nil
			}
			t, err := valueInfo(f.bytes)
			if err == nil {
				err = t.check()
			}
			if f.num == 11 {
				w.info.Inputs = append(w.info.Inputs, t)
			} else {
				w.info.Outputs = append(w.info.Outputs, t)
			}
			return err
		}
		return nil
	})
}

func (w *walker) node(b []byte, depth int) error {
	return each(b, func(f field) error {
		switch {
		case f.num == 4 && f.wire == wireBytes && string(f.bytes) == "EPContext":
			return errors.New("the model is a compiled engine of one device, which may name other files: take the model that it was compiled from")
		case f.num == 5 && f.wire == wireBytes:
			return w.attribute(f.bytes, depth)
		}
		return nil
	})
}

func (w *walker) attribute(b []byte, depth int) error {
	return each(b, func(f field) error {
		if f.wire != wireBytes {
			return nil
		}
		switch f.num {
		case 5, 10:
			_, err := w.tensor(f.bytes)
			return err
		case 6, 11:
			return w.graph(f.bytes, depth+1)
		case 22, 23:
			return w.sparse(f.bytes)
		}
		return nil
	})
}

// sparse checks a sparse tensor: values and indices.
func (w *walker) sparse(b []byte) error {
	return each(b, func(f field) error {
		if (f.num == 1 || f.num == 2) && f.wire == wireBytes {
			_, err := w.tensor(f.bytes)
			return err
		}
		return nil
	})
}

// tensor checks a weight and returns its name.
func (w *walker) tensor(b []byte) (string, error) {
	name, elements, external := "", int64(1), false
	dim := func(d uint64) error {
		if d > math.MaxInt64 || (d > 0 && elements > maxElements/int64(min(d, maxElements))) {
			return fmt.Errorf("a weight claims more than %d elements", int64(maxElements))
		}
		elements *= int64(d)
		return nil
	}
	err := each(b, func(f field) error {
		switch {
		case f.num == 1 && f.wire == wireVarint:
			return dim(f.number)
		case f.num == 1 && f.wire == wireBytes: // packed
			for p := f.bytes; len(p) > 0; {
				v, n := binary.Uvarint(p)
				if n <= 0 {
					return errWire
				}
				if err := dim(v); err != nil {
					return err
				}
				p = p[n:]
			}
		case f.num == 8 && f.wire == wireBytes:
			name = string(f.bytes)
		case f.num == 13, f.num == 14 && f.number == 1:
			external = true
		}
		return nil
	})
	if err == nil && external {
		err = fmt.Errorf("weight %q lies in another file: export the model as one file (external data is refused)", name)
	}
	w.info.Elements += elements
	return name, err
}

// valueInfo reads an input or output: name, type { tensor { element type, shape } }.
func valueInfo(b []byte) (t TensorInfo, err error) {
	err = each(b, func(f field) error {
		switch {
		case f.num == 1 && f.wire == wireBytes:
			t.Name = string(f.bytes)
		case f.num == 2 && f.wire == wireBytes:
			return each(f.bytes, func(f field) error {
				if f.num != 1 || f.wire != wireBytes {
					return nil
				}
				return each(f.bytes, func(f field) error {
					switch {
					case f.num == 1 && f.wire == wireVarint:
						t.Type = elementType(f.number)
					case f.num == 2 && f.wire == wireBytes:
						t.Shape = []int64{}
						return each(f.bytes, func(f field) error {
							if f.num != 1 || f.wire != wireBytes {
								return nil
							}
							d, err := dimension(f.bytes)
							t.Shape = append(t.Shape, d)
							return err
						})
					}
					return nil
				})
			})
		}
		return nil
	})
	return t, err
}

func dimension(b []byte) (int64, error) {
	d := int64(-1)
	err := each(b, func(f field) error {
		if f.num == 1 && f.wire == wireVarint {
			if d = int64(f.number); d <= 0 {
				d = -1 // some exporters write 0 or -1 for an open side
			}
		}
		return nil
	})
	return d, err
}

// elementTypes are the names of TensorProto.DataType.
var elementTypes = []string{1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16"}

func elementType(n uint64) string {
	if n < uint64(len(elementTypes)) && elementTypes[n] != "" {
		return elementTypes[n]
	}
	return fmt.Sprintf("type %d", n)
}
