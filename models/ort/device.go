package ort

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"
)

// The names of devices.
const (
	DeviceAuto     = "auto"
	DeviceCPU      = "cpu"
	DeviceCUDA     = "cuda"
	DeviceTensorRT = "tensorrt"
	DeviceOpenVINO = "openvino"
	DeviceCoreML   = "coreml"
)

var accelerators = []string{DeviceCUDA, DeviceTensorRT, DeviceOpenVINO, DeviceCoreML}

// Device is a place where a model runs: an execution provider and, for GPUs, which one.
type Device struct {
	Name  string // one of the Device constants
	Index int    // of the GPU
}

// ParseDevice reads "auto", "cpu", "cuda", "cuda:1", "tensorrt", "tensorrt:1", "openvino" or
// "coreml". Empty means auto.
func ParseDevice(s string) (Device, error) {
	name, index, numbered := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ":")
	d := Device{Name: name}
	if name == "" && !numbered {
		d.Name = DeviceAuto
	}
	known := d.Name == DeviceAuto || d.Name == DeviceCPU || slices.Contains(accelerators, d.Name)
	if known && numbered && (name == DeviceCUDA || name == DeviceTensorRT) {
		n, err := strconv.ParseUint(index, 10, 8)
		if err == nil {
			d.Index = int(n)
			return d, nil
		}
	}
	if !known || numbered {
		return Device{}, fmt.Errorf("device %q: want auto, cpu, cuda[:n], tensorrt[:n], openvino or coreml", s)
	}
	return d, nil
}

// String is what ParseDevice reads.
func (d Device) String() string {
	if d.Index != 0 {
		return d.Name + ":" + strconv.Itoa(d.Index)
	}
	return d.Name
}

// candidates are the devices to try in order.
func (d Device) candidates(fallback bool) []Device {
	cpu := Device{Name: DeviceCPU}
	switch {
	case d.Name == DeviceAuto && runtime.GOOS == "darwin":
		return []Device{{Name: DeviceCoreML}, cpu}
	case d.Name == DeviceAuto:
		// TensorRT builds an engine for minutes and OpenVINO is no faster than the CPU provider
		// everywhere, so these two are taken only when named.
		return []Device{{Name: DeviceCUDA}, cpu}
	case fallback && d.Name != DeviceCPU:
		return []Device{d, cpu}
	}
	return []Device{d}
}

// Provider is an execution provider and whether this process can use it.
type Provider struct {
	Name string
	Err  error // why not, nil when it can be used
}

// Providers tries every execution provider that outrider knows. It fails when ONNX Runtime
// cannot be loaded.
func Providers() ([]Provider, error) {
	if err := Init(); err != nil {
		return nil, err
	}
	list := []Provider{{Name: DeviceCPU}}
	for _, name := range accelerators {
		o, err := onnx.NewSessionOptions()
		if err == nil {
			err = appendProvider(o, Device{Name: name}, Options{})
			_ = o.Destroy()
		}
		list = append(list, Provider{Name: name, Err: err})
	}
	return list, nil
}

// appendProvider adds d to the session options.
func appendProvider(o *onnx.SessionOptions, d Device, opts Options) error {
	switch d.Name {
	case DeviceCPU:
		return nil
	case DeviceCUDA:
		return appendCUDA(o, d, opts)
	case DeviceTensorRT:
		if err := appendTensorRT(o, d, opts); err != nil {
			return err
		}
		// What TensorRT cannot run goes to CUDA rather than to the CPU.
		return appendCUDA(o, d, opts)
	case DeviceOpenVINO:
		return o.AppendExecutionProviderOpenVINO(openVINOOptions(opts))
	case DeviceCoreML:
		return o.AppendExecutionProviderCoreMLV2(coreMLOptions(opts))
	}
	return fmt.Errorf("device %q is unknown", d.Name)
}

func appendCUDA(o *onnx.SessionOptions, d Device, opts Options) error {
	c, err := onnx.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer func() { _ = c.Destroy() }()
	if err := c.Update(cudaOptions(d, opts)); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(c)
}

func appendTensorRT(o *onnx.SessionOptions, d Device, opts Options) error {
	t, err := onnx.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer func() { _ = t.Destroy() }()
	if err := t.Update(tensorRTOptions(d, opts)); err != nil {
		return err
	}
	return o.AppendExecutionProviderTensorRT(t)
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// The options of the providers, in the names that ONNX Runtime's documentation has.

func cudaOptions(d Device, opts Options) map[string]string {
	set := map[string]string{
		"device_id": strconv.Itoa(d.Index),
		// Grow by what is asked for, not by powers of two: shapes are few and fixed.
		"arena_extend_strategy": "kSameAsRequested",
	}
	if opts.GPUMemory > 0 {
		set["gpu_mem_limit"] = strconv.FormatInt(opts.GPUMemory, 10)
	}
	return set
}

func tensorRTOptions(d Device, opts Options) map[string]string {
	set := map[string]string{
		"device_id":       strconv.Itoa(d.Index),
		"trt_fp16_enable": flag(opts.FP16),
		"trt_int8_enable": flag(opts.INT8),
	}
	if opts.INT8 && opts.Calibration != "" {
		// ONNX Runtime's own table (flatbuffers), as its calibrator writes it. The name is taken
		// relative to the cache's folder, so it is given as an absolute path.
		set["trt_int8_calibration_table_name"] = absolute(opts.Calibration)
		set["trt_int8_use_native_calibration_table"] = "0"
	}
	if opts.EngineCache != "" {
		set["trt_engine_cache_enable"] = "1"
		set["trt_engine_cache_path"] = opts.EngineCache
		set["trt_timing_cache_enable"] = "1"
		set["trt_timing_cache_path"] = opts.EngineCache
	}
	return set
}

func openVINOOptions(opts Options) map[string]string {
	set := map[string]string{"device_type": "CPU"}
	if n, err := opts.threads(); err == nil {
		set["num_of_threads"] = strconv.Itoa(n)
	}
	if opts.EngineCache != "" {
		set["cache_dir"] = opts.EngineCache
	}
	return set
}

func coreMLOptions(opts Options) map[string]string {
	set := map[string]string{"ModelFormat": "MLProgram"}
	if len(opts.Shapes) > 0 {
		set["RequireStaticInputShapes"] = "1"
	}
	if opts.EngineCache != "" {
		set["ModelCacheDirectory"] = opts.EngineCache
	}
	return set
}

// absolute is path from the root, or path itself where that cannot be told.
func absolute(path string) string {
	if p, err := filepath.Abs(path); err == nil {
		return p
	}
	return path
}
