package webrtc

import (
	"fmt"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	pion "github.com/pion/webrtc/v4"

	"outrider/streams/vpx"
)

// mtu is the most bytes of a packet's payload: what is left of 1280, the least that every
// IPv6 path carries, after IP, UDP, SRTP, the RTP header and its extensions.
const mtu = 1188

// settings makes what all viewers share: sockets, timeouts, addresses. It opens the sockets.
func (s *Server) settings() error {
	e := &s.engine
	e.LoggerFactory = pionLog{log: s.Log}
	// A viewer that left without a word is given up after 10 s.
	e.SetICETimeouts(5*time.Second, 5*time.Second, 2*time.Second)
	e.SetSTUNGatherTimeout(time.Second)
	e.SetIncludeLoopbackCandidate(s.Loopback)
	// A viewer that hides its address is found by the packets that it sends; resolving its name
	// takes multicast, which many networks and all containers lack.
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if s.MDNS {
		e.SetICEMulticastDNSMode(ice.MulticastDNSModeQueryOnly)
	}
	e.DisableActiveTCP(true)
	if len(s.PublicIPs) > 0 {
		for _, ip := range s.PublicIPs {
			if net.ParseIP(ip) == nil {
				return fmt.Errorf("public address %q: not an IP address", ip)
			}
		}
		err := e.SetICEAddressRewriteRules(pion.ICEAddressRewriteRule{External: s.PublicIPs, AsCandidateType: pion.ICECandidateTypeHost, Mode: pion.ICEAddressRewriteReplace})
		if err != nil {
			return fmt.Errorf("public addresses %v: %w", s.PublicIPs, err)
		}
	}
	networks := []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6}
	if s.UDPPort > 0 {
		opts := []ice.UDPMuxFromPortOption{ice.UDPMuxFromPortWithLogger(e.LoggerFactory.NewLogger("udp"))}
		if s.Loopback {
			opts = append(opts, ice.UDPMuxFromPortWithLoopback())
		}
		mux, err := ice.NewMultiUDPMuxFromPort(s.UDPPort, opts...)
		if err != nil {
			return fmt.Errorf("listen on UDP port %d: %w", s.UDPPort, err)
		}
		s.sockets = append(s.sockets, mux)
		e.SetICEUDPMux(mux)
	}
	if s.TCPPort > 0 {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", s.TCPPort))
		if err != nil {
			return fmt.Errorf("listen on TCP port %d: %w", s.TCPPort, err)
		}
		mux := pion.NewICETCPMux(e.LoggerFactory.NewLogger("tcp"), l, 8)
		s.sockets = append(s.sockets, mux)
		e.SetICETCPMux(mux)
		networks = append(networks, pion.NetworkTypeTCP4, pion.NetworkTypeTCP6)
	}
	e.SetNetworkTypes(networks)
	return nil
}

// peer is one viewer's connection with what estimates and paces its bandwidth.
type peer struct {
	*pion.PeerConnection
	bandwidth *gcc.SendSideBWE
	pacer     *pacer
}

// newPeer makes a connection. Each has an engine of its own: pion hands the estimator over by
// a callback without saying whose it is.
func (s *Server) newPeer() (*peer, error) {
	p := &peer{}
	m := &pion.MediaEngine{}
	video := pion.RTPCodecParameters{RTPCodecCapability: s.Codec.capability(), PayloadType: 96}
	again := pion.RTPCodecParameters{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypeRTX, ClockRate: vpx.ClockRate, SDPFmtpLine: "apt=96"}, PayloadType: 97}
	for _, c := range []pion.RTPCodecParameters{video, again} {
		if err := m.RegisterCodec(c, pion.RTPCodecTypeVideo); err != nil {
			return nil, fmt.Errorf("register %s: %w", c.MimeType, err)
		}
	}
	if err := m.RegisterHeaderExtension(pion.RTPHeaderExtensionCapability{URI: playoutDelayURI}, pion.RTPCodecTypeVideo); err != nil {
		return nil, fmt.Errorf("register the playout delay: %w", err)
	}
	// Packets pass the interceptors from the last to the first: playout delay, the buffer for
	// retransmissions, transport-wide numbers, and at last the pacer.
	r := &interceptor.Registry{}
	// The estimate does not fall far below the floor of the encoder: a pacer slower than its
	// source would only collect old pictures.
	congestion, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
		var err error
		p.pacer = newPacer(s.Bitrate)
		p.bandwidth, err = gcc.NewSendSideBWE(gcc.SendSideBWEInitialBitrate(s.Bitrate), gcc.SendSideBWEMinBitrate(s.MinBitrate/4*3),
			gcc.SendSideBWEMaxBitrate(4*s.Bitrate), gcc.SendSideBWEPacer(p.pacer), gcc.WithLoggerFactory(s.engine.LoggerFactory))
		return p.bandwidth, err
	})
	if err != nil {
		return nil, err
	}
	r.Add(congestion)
	if err := pion.ConfigureTWCCHeaderExtensionSender(m, r); err != nil {
		return nil, err
	}
	if err := pion.RegisterDefaultInterceptorsWithOptions(m, r, pion.WithInterceptorLoggerFactory(s.engine.LoggerFactory)); err != nil {
		return nil, err
	}
	r.Add(&playoutDelay{})
	api := pion.NewAPI(pion.WithMediaEngine(m), pion.WithInterceptorRegistry(r), pion.WithSettingEngine(s.engine))
	p.PeerConnection, err = api.NewPeerConnection(pion.Configuration{ICEServers: s.iceServers})
	if err != nil {
		if p.bandwidth != nil {
			err = fmt.Errorf("%w (%v)", err, p.bandwidth.Close())
		}
		return nil, err
	}
	return p, nil
}
