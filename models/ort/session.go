package ort

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	onnx "github.com/yalue/onnxruntime_go"
)

// ErrClosed is the error of a run on a closed session.
var ErrClosed = errors.New("the session is closed")

// Session is a loaded model. Safe for concurrent use; tensors and bindings are not.
type Session struct {
	info     *Info
	inputs   []TensorInfo
	outputs  []TensorInfo
	provider Device
	wanted   Device
	why      error // why wanted was not taken
	threads  int

	mu sync.RWMutex // held for reading by runs, for writing by Close
	s  *onnx.DynamicAdvancedSession
}

// MaxModelBytes is the largest model file that ReadFile takes: the 2 GiB that a protocol
// buffer can have.
const MaxModelBytes = 2<<30 - 1

// ReadFile reads a model file for Open. It fails on directories, on devices, on files above
// MaxModelBytes, and on a file that is not what its pin says.
func ReadFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open model: %w", err)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("open model %s: not a regular file, want an .onnx file", path)
	case st.Size() > MaxModelBytes:
		return nil, fmt.Errorf("open model %s: %d bytes, at most %d are taken", path, st.Size(), MaxModelBytes)
	}
	pin, err := Pin(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	if pin != "" {
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != pin {
			return nil, fmt.Errorf("open model %s: SHA-256 is %x, but %s says %s: the file was changed; get it again, or delete the pin if you changed it yourself", path, sum, filepath.Base(path)+PinSuffix, pin)
		}
	}
	return b, nil
}

// OpenFile is Open of a file.
func OpenFile(path string, o Options) (*Session, error) {
	b, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Open(b, o)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", path, err)
	}
	return s, nil
}

// Open loads a model after Inspect has passed it. The bytes are not needed any more when it
// returns.
func Open(model []byte, o Options) (*Session, error) {
	info, err := Inspect(model)
	if err != nil {
		return nil, err
	}
	d, err := ParseDevice(o.Device)
	if err != nil {
		return nil, err
	}
	threads, err := o.threads()
	if err != nil {
		return nil, err
	}
	if len(o.Shapes) > 0 {
		if model, err = fix(model, info, o.Shapes); err != nil {
			return nil, err
		}
		if info, err = Inspect(model); err != nil {
			return nil, err
		}
	}
	s := &Session{info: info, inputs: info.Inputs, outputs: info.Outputs, wanted: d, threads: threads}
	if o.Outputs != nil {
		if s.outputs, err = choose(info.Outputs, o.Outputs); err != nil {
			return nil, err
		}
		if len(s.outputs) < len(info.Outputs) {
			if model, err = prune(model, o.Outputs); err != nil {
				return nil, err
			}
		}
	}
	if err := Init(); err != nil {
		return nil, err
	}
	var failed []error
	for _, c := range d.candidates(o.Fallback) {
		if s.s, err = s.create(model, c, o); err == nil {
			s.provider, s.why = c, errors.Join(failed...)
			return s, nil
		}
		failed = append(failed, fmt.Errorf("load model on %s: %w", c, err))
	}
	// The last failure is the CPU's where it was tried: a fault of the model.
	err = failed[len(failed)-1]
	if d.Name != DeviceCPU && d.Name != DeviceAuto && !o.Fallback {
		err = fmt.Errorf("%w (choose another device, or allow the fallback to the CPU)", err)
	}
	return nil, err
}

// choose picks the named ones out of list.
func choose(list []TensorInfo, names []string) ([]TensorInfo, error) {
	var out []TensorInfo
	for _, n := range names {
		t, ok := Find(list, n)
		if !ok {
			return nil, fmt.Errorf("the model has no output %q, it has %s", n, strings.Join(namesOf(list), ", "))
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, errors.New("no output is asked for")
	}
	return out, nil
}

func namesOf(list []TensorInfo) []string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.Name
	}
	return names
}

func (s *Session) create(model []byte, d Device, o Options) (*onnx.DynamicAdvancedSession, error) {
	so, err := o.sessionOptions(d, s.threads)
	if err != nil {
		return nil, err
	}
	defer func() { _ = so.Destroy() }()
	return onnx.NewDynamicAdvancedSessionWithONNXData(model, namesOf(s.inputs), namesOf(s.outputs), so)
}

// Info is what the model says of itself, whatever outputs were chosen. Not to be changed.
func (s *Session) Info() *Info { return s.info }

// Inputs are the tensors that Run takes, in order. Not to be changed.
func (s *Session) Inputs() []TensorInfo { return s.inputs }

// Outputs are the tensors that Run gives, in order. Not to be changed.
func (s *Session) Outputs() []TensorInfo { return s.outputs }

// Provider is the device that runs the model.
func (s *Session) Provider() Device { return s.provider }

// Fallback is why the device asked for (or the better one that auto tried) does not run the
// model, nil when it does.
func (s *Session) Fallback() error { return s.why }

// Threads is the number of threads that one run uses on the CPU.
func (s *Session) Threads() int { return s.threads }

// Run runs the model once. inputs and outputs are as many as Inputs and Outputs and in that
// order. An output that is nil is made by the run and closed by the caller; one that is given
// must have the shape that the run gives. For a fixed set of tensors Bind is faster.
func (s *Session) Run(inputs, outputs []Value) error {
	if err := s.check(inputs, outputs); err != nil {
		return err
	}
	in := make([]onnx.Value, len(inputs))
	for i, v := range inputs {
		in[i] = v.value()
	}
	out := make([]onnx.Value, len(outputs))
	for i, v := range outputs {
		if v != nil {
			out[i] = v.value()
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.s == nil {
		return ErrClosed
	}
	if err := s.s.Run(in, out); err != nil {
		return fmt.Errorf("run model: %w", err)
	}
	for i := range outputs {
		if outputs[i] != nil {
			continue
		}
		v, err := adopt(out[i])
		if err != nil {
			for _, o := range out[i:] {
				_ = o.Destroy()
			}
			return fmt.Errorf("run model: output %q: %w", s.outputs[i].Name, err)
		}
		outputs[i] = v
	}
	return nil
}

func (s *Session) check(inputs, outputs []Value) error {
	if len(inputs) != len(s.inputs) || len(outputs) != len(s.outputs) {
		return fmt.Errorf("run model: %d inputs and %d outputs given, it has %d and %d", len(inputs), len(outputs), len(s.inputs), len(s.outputs))
	}
	if i := slices.Index(inputs, nil); i >= 0 {
		return fmt.Errorf("run model: input %q is missing", s.inputs[i].Name)
	}
	return nil
}

// Close frees the model after the runs under way. Bindings are closed before. Twice is fine.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		return nil
	}
	err := s.s.Destroy()
	s.s = nil
	return err
}
