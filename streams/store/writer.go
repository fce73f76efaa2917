package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"outrider/pipeline"
)

const (
	pendingRows  = 8192 // entries kept while nothing can be written
	pendingBytes = 64 << 20
	pendingMost  = 4 // times the bound, before even what is not droppable goes

	retryFirst  = 500 * time.Millisecond
	retryMost   = 5 * time.Second
	tidyEvery   = 10 * time.Minute
	tidyBatch   = 5000
	walTruncate = 16 << 20
	lastWrite   = 5 * time.Second // for the last transaction at Close
)

// entry is one thing to write: exactly one member is set.
type entry struct {
	event   *eventRow
	message *pipeline.OutboxMessage
	stopped *stoppedCamera
	kept    *keptRow
}

type eventRow struct {
	id, camera, label, prompt, reason string
	kind                              pipeline.EventKind
	time, started, track              int64
	score                             float64
	data                              []byte
}

type stoppedCamera struct {
	camera string
	at     time.Time
}

func (e *entry) size() int {
	switch {
	case e.event != nil:
		return 256 + len(e.event.data)
	case e.message != nil:
		return 256 + len(e.message.Payload)
	case e.kept != nil:
		return 256 + len(e.kept.value)
	}
	return 256
}

func (e *entry) droppable() bool {
	return e.event != nil && e.event.kind == pipeline.EventUpdated || e.message != nil && e.message.Droppable
}

// enqueue hands a group to the writer, which puts all of it into one transaction.
func (s *Store) enqueue(group []entry) error {
	if len(group) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for i := range group {
		if m := group[i].message; m != nil {
			s.outbox.add(m)
		}
		s.bytes += group[i].size()
	}
	s.pending = append(s.pending, group...)
	s.trim()
	s.wakeWriter()
	if s.failing != nil {
		s.tellReady() // they leave from memory
	}
	return nil
}

func (s *Store) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// trim keeps what waits in memory within its bounds. Call it with mu held.
func (s *Store) trim() {
	over := func(times int) bool {
		return len(s.pending)+len(s.writing) > times*pendingRows || s.bytes > times*pendingBytes
	}
	if !over(1) {
		return
	}
	kept := s.pending[:0]
	for i := range s.pending {
		e := s.pending[i]
		// len(s.pending) does not shrink in this loop: count what is kept and to come.
		n := len(kept) + len(s.pending) - i + len(s.writing)
		if (n > pendingRows || s.bytes > pendingBytes) && e.droppable() {
			s.giveUp(e)
			continue
		}
		kept = append(kept, e)
	}
	clear(s.pending[len(kept):])
	s.pending = kept
	for over(pendingMost) && len(s.pending) > 0 {
		s.giveUp(s.pending[0])
		s.pending = s.pending[1:]
	}
}

func (s *Store) giveUp(e entry) {
	s.bytes -= e.size()
	s.lost++
	if e.message != nil {
		s.outbox.drop(e.message.ID)
	}
}

// writer owns the connection that writes.
type writer struct {
	store    *Store
	db       *sql.DB
	failures int
}

func (w *writer) run(ctx context.Context) {
	s := w.store
	retry := time.NewTimer(time.Hour)
	retry.Stop()
	defer retry.Stop()
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	// Tracks of earlier sessions have nobody left to end them.
	w.try(func(ctx context.Context) error {
		_, err := w.db.ExecContext(ctx, "UPDATE tracks SET ended = last, reason = 'interrupted' WHERE ended IS NULL AND session <> ?", s.session)
		return err
	})
	w.tidy()
	backoff, armed := retryFirst, false
	for {
		switch {
		case w.failures == 0:
			backoff, armed = retryFirst, false
			retry.Stop()
		case !armed:
			retry.Reset(backoff)
			backoff, armed = min(2*backoff, retryMost), true
		}
		select {
		case <-ctx.Done():
			w.flush()
			w.close()
			return
		case <-tidy.C:
			w.tidy()
			w.flush()
		case <-s.wake:
			if w.failures == 0 { // else the retry takes it along
				w.flush()
			}
		case j := <-s.jobs:
			w.work(j)
		case <-retry.C:
			armed = false
			w.flush()
		}
	}
}

// flush writes all that waits in one transaction and tells whether it succeeded.
func (w *writer) flush() bool {
	s := w.store
	s.mu.Lock()
	s.writing, s.pending = s.pending, nil
	gone := s.outbox.takeGone()
	s.mu.Unlock()
	ok := true
	if len(s.writing) > 0 || len(gone) > 0 {
		ok = w.try(func(ctx context.Context) error { return w.write(ctx, gone) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	told := false
	if ok {
		for i := range s.writing {
			told = told || s.writing[i].message != nil
			s.bytes -= s.writing[i].size()
		}
		s.writing = nil
		s.outbox.forget(gone)
	} else {
		s.pending = slices.DeleteFunc(append(s.writing, s.pending...), func(e entry) bool {
			delivered := e.message != nil && s.outbox.gone[e.message.ID]
			if delivered {
				s.bytes -= e.size()
			}
			return delivered
		})
		s.writing = nil
		for i := range s.pending {
			told = told || s.pending[i].message != nil // they leave from memory meanwhile
		}
		s.trim()
	}
	if told {
		s.tellReady()
	}
	return ok
}

func (s *Store) tellReady() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// try runs f, keeps the health and says what is wrong, once in a while.
func (w *writer) try(f func(ctx context.Context) error) bool {
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	err := f(ctx)
	s := w.store
	if err == nil {
		if w.failures > 0 {
			s.Log.Info("store: writing again", "path", s.Path)
		}
		w.failures = 0
		s.setFailing(nil)
		return true
	}
	err = explain(s.Path, err)
	s.setFailing(err)
	// A full disk says the same each time: tell the 1st, 2nd, 4th, ...
	if w.failures++; w.failures&(w.failures-1) == 0 {
		s.Log.Error("store: not written, kept in memory and tried again", "error", err, "times", w.failures)
	}
	w.reopen(err)
	return false
}

func (s *Store) setFailing(err error) {
	s.mu.Lock()
	s.failing = err
	s.mu.Unlock()
}

// reopen replaces the connection after an I/O error: what a failed fsync has lost is not
// written by the next one on the same descriptor.
func (w *writer) reopen(err error) {
	var e *sqlite.Error
	if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_IOERR {
		return
	}
	db, openErr := openWriter(w.store.Path)
	if openErr != nil {
		return // the old one will say why
	}
	w.db.Close()
	w.db = db
}

// explain adds what to do.
func explain(path string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return fmt.Errorf("write %s: the disk is full: free some space: %w", path, err)
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
			return fmt.Errorf("write %s: check the rights of the folder: %w", path, err)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("write %s: the file is damaged: start outrider again, it will be moved aside: %w", path, err)
		}
	}
	return fmt.Errorf("write %s: %w", path, err)
}

const (
	insertEvent = `INSERT OR IGNORE INTO events (id, session, camera, kind, label, time, track, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	upsertTrack = `INSERT INTO tracks (session, id, camera, label, prompt, started, last, ended, reason, top_score, events)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)
		ON CONFLICT (session, id) DO UPDATE SET
			label = iif(?4 = '', label, ?4), prompt = iif(?5 = '', prompt, ?5), last = max(last, ?7),
			ended = coalesce(ended, ?8), reason = iif(?9 = '', reason, ?9), top_score = max(top_score, ?10), events = events + 1`
	insertMessage = `INSERT INTO outbox (id, key, topic, payload, droppable) VALUES (?, ?, ?, ?, ?)`
	closeTracks   = `UPDATE tracks SET ended = ?, reason = 'camera stopped' WHERE camera = ? AND ended IS NULL`
)

// write is the transaction: s.writing goes in, the messages of gone go out.
func (w *writer) write(ctx context.Context, gone []int64) error {
	s := w.store
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { tx.Rollback() }()
	skip := make(map[int64]bool, len(gone))
	for _, id := range gone {
		skip[id] = true
		if _, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE id = ?", id); err != nil {
			return err
		}
	}
	if w.failures > 0 && len(gone) > 0 {
		// On a full disk this makes the room for the rest.
		if err := tx.Commit(); err != nil {
			return err
		}
		if tx, err = w.db.BeginTx(ctx, nil); err != nil {
			return err
		}
	}
	for i := range s.writing {
		switch e := &s.writing[i]; {
		case e.event != nil:
			err = s.writeEvent(ctx, tx, e.event)
		case e.message != nil:
			if m := e.message; !skip[m.ID] {
				_, err = tx.ExecContext(ctx, insertMessage, m.ID, m.Key, m.Topic, m.Payload, m.Droppable)
			}
		case e.kept != nil:
			err = writeKept(ctx, tx, e.kept)
		case e.stopped != nil:
			_, err = tx.ExecContext(ctx, closeTracks, e.stopped.at.UnixMicro(), e.stopped.camera)
		}
		if unfit(err) {
			s.Log.Error("store: an entry does not fit the database and is left out", "error", err)
			s.mu.Lock()
			s.lost++
			s.mu.Unlock()
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// unfit tells whether an error is the entry's fault: trying again would block all others.
func unfit(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return true
	}
	return false
}

func (s *Store) writeEvent(ctx context.Context, tx *sql.Tx, e *eventRow) error {
	done, err := tx.ExecContext(ctx, insertEvent, e.id, s.session, e.camera, string(e.kind), e.label, e.time, e.track, string(e.data))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err // seen before
	}
	var ended any
	if e.kind == pipeline.EventEnded {
		ended = e.time
	}
	score := e.score
	if math.IsNaN(score) || math.IsInf(score, 0) {
		score = 0
	}
	_, err = tx.ExecContext(ctx, upsertTrack, s.session, e.track, e.camera, e.label, e.prompt, e.started, e.time, ended, e.reason, score)
	return err
}

// tidy removes what is older than Retain, a piece at a time, and gives space back. Flagged
// events stay.
func (w *writer) tidy() {
	s := w.store
	if s.Retain > 0 {
		before := time.Now().Add(-s.Retain).UnixMicro()
		for more := true; more; {
			ok := w.try(func(ctx context.Context) error {
				r, err := w.db.ExecContext(ctx, "DELETE FROM events WHERE seq IN (SELECT seq FROM events LEFT JOIN reviews ON event = id WHERE time < ? AND coalesce(flagged, 0) = 0 ORDER BY time LIMIT ?)", before, tidyBatch)
				if err != nil {
					return err
				}
				n, err := r.RowsAffected()
				more = n == tidyBatch
				return err
			})
			if !ok || !w.flush() {
				return
			}
		}
		w.try(func(ctx context.Context) error {
			_, err := w.db.ExecContext(ctx, "DELETE FROM tracks WHERE ended < ?", before)
			return err
		})
	}
	w.try(func(ctx context.Context) error {
		if _, err := w.db.ExecContext(ctx, "PRAGMA incremental_vacuum(2000)"); err != nil {
			return err
		}
		return w.checkpoint(ctx, walTruncate)
	})
}

// checkpoint empties the write-ahead log when it is larger than n bytes.
func (w *writer) checkpoint(ctx context.Context, n int64) error {
	if i, err := os.Stat(w.store.Path + "-wal"); err != nil || i.Size() <= n {
		return nil
	}
	_, err := w.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func (w *writer) close() {
	w.store.mu.Lock()
	n := len(w.store.pending)
	w.store.mu.Unlock()
	if n > 0 {
		w.store.Log.Error("store: closed with entries that could not be written", "lost", n)
	}
	if err := w.db.Close(); err != nil {
		w.store.Log.Error("store: close", "error", err)
	}
}
