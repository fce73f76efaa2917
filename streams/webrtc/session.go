package webrtc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	pion "github.com/pion/webrtc/v4"
)

// gatherTimeout bounds the wait for our own candidates. Those of the machine are there at
// once; a STUN server that does not answer must not delay the answer.
const gatherTimeout = 1500 * time.Millisecond

// maxWish bounds a message of a player.
const maxWish = 4 << 10

// metaChannel is the id of the negotiated data channel that carries metadata.
const metaChannel = 1

// open sets up a session: it answers the offer and starts the viewer's goroutines.
func (s *Server) open(ctx context.Context, key streamKey, best int, offer string, o offer) (*viewer, string, error) {
	p, err := s.newPeer()
	if err != nil {
		return nil, "", fmt.Errorf("set up a connection: %w", err)
	}
	v := &viewer{
		server: s, id: newID(), key: key, peer: p, etag: `"` + newID() + `"`,
		queue: make(chan item, queueLength), connected: make(chan struct{}), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	v.best.Store(int32(best))
	v.rung.Store(int32(best))
	v.wished, v.next = best, best
	answer, sender, err := v.negotiate(ctx, offer, o)
	if err == nil {
		s.mu.Lock()
		if s.closed {
			err = refuse(http.StatusServiceUnavailable, "the server is stopping")
		} else {
			s.sessions[v.id] = v
			s.wg.Go(v.run)
			s.wg.Go(func() { v.readRTCP(sender) })
		}
		s.mu.Unlock()
	}
	if err != nil {
		if cerr := p.GracefulClose(); cerr != nil {
			s.Log.Debug("close a refused connection", "error", cerr)
		}
		return nil, "", err
	}
	return v, answer, nil
}

// negotiate answers the offer. An offer that pion does not take is a 400.
func (v *viewer) negotiate(ctx context.Context, text string, o offer) (answer string, sender *pion.RTPSender, err error) {
	defer func() {
		if r := recover(); r != nil { // SDP has many corners, and this one is the player's doing
			answer, sender, err = "", nil, refuse(http.StatusBadRequest, "offer: it cannot be answered")
			v.server.Log.Error("an offer broke the WebRTC library", "panic", fmt.Sprint(r))
		}
	}()
	p := v.peer
	p.OnConnectionStateChange(func(state pion.PeerConnectionState) {
		switch state {
		case pion.PeerConnectionStateConnected:
			v.connOnce.Do(func() { close(v.connected) })
		case pion.PeerConnectionStateFailed, pion.PeerConnectionStateClosed:
			v.stop()
		}
	})
	v.track, err = pion.NewTrackLocalStaticRTP(v.server.Codec.capability(), "video", "outrider-"+v.id)
	if err != nil {
		return "", nil, fmt.Errorf("make a track: %w", err)
	}
	if sender, err = p.AddTrack(v.track); err != nil {
		return "", nil, fmt.Errorf("add a track: %w", err)
	}
	if o.data && !v.key.overlay {
		if err := v.openChannel(); err != nil {
			return "", nil, err
		}
	}
	if err := p.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: text}); err != nil {
		return "", nil, refuse(http.StatusBadRequest, "offer: %v", err)
	}
	local, err := p.CreateAnswer(nil)
	if err != nil {
		return "", nil, refuse(http.StatusBadRequest, "offer: %v", err)
	}
	gathered := pion.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(local); err != nil {
		return "", nil, refuse(http.StatusBadRequest, "offer: %v", err)
	}
	timer := time.NewTimer(gatherTimeout)
	defer timer.Stop()
	select {
	case <-gathered:
	case <-timer.C:
	case <-ctx.Done():
		return "", nil, refuse(http.StatusBadRequest, "the player has gone")
	}
	return p.LocalDescription().SDP, sender, nil
}

// openChannel adds the metadata channel, which opens when the player has its own end of it.
func (v *viewer) openChannel() error {
	ordered, negotiated, id, retransmits := false, true, uint16(metaChannel), uint16(0)
	c, err := v.peer.CreateDataChannel("meta", &pion.DataChannelInit{Ordered: &ordered, Negotiated: &negotiated, ID: &id, MaxRetransmits: &retransmits})
	if err != nil {
		return fmt.Errorf("make the metadata channel: %w", err)
	}
	v.channel = c
	c.OnOpen(func() { v.listening.Store(true) })
	c.OnClose(func() { v.listening.Store(false) })
	c.OnMessage(func(m pion.DataChannelMessage) { v.wish(m.Data) })
	return nil
}

// wish takes a message of the player: {"t":"want","rendition":"360p"} says that a smaller
// picture is enough, as in a grid, or that the best is wanted again. What is not understood is
// ignored: a newer page may know more.
func (v *viewer) wish(message []byte) {
	var want struct {
		T         string
		Rendition *string
	}
	if len(message) > maxWish || json.Unmarshal(message, &want) != nil || want.T != "want" || want.Rendition == nil {
		return
	}
	if best, ok := parseRung(*want.Rendition); ok {
		v.best.Store(int32(best))
	}
}
