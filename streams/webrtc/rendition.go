package webrtc

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"outrider/streams/vpx"
)

// rendition is a stream at one size: an encoder, while somebody gets it. But for keyWanted it
// belongs to the stream's goroutine.
type rendition struct {
	keyWanted atomic.Bool

	encoder   encoder
	bitrate   int // of the encoder
	payloader rtp.Payloader
	picture   vpx.I420
	lastKey   time.Time
	refused   [2]int   // size that no encoder takes, told once
	out       *encoded // the frame in hand, nil when it could not be encoded
}

// prepare makes an encoder for w x h when there is none.
func (n *rendition) prepare(codec Codec, w, h, bitrate int) error {
	if n.encoder != nil && n.picture.Width == w && n.picture.Height == h {
		return nil
	}
	n.free()
	e, err := newEncoder(codec, w, h, bitrate)
	if err != nil {
		return fmt.Errorf("encode %dx%d: %w", w, h, err)
	}
	if err := n.picture.Resize(w, h); err != nil {
		_ = e.Close()
		return err
	}
	if n.payloader == nil {
		n.payloader = newPayloader(codec)
	}
	n.encoder, n.bitrate = e, bitrate
	n.keyWanted.Store(false) // the first frame is one
	return nil
}

// free ends the encoder; an unwatched rendition costs nothing.
func (n *rendition) free() {
	if n.encoder != nil {
		_ = n.encoder.Close() // frees memory; has nothing to say
		n.encoder = nil
	}
}

// climb decides at which rung each viewer is to be. A viewer whose rung the source does not
// have is moved at once; others when the new rung has a key frame.
func (st *stream) climb(now time.Time, w, h int) {
	var at [rungs]int
	for _, v := range st.targets {
		if r := int(v.rung.Load()); !hasRung(r, h) {
			v.next = nearestRung(r, h)
			v.rung.Store(int32(v.next))
			v.lost.Store(true)
			st.renditions[v.next].keyWanted.Store(true)
		}
		at[v.rung.Load()]++
	}
	lowest := nearestRung(rungs-1, h)
	for _, v := range st.targets {
		r, best := int(v.rung.Load()), int(v.best.Load())
		switch {
		case best != v.wished:
			// The player asked for another size: it gets it at once, whatever was tried before.
			v.wished, v.next = best, nearestRung(best, h)
			v.ladder = ladder{climbed: now, room: v.room()}
		case v.next != r && hasRung(v.next, h):
			continue // on its way
		default:
			above, below := neighbours(r, h)
			v.next = v.ladder.choose(rungView{
				now: now, at: r, above: above, below: below, best: nearestRung(best, h), lowest: lowest, room: v.room(),
				ceiling: st.ceiling(rungSize(r, w, h)), alone: at[r] == 1, keyFramesOnly: v.starved.Load(),
			})
		}
		if v.next != r {
			st.renditions[v.next].keyWanted.Store(true)
			st.server.Log.Debug("viewer changes its rendition", "camera", st.key.camera, "from", rungNames[r], "to", rungNames[v.next], "estimate", v.estimate())
		}
	}
}

// watched tells whether anybody gets a rung, or waits for it.
func (st *stream) watched(rung int) bool {
	for _, v := range st.targets {
		if int(v.rung.Load()) == rung || v.next == rung {
			return true
		}
	}
	return false
}

// deliver hands the frame in hand of a rung to those that stay at it.
func (st *stream) deliver(rung int) {
	for _, v := range st.targets {
		if v.next == rung && int(v.rung.Load()) == rung {
			v.enqueue(item{frame: st.renditions[rung].out})
		}
	}
}

// move hands the frame in hand to those that change their rung: of the new one when that has a
// key frame, else still of the old one.
func (st *stream) move() {
	for _, v := range st.targets {
		r := int(v.rung.Load())
		if v.next == r {
			continue
		}
		if out := st.renditions[v.next].out; out != nil && out.key {
			v.rung.Store(int32(v.next))
			v.enqueue(item{frame: out})
			continue
		}
		if out := st.renditions[r].out; out != nil {
			v.enqueue(item{frame: out})
		}
	}
}
