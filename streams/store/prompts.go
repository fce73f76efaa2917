package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"outrider/pipeline"
)

// StoredPrompt is a prompt of a camera and what is remembered of its object.
type StoredPrompt struct {
	pipeline.Prompt // Camera and ID name it
	Memory          pipeline.PromptMemory
	Encoder         string // that made Memory.Anchor: those of another mean nothing to it
}

// maxAnchor bounds an embedding read from the file, in numbers.
const maxAnchor = 1 << 16

// PutPrompts adds prompts, or replaces those of the same camera and id, all or none. It returns
// when that is on the disk.
func (s *Store) PutPrompts(ctx context.Context, prompts ...StoredPrompt) error {
	rows := make([][]any, 0, len(prompts))
	for i := range prompts {
		row, err := prompts[i].encode()
		if err != nil {
			return fmt.Errorf("keep prompt %q of camera %q: %w", prompts[i].ID, prompts[i].Camera, err)
		}
		rows = append(rows, row)
	}
	return s.await(ctx, job{done: make(chan error, 1), do: func(ctx context.Context, db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("keep prompts: %w", explain(s.Path, err))
		}
		defer func() { tx.Rollback() }()
		for _, row := range rows {
			_, err := tx.ExecContext(ctx, `INSERT INTO prompts (camera, id, created, prompt, memory, anchor, encoder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
				ON CONFLICT (camera, id) DO UPDATE SET created = ?3, prompt = ?4, memory = ?5, anchor = ?6, encoder = ?7`, row...)
			if err != nil {
				return fmt.Errorf("keep prompt %q of camera %q: %w", row[1], row[0], explain(s.Path, err))
			}
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("keep prompts: %w", explain(s.Path, err))
		}
		return nil
	}})
}

func (p *StoredPrompt) encode() ([]any, error) {
	if p.Camera == "" || p.ID == "" {
		return nil, errors.New("want both names")
	}
	prompt, err := json.Marshal(p.Prompt)
	if err != nil {
		return nil, err
	}
	memory, err := json.Marshal(p.Memory)
	if err != nil {
		return nil, err
	}
	anchor := make([]byte, 0, 4*len(p.Memory.Anchor))
	for _, v := range p.Memory.Anchor {
		anchor = binary.LittleEndian.AppendUint32(anchor, math.Float32bits(v))
	}
	return []any{p.Camera, p.ID, p.Created.UnixMicro(), string(prompt), string(memory), anchor, p.Encoder}, nil
}

// DeletePrompt forgets a prompt; one that is not kept is no error. It returns when that is on
// the disk.
func (s *Store) DeletePrompt(ctx context.Context, camera, id string) error {
	return s.await(ctx, job{done: make(chan error, 1), do: func(ctx context.Context, db *sql.DB) error {
		if _, err := db.ExecContext(ctx, "DELETE FROM prompts WHERE camera = ? AND id = ?", camera, id); err != nil {
			return fmt.Errorf("forget prompt %q of camera %q: %w", id, camera, explain(s.Path, err))
		}
		return nil
	}})
}

// Prompts returns all prompts that are kept, by camera, oldest first. Those that cannot be
// understood are left out and logged.
func (s *Store) Prompts(ctx context.Context) ([]StoredPrompt, error) {
	rows, err := s.reader.QueryContext(ctx, "SELECT camera, id, prompt, memory, anchor, encoder FROM prompts ORDER BY camera, created, id")
	if err != nil {
		return nil, fmt.Errorf("read prompts: %w", explain(s.Path, err))
	}
	defer rows.Close()
	var out []StoredPrompt
	for rows.Next() {
		var p StoredPrompt
		var camera, id string
		var prompt, memory, anchor []byte
		if err := rows.Scan(&camera, &id, &prompt, &memory, &anchor, &p.Encoder); err != nil {
			return nil, fmt.Errorf("read prompts: %w", err)
		}
		if err := p.decode(prompt, memory, anchor); err != nil {
			s.Log.Error("store: a prompt cannot be understood and is left out", "camera", camera, "prompt", id, "error", err)
			continue
		}
		p.Camera, p.ID = camera, id
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read prompts: %w", err)
	}
	return out, nil
}

func (p *StoredPrompt) decode(prompt, memory, anchor []byte) error {
	if err := json.Unmarshal(prompt, &p.Prompt); err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	if err := json.Unmarshal(memory, &p.Memory); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if len(anchor)%4 != 0 || len(anchor)/4 > maxAnchor {
		return fmt.Errorf("anchor: %d bytes: want up to %d numbers of four", len(anchor), maxAnchor)
	}
	for i := 0; i < len(anchor); i += 4 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(anchor[i:]))
		if v != v || math.IsInf(float64(v), 0) {
			return fmt.Errorf("anchor: number %d is none", i/4)
		}
		p.Memory.Anchor = append(p.Memory.Anchor, v)
	}
	return p.Prompt.Validate(0, 0)
}
