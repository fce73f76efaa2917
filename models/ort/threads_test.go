package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestPhysicalCores(t *testing.T) {
	root := t.TempDir()
	if n := physicalCores(root); n != 0 {
		t.Errorf("%d cores of an empty folder", n)
	}
	// Four logical processors of two cores.
	for i := range 4 {
		dir := filepath.Join(root, fmt.Sprintf("cpu%d", i), "topology")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "thread_siblings_list"), fmt.Appendf(nil, "%d,%d\n", i%2, i%2+2), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := physicalCores(root); n != 2 {
		t.Errorf("%d cores, want 2", n)
	}
}
