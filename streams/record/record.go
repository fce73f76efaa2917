package record

import (
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"sync"
	"time"

	"outrider/pipeline"
	"outrider/streams/vpx"
)

// Options say what is recorded of one camera.
type Options struct {
	Clips     bool
	Snapshots bool
	Pre, Post time.Duration // before the first and after the last moment of a clip
}

// Recorder is a sink that records. Fill the exported fields, call Initialize; safe for
// concurrent use after.
type Recorder struct {
	Dir      string
	Retain   time.Duration               // default 14 days, negative for ever
	MaxBytes int64                       // of all recordings, default 10 GB
	Reserve  int64                       // bytes that are left free on the disk, default 500 MB, negative for none
	Options  func(camera string) Options // asked when a camera's first frame comes, and after Reload; required
	// Picture is given each picture of a track that is kept, a JPEG with what is known drawn on
	// it. It must not block and not change it; may be nil.
	Picture func(camera, label string, jpeg []byte)
	Log     *slog.Logger

	archive *archive
	stop    chan struct{}
	workers sync.WaitGroup

	mu      sync.Mutex
	cameras map[string]*camera
	closed  bool
	failing error
	dropped uint64
}

const (
	defaultRetain  = 14 * 24 * time.Hour
	defaultBytes   = 10 << 30
	defaultReserve = 500 << 20
	queueLength    = 16
	tidyEvery      = 30 * time.Second
	retryEvery     = 5 * time.Second
	maxClip        = 5 * time.Minute // then the next file begins, without a gap
	keySeconds     = 2               // between key frames: where a clip can begin
)

var (
	_ pipeline.FrameSink  = (*Recorder)(nil)
	_ pipeline.StatusSink = (*Recorder)(nil)
)

// Initialize opens the folder.
func (r *Recorder) Initialize() error {
	if r.Options == nil {
		return fmt.Errorf("recorder: no options")
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.Retain == 0 {
		r.Retain = defaultRetain
	}
	if r.MaxBytes == 0 {
		r.MaxBytes = defaultBytes
	}
	if r.Reserve == 0 {
		r.Reserve = defaultReserve
	}
	a, err := openArchive(r.Dir, r.Retain, r.MaxBytes, r.Reserve)
	if err != nil {
		return fmt.Errorf("open recordings %q: %w", r.Dir, err)
	}
	r.archive, r.stop, r.cameras = a, make(chan struct{}), map[string]*camera{}
	r.setFailing(a.tidy(time.Now()))
	r.workers.Go(r.housekeep)
	return nil
}

// housekeep keeps the archive within its bounds, and tries again when the disk was full.
func (r *Recorder) housekeep() {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-r.stop:
			return
		case now := <-tick.C:
			if now.Sub(last) >= tidyEvery || r.Health() != nil {
				last = now
				r.setFailing(r.archive.tidy(now))
			}
		}
	}
}

// setFailing keeps why nothing can be recorded, and says so when it changes.
func (r *Recorder) setFailing(err error) {
	r.mu.Lock()
	was := r.failing
	r.failing = err
	r.mu.Unlock()
	switch {
	case err != nil && was == nil:
		r.Log.Error("recording stopped; watching goes on", "dir", r.Dir, "error", err)
	case err == nil && was != nil:
		r.Log.Info("recording again", "dir", r.Dir)
	}
}

// Health tells why nothing can be recorded now, nil when all is well.
func (r *Recorder) Health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failing
}

// Dropped counts the frames and results that came faster than they could be recorded.
func (r *Recorder) Dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// Usage is the size of all recordings and the most that it may be, in bytes.
func (r *Recorder) Usage() (bytes, limit int64) { return r.archive.usage(), r.MaxBytes }

// Clips returns the finished clips of a camera that show anything between from and to, oldest
// first.
func (r *Recorder) Clips(camera string, from, to time.Time) []Clip {
	return r.archive.clips(camera, from.Truncate(time.Millisecond), to)
}

// OpenClip opens a clip of Clips, or returns ErrNone when it has gone meanwhile. The caller
// closes it.
func (r *Recorder) OpenClip(c Clip) (fs.File, error) {
	return r.archive.open(c.Camera, func(f *file) bool { return f.clip && f.from.Equal(c.From) && f.to.Equal(c.To) })
}

// Snapshot opens the best picture of a track, a JPEG, with or without what is known drawn on
// it, or returns ErrNone. firstSeen is the track's, for ids begin anew with each start of the
// program. The caller closes it.
func (r *Recorder) Snapshot(camera string, firstSeen time.Time, track uint64, marked bool) (fs.File, error) {
	return r.archive.open(camera, func(f *file) bool {
		return isSnapshot(f, firstSeen, track) && f.marked == marked
	})
}

func isSnapshot(f *file, firstSeen time.Time, track uint64) bool {
	return !f.clip && f.track == track && f.from.Equal(firstSeen.UTC().Truncate(time.Millisecond))
}

// Protect keeps the clips around a moment and the pictures of a track from ever being removed,
// or gives them back to their fate. It returns the number of files, ErrNone for none.
func (r *Recorder) Protect(camera string, at, firstSeen time.Time, track uint64, keep bool) (int, error) {
	to := Alert
	if keep {
		to = Protected
	}
	n, err := r.archive.classify(camera, to, func(f *file) bool {
		return isSnapshot(f, firstSeen, track) || f.clip && !at.Before(f.from) && !at.After(f.to)
	})
	if err != nil {
		return n, fmt.Errorf("camera %q: protect recordings: %w", camera, err)
	}
	if n == 0 {
		return 0, ErrNone
	}
	return n, nil
}

// of returns the worker of a camera, nil when there is nothing to record or we are closed.
// Call it, and queue for the worker, with mu held: Close then empties the queues for good.
func (r *Recorder) of(name string) *camera {
	if r.closed {
		return nil
	}
	c := r.cameras[name]
	if c == nil {
		c = &camera{recorder: r, name: name, options: r.Options(name), class: Plain}
		r.cameras[name] = c
		if c.records() {
			c.frames = make(chan *pipeline.Frame, queueLength)
			c.results = make(chan *pipeline.Result, queueLength)
			c.ended = make(chan struct{})
			r.workers.Go(c.run)
		}
	}
	if !c.records() {
		return nil
	}
	return c
}

// PushFrame takes a frame for the video. It never blocks.
func (r *Recorder) PushFrame(f *pipeline.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.of(f.Camera); c != nil && c.options.Clips {
		r.dropped += offer(c.frames, f.Retain())
	}
}

// Publish takes a result, which says what is worth recording. It never blocks.
func (r *Recorder) Publish(res *pipeline.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.of(res.Frame.Camera); c != nil {
		r.dropped += offer(c.results, res.Retain())
	}
}

// CameraStatus ends the clip of a camera that stopped.
func (r *Recorder) CameraStatus(s pipeline.CameraStatus) {
	if s.State == pipeline.CameraStopped || s.State == pipeline.CameraEnded {
		r.Reload(s.Name)
	}
}

// Reload ends what is being recorded of a camera; its next frame asks for its options anew.
func (r *Recorder) Reload(camera string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.cameras[camera]; c != nil {
		delete(r.cameras, camera)
		if c.records() {
			close(c.ended)
		}
	}
}

// offer queues x; when the queue is full the oldest goes. It returns how many went.
func offer[T interface{ Release() }](queue chan T, x T) (dropped uint64) {
	for {
		select {
		case queue <- x:
			return dropped
		default:
		}
		select {
		case old := <-queue:
			old.Release()
			dropped++
		default:
		}
	}
}

// Close finishes the clips that are being written and waits. Twice is fine.
func (r *Recorder) Close() error {
	r.mu.Lock()
	first := !r.closed && r.stop != nil
	r.closed = true
	r.mu.Unlock()
	if first {
		close(r.stop)
	}
	r.workers.Wait()
	if first {
		r.archive.root.Close()
	}
	return nil
}

// camera records one camera; all but the channels belongs to its goroutine.
type camera struct {
	recorder *Recorder
	name     string
	options  Options
	frames   chan *pipeline.Frame
	results  chan *pipeline.Result
	ended    chan struct{} // closed to end the worker

	encoder  *vpx.Encoder
	epoch    uint32
	convert  vpx.Converter
	picture  vpx.I420
	ring     ring
	start    time.Time // of the pts
	lastPTS  int64
	lastKey  int64
	clip     *clip
	moment   time.Time // the last one that is worth a clip
	class    Class     // of the moments for which no clip is there yet
	tracks   map[uint64]*portrait
	scratch  []byte
	warnings int
}

func (c *camera) records() bool { return c.options.Clips || c.options.Snapshots }

func (c *camera) run() {
	c.tracks = map[uint64]*portrait{}
	defer c.end()
	for {
		select {
		case <-c.recorder.stop:
			return
		case f := <-c.frames:
			c.frame(f)
			f.Release()
		case r := <-c.results:
			c.result(r)
			r.Release()
		case <-c.ended:
			return
		}
	}
}

// drain takes what was queued before the end.
func (c *camera) drain() {
	for {
		select {
		case f := <-c.frames:
			c.frame(f)
			f.Release()
		case r := <-c.results:
			c.result(r)
			r.Release()
		default:
			return
		}
	}
}

func (c *camera) end() {
	c.drain()
	c.finish()
	for id := range c.tracks {
		c.forget(id)
	}
	if c.encoder != nil {
		c.encoder.Close()
	}
}

// frame encodes a frame into the ring, and into the clip that is being written.
func (c *camera) frame(f *pipeline.Frame) {
	w, h := f.Width&^1, f.Height&^1
	if c.encoder == nil || c.picture.Width != w || c.picture.Height != h || c.epoch != f.Epoch {
		if !c.restart(f, w, h) {
			return
		}
	}
	if err := c.convert.Convert(&c.picture, f.Data, f.Width, f.Height); err != nil {
		c.warn("convert a frame", err)
		return
	}
	// A clock that stands still or goes back moves the picture a millisecond on.
	pts := max(int64(f.Captured.Sub(c.start))*9/100_000, c.lastPTS+vpx.ClockRate/1000)
	key := len(c.ring.packets) == 0 || pts-c.lastKey >= keySeconds*vpx.ClockRate
	p, err := c.encoder.Encode(&c.picture, pts, key)
	if err != nil {
		c.warn("encode a frame", err)
		return
	}
	c.lastPTS = pts
	if p.Key {
		c.lastKey = pts
	}
	if len(p.Data) == 0 || !p.Key && len(c.ring.packets) == 0 {
		return
	}
	k := packet{at: f.Captured, pts: pts, key: p.Key, data: p.Data}
	c.ring.add(k, c.options.Pre)
	wanted := !c.moment.IsZero() && f.Captured.Sub(c.moment) <= c.options.Post
	switch {
	case !wanted:
		c.finish()
	case c.clip == nil:
		c.begin(c.ring.packets)
	case p.Key && f.Captured.Sub(c.clip.from) >= maxClip:
		c.finish()
		c.begin(c.ring.packets[len(c.ring.packets)-1:])
	default:
		c.written(c.clip.add(k))
	}
}

// restart begins a new stream of video: another size, or another opening of the camera.
func (c *camera) restart(f *pipeline.Frame, w, h int) bool {
	c.finish()
	if c.encoder != nil {
		c.encoder.Close()
		c.encoder = nil
	}
	c.ring.drop(len(c.ring.packets))
	bitrate := max(500_000, 3_000_000*w*h/(1280*720))
	e, err := vpx.New(vpx.Options{Codec: vpx.VP9, Width: w, Height: h, Bitrate: bitrate, Threads: 1, CPUUsed: 9, KeyInterval: 10_000})
	if err == nil {
		err = c.picture.Resize(w, h)
	}
	if err != nil {
		c.warn(fmt.Sprintf("encode frames of %dx%d", w, h), err)
		if e != nil {
			e.Close()
		}
		return false
	}
	c.encoder, c.epoch, c.start, c.lastPTS, c.lastKey = e, f.Epoch, f.Captured, -vpx.ClockRate, 0
	return true
}

// result looks for moments worth a clip and keeps the tracks' best pictures.
func (c *camera) result(r *pipeline.Result) {
	now := r.Frame.Captured
	for i := range r.Events {
		e := &r.Events[i]
		switch e.Severity() {
		case pipeline.Detection:
			c.hit(now, Plain)
		case pipeline.Alert:
			c.hit(now, Alert)
			p := c.tracks[e.Track.ID]
			if p == nil && e.Track.State != pipeline.Ended && len(c.tracks) < maxPortraits { // who crossed a line wants a picture too
				p = &portrait{first: e.Track.FirstSeen, anchor: e.Track.Box.Center()}
				c.tracks[e.Track.ID] = p
			}
			if p != nil {
				p.class, p.lastHit = Alert, now
			}
		}
	}
	for i := range r.Tracks {
		t := &r.Tracks[i]
		p := c.tracks[t.ID]
		level := warning(r, t.ID)
		if p == nil {
			if t.PromptID == "" && level == 0 || len(c.tracks) >= maxPortraits {
				continue
			}
			p = &portrait{first: t.FirstSeen, class: Plain, anchor: t.Box.Center()}
			c.tracks[t.ID] = p
			c.hit(now, Plain)
		}
		if level > 0 {
			p.class = Alert
			c.hit(now, Alert)
		}
		p.lastHit = now
		at := t.Box.Center()
		if t.Observed && math.Hypot(at.X-p.anchor.X, at.Y-p.anchor.Y) > 0.5*math.Max(t.Box.W(), t.Box.H()) {
			p.anchor = at
			c.hit(now, Plain)
		}
		if t.Label != "" {
			p.label = t.Label
		}
		if c.options.Snapshots {
			p.look(r, t)
			if p.due(now) {
				c.save(t.ID, p)
			}
		}
	}
	for i := range r.Events {
		if e := &r.Events[i]; e.Kind == pipeline.EventEnded {
			c.forget(e.Track.ID)
		}
	}
	// A reset may end a track without an event that reaches us.
	for id, p := range c.tracks {
		if now.Sub(p.lastHit) > time.Minute {
			c.forget(id)
		}
	}
}

func warning(r *pipeline.Result, track uint64) pipeline.WarningLevel {
	for i := range r.Obstacles {
		if r.Obstacles[i].TrackID == track {
			return r.Obstacles[i].Level
		}
	}
	return 0
}

// hit marks a moment that is worth a clip.
func (c *camera) hit(at time.Time, class Class) {
	if at.After(c.moment) {
		c.moment = at
	}
	switch {
	case class != Alert:
	case c.clip != nil:
		c.clip.class = Alert
	default:
		c.class = Alert
	}
}

// begin starts a clip with what was encoded.
func (c *camera) begin(packets []packet) {
	if len(packets) == 0 || c.recorder.Health() != nil {
		return
	}
	clip, err := createClip(c.recorder.archive, c.name, packets[0].at, c.picture.Width, c.picture.Height)
	if err != nil {
		c.recorder.setFailing(err)
		return
	}
	clip.class, c.class = c.class, Plain
	c.clip = clip
	for _, p := range packets {
		if c.written(c.clip.add(p)); c.clip == nil {
			return
		}
	}
}

// written gives a clip up that could not be written.
func (c *camera) written(err error) {
	if err != nil {
		c.clip.discard()
		c.clip = nil
		c.recorder.setFailing(err)
	}
}

// finish ends the clip that is being written, if there is one.
func (c *camera) finish() {
	if c.clip == nil {
		return
	}
	err := c.clip.finish()
	c.clip = nil
	if err == nil {
		err = c.recorder.archive.tidy(time.Now())
	}
	if err != nil {
		c.recorder.setFailing(err)
	}
}

// save writes a track's best picture.
func (c *camera) save(id uint64, p *portrait) {
	if c.recorder.Health() != nil {
		return
	}
	marked, err := p.write(c.recorder.archive, c.name, id, &c.scratch)
	if err != nil {
		c.recorder.setFailing(err)
		return
	}
	if c.recorder.Picture != nil {
		c.recorder.Picture(c.name, p.label, marked)
	}
	p.written, p.at = p.quality, p.lastHit
}

// forget writes the last, best picture of a track that is gone.
func (c *camera) forget(id uint64) {
	p := c.tracks[id]
	if p == nil {
		return
	}
	if p.best != nil && p.quality > p.written {
		c.save(id, p)
	}
	p.release()
	delete(c.tracks, id)
}

// warn says what is wrong with the video, the 1st, 2nd, 4th, ... time.
func (c *camera) warn(what string, err error) {
	if c.warnings++; c.warnings&(c.warnings-1) == 0 {
		c.recorder.Log.Warn("recording: "+what, "camera", c.name, "error", err, "times", c.warnings)
	}
}
