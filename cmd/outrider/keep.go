package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"outrider/pipeline"
	"outrider/streams/store"
	"outrider/tracker/prompt"
)

// keepEvery is the time between two looks at what is remembered of the prompts' objects.
const keepEvery = 10 * time.Second

// keepWait bounds a write of prompts.
const keepWait = 5 * time.Second

// keeper stores the prompts that users make, with what is remembered of their objects, so that
// they survive a restart. Prompts of the configuration are not its business. Fill the exported
// fields, call Initialize; safe for concurrent use after.
type keeper struct {
	Store   *store.Store
	Encoder string // of the embeddings
	Log     *slog.Logger

	mu     sync.Mutex
	kept   map[string]map[string]*keptPrompt // by camera and id
	sets   map[string]*prompt.Set            // of running cameras
	failed bool                              // the last write, which was told

	stop context.CancelFunc
	done chan struct{}
}

// keptPrompt is what the store has, or is to have, of a prompt.
type keptPrompt struct {
	store.StoredPrompt
	unsaved bool
	deleted bool // and still to be taken out of the store
}

// Initialize reads what is kept and begins to look after it.
func (k *keeper) Initialize(ctx context.Context) error {
	k.kept, k.sets = map[string]map[string]*keptPrompt{}, map[string]*prompt.Set{}
	all, err := k.Store.Prompts(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		k.put(p, false)
	}
	ctx, k.stop = context.WithCancel(context.Background())
	k.done = make(chan struct{})
	go func() {
		defer close(k.done)
		tick := time.NewTicker(keepEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				k.save()
			case <-ctx.Done():
				return
			}
		}
	}()
	return nil
}

// put notes a prompt. Call it with mu held, or before anybody else can.
func (k *keeper) put(p store.StoredPrompt, unsaved bool) {
	if k.kept[p.Camera] == nil {
		k.kept[p.Camera] = map[string]*keptPrompt{}
	}
	k.kept[p.Camera][p.ID] = &keptPrompt{StoredPrompt: p, unsaved: unsaved}
}

// cameras are those that have prompts.
func (k *keeper) cameras() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for camera, prompts := range k.kept {
		for _, p := range prompts {
			if !p.deleted {
				out = append(out, camera)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

// watch gives a camera that starts its prompts back, and looks after them from now on. Those
// whose id the configuration has are left to it.
func (k *keeper) watch(ctx context.Context, camera string, set *prompt.Set, configured func(id string) bool) {
	k.mu.Lock()
	k.sets[camera] = set
	var mine []store.StoredPrompt
	for _, p := range k.kept[camera] {
		if !p.deleted {
			mine = append(mine, p.StoredPrompt)
		}
	}
	k.mu.Unlock()
	slices.SortFunc(mine, func(a, b store.StoredPrompt) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	n := 0
	for _, p := range mine {
		if configured(p.ID) {
			k.Log.Warn("a kept prompt has the id of one of the configuration, which counts", "camera", camera, "prompt", p.ID)
			continue
		}
		p.At = nil // a frame of the stream before
		if p.Encoder != k.Encoder {
			p.Memory.Anchor = nil // of another encoder: it means nothing to this one
		}
		if err := set.Recall(ctx, p.Prompt, p.Memory); err != nil {
			k.Log.Error("a kept prompt cannot be followed now; it stays kept", "camera", camera, "prompt", p.ID, "error", err)
			continue
		}
		n++
	}
	if n > 0 {
		k.Log.Info("prompts restored; they search until their objects are seen again", "camera", camera, "prompts", n)
	}
}

// unwatch takes in what is remembered of a camera that stops. Its prompts stay kept.
func (k *keeper) unwatch(camera string) {
	k.save()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sets, camera)
}

// idle tells of prompts whose camera does not run.
func (k *keeper) idle(running func(camera string) bool) {
	for _, camera := range k.cameras() {
		if !running(camera) {
			k.mu.Lock()
			n := len(k.kept[camera])
			k.mu.Unlock()
			k.Log.Info("prompts of a camera that is not configured are kept, idle", "camera", camera, "prompts", n)
		}
	}
}

// created stores a prompt that was just made.
func (k *keeper) created(camera string, p pipeline.Prompt) {
	p.Camera, p.At = camera, nil
	k.mu.Lock()
	k.put(store.StoredPrompt{Prompt: p, Encoder: k.Encoder}, true)
	k.mu.Unlock()
	k.save()
}

// deleted takes a prompt out of the store.
func (k *keeper) deleted(camera, id string) {
	k.mu.Lock()
	p := k.kept[camera][id]
	if p != nil {
		p.deleted = true
	}
	k.mu.Unlock()
	if p != nil {
		k.save()
	}
}

// save brings the store up to date. What cannot be written is tried again.
func (k *keeper) save() {
	k.mu.Lock()
	defer k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), keepWait)
	defer cancel()
	var changed []*keptPrompt
	var rows []store.StoredPrompt
	var errs []error
	for camera, prompts := range k.kept {
		for id, p := range prompts {
			if p.deleted {
				if err := k.Store.DeletePrompt(ctx, camera, id); err != nil {
					errs = append(errs, err)
					continue
				}
				delete(prompts, id)
				continue
			}
			if set := k.sets[camera]; set != nil {
				// One that is restored but not answered yet gives back what it was given.
				if m, ok := set.Memory(id); ok && !reflect.DeepEqual(m, p.Memory) && (p.Encoder == k.Encoder || m.Anchor != nil) {
					p.Memory, p.Encoder, p.unsaved = m, k.Encoder, true
				}
			}
			if p.unsaved {
				changed, rows = append(changed, p), append(rows, p.StoredPrompt)
			}
		}
	}
	if len(rows) > 0 {
		if err := k.Store.PutPrompts(ctx, rows...); err != nil {
			errs = append(errs, err)
		} else {
			for _, p := range changed {
				p.unsaved = false
			}
		}
	}
	err := errors.Join(errs...)
	if err != nil && !k.failed {
		k.Log.Error("prompts are not stored; this is tried again", "error", err)
	}
	k.failed = err != nil
}

// Close stores what is remembered last. Call it before the store is closed; twice is fine.
func (k *keeper) Close() error {
	if k.stop == nil {
		return nil
	}
	k.stop()
	<-k.done
	k.save()
	k.stop = nil
	return nil
}

// userPrompts are a camera's prompts as users see them: what they make, change and delete is stored.
type userPrompts struct {
	*prompt.Set
	camera string
	keeper *keeper
}

var _ pipeline.Prompts = userPrompts{}

// Create implements pipeline.Prompts.
func (u userPrompts) Create(ctx context.Context, p pipeline.Prompt) (pipeline.PromptStatus, error) {
	st, err := u.Set.Create(ctx, p)
	if err == nil {
		u.keeper.created(u.camera, st.Prompt)
	}
	return st, err
}

// Change implements pipeline.Prompts.
func (u userPrompts) Change(ctx context.Context, id string, c pipeline.PromptChange) (pipeline.PromptStatus, error) {
	st, err := u.Set.Change(ctx, id, c)
	if err == nil && c.Level != nil {
		u.keeper.created(u.camera, st.Prompt)
	}
	return st, err
}

// Delete implements pipeline.Prompts.
func (u userPrompts) Delete(id string) error {
	err := u.Set.Delete(id)
	if err == nil {
		u.keeper.deleted(u.camera, id)
	}
	return err
}
