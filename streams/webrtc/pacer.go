package webrtc

import (
	"sync"
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/rtp"
)

// pacer spreads one viewer's packets over time at the estimated rate. It adds two things to
// pion's leaky bucket: it knows how much waits in the bucket, so that frames can be dropped
// before they grow old there, and it lets retransmissions through, whose SSRC the bucket was
// not told.
type pacer struct {
	bucket  *gcc.LeakyBucketPacer
	backlog atomic.Int64 // bytes

	mu     sync.Mutex
	known  map[uint32]bool
	writer interceptor.RTPWriter
}

var _ gcc.Pacer = (*pacer)(nil)

// newPacer starts a pacer, which Close ends.
func newPacer(bitrate int) *pacer {
	return &pacer{bucket: gcc.NewLeakyBucketPacer(bitrate), known: map[uint32]bool{}}
}

// AddStream implements gcc.Pacer. A viewer has one video stream: its writer takes the
// retransmissions too.
func (p *pacer) AddStream(ssrc uint32, w interceptor.RTPWriter) {
	counted := interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		p.backlog.Add(-int64(len(payload)))
		return w.Write(h, payload, a)
	})
	p.mu.Lock()
	p.writer, p.known[ssrc] = counted, true
	p.mu.Unlock()
	p.bucket.AddStream(ssrc, counted)
}

// Write implements gcc.Pacer: it queues a copy of the packet.
func (p *pacer) Write(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
	p.mu.Lock()
	if !p.known[h.SSRC] && p.writer != nil {
		p.known[h.SSRC] = true
		p.bucket.AddStream(h.SSRC, p.writer)
	}
	p.mu.Unlock()
	p.backlog.Add(int64(len(payload)))
	n, err := p.bucket.Write(h, payload, a)
	if err != nil {
		p.backlog.Add(-int64(len(payload)))
	}
	return n, err
}

// SetTargetBitrate implements gcc.Pacer.
func (p *pacer) SetTargetBitrate(bps int) { p.bucket.SetTargetBitrate(bps) }

// Close implements gcc.Pacer.
func (p *pacer) Close() error { return p.bucket.Close() }
