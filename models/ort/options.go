package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"
)

// Options say how a model runs. The zero value is auto device, one thread a physical core.
type Options struct {
	Device   string // auto | cpu | cuda[:n] | tensorrt[:n] | openvino | coreml; empty is auto
	Fallback bool   // take the CPU when Device cannot be had, instead of failing

	// Threads run one operator of the graph together; 0 is DefaultThreads. One thread means that
	// runs stay on the caller's thread.
	Threads int
	// Spinning lets waiting threads burn their core for a few milliseconds between operators. It
	// is off by default: a video pipeline has better use for the core.
	Spinning bool

	// Outputs are the outputs to compute, in this order; nil is all of the model's. What only
	// serves other outputs is cut out of the graph.
	Outputs []string

	// Shapes fixes the open sides of inputs by name: TensorRT, OpenVINO and CoreML compile the
	// network for its shape and would do so again for each new one.
	Shapes map[string][]int64

	GPUMemory   int64  // bytes that CUDA may take, 0 for no limit
	FP16        bool   // TensorRT may compute in half precision
	INT8        bool   // TensorRT may compute with 8-bit integers: a quantized (QDQ) model, or one with Calibration
	Calibration string // file of TensorRT's calibration table, empty for none
	EngineCache string // folder of what TensorRT, OpenVINO and CoreML compile, empty for none; it must exist
}

// DefaultThreads is the number of threads that Options.Threads 0 means: one a physical core
// that the process may use (CPU quota and affinity heeded), at most 8, since small networks
// gain nothing from more. Two threads of one core share its vector units.
func DefaultThreads() int {
	n := min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	if p := physicalCores("/sys/devices/system/cpu"); p > 0 {
		n = min(n, p)
	}
	return max(1, min(n, 8))
}

// physicalCores counts the distinct sibling sets of a Linux topology folder, 0 if unknown.
func physicalCores(root string) int {
	files, err := filepath.Glob(filepath.Join(root, "cpu[0-9]*", "topology", "thread_siblings_list"))
	if err != nil {
		return 0
	}
	seen := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return 0
		}
		seen[strings.TrimSpace(string(b))] = true
	}
	return len(seen)
}

func (o Options) threads() (int, error) {
	if o.Threads < 0 || o.Threads > 1024 {
		return 0, fmt.Errorf("threads %d: want 0 (automatic) to 1024", o.Threads)
	}
	if o.Threads == 0 {
		return DefaultThreads(), nil
	}
	return o.Threads, nil
}

// sessionOptions makes ONNX Runtime's options for one device; the caller destroys them.
func (o Options) sessionOptions(d Device, threads int) (*onnx.SessionOptions, error) {
	so, err := onnx.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		so.SetIntraOpNumThreads(threads),
		so.SetInterOpNumThreads(1),
		so.SetExecutionMode(onnx.ExecutionModeSequential),
		so.SetGraphOptimizationLevel(onnx.GraphOptimizationLevelEnableAll),
		so.AddSessionConfigEntry("session.intra_op.allow_spinning", flag(o.Spinning)),
		so.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		// Denormals slow black pictures down several times and mean nothing here.
		so.AddSessionConfigEntry("session.set_denormal_as_zero", "1"),
	)
	if err == nil {
		err = appendProvider(so, d, o)
	}
	if err != nil {
		_ = so.Destroy()
		return nil, err
	}
	return so, nil
}
