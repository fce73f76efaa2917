package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"outrider/pipeline"
)

// job is work for the goroutine that writes.
type job struct {
	do   func(ctx context.Context, db *sql.DB) error
	done chan error
}

// SetReview replaces what is said about an event; ErrNoEvent when it is not kept. It returns
// when the change is on the disk.
func (s *Store) SetReview(ctx context.Context, id string, r pipeline.Review) error {
	j := job{done: make(chan error, 1), do: func(ctx context.Context, db *sql.DB) error {
		done, err := db.ExecContext(ctx, `INSERT INTO reviews (event, reviewed, flagged, note)
			SELECT id, ?2, ?3, ?4 FROM events WHERE id = ?1
			ON CONFLICT (event) DO UPDATE SET reviewed = ?2, flagged = ?3, note = ?4`, id, r.Reviewed, r.Flagged, r.Note)
		if err != nil {
			return fmt.Errorf("review event %q: %w", id, err)
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("review event %q: %w", id, ErrNoEvent))
		}
		return nil
	}}
	return s.await(ctx, j)
}

// await hands a job to the goroutine that writes and returns when it is done.
func (s *Store) await(ctx context.Context, j job) error {
	select {
	case s.jobs <- j:
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-j.done:
		return err
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work does a job after all that was published before it.
func (w *writer) work(j job) {
	w.flush()
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	j.done <- j.do(ctx, w.db)
}

// Bucket counts the events of one camera in one step of a timeline.
type Bucket struct {
	Camera string
	Start  time.Time
	Events int
}

// Summary counts the events that f selects, per camera and step of time (at least a second);
// empty steps are left out. Cursor, Limit and OldestFirst do not matter. It returns at most
// 100,000 buckets, the oldest first.
func (s *Store) Summary(ctx context.Context, f Filter, step time.Duration) ([]Bucket, error) {
	us := max(step, time.Second).Microseconds()
	where, args := f.where()
	rows, err := s.reader.QueryContext(ctx, "SELECT camera, time / ? AS step, count(*) FROM events LEFT JOIN reviews ON event = id"+where+
		" GROUP BY camera, step ORDER BY step, camera LIMIT 100000", append([]any{us}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	defer rows.Close()
	out := []Bucket{}
	for rows.Next() {
		var b Bucket
		var at int64
		if err := rows.Scan(&b.Camera, &at, &b.Events); err != nil {
			return nil, fmt.Errorf("count events: %w", err)
		}
		b.Start = time.UnixMicro(at * us).UTC()
		out = append(out, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	return out, nil
}
