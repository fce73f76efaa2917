package ort_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"outrider/models/ort"
)

// BenchmarkNano runs the default model under each choice that a session has; cpu-ms/op shows
// what spinning costs the rest of the machine.
func BenchmarkNano(b *testing.B) {
	model, err := os.ReadFile("../weights/everything-nano.onnx")
	if err != nil {
		b.Skip("no default model: ", err)
	}
	for _, threads := range []int{1, 2} {
		for _, spin := range []bool{false, true} {
			for _, outputs := range [][]string{{"output0", "output1"}, nil} {
				b.Run(fmt.Sprintf("threads=%d/spin=%v/outputs=%d", threads, spin, max(len(outputs), 1+2*(1-min(1, len(outputs))))), func(b *testing.B) {
					s, err := ort.Open(model, ort.Options{Device: "cpu", Threads: threads, Spinning: spin, Outputs: outputs})
					if err != nil {
						b.Fatal(err)
					}
					defer s.Close()
					in, err := ort.NewTensor[float32](1, 3, 480, 640)
					if err != nil {
						b.Fatal(err)
					}
					defer in.Close()
					outs := make([]ort.Value, len(s.Outputs()))
					if err := s.Run([]ort.Value{in}, outs); err != nil {
						b.Fatal(err)
					}
					bind, err := s.Bind([]ort.Value{in}, outs)
					if err != nil {
						b.Fatal(err)
					}
					defer bind.Close()
					cpu := cpuTime()
					b.ReportAllocs()
					for b.Loop() {
						if err := bind.Run(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(cpuTime()-cpu)/float64(time.Millisecond)/float64(b.N), "cpu-ms/op")
				})
			}
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
