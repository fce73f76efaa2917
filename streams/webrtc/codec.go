package webrtc

import (
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	pion "github.com/pion/webrtc/v4"

	"outrider/streams/vpx"
)

// Codec names a video format.
type Codec string

// The formats. H264 needs a program built with the tag x264.
const (
	VP8  Codec = "vp8"
	VP9  Codec = "vp9"
	H264 Codec = "h264"
)

// encoder makes packets of pictures of one size, one for each.
type encoder interface {
	Encode(m *vpx.I420, pts int64, key bool) (vpx.Packet, error)
	SetBitrate(bps int) error
	Close() error
}

// newEncoder opens an encoder for w x h pixels at a bit rate in bits a second.
func newEncoder(c Codec, w, h, bitrate int) (encoder, error) {
	if c == H264 {
		return newH264(w, h, bitrate)
	}
	return vpx.New(vpx.Options{Codec: vpx.Codec(c), Width: w, Height: h, Bitrate: bitrate})
}

// capability returns the RTP side of a codec: name, clock rate, fmtp.
func (c Codec) capability() pion.RTPCodecCapability {
	out := pion.RTPCodecCapability{
		MimeType: pion.MimeTypeVP8, ClockRate: vpx.ClockRate,
		RTCPFeedback: []pion.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: pion.TypeRTCPFBTransportCC}},
	}
	switch c {
	case VP9:
		out.MimeType, out.SDPFmtpLine = pion.MimeTypeVP9, "profile-id=0"
	case H264:
		out.MimeType, out.SDPFmtpLine = pion.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	}
	return out
}

// rtpName is the codec as rtpmap and people write it.
func (c Codec) rtpName() string { return strings.ToUpper(string(c)) }

// newPayloader returns what cuts pictures of codec c into packets.
func newPayloader(c Codec) rtp.Payloader {
	switch c {
	case VP9:
		return &codecs.VP9Payloader{}
	case H264:
		return &codecs.H264Payloader{}
	}
	return &codecs.VP8Payloader{EnablePictureID: true}
}
