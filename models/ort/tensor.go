package ort

import (
	"fmt"
	"runtime"

	onnx "github.com/yalue/onnxruntime_go"
)

// Value is an input or output of a session: a *Tensor.
type Value interface {
	// Shape is the tensor's shape; not to be changed.
	Shape() []int64
	// Close frees what ONNX Runtime knows of the tensor; twice is fine.
	Close() error

	value() onnx.Value
}

// Element is what tensors hold.
type Element interface {
	float32 | float64 | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64
}

// Tensor is an array in Go memory that ONNX Runtime reads and writes in place, row-major. A
// session that runs on it owns Data meanwhile. Close it after use: its memory is pinned.
type Tensor[T Element] struct {
	Data []T

	shape []int64
	t     *onnx.Tensor[T]
	pin   runtime.Pinner
}

// tensorSlack is the number of elements that a tensor's memory is longer than its shape, so
// that vector code may read past the last row.
const tensorSlack = 64

// NewTensor makes a tensor of zeros. Every side must be positive.
func NewTensor[T Element](shape ...int64) (*Tensor[T], error) {
	n := int64(1)
	for _, d := range shape {
		if d <= 0 || n > maxElements/d {
			return nil, fmt.Errorf("make tensor %v: want sides of at least 1 and at most %d elements", shape, int64(maxElements))
		}
		n *= d
	}
	return wrap(make([]T, n+tensorSlack), shape, n)
}

// maxElements bounds a tensor: 4 Gi elements are beyond any model of this program and within
// the reach of a typing error.
const maxElements = 1 << 32

// wrap makes a tensor of the first n elements of data.
func wrap[T Element](data []T, shape []int64, n int64) (*Tensor[T], error) {
	if err := Init(); err != nil {
		return nil, err
	}
	t := &Tensor[T]{Data: data[:n], shape: append([]int64(nil), shape...)}
	t.pin.Pin(&data[0])
	v, err := onnx.NewTensor(onnx.NewShape(shape...), data)
	if err != nil {
		t.pin.Unpin()
		return nil, fmt.Errorf("make tensor %v: %w", shape, err)
	}
	t.t = v
	return t, nil
}

// Shape is the tensor's shape; not to be changed.
func (t *Tensor[T]) Shape() []int64 { return t.shape }

// Padded is Data and what memory follows it: at least 64 elements of undefined content where
// NewTensor made the tensor, for vector code that reads whole words.
func (t *Tensor[T]) Padded() []T { return t.Data[:cap(t.Data)] }

// Close frees what ONNX Runtime knows of the tensor. Data stays readable. Twice is fine.
func (t *Tensor[T]) Close() error {
	if t.t == nil {
		return nil
	}
	err := t.t.Destroy()
	t.t = nil
	t.pin.Unpin()
	return err
}

func (t *Tensor[T]) value() onnx.Value { return t.t }

// adopt wraps a tensor that a run has made; its memory is Go's already.
func adopt(v onnx.Value) (Value, error) {
	switch t := v.(type) {
	case *onnx.Tensor[float32]:
		return adopted(t), nil
	case *onnx.Tensor[float64]:
		return adopted(t), nil
	case *onnx.Tensor[int8]:
		return adopted(t), nil
	case *onnx.Tensor[uint8]:
		return adopted(t), nil
	case *onnx.Tensor[int16]:
		return adopted(t), nil
	case *onnx.Tensor[uint16]:
		return adopted(t), nil
	case *onnx.Tensor[int32]:
		return adopted(t), nil
	case *onnx.Tensor[uint32]:
		return adopted(t), nil
	case *onnx.Tensor[int64]:
		return adopted(t), nil
	case *onnx.Tensor[uint64]:
		return adopted(t), nil
	}
	return nil, fmt.Errorf("elements of %v are not supported", onnx.TensorElementDataType(v.DataType()))
}

func adopted[T Element](t *onnx.Tensor[T]) *Tensor[T] {
	return &Tensor[T]{Data: t.GetData(), shape: t.GetShape(), t: t}
}
