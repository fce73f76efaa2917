package record

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Class is how important a recording is: what is less goes first when room is needed.
type Class string

// The classes, least important first.
const (
	Plain     Class = "plain" // a track of a prompt was there
	Alert     Class = "alert" // a zone, a line or an obstacle was involved
	Protected Class = "keep"  // somebody said that it stays
)

func (c Class) rank() int { return slices.Index([]Class{Plain, Alert, Protected}, c) }

// ErrNone is returned for a recording that is not there (any more).
var ErrNone = errors.New("no such recording")

// Clip is a stretch of recorded video of one camera.
type Clip struct {
	Camera   string
	From, To time.Time // of its first and last frame; milliseconds
	Class    Class
	Bytes    int64
}

// Overlaps reports whether the clip shows anything between from and to.
func (c *Clip) Overlaps(from, to time.Time) bool { return !c.To.Before(from) && !c.From.After(to) }

// stamp is the time in a file's name: UTC, sorts by text.
const stamp = "20060102T150405.000Z"

// file is one file of the archive: a clip or one of the pictures of a track.
type file struct {
	name     string // within the camera's folder
	clip     bool
	from, to time.Time // of a picture: both its track's first moment
	track    uint64
	marked   bool // a picture with what is known drawn on it
	class    Class
	bytes    int64
}

var (
	clipName    = regexp.MustCompile(`^(\d{8}T\d{6}\.\d{3}Z)_(\d{8}T\d{6}\.\d{3}Z)_(plain|alert|keep)\.mp4$`)
	pictureName = regexp.MustCompile(`^(\d{8}T\d{6}\.\d{3}Z)_(\d{1,20})_(plain|alert|keep)(\.marked)?\.jpg$`)
	folderName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

// same tells whether o is the same picture or clip, whatever its class.
func (f *file) same(o file) bool {
	return f.clip == o.clip && f.marked == o.marked && f.track == o.track && f.from.Equal(o.from) && f.to.Equal(o.to)
}

func (f *file) title() string {
	if f.clip {
		return fmt.Sprintf("%s_%s_%s.mp4", f.from.UTC().Format(stamp), f.to.UTC().Format(stamp), f.class)
	}
	marked := ""
	if f.marked {
		marked = ".marked"
	}
	return fmt.Sprintf("%s_%d_%s%s.jpg", f.from.UTC().Format(stamp), f.track, f.class, marked)
}

// parse reads a file's name; ok is false for names that are none of ours.
func parse(name string) (f file, ok bool) {
	f.name = name
	if m := clipName.FindStringSubmatch(name); m != nil {
		var err1, err2 error
		f.from, err1 = time.Parse(stamp, m[1])
		f.to, err2 = time.Parse(stamp, m[2])
		f.clip, f.class = true, Class(m[3])
		return f, err1 == nil && err2 == nil && !f.to.Before(f.from)
	}
	if m := pictureName.FindStringSubmatch(name); m != nil {
		var err1, err2 error
		f.from, err1 = time.Parse(stamp, m[1])
		f.to = f.from
		f.track, err2 = strconv.ParseUint(m[2], 10, 64)
		f.class, f.marked = Class(m[3]), m[4] != ""
		return f, err1 == nil && err2 == nil
	}
	return f, false
}

// archive is the folder of recordings: DIR/CAMERA/FILE. Safe for concurrent use.
type archive struct {
	root     *os.Root
	dir      string
	retain   time.Duration
	maxBytes int64
	reserve  int64

	mu    sync.Mutex
	files map[string][]file // by camera, oldest first
	bytes int64
}

// openArchive opens or makes the folder and reads what it holds. Unfinished clips of a run
// that was killed are cut to their last whole fragment and kept.
func openArchive(dir string, retain time.Duration, maxBytes, reserve int64) (*archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	a := &archive{root: root, dir: dir, retain: retain, maxBytes: maxBytes, reserve: reserve, files: map[string][]file{}}
	if err := a.load(); err != nil {
		root.Close()
		return nil, err
	}
	return a, nil
}

func (a *archive) load() error {
	cameras, err := fs.ReadDir(a.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, c := range cameras {
		if !c.IsDir() || !folderName.MatchString(c.Name()) {
			continue
		}
		entries, err := fs.ReadDir(a.root.FS(), c.Name())
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := e.Name()
			if strings.HasSuffix(name, ".part") {
				if name, err = a.recover(c.Name(), name); err != nil {
					return fmt.Errorf("recover %s: %w", path.Join(c.Name(), e.Name()), err)
				}
			}
			f, ok := parse(name)
			if !ok {
				continue
			}
			info, err := a.root.Stat(path.Join(c.Name(), name))
			if err != nil {
				return err
			}
			f.bytes = info.Size()
			a.files[c.Name()] = append(a.files[c.Name()], f)
			a.bytes += f.bytes
		}
		slices.SortFunc(a.files[c.Name()], byTime)
	}
	return nil
}

func byTime(a, b file) int { return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.name, b.name)) }

// recover finishes what a killed run has left under a temporary name and returns the name it
// got, empty when nothing of it can be shown.
func (a *archive) recover(camera, name string) (string, error) {
	full := path.Join(camera, name)
	start, err := time.Parse(stamp, strings.TrimSuffix(strings.TrimPrefix(name, "."), ".mp4.part"))
	if err != nil {
		return "", a.root.Remove(full) // a picture, or none of ours
	}
	f, err := a.root.OpenFile(full, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, length, err := wholeFragments(f)
	if err != nil {
		return "", err
	}
	if length <= 0 {
		return "", a.root.Remove(full)
	}
	if err := f.Truncate(size); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	k := file{clip: true, from: start, to: start.Add(length), class: Plain}
	to := k.title()
	return to, a.root.Rename(full, path.Join(camera, to))
}

// add takes a finished file, written under the temporary name, into the archive.
func (a *archive) add(camera, temporary string, f file) error {
	// A name holds milliseconds: what is looked up must equal what a new start would read.
	f.from, f.to = f.from.UTC().Truncate(time.Millisecond), f.to.UTC().Truncate(time.Millisecond)
	info, err := a.root.Stat(path.Join(camera, temporary))
	if err != nil {
		return err
	}
	f.bytes = info.Size()
	a.mu.Lock()
	defer a.mu.Unlock()
	old := slices.IndexFunc(a.files[camera], f.same)
	if old >= 0 && a.files[camera][old].class.rank() > f.class.rank() {
		f.class = a.files[camera][old].class
	}
	f.name = f.title()
	if err := a.root.Rename(path.Join(camera, temporary), path.Join(camera, f.name)); err != nil {
		return err
	}
	if old >= 0 {
		o := a.files[camera][old]
		if o.name != f.name {
			a.root.Remove(path.Join(camera, o.name)) // a better picture of a higher class
		}
		a.bytes -= o.bytes
		a.files[camera] = slices.Delete(a.files[camera], old, old+1)
	}
	i, _ := slices.BinarySearchFunc(a.files[camera], f, byTime)
	a.files[camera] = slices.Insert(a.files[camera], i, f)
	a.bytes += f.bytes
	return nil
}

// clips returns a camera's clips that show anything between from and to, oldest first.
func (a *archive) clips(camera string, from, to time.Time) []Clip {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Clip
	for _, f := range a.files[camera] {
		c := Clip{Camera: camera, From: f.from, To: f.to, Class: f.class, Bytes: f.bytes}
		if f.clip && c.Overlaps(from, to) {
			out = append(out, c)
		}
	}
	return out
}

// open opens the file that want picks.
func (a *archive) open(camera string, want func(*file) bool) (*os.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.files[camera] {
		if f := &a.files[camera][i]; want(f) {
			got, err := a.root.Open(path.Join(camera, f.name))
			if errors.Is(err, fs.ErrNotExist) {
				return nil, ErrNone
			}
			return got, err
		}
	}
	return nil, ErrNone
}

// classify gives each file that want picks another class and returns how many there were.
func (a *archive) classify(camera string, to Class, want func(*file) bool) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for i := range a.files[camera] {
		f := &a.files[camera][i]
		if !want(f) {
			continue
		}
		n++
		if f.class == to {
			continue
		}
		g := *f
		g.class = to
		g.name = g.title()
		if err := a.root.Rename(path.Join(camera, f.name), path.Join(camera, g.name)); err != nil {
			return n, err
		}
		*f = g
	}
	return n, nil
}

// usage is what all files take, in bytes.
func (a *archive) usage() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

// errFull says that there is no room, and nothing that may go.
var errFull = errors.New("no room for recordings: free some space, raise store.events.max_size, or unprotect something")

// tidy removes what is too old, and then the least important and oldest until quota and disk
// have room. It fails with errFull when they have none.
func (a *archive) tidy(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.retain > 0 {
		before := now.Add(-a.retain)
		for camera := range a.files {
			if err := a.remove(camera, func(f *file) bool { return f.class != Protected && f.to.Before(before) }); err != nil {
				return err
			}
		}
	}
	for {
		free, err := a.free()
		if err != nil {
			return err
		}
		if a.bytes <= a.maxBytes && free >= a.reserve {
			return nil
		}
		camera, victim := a.leastWorth()
		if victim == nil {
			return errFull
		}
		name := victim.name
		if err := a.remove(camera, func(f *file) bool { return f.name == name }); err != nil {
			return err
		}
	}
}

// leastWorth is the oldest file of the lowest class, nil when only protected ones are left.
func (a *archive) leastWorth() (string, *file) {
	var camera string
	var least *file
	for c, fs := range a.files {
		for i := range fs {
			f := &fs[i]
			if f.class == Protected {
				continue
			}
			if least == nil || cmp.Or(cmp.Compare(f.class.rank(), least.class.rank()), byTime(*f, *least), strings.Compare(c, camera)) < 0 {
				camera, least = c, f
			}
		}
	}
	return camera, least
}

// remove deletes the files of a camera that want picks. Call it with mu held.
func (a *archive) remove(camera string, want func(*file) bool) error {
	kept := a.files[camera][:0]
	var err error
	for _, f := range a.files[camera] {
		if err != nil || !want(&f) {
			kept = append(kept, f)
			continue
		}
		if e := a.root.Remove(path.Join(camera, f.name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
			kept = append(kept, f)
			continue
		}
		a.bytes -= f.bytes
	}
	a.files[camera] = kept
	return err
}

// free is what the disk has left for us, in bytes.
func (a *archive) free() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(a.dir, &s); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", a.dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
