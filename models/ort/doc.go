// Package ort runs ONNX models with ONNX Runtime, whose shared library it finds and loads
// once a process.
//
// [Open] makes a [Session] of a model's bytes; [Inspect] reads what a model says of itself
// without ONNX Runtime and refuses what is no self-contained model, so that a broken or
// hostile file is an error with a name and never a crash. A session runs in two ways:
//
//	s, err := ort.Open(model, ort.Options{Device: "auto"})
//	in, err := ort.NewTensor[float32](1, 3, 480, 640)
//
//	// Free form: outputs left nil are made by the run and belong to the caller.
//	outs := make([]ort.Value, len(s.Outputs()))
//	err = s.Run([]ort.Value{in}, outs)
//
//	// Steady state: tensors bound once, nothing copied and nothing allocated a run.
//	b, err := s.Bind([]ort.Value{in}, outs)
//	fill(in.Data)
//	err = b.Run()
//
// The execution provider is chosen by [Options].Device. Asking for one that cannot be had is
// an error unless Options.Fallback allows the CPU; [Session.Provider] tells which one runs.
//
// The package knows nothing of pictures, and keeps no models: it is the only one that talks
// to ONNX Runtime.
package ort
