package mask

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
)

// RLE is COCO's run-length encoding of a whole image's mask: Size is [height, width], Counts
// the compressed string of pycocotools (column-major runs, zeros first). In JSON, counts may
// also come as the plain list of runs; it always leaves as the string.
type RLE struct {
	Size   [2]int `json:"size"`
	Counts string `json:"counts"`
}

// MaxRLEPixels is the largest picture that Mask and Runs accept: 64 Mpx, more than any
// camera has, so that a few hostile bytes cannot ask for gigabytes.
const MaxRLEPixels = 64 << 20

// RLE encodes m as seen on a w x h frame: a pixel is set when its centre lies on the mask. It
// is exact when m lies on FrameGrid(w, h). Use an Encoder where this is done often.
func (m *Mask) RLE(w, h int) RLE {
	var e Encoder
	return e.RLE(m, w, h)
}

// EncodeRuns packs plain runs (column-major, zeros first) of a w x h picture. It fails when
// they do not add up to the picture.
func EncodeRuns(w, h int, runs []uint32) (RLE, error) {
	r := RLE{Size: [2]int{h, w}}
	if err := r.checkSize(); err != nil {
		return RLE{}, err
	}
	if err := r.checkSum(runs); err != nil {
		return RLE{}, err
	}
	r.Counts = string(appendCounts(nil, runs))
	return r, nil
}

// Runs unpacks the plain runs, column-major and zeros first. It fails on a size that is not
// positive or above MaxRLEPixels, on a string that is no encoding, and on runs that do not
// add up to the size.
func (r RLE) Runs() ([]uint32, error) {
	if err := r.checkSize(); err != nil {
		return nil, err
	}
	runs, err := parseCounts(r.Counts)
	if err != nil {
		return nil, err
	}
	return runs, r.checkSum(runs)
}

// Mask decodes r onto the frame grid of its size, with a tight window. It fails as Runs does.
func (r RLE) Mask() (*Mask, error) {
	runs, err := r.Runs()
	if err != nil {
		return nil, err
	}
	w, h := r.Size[1], r.Size[0]
	m := New(FrameGrid(w, h), runsBounds(runs, h))
	// First mark where a column changes its value, then let every row inherit from the one
	// above: the work is that of the runs and words, not of the pixels.
	pos := 0
	for i, n := range runs {
		start := pos
		pos += int(n)
		if i&1 == 0 || n == 0 {
			continue
		}
		m.flip(start/h, start%h)
		if a, b := start/h+1, (pos-1)/h+1; a < b {
			flipRun(m.Row(0), a-m.win.Min.X, b-m.win.Min.X)
		}
		if y := pos % h; y > 0 {
			m.flip(pos/h, y)
		}
	}
	for y := m.win.Min.Y + 1; y < m.win.Max.Y; y++ {
		above, row := m.Row(y-1), m.Row(y)
		for j, v := range above {
			row[j] ^= v
		}
	}
	return m, nil
}

// flip inverts a cell; below the window is nothing to invert.
func (m *Mask) flip(x, y int) {
	if row := m.Row(y); row != nil {
		i := x - m.win.Min.X
		row[i>>6] ^= 1 << (i & 63)
	}
}

// runsBounds is the extent of the set pixels of column-major runs over columns of h pixels.
func runsBounds(runs []uint32, h int) image.Rectangle {
	b := image.Rectangle{}
	pos := 0
	for i, n := range runs {
		start := pos
		pos += int(n)
		if i&1 == 0 || n == 0 {
			continue
		}
		r := image.Rect(start/h, start%h, (pos-1)/h+1, (pos-1)%h+1)
		if r.Dx() > 1 {
			r.Min.Y, r.Max.Y = 0, h
		}
		b = b.Union(r)
	}
	return b
}

var errRLE = errors.New("not a COCO run-length encoding")

func (r RLE) checkSize() error {
	h, w := r.Size[0], r.Size[1]
	switch {
	case w <= 0 || h <= 0:
		return fmt.Errorf("decode mask: size [%d, %d]: want [height, width], both positive", h, w)
	case w > MaxRLEPixels/h:
		return fmt.Errorf("decode mask: size [%d, %d] is above the %d pixels allowed", h, w, MaxRLEPixels)
	}
	return nil
}

func (r RLE) checkSum(runs []uint32) error {
	sum, want := uint64(0), uint64(r.Size[0])*uint64(r.Size[1])
	for _, n := range runs {
		sum += uint64(n)
	}
	if sum != want {
		return fmt.Errorf("decode mask: the runs add up to %d pixels, the size [%d, %d] has %d", sum, r.Size[0], r.Size[1], want)
	}
	return nil
}

// parseCounts reads the string form: each run, from the fourth on as the difference to the
// run two before it, in groups of five bits, lowest first, as characters from '0' on; bit 5
// says that a group follows, bit 4 of the last group is the sign.
func parseCounts(s string) ([]uint32, error) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '0'+63 {
			return nil, fmt.Errorf("decode mask: byte %d of counts: %w", i, errRLE)
		}
		if (s[i]-'0')&0x20 == 0 {
			n++
		}
	}
	runs := make([]uint32, 0, n)
	for i := 0; i < len(s); {
		var v int64
		for shift := uint(0); ; shift += 5 {
			if i == len(s) || shift > 30 {
				return nil, fmt.Errorf("decode mask: run %d of counts: %w", len(runs), errRLE)
			}
			c := int64(s[i] - '0')
			i++
			v |= (c & 0x1f) << shift
			if c&0x20 == 0 {
				if c&0x10 != 0 {
					v |= -1 << (shift + 5)
				}
				break
			}
		}
		if k := len(runs); k > 2 {
			v += int64(runs[k-2])
		}
		if v < 0 || v > MaxRLEPixels {
			return nil, fmt.Errorf("decode mask: run %d of counts is %d pixels: %w", len(runs), v, errRLE)
		}
		runs = append(runs, uint32(v))
	}
	return runs, nil
}

// appendCounts writes the string form that parseCounts reads.
func appendCounts(dst []byte, runs []uint32) []byte {
	for i, n := range runs {
		v := int64(n)
		if i > 2 {
			v -= int64(runs[i-2])
		}
		for more := true; more; {
			c := byte(v & 0x1f)
			v >>= 5
			if c&0x10 != 0 {
				more = v != -1
			} else {
				more = v != 0
			}
			if more {
				c |= 0x20
			}
			dst = append(dst, c+'0')
		}
	}
	return dst
}

// UnmarshalJSON reads an object of size and counts, the latter as the compressed string or as
// the plain runs, or an object of png alone: a picture in base64, as DecodePNG reads it. It
// checks the form only: Mask and Runs check the rest.
func (r *RLE) UnmarshalJSON(b []byte) error {
	var v struct {
		Size   []int           `json:"size"`
		Counts json.RawMessage `json:"counts"`
		PNG    []byte          `json:"png"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("mask: %w", err)
	}
	if v.PNG != nil {
		if v.Size != nil || v.Counts != nil {
			return errors.New("mask: give size and counts, or png, not both")
		}
		m, err := DecodePNG(v.PNG)
		if err != nil {
			return err
		}
		*r = m.RLE(m.grid.W, m.grid.H)
		return nil
	}
	if len(v.Size) != 2 {
		return fmt.Errorf("mask: size has %d numbers, want [height, width]", len(v.Size))
	}
	out := RLE{Size: [2]int{v.Size[0], v.Size[1]}}
	if len(v.Counts) > 0 && v.Counts[0] == '[' {
		var runs []uint32
		if err := json.Unmarshal(v.Counts, &runs); err != nil {
			return fmt.Errorf("mask: counts: %w", err)
		}
		e, err := EncodeRuns(out.Size[1], out.Size[0], runs)
		if err != nil {
			return err
		}
		*r = e
		return nil
	}
	if len(v.Counts) == 0 || v.Counts[0] != '"' {
		return errors.New("mask: counts: want a string or a list of runs")
	}
	if err := json.Unmarshal(v.Counts, &out.Counts); err != nil {
		return fmt.Errorf("mask: counts: %w", err)
	}
	*r = out
	return nil
}
