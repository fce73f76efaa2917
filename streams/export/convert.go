package export

import (
	"bufio"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"outrider/pipeline"
	"outrider/pipeline/mask"
)

// Format names a form that the tracks of a video can be written in.
type Format string

// The formats. Those with masks leave out tracks that were not seen in a frame; background
// (road, sky) is in none.
const (
	FormatCOCO Format = "coco" // NAME.coco.json: instances with RLE masks and track ids
	FormatYOLO Format = "yolo" // NAME.yolo/: a text file a frame with normalised polygons, and data.yaml
	FormatMOT  Format = "mot"  // NAME.mot.txt: MOTChallenge boxes
	FormatMOTS Format = "mots" // NAME.mots.txt: MOTS masks, which do not overlap
	FormatCVAT Format = "cvat" // NAME.cvat.xml: CVAT for video 1.1, polygons
	FormatCSV  Format = "csv"  // NAME.csv: one row a track and frame
)

// Formats are all of them.
func Formats() []Format {
	return []Format{FormatCOCO, FormatYOLO, FormatMOT, FormatMOTS, FormatCVAT, FormatCSV}
}

// CheckFormats refuses a format that there is not, and one that stands twice.
func CheckFormats(fs []Format) error {
	for i, f := range fs {
		switch {
		case !slices.Contains(Formats(), f):
			var names []string
			for _, f := range Formats() {
				names = append(names, string(f))
			}
			return fmt.Errorf("format %q: unknown; want one of %s", f, strings.Join(names, ", "))
		case slices.Contains(fs[:i], f):
			return fmt.Errorf("format %q: stands twice", f)
		}
	}
	return nil
}

// maxPolygon is the most points of a polygon in a format that has no masks.
const maxPolygon = 200

// Converter writes the lines of a video in other formats, from From to To seconds of media
// time.
type Converter struct {
	Dir, Name string
	Version   string  // of the program, for the files' heads
	From, To  float64 // seconds; To 0 for the end
	Formats   []Format
}

// lineWriter writes one format. close finishes its file; discard leaves nothing behind and is
// called in any case.
type lineWriter interface {
	add(l *Line) error
	close() error
	discard()
}

// Convert reads JSON lines, as an offline run writes them, and returns how many frames it has
// written. After an error no file is left.
func (c *Converter) Convert(in io.Reader) (frames int, err error) {
	var ws []lineWriter
	defer func() {
		for _, w := range ws {
			w.discard()
		}
	}()
	if err := CheckFormats(c.Formats); err != nil {
		return 0, err
	}
	for _, f := range c.Formats {
		w, err := c.open(f)
		if err != nil {
			return 0, fmt.Errorf("format %s: %w", f, err)
		}
		ws = append(ws, w)
	}
	err = ReadJSONL(in, func(l *Line) error {
		if l.T < c.From || c.To > 0 && l.T >= c.To {
			return nil
		}
		frames++
		l.Tracks = slices.DeleteFunc(l.Tracks, func(t LineTrack) bool { return t.Stuff })
		for i, w := range ws {
			if err := w.add(l); err != nil {
				return fmt.Errorf("format %s: %w", c.Formats[i], err)
			}
		}
		return nil
	})
	if err == nil && frames == 0 {
		err = errors.New("no frame lies in the range")
	}
	if err != nil {
		return 0, err
	}
	for i, w := range ws {
		if err := w.close(); err != nil {
			return 0, fmt.Errorf("format %s: %w", c.Formats[i], err)
		}
	}
	return frames, nil
}

func (c *Converter) open(f Format) (lineWriter, error) {
	path := func(suffix string) string { return filepath.Join(c.Dir, c.Name+suffix) }
	switch f {
	case FormatCOCO:
		out, err := create(path(".coco.json"))
		return &cocoWriter{file: out, name: c.Name, coco: NewCOCO(c.Version)}, err
	case FormatYOLO:
		return newYOLOWriter(path(".yolo"), c.Name)
	case FormatMOT:
		out, err := create(path(".mot.txt"))
		return &motWriter{out}, err
	case FormatMOTS:
		out, err := create(path(".mots.txt"))
		return &motsWriter{file: out}, err
	case FormatCVAT:
		out, err := create(path(".cvat.xml"))
		return &cvatWriter{file: out, name: c.Name, tracks: map[uint64]*cvatTrack{}}, err
	case FormatCSV:
		out, err := create(path(".csv"))
		if err != nil {
			return nil, err
		}
		w := &csvWriter{file: out, csv: csv.NewWriter(out)}
		return w, w.csv.Write(strings.Split("frame,t,id,prompt,label,state,observed,score,x1,y1,x2,y2,area", ","))
	}
	panic("export: a format of Formats is not written: " + string(f)) // CheckFormats has looked
}

// close and discard of a format in one file.
func (f *file) close() error { return f.commit() }

// confirmed tells whether a format without states has a track in this frame.
func (t *LineTrack) confirmed() bool { return t.State == pipeline.Confirmed && t.Observed }

type cocoWriter struct {
	*file
	name string
	coco *COCO
}

func (w *cocoWriter) add(l *Line) error {
	return w.coco.addLine(fmt.Sprintf("%s/%06d.jpg", w.name, l.Frame), l)
}

func (w *cocoWriter) close() error {
	if err := w.coco.Write(w.file); err != nil {
		return err
	}
	return w.commit()
}

type motWriter struct{ *file }

func (w *motWriter) add(l *Line) error {
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if !t.confirmed() {
			continue
		}
		b := pipeline.Box{X1: t.Box[0], Y1: t.Box[1], X2: t.Box[2], Y2: t.Box[3]}
		if err := writeMOT(w, l.Frame, t.ID, b, t.Score); err != nil {
			return err
		}
	}
	return nil
}

// motsWriter writes the text of the MOTS challenge: frame, object id, class id, height, width,
// RLE. There a pixel belongs to one object only: to the smallest, so that parts stay visible.
// Classes are 1 for a car and 2 for a person, as there, then in the order they come; 10 means
// "ignore" there and is left out.
type motsWriter struct {
	*file
	classes []string // from 3 on
}

func (w *motsWriter) class(label string) int {
	switch label {
	case "car":
		return 1
	case "person", "pedestrian":
		return 2
	}
	i := slices.Index(w.classes, label)
	if i < 0 {
		i = len(w.classes)
		w.classes = append(w.classes, label)
	}
	if i += 3; i >= 10 {
		i++
	}
	return i
}

func (w *motsWriter) add(l *Line) error {
	type object struct {
		track *LineTrack
		mask  *mask.Mask
		area  int
	}
	var objects []object
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if t.Mask == nil || !t.confirmed() {
			continue
		}
		m, err := t.Mask.Mask()
		if err != nil {
			return fmt.Errorf("track %d: %w", t.ID, err)
		}
		objects = append(objects, object{t, m, m.Area()})
	}
	slices.SortStableFunc(objects, func(a, b object) int { return a.area - b.area })
	g := mask.FrameGrid(l.Size[0], l.Size[1])
	taken := mask.New(g, g.Bounds())
	for _, o := range objects {
		o.mask.AndNot(taken)
		if o.mask.Empty() {
			continue
		}
		taken.Or(o.mask)
		rle := o.mask.RLE(l.Size[0], l.Size[1])
		if _, err := fmt.Fprintf(w, "%d %d %d %d %d %s\n", l.Frame, o.track.ID, w.class(o.track.Label), l.Size[1], l.Size[0], rle.Counts); err != nil {
			return err
		}
	}
	return nil
}

type csvWriter struct {
	*file
	csv *csv.Writer
}

func (w *csvWriter) add(l *Line) error {
	number := func(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	for i := range l.Tracks {
		t := &l.Tracks[i]
		area := ""
		if t.Mask != nil {
			m, err := t.Mask.Mask()
			if err != nil {
				return fmt.Errorf("track %d: %w", t.ID, err)
			}
			area = strconv.Itoa(m.Area())
		}
		err := w.csv.Write([]string{
			strconv.FormatUint(l.Frame, 10), number(l.T, 3), strconv.FormatUint(t.ID, 10), plainCell(t.Prompt), plainCell(t.Label), string(t.State),
			strconv.FormatBool(t.Observed), number(t.Score, 4), number(t.Box[0], 2), number(t.Box[1], 2), number(t.Box[2], 2), number(t.Box[3], 2), area,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// plainCell keeps a spreadsheet from taking a user's text for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (w *csvWriter) close() error {
	if w.csv.Flush(); w.csv.Error() != nil {
		return w.csv.Error()
	}
	return w.commit()
}

// outline is the largest part of a track's mask as a polygon, its box when there is no mask.
func (t *LineTrack) outline() ([][2]float64, error) {
	if t.Mask != nil {
		m, err := t.Mask.Mask()
		if err != nil {
			return nil, fmt.Errorf("track %d: %w", t.ID, err)
		}
		if p := m.LargestComponent().Polygons(maxPolygon); len(p) > 0 {
			return p[0], nil
		}
	}
	b := t.Box
	return [][2]float64{{b[0], b[1]}, {b[2], b[1]}, {b[2], b[3]}, {b[0], b[3]}}, nil
}

// yoloWriter writes a folder in the form that Ultralytics trains on.
type yoloWriter struct {
	path, temporary, name string
	classes               []string
}

func newYOLOWriter(path, name string) (*yoloWriter, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	w := &yoloWriter{path: path, temporary: dir, name: name}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "labels"), 0o755)); err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

func (w *yoloWriter) add(l *Line) error {
	var b strings.Builder
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if !t.confirmed() {
			continue
		}
		label := t.Label
		if label == "" {
			label = "object"
		}
		class := slices.Index(w.classes, label)
		if class < 0 {
			class = len(w.classes)
			w.classes = append(w.classes, label)
		}
		points, err := t.outline()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%d", class)
		for _, p := range points {
			fmt.Fprintf(&b, " %.6f %.6f", unit(p[0]/float64(l.Size[0])), unit(p[1]/float64(l.Size[1])))
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(filepath.Join(w.temporary, "labels", fmt.Sprintf("%s_%06d.txt", w.name, l.Frame)), []byte(b.String()), 0o644)
}

func unit(v float64) float64 { return math.Min(1, math.Max(0, v)) }

func (w *yoloWriter) close() error {
	err := WriteFile(filepath.Join(w.temporary, "data.yaml"), func(out *bufio.Writer) error {
		fmt.Fprintf(out, "# Put the frames beside labels/ as images/%s_000001.jpg and so on.\npath: .\ntrain: images\nval: images\nnames:\n", w.name)
		for i, c := range w.classes {
			fmt.Fprintf(out, "  %d: %q\n", i, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(w.path); err != nil {
		return err
	}
	return os.Rename(w.temporary, w.path)
}

func (w *yoloWriter) discard() { os.RemoveAll(w.temporary) }

// cvatWriter writes "CVAT for video 1.1". Its tracks stand one after the other, so that all of
// a video is kept until the end.
type cvatWriter struct {
	*file
	name        string
	tracks      map[uint64]*cvatTrack
	order       []uint64
	first, last uint64
	size        [2]int
}

type cvatTrack struct {
	XMLName xml.Name      `xml:"track"`
	ID      int           `xml:"id,attr"`
	Label   string        `xml:"label,attr"`
	Source  string        `xml:"source,attr"`
	Shapes  []cvatPolygon `xml:"polygon"`
}

type cvatPolygon struct {
	Frame    uint64     `xml:"frame,attr"` // from 0
	Outside  int        `xml:"outside,attr"`
	Occluded int        `xml:"occluded,attr"`
	Keyframe int        `xml:"keyframe,attr"`
	Points   string     `xml:"points,attr"`
	ZOrder   int        `xml:"z_order,attr"`
	Track    *cvatValue `xml:"attribute"`
}

type cvatValue struct {
	Name string `xml:"name,attr"`
	Text string `xml:",chardata"`
}

func (w *cvatWriter) add(l *Line) error {
	if w.size == ([2]int{}) {
		w.size, w.first = l.Size, l.Frame
	}
	// CVAT counts the frames of its task from 0.
	frame := l.Frame - w.first
	if w.last = frame; l.Frame < w.first {
		return fmt.Errorf("frame %d comes after frame %d", l.Frame, w.first)
	}
	for i := range l.Tracks {
		t := &l.Tracks[i]
		if !t.confirmed() {
			continue
		}
		points, err := t.outline()
		if err != nil {
			return err
		}
		k := w.tracks[t.ID]
		if k == nil {
			k = &cvatTrack{ID: len(w.order), Source: "auto"}
			w.tracks[t.ID] = k
			w.order = append(w.order, t.ID)
		}
		if t.Label != "" {
			k.Label = t.Label
		}
		if n := len(k.Shapes); n > 0 && k.Shapes[n-1].Frame+1 < frame {
			k.hide()
		}
		var b strings.Builder
		for j, p := range points {
			if j > 0 {
				b.WriteByte(';')
			}
			fmt.Fprintf(&b, "%.2f,%.2f", p[0], p[1])
		}
		k.Shapes = append(k.Shapes, cvatPolygon{Frame: frame, Keyframe: 1, Points: b.String(), Track: &cvatValue{Name: "track_id", Text: strconv.FormatUint(t.ID, 10)}})
	}
	return nil
}

// hide ends a stretch in which the track was seen: else CVAT goes on showing it.
func (k *cvatTrack) hide() {
	s := k.Shapes[len(k.Shapes)-1]
	s.Frame++
	s.Outside = 1
	k.Shapes = append(k.Shapes, s)
}

func (w *cvatWriter) close() error {
	type attribute struct {
		Name      string `xml:"name"`
		Mutable   string `xml:"mutable"`
		InputType string `xml:"input_type"`
		Values    string `xml:"values"`
	}
	type label struct {
		Name       string      `xml:"name"`
		Attributes []attribute `xml:"attributes>attribute"`
	}
	var labels []label
	seen := map[string]bool{}
	for _, id := range w.order {
		k := w.tracks[id]
		if k.Label == "" {
			k.Label = "object"
		}
		if !seen[k.Label] {
			seen[k.Label] = true
			labels = append(labels, label{k.Label, []attribute{{"track_id", "False", "number", "0;1000000000;1"}}})
		}
		if k.Shapes[len(k.Shapes)-1].Frame < w.last {
			k.hide()
		}
	}
	doc := struct {
		XMLName xml.Name     `xml:"annotations"`
		Version string       `xml:"version"`
		Name    string       `xml:"meta>task>name"`
		Size    uint64       `xml:"meta>task>size"`
		Mode    string       `xml:"meta>task>mode"`
		Labels  []label      `xml:"meta>task>labels>label"`
		Width   int          `xml:"meta>task>original_size>width"`
		Height  int          `xml:"meta>task>original_size>height"`
		Tracks  []*cvatTrack `xml:"track"`
	}{Version: "1.1", Name: w.name, Size: w.last + 1, Mode: "interpolation", Labels: labels, Width: w.size[0], Height: w.size[1]}
	for _, id := range w.order {
		doc.Tracks = append(doc.Tracks, w.tracks[id])
	}
	if _, err := io.WriteString(w.file, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w.file)
	e.Indent("", " ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	return w.commit()
}
