package ort

import (
	"errors"
	"fmt"

	onnx "github.com/yalue/onnxruntime_go"
)

// Binding is a session with its tensors attached: Run computes the bound outputs from the
// bound inputs in place and allocates nothing on the Go side. One goroutine at a time; any
// number of bindings of one session run at once.
type Binding struct {
	session *Session
	b       *onnx.IoBinding
}

// Bind attaches tensors, as many as Inputs and Outputs, none nil. Their shapes are fixed from
// now on. The caller keeps the tensors open until the binding is closed, and the binding is
// closed before the session.
func (s *Session) Bind(inputs, outputs []Value) (*Binding, error) {
	if err := s.check(inputs, outputs); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.s == nil {
		return nil, ErrClosed
	}
	b, err := s.s.CreateIoBinding()
	if err != nil {
		return nil, fmt.Errorf("bind tensors: %w", err)
	}
	for i, v := range inputs {
		err = errors.Join(err, b.BindInput(s.inputs[i].Name, v.value()))
	}
	for i, v := range outputs {
		if v == nil {
			err = errors.Join(err, fmt.Errorf("output %q is missing", s.outputs[i].Name))
			continue
		}
		err = errors.Join(err, b.BindOutput(s.outputs[i].Name, v.value()))
	}
	if err != nil {
		_ = b.Destroy()
		return nil, fmt.Errorf("bind tensors: %w", err)
	}
	return &Binding{session: s, b: b}, nil
}

// Run computes the outputs from what the inputs hold now.
func (b *Binding) Run() error {
	b.session.mu.RLock()
	defer b.session.mu.RUnlock()
	if b.session.s == nil || b.b == nil {
		return ErrClosed
	}
	if err := b.session.s.RunWithBinding(b.b); err != nil {
		return fmt.Errorf("run model: %w", err)
	}
	return nil
}

// Close detaches the tensors. Twice is fine.
func (b *Binding) Close() error {
	if b.b == nil {
		return nil
	}
	err := b.b.Destroy()
	b.b = nil
	return err
}
