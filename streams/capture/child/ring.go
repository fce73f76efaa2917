package child

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"outrider/streams/capture/decode"
)

// Ring is a triple buffer in shared memory: of three slots the writer owns one, the reader
// owns one, and one lies between them. Publishing swaps the writer's slot with the middle
// one, taking swaps the reader's. Both are one atomic exchange: neither side ever waits, the
// newest picture wins, and no picture is written while it is read.
//
// A slot's pixels lie anywhere in the file; a picture too large for its slot gets a new place
// at the end, and the old pages are given back.
type Ring struct {
	file   *os.File
	header *ringHeader
	memory []byte // of the header
	slots  [ringSlots]mapping
	mine   uint32 // the slot that this side owns
	taken  uint64 // sequence number last taken
}

const (
	ringSlots  = 3
	ringFresh  = 4 // in state, beside the number of the middle slot: not taken yet
	ringHeaded = 4096
)

// ringHeader is the first page of the file. The reader treats every value as hostile.
type ringHeader struct {
	state atomic.Uint32 // number of the middle slot, and ringFresh
	_     uint32
	made  atomic.Uint64 // pictures published
	slot  [ringSlots]ringSlot
}

// ringSlot is written by the side that owns the slot.
type ringSlot struct {
	sequence atomic.Uint64
	size     atomic.Uint64 // width << 32 | height
	captured atomic.Int64  // nanoseconds of the monotonic clock
	offset   atomic.Uint64
	capacity atomic.Uint64
}

// mapping is a slot's pixels as this process sees them.
type mapping struct {
	data             []byte
	offset, capacity uint64
}

// NewRing makes the shared memory, for the parent, which reads.
func NewRing() (*Ring, error) {
	fd, err := unix.MemfdCreate("outrider-pictures", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make shared memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "outrider-pictures")
	if err := file.Truncate(ringHeaded); err != nil {
		file.Close()
		return nil, fmt.Errorf("size shared memory: %w", err)
	}
	// A child that shrank the file would end the parent with SIGBUS.
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL); err != nil {
		file.Close()
		return nil, fmt.Errorf("seal shared memory: %w", err)
	}
	r, err := openRing(file, 2)
	if err != nil {
		return nil, err
	}
	r.header.state.Store(1)
	return r, nil
}

// JoinRing maps the shared memory of descriptor fd, for the child, which writes.
func JoinRing(fd uintptr) (*Ring, error) {
	return openRing(os.NewFile(fd, "outrider-pictures"), 0)
}

func openRing(file *os.File, mine uint32) (*Ring, error) {
	memory, err := unix.Mmap(int(file.Fd()), 0, ringHeaded, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("map shared memory: %w", err)
	}
	return &Ring{file: file, memory: memory, header: (*ringHeader)(unsafe.Pointer(&memory[0])), mine: mine}, nil
}

// File is the descriptor to hand to the child.
func (r *Ring) File() *os.File { return r.file }

// Close unmaps the memory; slices of Take must not be used after.
func (r *Ring) Close() error {
	var errs []error
	for i := range r.slots {
		errs = append(errs, r.slots[i].unmap())
	}
	if r.memory != nil {
		errs = append(errs, unix.Munmap(r.memory), r.file.Close())
		r.memory, r.header = nil, nil
	}
	return errors.Join(errs...)
}

// Publish copies a picture into the ring. Its memory grows as needed.
func (r *Ring) Publish(p decode.Picture, captured time.Duration) error {
	s, m := &r.header.slot[r.mine], &r.slots[r.mine]
	if need := uint64(len(p.Data)); m.capacity < need {
		if err := r.grow(m, need); err != nil {
			return err
		}
		s.offset.Store(m.offset)
		s.capacity.Store(m.capacity)
	}
	copy(m.data, p.Data)
	s.size.Store(uint64(p.Width)<<32 | uint64(p.Height))
	s.captured.Store(int64(captured))
	s.sequence.Store(r.header.made.Add(1))
	r.mine = r.header.state.Swap(r.mine|ringFresh) & (ringFresh - 1)
	return nil
}

// Skip counts a picture that was made but not published.
func (r *Ring) Skip() { r.header.made.Add(1) }

func (r *Ring) grow(m *mapping, need uint64) error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("grow shared memory: %w", err)
	}
	page := uint64(os.Getpagesize())
	end := (uint64(info.Size()) + page - 1) / page * page
	need = (need + page - 1) / page * page
	if err := r.file.Truncate(int64(end + need)); err != nil {
		return fmt.Errorf("grow shared memory by %d bytes: %w", need, err)
	}
	old := *m
	if err := m.unmap(); err != nil {
		return err
	}
	if old.capacity > 0 {
		_ = unix.Fallocate(int(r.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE,
			int64(old.offset), int64(old.capacity)) // only saves memory
	}
	return m.remap(r.file, end, need)
}

// Shot is a picture in the ring. Data is valid until the next Take or Close.
type Shot struct {
	Width, Height int
	Data          []byte
	Captured      time.Duration // monotonic clock, see decode.Now
	Missed        uint64        // pictures made since the last Take that nobody took
}

var errRing = errors.New("the decoder wrote nonsense into the shared memory")

// Take returns the newest picture, or false when there is none since the last Take. It checks
// everything that the child could have written.
func (r *Ring) Take() (Shot, bool, error) {
	if r.header.state.Load()&ringFresh == 0 {
		return Shot{}, false, nil
	}
	mine := r.header.state.Swap(r.mine) &^ ringFresh
	if mine >= ringSlots {
		return Shot{}, false, fmt.Errorf("%w: slot %d", errRing, mine)
	}
	r.mine = mine
	s, m := &r.header.slot[mine], &r.slots[mine]
	sequence, size, captured := s.sequence.Load(), s.size.Load(), s.captured.Load()
	offset, capacity := s.offset.Load(), s.capacity.Load()
	w, h := size>>32, size&(1<<32-1)
	if w == 0 || h == 0 || w > decode.MaxPixels/h || sequence <= r.taken {
		return Shot{}, false, fmt.Errorf("%w: picture %d of %dx%d after %d", errRing, sequence, w, h, r.taken)
	}
	if m.offset != offset || m.capacity != capacity {
		if err := m.unmap(); err != nil {
			return Shot{}, false, err
		}
		info, err := r.file.Stat()
		if err != nil {
			return Shot{}, false, fmt.Errorf("read shared memory: %w", err)
		}
		if end := uint64(info.Size()); offset < ringHeaded || offset%uint64(os.Getpagesize()) != 0 || capacity == 0 ||
			capacity > 4*decode.MaxPixels || offset > end || capacity > end-offset {
			return Shot{}, false, fmt.Errorf("%w: %d bytes at %d of %d", errRing, capacity, offset, end)
		}
		if err := m.remap(r.file, offset, capacity); err != nil {
			return Shot{}, false, err
		}
	}
	if 3*w*h > capacity {
		return Shot{}, false, fmt.Errorf("%w: picture of %dx%d in %d bytes", errRing, w, h, capacity)
	}
	shot := Shot{Width: int(w), Height: int(h), Data: m.data[:3*w*h], Captured: time.Duration(captured), Missed: sequence - r.taken - 1}
	r.taken = sequence
	return shot, true, nil
}

func (m *mapping) remap(file *os.File, offset, capacity uint64) error {
	data, err := unix.Mmap(int(file.Fd()), int64(offset), int(capacity), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map shared memory: %w", err)
	}
	*m = mapping{data, offset, capacity}
	return nil
}

func (m *mapping) unmap() error {
	if m.data == nil {
		return nil
	}
	err := unix.Munmap(m.data)
	*m = mapping{}
	return err
}
