package rtsptest

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmjpeg"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// Camera streams Motion JPEG over RTSP. Fill the exported fields, call Initialize, and Close
// at the end; Initialize may be called again after Close and takes the same port.
type Camera struct {
	Address        string  // host:port, default a free port of 127.0.0.1
	Width, Height  int     // multiples of 8, default 320x240
	FPS            float64 // default 25
	User, Password string  // asked for when User is set
	UDP            bool    // offer UDP beside TCP

	server *gortsplib.Server
	stream *gortsplib.ServerStream
	stop   chan struct{}
	wg     sync.WaitGroup
	frozen atomic.Bool
	sent   atomic.Uint64
	epoch  time.Time
	jump   atomic.Int64
}

// Initialize starts the server and the pictures.
func (c *Camera) Initialize() error {
	if c.Width == 0 {
		c.Width, c.Height = 320, 240
	}
	if c.FPS == 0 {
		c.FPS = 25
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.Width < MinWidth || c.Height < cell || c.Width%8 != 0 || c.Height%8 != 0 {
		return fmt.Errorf("test camera: %dx%d: want multiples of 8, at least %dx%d", c.Width, c.Height, MinWidth, cell)
	}
	c.server = &gortsplib.Server{
		Handler:     c,
		RTSPAddress: c.Address,
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if err == nil {
				c.Address = l.Addr().String()
			}
			return l, err
		},
	}
	if c.UDP {
		if err := c.offerUDP(); err != nil {
			return fmt.Errorf("test camera: %w", err)
		}
	}
	if err := c.server.Start(); err != nil {
		return fmt.Errorf("test camera: %w", err)
	}
	f := &format.MJPEG{}
	desc := &description.Session{Medias: []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{f}}}}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: desc}
	if err := c.stream.Initialize(); err != nil {
		c.server.Close()
		return fmt.Errorf("test camera: %w", err)
	}
	packets, err := f.CreateEncoder()
	if err != nil {
		c.server.Close()
		return fmt.Errorf("test camera: %w", err)
	}
	if c.epoch.IsZero() {
		c.epoch = time.Now()
	}
	c.stop = make(chan struct{})
	c.wg.Go(func() { c.play(packets, desc.Medias[0]) })
	return nil
}

// offerUDP finds two free ports, of which RTP wants the even one.
func (c *Camera) offerUDP() error {
	for range 100 {
		a, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		port := a.LocalAddr().(*net.UDPAddr).Port &^ 1
		a.Close()
		rtp, rtcp := fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)
		a, errA := net.ListenPacket("udp", rtp)
		b, errB := net.ListenPacket("udp", rtcp)
		if errA == nil {
			a.Close()
		}
		if errB == nil {
			b.Close()
		}
		if errA == nil && errB == nil {
			c.server.UDPRTPAddress, c.server.UDPRTCPAddress = rtp, rtcp
			return nil
		}
	}
	return errors.New("no two free UDP ports beside each other")
}

// Close ends all connections. Twice is fine.
func (c *Camera) Close() error {
	if c.stop == nil {
		return nil
	}
	close(c.stop)
	c.wg.Wait()
	c.stream.Close()
	c.server.Close()
	c.stop = nil
	return nil
}

// URL is the address of the stream, without user and password.
func (c *Camera) URL() string { return "rtsp://" + c.Address + "/stream" }

// Freeze stops the pictures, or lets them go on; connections stay.
func (c *Camera) Freeze(on bool) { c.frozen.Store(on) }

// Jump moves the clock of the stream, as cameras do that get the time from a server.
func (c *Camera) Jump(d time.Duration) { c.jump.Add(int64(d)) }

// Sent is the number of the newest picture.
func (c *Camera) Sent() uint64 { return c.sent.Load() }

func (c *Camera) play(packets *rtpmjpeg.Encoder, media *description.Media) {
	paint := newPainter(c.Width, c.Height)
	tick := time.NewTicker(time.Duration(float64(time.Second) / c.FPS))
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		if c.frozen.Load() {
			continue
		}
		n := c.sent.Load() + 1
		picture, err := paint.draw(n)
		if err != nil {
			panic("test camera: " + err.Error()) // sizes were checked
		}
		ps, err := packets.Encode(picture)
		if err != nil {
			panic("test camera: " + err.Error())
		}
		c.sent.Store(n)
		stamp := uint32((time.Since(c.epoch) + time.Duration(c.jump.Load())) * 9 / 100000)
		for _, p := range ps {
			p.Timestamp = stamp
			if err := c.stream.WritePacketRTP(media, p); err != nil {
				return // closed
			}
		}
	}
}

func (c *Camera) allowed(conn *gortsplib.ServerConn, req *base.Request) bool {
	return c.User == "" || conn.VerifyCredentials(req, c.User, c.Password)
}

var errPassword error = liberrors.ErrServerAuth{}

// OnDescribe answers DESCRIBE.
func (c *Camera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !c.allowed(ctx.Conn, ctx.Request) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, errPassword
	}
	if ctx.Path != "/stream" {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, errors.New("no such stream")
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

// OnSetup answers SETUP.
func (c *Camera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !c.allowed(ctx.Conn, ctx.Request) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, errPassword
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

// OnPlay answers PLAY.
func (c *Camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

var (
	_ gortsplib.ServerHandlerOnDescribe = (*Camera)(nil)
	_ gortsplib.ServerHandlerOnSetup    = (*Camera)(nil)
	_ gortsplib.ServerHandlerOnPlay     = (*Camera)(nil)
)
