package ort_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"outrider/models/ort"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needLibrary skips where ONNX Runtime is not installed.
func needLibrary(t testing.TB) {
	t.Helper()
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

func testModel(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, model []byte, o ort.Options) *ort.Session {
	t.Helper()
	needLibrary(t)
	s, err := ort.Open(model, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func tensor[T ort.Element](t testing.TB, data []T, shape ...int64) *ort.Tensor[T] {
	t.Helper()
	v, err := ort.NewTensor[T](shape...)
	if err != nil {
		t.Fatal(err)
	}
	copy(v.Data, data)
	t.Cleanup(func() {
		if err := errors.Join(v.Close(), v.Close()); err != nil {
			t.Error(err)
		}
	})
	return v
}

func TestRun(t *testing.T) {
	s := open(t, testModel(t, "affine"), ort.Options{Device: "cpu", Threads: 1})
	if got := s.Inputs(); len(got) != 1 || got[0].String() != "x float32 [?, 3]" {
		t.Errorf("inputs %v", got)
	}
	if got := s.Outputs(); len(got) != 3 || got[2].String() != "idx int64 [?, 3]" {
		t.Errorf("outputs %v", got)
	}
	if s.Provider().Name != ort.DeviceCPU || s.Fallback() != nil || s.Threads() != 1 {
		t.Errorf("provider %v, fallback %v, %d threads", s.Provider(), s.Fallback(), s.Threads())
	}
	x := tensor(t, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	out := make([]ort.Value, 3)
	if err := s.Run([]ort.Value{x}, out); err != nil {
		t.Fatal(err)
	}
	for _, v := range out {
		defer v.Close()
	}
	if y := out[0].(*ort.Tensor[float32]); !slices.Equal(y.Data, []float32{3, 5, 7, 9, 11, 13}) || !slices.Equal(y.Shape(), []int64{2, 3}) {
		t.Errorf("y %v %v", y.Shape(), y.Data)
	}
	if z := out[1].(*ort.Tensor[float32]); !slices.Equal(z.Data, []float32{6, 15}) {
		t.Errorf("z %v", z.Data)
	}
	if i := out[2].(*ort.Tensor[int64]); !slices.Equal(i.Data, []int64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("idx %v", i.Data)
	}
}

// An open side can be fixed when the model is loaded.
func TestShapes(t *testing.T) {
	affine := testModel(t, "affine")
	s := open(t, affine, ort.Options{Device: "cpu", Outputs: []string{"y"}, Shapes: map[string][]int64{"x": {2, 3}}})
	if got := s.Inputs()[0].String(); got != "x float32 [2, 3]" {
		t.Errorf("input %s", got)
	}
	out := make([]ort.Value, 1)
	if err := s.Run([]ort.Value{tensor(t, []float32{1, 2, 3, 4, 5, 6}, 2, 3)}, out); err != nil {
		t.Fatal(err)
	}
	defer out[0].Close()
	if y := out[0].(*ort.Tensor[float32]); !slices.Equal(y.Data, []float32{3, 5, 7, 9, 11, 13}) {
		t.Errorf("y %v", y.Data)
	}
	if err := s.Run([]ort.Value{tensor[float32](t, nil, 1, 3)}, make([]ort.Value, 1)); err == nil {
		t.Error("another shape was taken")
	}
	for want, shapes := range map[string]map[string][]int64{
		`no input "q"`:             {"q": {1}},
		"cannot be [2, 4]":         {"x": {2, 4}},
		"cannot be [2]":            {"x": {2}},
		"cannot be [0, 3]":         {"x": {0, 3}},
		"more than 4294967296 ele": {"x": {1 << 40, 3}},
	} {
		if _, err := ort.Open(affine, ort.Options{Shapes: shapes}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", shapes, err)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	s := open(t, testModel(t, "affine"), ort.Options{Device: "cpu"})
	x, wrong := tensor[float32](t, nil, 1, 3), tensor[float32](t, nil, 1, 4)
	ints := tensor[int64](t, nil, 1, 3)
	for name, c := range map[string]struct {
		in, out []ort.Value
		want    string
	}{
		"no input":     {nil, make([]ort.Value, 3), "0 inputs"},
		"nil input":    {[]ort.Value{nil}, make([]ort.Value, 3), `"x" is missing`},
		"few outputs":  {[]ort.Value{x}, make([]ort.Value, 1), "1 outputs"},
		"wrong shape":  {[]ort.Value{wrong}, make([]ort.Value, 3), "Got: 4 Expected: 3"},
		"wrong type":   {[]ort.Value{ints}, make([]ort.Value, 3), "data type"},
		"output shape": {[]ort.Value{x}, []ort.Value{wrong, nil, nil}, "invalid dimensions"},
	} {
		if err := s.Run(c.in, c.out); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		for _, v := range c.out {
			if v != nil && v != ort.Value(wrong) {
				t.Errorf("%s: an output was made", name)
			}
		}
	}
	if _, err := s.Bind([]ort.Value{x}, make([]ort.Value, 3)); err == nil {
		t.Error("bound without outputs")
	}
}

func TestBind(t *testing.T) {
	s := open(t, testModel(t, "affine"), ort.Options{Device: "cpu", Outputs: []string{"z", "y"}})
	if got := s.Outputs(); len(got) != 2 || got[0].Name != "z" || got[1].Name != "y" || len(s.Info().Outputs) != 3 {
		t.Fatalf("outputs %v", got)
	}
	x, y, z := tensor[float32](t, nil, 1, 3), tensor[float32](t, nil, 1, 3), tensor[float32](t, nil, 1, 1)
	b, err := s.Bind([]ort.Value{x}, []ort.Value{z, y})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		x.Data[i] = float32(i)
	}
	run := func() {
		if err := b.Run(); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if !slices.Equal(y.Data, []float32{1, 3, 5}) || z.Data[0] != 3 {
		t.Errorf("y %v, z %v", y.Data, z.Data)
	}
	if n := testing.AllocsPerRun(50, run); n > 0 {
		t.Errorf("%g allocations a run", n)
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if err := b.Run(); !errors.Is(err, ort.ErrClosed) {
		t.Errorf("run after close: %v", err)
	}
}

// Many goroutines share a session while it is closed under them.
func TestConcurrentRunAndClose(t *testing.T) {
	needLibrary(t)
	s, err := ort.Open(testModel(t, "affine"), ort.Options{Device: "cpu", Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	started := make(chan struct{}, 4)
	for i := range 4 {
		x, y := tensor[float32](t, nil, 1, 3), tensor[float32](t, nil, 1, 3)
		x.Data[0] = float32(i)
		wg.Go(func() {
			for n := 0; ; n++ {
				out := []ort.Value{y, nil, nil}
				err := s.Run([]ort.Value{x}, out)
				if errors.Is(err, ort.ErrClosed) {
					return
				}
				if err != nil || y.Data[0] != 2*float32(i)+1 {
					t.Errorf("run: %v, y %v", err, y.Data)
					started <- struct{}{}
					return
				}
				_ = out[1].Close()
				_ = out[2].Close()
				if n == 20 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestOpenRefuses(t *testing.T) {
	affine := testModel(t, "affine")
	for name, c := range map[string]struct {
		model []byte
		opts  ort.Options
		want  string
	}{
		"empty":            {nil, ort.Options{}, "empty"},
		"text":             {[]byte("Not found\nsorry"), ort.Options{}, "text or a web page"},
		"html":             {[]byte("<!DOCTYPE html><html>"), ort.Options{}, "text or a web page"},
		"lfs":              {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:0"), ort.Options{}, "git-lfs"},
		"checkpoint":       {[]byte("PK\x03\x04\x00\x00\x08\x08"), ort.Options{}, "zip archive"},
		"zeros":            {make([]byte, 4096), ort.Options{}, "not an ONNX model"},
		"truncated":        {affine[:len(affine)/2], ort.Options{}, "truncated"},
		"no graph":         {[]byte{0x08, 0x08}, ort.Options{}, "no graph"},
		"external data":    {testModel(t, "external"), ort.Options{}, `weight "w" lies in another file`},
		"nested external":  {testModel(t, "nested"), ort.Options{}, `weight "w" lies in another file`},
		"memory address":   {testModel(t, "memory"), ort.Options{}, `weight "w" lies in another file`},
		"sparse external":  {testModel(t, "sparse"), ort.Options{}, `weight "w" lies in another file`},
		"in a function":    {testModel(t, "function"), ort.Options{}, `weight "w" lies in another file`},
		"compiled engine":  {testModel(t, "engine"), ort.Options{}, "compiled engine"},
		"huge input":       {testModel(t, "shape"), ort.Options{}, `"x" has shape [1073741824, 1073741824]`},
		"huge weight":      {testModel(t, "huge"), ort.Options{}, "claims more than"},
		"unknown operator": {testModel(t, "unknown"), ort.Options{}, "Frobnicate"},
		"unknown device":   {affine, ort.Options{Device: "gpu"}, `device "gpu": want auto`},
		"CPU number":       {affine, ort.Options{Device: "cpu:1"}, `device "cpu:1"`},
		"threads":          {affine, ort.Options{Threads: -1}, "threads -1"},
		"unknown output":   {affine, ort.Options{Outputs: []string{"q"}}, `no output "q", it has y, z, idx`},
		"no output":        {affine, ort.Options{Outputs: []string{}}, "no output is asked for"},
	} {
		if c.want == "Frobnicate" {
			needLibrary(t)
		}
		s, err := ort.Open(c.model, c.opts)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestOpenFileRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.onnx"): "no such file",
		dir:                             "not a regular file",
		os.DevNull:                      "not a regular file",
		text:                            text + ": read ONNX model (5 bytes): this is text",
	} {
		if _, err := ort.OpenFile(path, ort.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", path, err, want)
		}
	}
}

// A pin binds a file to its content.
func TestPin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	model := testModel(t, "affine")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		t.Fatal(err)
	}
	if pin, err := ort.Pin(path); err != nil || pin != "" {
		t.Errorf("a pin out of nothing: %q, %v", pin, err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(model))
	if err := ort.WritePin(path, sum); err != nil {
		t.Fatal(err)
	}
	if pin, err := ort.Pin(path); err != nil || pin != sum {
		t.Errorf("pin %q, %v", pin, err)
	}
	if line, err := os.ReadFile(path + ort.PinSuffix); err != nil || string(line) != sum+"  model.onnx\n" {
		t.Errorf("%q is not what sha256sum -c reads (%v)", line, err)
	}
	if _, err := ort.ReadFile(path); err != nil {
		t.Error(err)
	}
	model[len(model)-1] ^= 1
	if err := os.WriteFile(path, model, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ort.ReadFile(path); err == nil || !strings.Contains(err.Error(), "model.onnx.sha256 says "+sum) {
		t.Errorf("a changed file was read: %v", err)
	}
	if err := ort.WritePin(path, "abc"); err == nil {
		t.Error("half a checksum was written")
	}
	if err := os.WriteFile(path+ort.PinSuffix, []byte("abc  model.onnx"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ort.ReadFile(path); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged pin was passed over: %v", err)
	}
}

// Asking for a device that is not there is an error, unless the CPU may stand in; auto never
// fails for that.
func TestDevices(t *testing.T) {
	needLibrary(t)
	providers, err := ort.Providers()
	if err != nil {
		t.Fatal(err)
	}
	if len(providers) != 5 || providers[0].Name != ort.DeviceCPU || providers[0].Err != nil {
		t.Fatalf("providers %v", providers)
	}
	s := open(t, testModel(t, "affine"), ort.Options{})
	if s.Provider().Name == ort.DeviceAuto {
		t.Error("auto says nothing")
	}
	for _, p := range providers[1:] {
		if p.Err == nil {
			continue
		}
		if _, err := ort.Open(testModel(t, "affine"), ort.Options{Device: p.Name}); err == nil || !strings.Contains(err.Error(), "fallback") {
			t.Errorf("%s: got %v, want an error that tells of the fallback", p.Name, err)
		}
		s := open(t, testModel(t, "affine"), ort.Options{Device: p.Name, Fallback: true})
		if s.Provider().Name != ort.DeviceCPU || s.Fallback() == nil {
			t.Errorf("%s: runs on %v, because %v", p.Name, s.Provider(), s.Fallback())
		}
	}
}

func TestParseDevice(t *testing.T) {
	for in, want := range map[string]string{
		"": "auto", "auto": "auto", "CPU": "cpu", "cuda": "cuda", "cuda:0": "cuda", "cuda:3": "cuda:3", " tensorrt:1 ": "tensorrt:1", "openvino": "openvino", "coreml": "coreml",
	} {
		if d, err := ort.ParseDevice(in); err != nil || d.String() != want {
			t.Errorf("%q: got %v (%v), want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda:999", "auto:1", "openvino:0", ":1"} {
		if d, err := ort.ParseDevice(in); err == nil {
			t.Errorf("%q was taken as %v", in, d)
		}
	}
}

func TestNewTensorRefuses(t *testing.T) {
	for _, shape := range [][]int64{{0}, {3, -1}, {1 << 20, 1 << 20}, {1 << 62, 1 << 62}} {
		if _, err := ort.NewTensor[float32](shape...); err == nil {
			t.Errorf("%v was made", shape)
		}
	}
}

func TestLibrary(t *testing.T) {
	t.Setenv("ORT_LIB", "/somewhere/lib.so")
	if p, err := ort.LibraryPath(); err != nil || p != "/somewhere/lib.so" {
		t.Errorf("%q %v", p, err)
	}
	t.Setenv("ORT_LIB", "")
	t.Setenv("XDG_CACHE_HOME", "/cache")
	if p, err := ort.LibraryPath(); err != nil || !strings.HasSuffix(p, ort.LibraryVersion) || !strings.Contains(p, filepath.Join("outrider", "onnxruntime")) {
		t.Errorf("%q %v", p, err)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	needLibrary(t)
	if v, p := ort.Version(); v == "" || p == "" {
		t.Errorf("version %q of %q", v, p)
	}
	if n := ort.DefaultThreads(); n < 1 || n > 8 {
		t.Errorf("%d threads", n)
	}
}
