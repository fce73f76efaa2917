package ort

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"
)

// Options say where and how a model runs. Zero fields take the default.
type Options struct {
	Device   string // auto, cpu, cuda[:n], tensorrt, openvino, coreml; auto takes CUDA where it works, else the CPU
	Threads  int    // of one run, default: all cores
	Fallback bool   // run on the CPU when the device cannot be had, instead of failing
	Spin     bool   // threads wait for work by spinning: faster alone, slower beside other work
}

// TensorInfo describes an input or output. A dimension of -1 may take any size.
type TensorInfo struct {
	Name  string
	Shape []int64
	Type  string // float32, float16, int64, ...
}

// Session is a loaded model. Safe for concurrent use until Close.
type Session struct {
	Inputs, Outputs []TensorInfo
	Provider        string // where it runs: cpu, cuda, ...

	session *onnx.DynamicAdvancedSession
	outputs int // asked for
}

// Open loads a model; name stands for it in errors, outputs names the outputs wanted (nil for
// all). Bytes that are no ONNX model are refused, as is a device that cannot be had unless
// Fallback is set.
func Open(name string, data []byte, outputs []string, o Options) (*Session, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	if err := plausible(data); err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	in, out, err := onnx.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, fmt.Errorf("model %s: not a usable ONNX model: %w", name, err)
	}
	s := &Session{}
	inputs := make([]string, len(in))
	for i, x := range in {
		inputs[i] = x.Name
		s.Inputs = append(s.Inputs, infoOf(x))
	}
	var names []string
	for _, x := range out {
		s.Outputs = append(s.Outputs, infoOf(x))
		names = append(names, x.Name)
	}
	for _, want := range outputs {
		if !slices.Contains(names, want) {
			return nil, fmt.Errorf("model %s has no output %q; it has %s", name, want, strings.Join(names, ", "))
		}
	}
	if outputs != nil {
		names = outputs
	}
	providers, err := candidates(o.Device)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	if o.Fallback && providers[len(providers)-1] != "cpu" {
		providers = append(providers, "cpu")
	}
	var errs []error
	for _, p := range providers {
		s.session, err = open(data, inputs, names, p, o)
		if err == nil {
			s.Provider, s.outputs = p, len(names)
			return s, nil
		}
		errs = append(errs, fmt.Errorf("on %s: %w", p, err))
	}
	return nil, fmt.Errorf("model %s: %w", name, errors.Join(errs...))
}

// candidates lists the providers to try for a device.
func candidates(device string) ([]string, error) {
	kind, index, _ := strings.Cut(device, ":")
	switch kind {
	case "", "auto":
		return []string{"cuda", "cpu"}, nil
	case "cpu", "tensorrt", "openvino", "coreml", "cuda":
		if index != "" {
			if n, err := strconv.Atoi(index); err != nil || n < 0 || kind != "cuda" && kind != "tensorrt" {
				return nil, fmt.Errorf("device %q: want auto, cpu, cuda[:n], tensorrt[:n], openvino or coreml", device)
			}
		}
		return []string{device}, nil
	}
	return nil, fmt.Errorf("device %q: want auto, cpu, cuda[:n], tensorrt[:n], openvino or coreml", device)
}

func open(data []byte, inputs, outputs []string, device string, o Options) (*onnx.DynamicAdvancedSession, error) {
	so, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer so.Destroy()
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	spin := "0"
	if o.Spin {
		spin = "1"
	}
	kind, index, _ := strings.Cut(device, ":")
	if index == "" {
		index = "0"
	}
	// Error level only: a missing provider is our error to tell.
	err = errors.Join(
		so.SetLogSeverityLevel(onnx.LoggingLevelError),
		so.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelEnableAll),
		so.SetIntraOpNumThreads(threads), so.SetInterOpNumThreads(1),
		so.AddSessionConfigEntry("session.intra_op.allow_spinning", spin),
	)
	if err == nil {
		err = appendProvider(so, kind, index)
	}
	if err != nil {
		return nil, err
	}
	return onnx.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, so)
}

func appendProvider(so *onnx.SessionOptions, kind, index string) error {
	switch kind {
	case "cuda":
		c, err := onnx.NewCUDAProviderOptions()
		if err != nil {
			return err
		}
		defer c.Destroy()
		return errors.Join(c.Update(map[string]string{"device_id": index}), so.AppendExecutionProviderCUDA(c))
	case "tensorrt":
		t, err := onnx.NewTensorRTProviderOptions()
		if err != nil {
			return err
		}
		defer t.Destroy()
		return errors.Join(t.Update(map[string]string{"device_id": index}), so.AppendExecutionProviderTensorRT(t))
	case "openvino":
		return so.AppendExecutionProviderOpenVINO(map[string]string{})
	case "coreml":
		return so.AppendExecutionProviderCoreMLV2(map[string]string{})
	}
	return nil
}

func infoOf(x onnx.InputOutputInfo) TensorInfo {
	t := strings.ToLower(strings.TrimPrefix(x.DataType.String(), "ONNX_TENSOR_ELEMENT_DATA_TYPE_"))
	if t == "float" {
		t = "float32"
	}
	return TensorInfo{Name: x.Name, Shape: append([]int64(nil), x.Dimensions...), Type: t}
}

// plausible refuses what cannot be an ONNX model before native code parses it.
func plausible(data []byte) error {
	switch {
	case len(data) == 0:
		return errors.New("the file is empty")
	case len(data) < 32:
		return fmt.Errorf("%d bytes are no ONNX model", len(data))
	case bytes.HasPrefix(bytes.TrimSpace(data[:32]), []byte("<")):
		return errors.New("the file is a web page, not an ONNX model: was the download refused?")
	case bytes.HasPrefix(data, []byte("version https://git-lfs")):
		return errors.New("the file is a Git LFS pointer, not an ONNX model: fetch it with git lfs pull")
	case data[0] != 0x08 && data[0] != 0x0a && data[0] != 0x12 && data[0] != 0x3a:
		return errors.New("the file is not an ONNX model")
	}
	return nil
}

// Run runs the model once, reading in and writing out, in the order of Open.
func (s *Session) Run(in, out []Value) error {
	var iv, ov [16]onnx.Value
	if len(in) > len(iv) || len(out) > len(ov) {
		return fmt.Errorf("%d inputs and %d outputs, at most %d are taken", len(in), len(out), len(iv))
	}
	for i, t := range in {
		iv[i] = t.onnxValue()
	}
	for i, t := range out {
		ov[i] = t.onnxValue()
	}
	return s.session.Run(iv[:len(in)], ov[:len(out)])
}

// Close frees the model. No run may be under way.
func (s *Session) Close() error { return s.session.Destroy() }

// Value is a tensor of any element type.
type Value interface{ onnxValue() onnx.Value }

// Element is what a tensor may hold.
type Element interface {
	float32 | int64 | int32 | uint8
}

// Tensor is a tensor in Go memory that ONNX Runtime reads and writes in place.
type Tensor[T Element] struct {
	Data  []T
	value *onnx.Tensor[T]
}

// NewTensor allocates a tensor of a shape, all zero.
func NewTensor[T Element](shape ...int64) (Tensor[T], error) {
	v, err := onnx.NewEmptyTensor[T](onnx.NewShape(shape...))
	if err != nil {
		return Tensor[T]{}, fmt.Errorf("tensor of shape %v: %w", shape, err)
	}
	return Tensor[T]{Data: v.GetData(), value: v}, nil
}

func (t Tensor[T]) onnxValue() onnx.Value { return t.value }

// Close frees what ONNX Runtime holds of the tensor. The zero Tensor may be closed.
func (t Tensor[T]) Close() {
	if t.value != nil {
		t.value.Destroy()
	}
}

// OutputShapes runs the model once on a zero input of a shape and returns the shapes of the
// outputs named to Open: what an export with symbolic dimensions tells only when run. An
// output that is not float32 is an error.
func (s *Session) OutputShapes(input ...int64) ([][]int64, error) {
	in, err := NewTensor[float32](input...)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out := make([]onnx.Value, s.outputs)
	if err := s.session.Run([]onnx.Value{in.value}, out); err != nil {
		return nil, err
	}
	var shapes [][]int64
	for i, v := range out {
		defer v.Destroy()
		if _, ok := v.(*onnx.Tensor[float32]); !ok {
			return nil, fmt.Errorf("output %d is not float32", i)
		}
		shapes = append(shapes, append([]int64(nil), v.GetShape()...))
	}
	return shapes, nil
}
