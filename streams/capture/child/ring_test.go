package child

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"outrider/streams/capture/decode"
)

// pair returns both ends of a ring, as two processes have them.
func pair(t *testing.T) (reader, writer *Ring) {
	t.Helper()
	reader, err := NewRing()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(reader.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	writer, err = JoinRing(uintptr(fd))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(reader.Close(), reader.Close(), writer.Close()); err != nil {
			t.Error(err)
		}
	})
	return reader, writer
}

func picture(w, h int, value byte) decode.Picture {
	return decode.Picture{Width: w, Height: h, Data: bytes.Repeat([]byte{value}, 3*w*h)}
}

func publish(t *testing.T, r *Ring, p decode.Picture) {
	t.Helper()
	if err := r.Publish(p, 7); err != nil {
		t.Fatal(err)
	}
}

func TestRingNewestWins(t *testing.T) {
	reader, writer := pair(t)
	if _, ok, err := reader.Take(); ok || err != nil {
		t.Fatalf("an empty ring gave a picture: %v", err)
	}
	for i := range 5 {
		publish(t, writer, picture(8, 4, byte(i)))
	}
	shot, ok, err := reader.Take()
	if err != nil || !ok || shot.Width != 8 || shot.Height != 4 || shot.Data[0] != 4 || shot.Captured != 7 || shot.Missed != 4 {
		t.Fatalf("%+v, %v, %v", shot, ok, err)
	}
	writer.Skip()
	publish(t, writer, picture(8, 4, 9))
	publish(t, writer, picture(8, 4, 10))
	publish(t, writer, picture(8, 4, 11))
	if shot.Data[0] != 4 {
		t.Error("the picture that the reader holds was written over")
	}
	if shot, ok, err = reader.Take(); err != nil || !ok || shot.Data[0] != 11 || shot.Missed != 3 {
		t.Fatalf("%+v, %v, %v", shot, ok, err)
	}
	if _, ok, err := reader.Take(); ok || err != nil {
		t.Fatalf("the same picture twice: %v", err)
	}
}

func TestRingSizeChanges(t *testing.T) {
	reader, writer := pair(t)
	for i, side := range []int{16, 1000, 8, 1500, 1000, 16, 2000} {
		publish(t, writer, picture(side, side/2, byte(i)))
		shot, ok, err := reader.Take()
		if err != nil || !ok || shot.Width != side || shot.Height != side/2 || len(shot.Data) != 3*side*side/2 ||
			shot.Data[0] != byte(i) || shot.Data[len(shot.Data)-1] != byte(i) {
			t.Fatalf("picture %d of side %d: %dx%d, %v, %v", i, side, shot.Width, shot.Height, ok, err)
		}
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(reader.File().Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	// Three slots of the largest size at most, plus the header.
	if used, most := stat.Blocks*512, int64(3*(3*2000*1000+4096)+4096); used > most {
		t.Errorf("%d bytes of memory are used, at most %d are needed", used, most)
	}
}

// TestRingConcurrent runs both sides at full speed: no torn picture, none twice, order kept.
func TestRingConcurrent(t *testing.T) {
	reader, writer := pair(t)
	const n = 20000
	done := make(chan error, 1)
	go func() {
		for i := range n {
			if err := writer.Publish(picture(16, 8, byte(i)), 0); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var got, missed uint64
	for finished := false; !finished; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			finished = true
		default:
		}
		shot, ok, err := reader.Take()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		got++
		missed += shot.Missed
		want := byte(got + missed - 1)
		for _, b := range shot.Data {
			if b != want {
				t.Fatalf("picture %d holds %d, want %d", got+missed, b, want)
			}
		}
	}
	if got+missed != n {
		t.Errorf("%d taken and %d missed of %d", got, missed, n)
	}
}

// TestRingHostileChild writes nonsense where the child can: Take must refuse it, and never
// read outside the memory.
func TestRingHostileChild(t *testing.T) {
	for name, spoil := range map[string]func(w *Ring, s *ringSlot){
		"slot":               func(w *Ring, _ *ringSlot) { w.header.state.Store(3 | ringFresh) },
		"large slot":         func(w *Ring, _ *ringSlot) { w.header.state.Store(0xffffffff) },
		"no pixels":          func(_ *Ring, s *ringSlot) { s.size.Store(0) },
		"too many pixels":    func(_ *Ring, s *ringSlot) { s.size.Store(1<<31<<32 | 1<<31) },
		"more than there is": func(_ *Ring, s *ringSlot) { s.size.Store(4000<<32 | 4000) },
		"offset in header":   func(_ *Ring, s *ringSlot) { s.offset.Store(0) },
		"crooked offset":     func(_ *Ring, s *ringSlot) { s.offset.Store(4097) },
		"offset past end":    func(_ *Ring, s *ringSlot) { s.offset.Store(1 << 40) },
		"offset wraps":       func(_ *Ring, s *ringSlot) { s.offset.Store(1<<64 - 4096) },
		"capacity":           func(_ *Ring, s *ringSlot) { s.capacity.Store(1 << 60) },
		"no capacity":        func(_ *Ring, s *ringSlot) { s.capacity.Store(0) },
		"sequence":           func(_ *Ring, s *ringSlot) { s.sequence.Store(0) },
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer := pair(t)
			slot := &writer.header.slot[writer.mine]
			publish(t, writer, picture(8, 4, 1))
			spoil(writer, slot)
			if shot, ok, err := reader.Take(); err == nil || ok {
				t.Errorf("took %dx%d, %v, %v", shot.Width, shot.Height, ok, err)
			}
		})
	}
}

func TestRingCannotShrink(t *testing.T) {
	reader, writer := pair(t)
	publish(t, writer, picture(8, 4, 1))
	if err := writer.file.Truncate(0); !errors.Is(err, os.ErrPermission) {
		t.Errorf("shrink: %v, want it refused", err)
	}
	if _, ok, err := reader.Take(); !ok || err != nil {
		t.Error(ok, err)
	}
}

func BenchmarkRing(b *testing.B) {
	reader, err := NewRing()
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	fd, err := unix.FcntlInt(reader.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	writer, err := JoinRing(uintptr(fd))
	if err != nil {
		b.Fatal(err)
	}
	defer writer.Close()
	p := picture(1280, 720, 1)
	b.SetBytes(int64(len(p.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := writer.Publish(p, 0); err != nil {
			b.Fatal(err)
		}
		if _, ok, err := reader.Take(); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
