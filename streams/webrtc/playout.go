package webrtc

import (
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// playoutDelayURI is the header extension by which a sender tells the receiver how long to
// hold pictures back. Zero and zero mean: show at once. It takes some 60 ms off the way to
// the screen.
const playoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// playoutDelay stamps every outgoing packet with a playout delay of 0 to 0. It is an
// interceptor because the extension's id is each viewer's own and known only once the stream
// is bound.
type playoutDelay struct{ interceptor.NoOp }

// NewInterceptor makes playoutDelay its own factory; it holds no state.
func (p *playoutDelay) NewInterceptor(string) (interceptor.Interceptor, error) { return p, nil }

// BindLocalStream returns a writer that stamps, when the viewer agreed to the extension.
func (p *playoutDelay) BindLocalStream(info *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	for _, e := range info.RTPHeaderExtensions {
		if e.URI != playoutDelayURI {
			continue
		}
		id, zero := uint8(e.ID), []byte{0, 0, 0}
		return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
			if err := h.SetExtension(id, zero); err != nil {
				return 0, err
			}
			return w.Write(h, payload, a)
		})
	}
	return w
}
