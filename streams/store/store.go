package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"outrider/pipeline"
)

const (
	defaultRetain = 14 * 24 * time.Hour
	defaultRows   = 100_000
	defaultBytes  = 256 << 20
)

// Store is an SQLite file of events, tracks and the outbox. Fill the exported fields, call
// Initialize; safe for concurrent use after.
//
// As a sink it goes before the sink that delivers its outbox, so that it is closed after it.
type Store struct {
	Path        string        // database file; empty for a temporary one that Close removes
	Retain      time.Duration // events and tracks older than this go, default 14 days, negative for never
	OutboxRows  int           // messages kept, default 100,000; the oldest droppable goes first
	OutboxBytes int           // of their payloads, default 256 MiB
	BackupEvery time.Duration // between two copies to Path.backup, default 24 h, negative for none
	Log         *slog.Logger

	temporary string
	session   string
	locked    *os.File
	reader    *sql.DB
	outbox    outbox // guarded by mu
	stop      context.CancelFunc
	done      chan struct{}
	wake      chan struct{}
	ready     chan struct{}
	jobs      chan job

	mu      sync.Mutex
	render  func(*pipeline.Result) []pipeline.OutboxMessage
	pending []entry // not written yet, oldest first
	writing []entry // in the transaction under way
	bytes   int     // of pending and writing
	lost    uint64  // entries given up before they were written
	failing error   // why the last transaction failed
	closed  bool
}

var (
	_ pipeline.Sink        = (*Store)(nil)
	_ pipeline.StatusSink  = (*Store)(nil)
	_ pipeline.EventOutbox = (*Store)(nil)
)

// Initialize opens the file, moving a damaged one aside, and starts the writer.
func (s *Store) Initialize() error {
	if err := s.initialize(); err != nil {
		s.release()
		return fmt.Errorf("open store %q: %w", s.Path, err)
	}
	return nil
}

func (s *Store) initialize() error {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Retain == 0 {
		s.Retain = defaultRetain
	}
	if s.OutboxRows <= 0 {
		s.OutboxRows = defaultRows
	}
	if s.OutboxBytes <= 0 {
		s.OutboxBytes = defaultBytes
	}
	if s.BackupEvery == 0 {
		s.BackupEvery = backupEvery
	}
	if s.Path == "" {
		s.BackupEvery = -1
		dir, err := os.MkdirTemp("", "outrider-store-")
		if err != nil {
			return err
		}
		s.temporary, s.Path = dir, filepath.Join(dir, "outrider.db")
	}
	var err error
	if s.Path, err = filepath.Abs(s.Path); err != nil {
		return err
	}
	if s.locked, err = lock(s.Path); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	db, err := open(ctx, s.Path)
	if errors.Is(err, errDamaged) {
		aside, moveErr := moveAside(s.Path, time.Now())
		if moveErr != nil {
			return errors.Join(err, moveErr)
		}
		if at, restoreErr := restore(ctx, s.Path); restoreErr == nil {
			s.Log.Error("store: the database is damaged; it was moved aside and the backup restored", "path", s.Path, "aside", aside, "backup", at, "error", err)
		} else {
			s.Log.Error("store: the database is damaged; it was moved aside and a new one begun", "path", s.Path, "aside", aside, "error", err, "backup", restoreErr)
		}
		db, err = open(ctx, s.Path)
	}
	if err != nil {
		return err
	}
	if s.reader, err = openReader(s.Path); err != nil {
		db.Close()
		return err
	}
	s.session = uuid.Must(uuid.NewV7()).String()
	s.outbox = outbox{rows: s.OutboxRows, bytes: s.OutboxBytes}
	if err := s.outbox.load(ctx, db); err != nil {
		db.Close()
		return err
	}
	s.done, s.wake, s.ready = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	s.jobs = make(chan job)
	if s.outbox.len() > 0 {
		s.ready <- struct{}{}
	}
	w := &writer{store: s, db: db}
	go func() {
		defer close(s.done)
		if s.BackupEvery > 0 {
			backups := make(chan struct{})
			go func() {
				defer close(backups)
				s.keepBackup(ctx)
			}()
			defer func() { <-backups }()
		}
		w.run(ctx)
	}()
	return nil
}

// Publish takes in the events of a result and the messages that tell of it. It never blocks.
func (s *Store) Publish(r *pipeline.Result) {
	s.mu.Lock()
	render := s.render
	s.mu.Unlock()
	var group []entry
	for i := range r.Events {
		if e := &r.Events[i]; !e.Track.Stuff {
			if row, err := newEvent(e); err != nil {
				s.Log.Error("store: event not kept", "camera", e.Camera, "kind", e.Kind, "error", err)
			} else {
				group = append(group, entry{event: row})
			}
		}
	}
	if render != nil {
		for _, m := range render(r) {
			group = append(group, entry{message: &m})
		}
	}
	s.enqueue(group)
}

// CameraStatus closes the tracks of a camera that has stopped, since its tracker will not.
func (s *Store) CameraStatus(c pipeline.CameraStatus) {
	if c.State == pipeline.CameraStopped || c.State == pipeline.CameraEnded {
		s.enqueue([]entry{{stopped: &stoppedCamera{c.Name, time.Now()}}})
	}
}

// newEvent makes the row of an event.
func newEvent(e *pipeline.Event) (*eventRow, error) {
	data, err := json.Marshal(e)
	if err != nil && e.Data != nil {
		c := *e // only its data can hold what JSON cannot say, and a track without numbers
		c.Data = nil
		data, err = json.Marshal(&c)
	}
	if err != nil {
		return nil, err
	}
	return &eventRow{
		id: e.ID, camera: e.Camera, kind: e.Kind, label: e.Track.Label, prompt: e.Track.PromptID,
		time: e.Time.UnixMicro(), started: e.Track.FirstSeen.UnixMicro(), track: int64(e.Track.ID),
		score: e.Track.Score, reason: string(e.Reason), data: data,
	}, nil
}

// Health tells why nothing can be written now, nil when all is well.
func (s *Store) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
}

// Lost counts the events and messages that were given up before they could be written.
func (s *Store) Lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Close writes what is pending, closes the file and waits. Twice is fine.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed && s.done != nil
	s.closed = true
	s.mu.Unlock()
	if s.done == nil {
		return nil
	}
	s.stop()
	<-s.done
	if first {
		s.release()
	}
	return nil
}

// release gives files back.
func (s *Store) release() {
	if s.stop != nil {
		s.stop()
	}
	if s.reader != nil {
		s.reader.Close()
	}
	if s.locked != nil {
		s.locked.Close()
		s.locked = nil
	}
	if s.temporary != "" {
		os.RemoveAll(s.temporary)
	}
}
