package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dataSource is the driver's name of a file, with what each connection is set to.
func dataSource(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "foreign_keys(1)", "trusted_schema(0)", "mmap_size(0)"}, pragmas...)}
	q.Set("_txlock", "immediate")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// openWriter opens the one connection that writes.
func openWriter(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dataSource(path, "auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(full)", "journal_size_limit(16777216)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// openReader opens connections that cannot write.
func openReader(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dataSource(path, "query_only(1)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	return db, nil
}

// errDamaged is a file that is no sound database.
var errDamaged = errors.New("the file is damaged")

// open opens and checks a file and brings it to the newest version.
func open(ctx context.Context, path string) (*sql.DB, error) {
	db, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	err = check(ctx, db)
	if err == nil {
		err = migrate(ctx, db, path)
	}
	if err != nil {
		db.Close()
		if damaged(err) && !errors.Is(err, errDamaged) {
			err = fmt.Errorf("%w: %w", errDamaged, err)
		}
		return nil, err
	}
	return db, nil
}

func check(ctx context.Context, db *sql.DB) error {
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, said)
	}
	return nil
}

// damaged tells whether an error means that the file itself is unsound.
func damaged(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return true
		}
	}
	return errors.Is(err, errDamaged)
}

// moveAside renames a damaged database and its companions and returns the new name.
func moveAside(path string, now time.Time) (string, error) {
	to := fmt.Sprintf("%s.damaged-%s", path, now.UTC().Format("20060102T150405.000"))
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, to+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("move the damaged file aside: %w", err)
		}
	}
	return to, nil
}

// lock keeps other processes away from a database. The kernel frees it when we die.
func lock(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.New("another outrider uses it: stop that one, or give another path")
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}
