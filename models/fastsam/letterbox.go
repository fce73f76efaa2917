package fastsam

import (
	"fmt"
	"image"
	"math"

	"gocv.io/x/gocv"

	"outrider/pipeline/mask"
)

// letterbox is how a frame lies in the network's input: scaled by gain, then padded with grey.
type letterbox struct {
	frameW, frameH int
	netW, netH     int
	newW, newH     int // of the scaled picture
	left, top      int
	gain           float64
}

// fit computes the letterbox of a w x h frame: r = min(S/h, S/w), sizes rounded half to even,
// the margin shared by both sides as Ultralytics' LetterBox does (left = round(d-0.1)).
func fit(w, h, netW, netH int) letterbox {
	l := letterbox{frameW: w, frameH: h, netW: netW, netH: netH}
	l.gain = math.Min(float64(netH)/float64(h), float64(netW)/float64(w))
	l.newW = max(1, int(math.RoundToEven(float64(w)*l.gain)))
	l.newH = max(1, int(math.RoundToEven(float64(h)*l.gain)))
	l.left = int(math.RoundToEven(float64(netW-l.newW)/2 - 0.1))
	l.top = int(math.RoundToEven(float64(netH-l.newH)/2 - 0.1))
	return l
}

// rectangle is the smallest input for a w x h frame whose long side is long and whose sides are
// multiples of 32.
func rectangle(w, h, long int) (netW, netH int) {
	r := float64(long) / float64(max(w, h))
	up := func(v float64) int { return max(32, (int(math.RoundToEven(v))+31)/32*32) }
	return up(float64(w) * r), up(float64(h) * r)
}

// grid maps prototype cells of protoW x protoH to frame pixels.
func (l *letterbox) grid(protoW, protoH int) mask.Grid {
	sx := float64(l.netW) / float64(protoW) / l.gain
	sy := float64(l.netH) / float64(protoH) / l.gain
	return mask.Grid{W: protoW, H: protoH, SX: sx, SY: sy, X0: -float64(l.left) / l.gain, Y0: -float64(l.top) / l.gain}
}

// fill writes the frame into dst, 3 planes of netH x netW: RGB / 255, grey 114 around.
func (l *letterbox) fill(dst []float32, bgr []byte, scratch *[]byte) error {
	if len(bgr) != 3*l.frameW*l.frameH {
		return fmt.Errorf("frame has %d bytes, want %d", len(bgr), 3*l.frameW*l.frameH)
	}
	pix := bgr
	if l.newW != l.frameW || l.newH != l.frameH {
		src, err := gocv.NewMatFromBytes(l.frameH, l.frameW, gocv.MatTypeCV8UC3, bgr)
		if err != nil {
			return err
		}
		defer src.Close()
		small := gocv.NewMat()
		defer small.Close()
		gocv.Resize(src, &small, image.Pt(l.newW, l.newH), 0, 0, gocv.InterpolationLinear)
		data, err := small.DataPtrUint8()
		if err != nil {
			return err
		}
		*scratch = append((*scratch)[:0], data...)
		pix = *scratch
	}
	const grey = 114.0 / 255
	n := l.netW * l.netH
	if l.newW != l.netW || l.newH != l.netH {
		for i := range dst[:3*n] {
			dst[i] = grey
		}
	}
	r, g, b := dst[:n], dst[n:2*n], dst[2*n:3*n]
	for y := range l.newH {
		row := pix[3*y*l.newW : 3*(y+1)*l.newW]
		o := (y+l.top)*l.netW + l.left
		rr, gr, br := r[o:o+l.newW], g[o:o+l.newW], b[o:o+l.newW]
		for x := range rr {
			p := row[3*x : 3*x+3 : 3*x+3]
			br[x], gr[x], rr[x] = scale[p[0]], scale[p[1]], scale[p[2]]
		}
	}
	return nil
}

// scale is i/255.
var scale = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(i) / 255
	}
	return t
}()
