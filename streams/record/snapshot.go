package record

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"path"
	"time"

	"outrider/pipeline"
	"outrider/pipeline/overlay"
	"outrider/streams/export"
)

// portrait is the best picture so far of one track.
type portrait struct {
	first   time.Time
	label   string
	best    *pipeline.Result // retained
	quality float64
	written float64 // quality of the picture on disk
	at      time.Time
	class   Class
	anchor  pipeline.Point // where it last counted as having moved
	lastHit time.Time
}

const (
	maxPortraits   = 32              // tracks of one camera at a time: each may hold a frame
	firstPortrait  = time.Second     // after the track began a picture is on disk
	betterPortrait = 5 * time.Second // between two writings
	muchBetter     = 1.25
	slightlyBetter = 1.05 // below, the older picture stays: keeping another frame costs memory
)

// quality grades how well a frame shows a track: sharp, large, central and whole. It is in
// 0..1; only its order means anything.
func quality(f *pipeline.Frame, t *pipeline.Track) float64 {
	b := t.Box.Clip(f.Width, f.Height)
	if !(b.W() >= 4) || !(b.H() >= 4) || !t.Observed {
		return 0
	}
	w, h := float64(f.Width), float64(f.Height)
	size := math.Min(1, math.Sqrt(8*b.Area()/(w*h)))
	c := b.Center()
	off := math.Hypot(c.X/w-0.5, c.Y/h-0.5) / math.Sqrt(0.5)
	whole := 1.0
	if t.Box.X1 < 2 || t.Box.Y1 < 2 || t.Box.X2 > w-2 || t.Box.Y2 > h-2 {
		whole = 0.6
	}
	s := sharpness(f, b)
	return (0.2 + 0.8*size) * (1 - 0.5*off) * whole * (0.3 + 0.7*s/(s+8)) * (0.5 + 0.5*math.Min(1, math.Max(0, t.Score)))
}

// sharpness is the mean absolute second difference of luma along rows in a box, on about 2000
// pixels: blur takes it away first.
func sharpness(f *pipeline.Frame, b pipeline.Box) float64 {
	step := max(1, int(math.Sqrt(b.Area()/2000)))
	sum, n := 0, 0
	for y := int(b.Y1); y < int(b.Y2); y += step {
		row := f.Data[3*y*f.Width:]
		for x := int(b.X1) + 1; x < int(b.X2)-1; x += step {
			d := 2*luma(row[3*x:]) - luma(row[3*x-3:]) - luma(row[3*x+3:])
			if d < 0 {
				d = -d
			}
			sum += d
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n) / 256
}

// luma of a BGR pixel times 256 (ITU-R BT.601).
func luma(p []byte) int { return 29*int(p[0]) + 150*int(p[1]) + 77*int(p[2]) }

// look considers a frame for a track's picture.
func (p *portrait) look(r *pipeline.Result, t *pipeline.Track) {
	q := quality(r.Frame, t)
	if q <= p.quality*slightlyBetter {
		return
	}
	if p.best != nil {
		p.best.Release()
	}
	p.best, p.quality = r.Retain(), q
}

// due tells whether the picture should go to the disk now.
func (p *portrait) due(now time.Time) bool {
	if p.best == nil || p.quality <= p.written {
		return false
	}
	if p.written == 0 {
		return now.Sub(p.first) >= firstPortrait
	}
	return now.Sub(p.at) >= betterPortrait && p.quality >= muchBetter*p.written
}

func (p *portrait) release() {
	if p.best != nil {
		p.best.Release()
		p.best = nil
	}
}

// write puts the picture, and the same with what is known drawn on it, into the archive, and
// returns the latter.
func (p *portrait) write(a *archive, camera string, track uint64, scratch *[]byte) ([]byte, error) {
	f := p.best.Frame
	pix := append((*scratch)[:0], f.Data...)
	*scratch = pix
	k := file{from: p.first, to: p.first, track: track, class: p.class}
	if _, err := writePicture(a, camera, pix, f, k); err != nil {
		return nil, err
	}
	painter := overlay.Painter{Layers: overlay.Masks | overlay.Labels | overlay.Obstacles}
	painter.Draw(pix, f.Width, f.Height, p.best)
	k.marked = true
	return writePicture(a, camera, pix, f, k)
}

func writePicture(a *archive, camera string, pix []byte, f *pipeline.Frame, k file) ([]byte, error) {
	var b bytes.Buffer
	if err := export.WriteJPEG(&b, pix, f.Width, f.Height); err != nil {
		return nil, err
	}
	temporary := "." + k.title() + ".part"
	if err := a.root.Mkdir(camera, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	err := a.root.WriteFile(path.Join(camera, temporary), b.Bytes(), 0o600)
	if err == nil {
		err = a.add(camera, temporary, k)
	}
	if err != nil {
		a.root.Remove(path.Join(camera, temporary))
		return nil, err
	}
	return b.Bytes(), nil
}
