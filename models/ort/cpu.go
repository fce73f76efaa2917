package ort

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// Int8CPU reports whether the processor multiplies 8-bit integers into 32-bit sums (VNNI on
// x86, the dot product extension on ARM). Without that ONNX Runtime's 8-bit convolutions are
// no faster, and on x86 their sums of two products may saturate.
func Int8CPU() bool {
	if runtime.GOARCH == "arm64" {
		return cpu.ARM64.HasASIMDDP || runtime.GOOS == "darwin"
	}
	return cpu.X86.HasAVX512VNNI || cpu.X86.HasAVXVNNI
}
