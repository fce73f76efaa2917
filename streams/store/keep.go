package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// keptRow is a value under a key, nil to forget it.
type keptRow struct {
	key   string
	value []byte
}

const (
	upsertKept = `INSERT INTO kept (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`
	deleteKept = `DELETE FROM kept WHERE key = ?`
)

// Keep puts a value under a key, so that a later run finds it; nil forgets it. It does not
// wait: the writer takes it with the next transaction.
func (s *Store) Keep(key string, value []byte) error {
	return s.enqueue([]entry{{kept: &keptRow{key, value}}})
}

// Kept returns the value of a key, nil when there is none. What was put a moment ago may not
// be there yet.
func (s *Store) Kept(ctx context.Context, key string) ([]byte, error) {
	var v []byte
	err := s.reader.QueryRowContext(ctx, "SELECT value FROM kept WHERE key = ?", key).Scan(&v)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %q: %w", key, err)
	}
	return v, nil
}

func writeKept(ctx context.Context, tx *sql.Tx, k *keptRow) error {
	var err error
	if k.value == nil {
		_, err = tx.ExecContext(ctx, deleteKept, k.key)
	} else {
		_, err = tx.ExecContext(ctx, upsertKept, k.key, k.value)
	}
	return err
}
