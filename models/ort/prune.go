package ort

import (
	"fmt"
	"slices"
)

// prune returns the model with only the named outputs, in its own order. ONNX Runtime runs
// every node of the graph whatever it is asked for; nodes that serve no output it drops when
// it loads the model. The model must have passed Inspect.
func prune(model []byte, keep []string) ([]byte, error) {
	out := make([]byte, 0, len(model))
	err := each(model, func(f field) error {
		if f.num != 7 || f.wire != wireBytes {
			out = append(out, f.raw...)
			return nil
		}
		graph := make([]byte, 0, len(f.bytes))
		err := each(f.bytes, func(f field) error {
			if f.num == 12 && f.wire == wireBytes {
				t, err := valueInfo(f.bytes)
				if err != nil || !slices.Contains(keep, t.Name) {
					return err
				}
			}
			graph = append(graph, f.raw...)
			return nil
		})
		out = appendBytes(out, 7, graph)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cut outputs out of the model: %w", err)
	}
	return out, nil
}
