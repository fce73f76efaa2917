package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	backupEvery = 24 * time.Hour
	backupLook  = 10 * time.Minute // how often its age is looked at
)

// backupPath is where the copy of a database lives.
func backupPath(path string) string { return path + ".backup" }

// Backup writes a consistent copy of the database to a file, while everything goes on. The
// copy is complete, checked, and on the disk before it gets its name; a file of that name is
// replaced.
func (s *Store) Backup(ctx context.Context, to string) error {
	if err := backup(ctx, s.Path, to); err != nil {
		return fmt.Errorf("back up %s to %s: %w", s.Path, to, err)
	}
	return nil
}

// backup copies by VACUUM INTO, a transaction that reads: the writer is not held up.
func backup(ctx context.Context, path, to string) error {
	temporary := to + ".part"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	defer os.Remove(temporary)
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", temporary); err != nil {
		return err
	}
	if err := checkBackup(ctx, temporary); err != nil {
		return fmt.Errorf("the copy is unsound: %w", err)
	}
	if err := os.Chmod(temporary, 0o600); err != nil {
		return err
	}
	if err := flush(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, to); err != nil {
		return err
	}
	return flush(filepath.Dir(to))
}

// checkBackup reads all of a copy.
func checkBackup(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dataSource(path, "query_only(1)"))
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return errors.New(said)
	}
	var events int
	return db.QueryRowContext(ctx, "SELECT count(*) FROM events").Scan(&events)
}

// flush brings a file or folder to the disk.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// restore puts the backup in the place of a database that was moved aside. Without a sound
// backup it is an error, and nothing is there.
func restore(ctx context.Context, path string) (time.Time, error) {
	from := backupPath(path)
	info, err := os.Stat(from)
	if err != nil {
		return time.Time{}, err
	}
	if err := checkBackup(ctx, from); err != nil {
		return time.Time{}, err
	}
	in, err := os.Open(from)
	if err != nil {
		return time.Time{}, err
	}
	defer in.Close()
	temporary := path + ".part"
	defer os.Remove(temporary)
	out, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return time.Time{}, err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	return info.ModTime(), err
}

// keepBackup makes a backup when the last one is older than BackupEvery, until ctx ends.
func (s *Store) keepBackup(ctx context.Context) {
	tick := time.NewTicker(min(backupLook, s.BackupEvery))
	defer tick.Stop()
	for {
		if i, err := os.Stat(backupPath(s.Path)); err != nil || time.Since(i.ModTime()) >= s.BackupEvery {
			if err := s.Backup(ctx, backupPath(s.Path)); err != nil && ctx.Err() == nil {
				s.Log.Error("store: no backup was made; it is tried again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
