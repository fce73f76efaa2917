package ort

import (
	"maps"
	"testing"
)

// What reaches the providers that this machine may not have.
func TestProviderOptions(t *testing.T) {
	all := Options{
		Threads: 3, GPUMemory: 1 << 30, FP16: true, INT8: true, Calibration: "/c/table", EngineCache: "/cache",
		Shapes: map[string][]int64{"images": {1, 3, 384, 640}},
	}
	gpu := Device{Name: DeviceCUDA, Index: 1}
	for name, c := range map[string]struct{ got, want map[string]string }{
		"cuda":               {cudaOptions(gpu, all), map[string]string{"device_id": "1", "arena_extend_strategy": "kSameAsRequested", "gpu_mem_limit": "1073741824"}},
		"cuda without limit": {cudaOptions(Device{}, Options{}), map[string]string{"device_id": "0", "arena_extend_strategy": "kSameAsRequested"}},
		"tensorrt": {tensorRTOptions(gpu, all), map[string]string{
			"device_id": "1", "trt_fp16_enable": "1", "trt_int8_enable": "1",
			"trt_int8_calibration_table_name": "/c/table", "trt_int8_use_native_calibration_table": "0",
			"trt_engine_cache_enable": "1", "trt_engine_cache_path": "/cache", "trt_timing_cache_enable": "1", "trt_timing_cache_path": "/cache",
		}},
		"tensorrt plain":     {tensorRTOptions(Device{}, Options{}), map[string]string{"device_id": "0", "trt_fp16_enable": "0", "trt_int8_enable": "0"}},
		"tensorrt quantized": {tensorRTOptions(Device{}, Options{INT8: true}), map[string]string{"device_id": "0", "trt_fp16_enable": "0", "trt_int8_enable": "1"}},
		"openvino":           {openVINOOptions(all), map[string]string{"device_type": "CPU", "num_of_threads": "3", "cache_dir": "/cache"}},
		"coreml":             {coreMLOptions(all), map[string]string{"ModelFormat": "MLProgram", "RequireStaticInputShapes": "1", "ModelCacheDirectory": "/cache"}},
		"coreml open":        {coreMLOptions(Options{}), map[string]string{"ModelFormat": "MLProgram"}},
	} {
		if !maps.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}
