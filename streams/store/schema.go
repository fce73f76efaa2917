package store

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring a file from version i to i+1; the version is SQLite's user_version. Never
// change one that was released: add another.
var migrations = []string{`
CREATE TABLE events (
	seq     INTEGER PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	session TEXT NOT NULL,    -- of the program: track ids are unique within one
	camera  TEXT NOT NULL,
	kind    TEXT NOT NULL,
	label   TEXT NOT NULL,
	time    INTEGER NOT NULL, -- microseconds of Unix time, as all times
	track   INTEGER NOT NULL,
	data    TEXT NOT NULL     -- the event as JSON
);
CREATE INDEX events_time   ON events (time, seq);
CREATE INDEX events_camera ON events (camera, time, seq);
CREATE INDEX events_label  ON events (label, time, seq);

CREATE TABLE tracks (
	session   TEXT NOT NULL,
	id        INTEGER NOT NULL,
	camera    TEXT NOT NULL,
	label     TEXT NOT NULL,
	prompt    TEXT NOT NULL,
	started   INTEGER NOT NULL,
	last      INTEGER NOT NULL, -- of its newest event
	ended     INTEGER,          -- null while it lives
	reason    TEXT NOT NULL,
	top_score REAL NOT NULL,
	events    INTEGER NOT NULL,
	PRIMARY KEY (session, id)
) WITHOUT ROWID;
CREATE INDEX tracks_started ON tracks (started);
CREATE INDEX tracks_open    ON tracks (camera) WHERE ended IS NULL;

CREATE TABLE outbox (
	id        INTEGER PRIMARY KEY,
	key       TEXT NOT NULL,
	topic     TEXT NOT NULL,
	payload   BLOB NOT NULL,
	droppable INTEGER NOT NULL
);
`, `
CREATE TABLE reviews (
	event    TEXT PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
	reviewed INTEGER NOT NULL,
	flagged  INTEGER NOT NULL,
	note     TEXT NOT NULL
) WITHOUT ROWID;
`, `
CREATE TABLE prompts (
	camera  TEXT NOT NULL,
	id      TEXT NOT NULL,
	created INTEGER NOT NULL,
	prompt  TEXT NOT NULL, -- as JSON
	memory  TEXT NOT NULL, -- of its object, as JSON
	anchor  BLOB NOT NULL, -- embedding, float32 little-endian; empty for none
	encoder TEXT NOT NULL, -- that made it
	PRIMARY KEY (camera, id)
) WITHOUT ROWID;
`, `
CREATE TABLE kept (
	key   TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;
`}

// migrate brings db to the newest version, each step in a transaction of its own.
//
// A file of an older version is copied to PATH.vN first, so that there is a way back.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read its version: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("it was made by a newer outrider (version %d of the schema, this one knows %d): use that one, or give another path", version, len(migrations))
	}
	if version > 0 && version < len(migrations) {
		if err := backup(ctx, path, fmt.Sprintf("%s.v%d", path, version)); err != nil {
			return fmt.Errorf("copy it before bringing it to version %d: %w", len(migrations), err)
		}
	}
	for ; version < len(migrations); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, migrations[version])
		if err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1))
		}
		if err != nil {
			tx.Rollback()
			return fmt.Errorf("bring it to version %d: %w", version+1, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("bring it to version %d: %w", version+1, err)
		}
	}
	return nil
}
