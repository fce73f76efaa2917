package export

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"math"
	"strconv"
	"time"

	"outrider/pipeline"
)

// Road gathers what a run says of the road ahead and writes a report: NAME.road.html (one file
// without outside references but the link to NAME.mp4), NAME.road.csv (a line an obstacle and
// frame) and NAME.road.json (the warnings). Take results in order from one goroutine, then
// Write.
type Road struct {
	Name   string
	Source string // as people may see it
	Video  string // file that the moments link to, empty for none

	rows     []roadRow
	warnings []RoadWarning
	status   map[pipeline.RoadStatus]int
	reason   string
	last     time.Duration
}

// RoadWarning is one event of an obstacle.
type RoadWarning struct {
	Time     float64        `json:"time_s"` // of the video
	Track    uint64         `json:"track_id"`
	Label    string         `json:"label,omitempty"`
	Level    int            `json:"level"`
	Evidence map[string]any `json:"evidence"`

	thumbnail []byte // JPEG
}

type roadRow struct {
	at       float64
	track    uint64
	level    pipeline.WarningLevel
	inPath   bool
	distance float64 // NaN when unknown, as the rest
	lo, hi   float64
	ttc      float64
	closing  float64
	lateral  float64
}

// maxThumbnails bounds the report: the pictures of later warnings are left out.
const (
	maxThumbnails  = 200
	thumbnailWidth = 240
)

// Take notes a result. The frame is only read during the call.
func (r *Road) Take(res *pipeline.Result) {
	if r.status == nil {
		r.status = map[pipeline.RoadStatus]int{}
	}
	at := res.Frame.MediaTime
	r.last = max(r.last, at)
	r.status[res.Road.Status]++
	if res.Road.Reason != "" {
		r.reason = res.Road.Reason
	}
	value := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	for i := range res.Obstacles {
		o := &res.Obstacles[i]
		r.rows = append(r.rows, roadRow{
			at: at.Seconds(), track: o.TrackID, level: o.Level, inPath: o.InCorridor, distance: value(o.Distance), lo: value(o.DistanceLo),
			hi: value(o.DistanceHi), ttc: value(o.TTC), closing: value(o.Closing), lateral: value(o.Lateral),
		})
	}
	for i := range res.Events {
		e := &res.Events[i]
		if e.Kind != pipeline.EventObstacle {
			continue
		}
		level, _ := e.Data["level"].(int)
		w := RoadWarning{Time: at.Seconds(), Track: e.Track.ID, Label: e.Track.Label, Level: level, Evidence: e.Data}
		if len(r.warnings) < maxThumbnails {
			w.thumbnail = thumbnail(res.Frame, e.Track.Box)
		}
		r.warnings = append(r.warnings, w)
	}
}

// Warnings are those of so far.
func (r *Road) Warnings() []RoadWarning { return r.warnings }

// thumbnail is the frame at reduced size with the box drawn, as JPEG; nil when that fails.
func thumbnail(f *pipeline.Frame, box pipeline.Box) []byte {
	w := min(thumbnailWidth, f.Width)
	h := max(1, w*f.Height/f.Width)
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			i := 3 * (y*f.Height/h*f.Width + x*f.Width/w)
			o := m.PixOffset(x, y)
			m.Pix[o], m.Pix[o+1], m.Pix[o+2], m.Pix[o+3] = f.Data[i+2], f.Data[i+1], f.Data[i], 255
		}
	}
	if box = box.Clip(f.Width, f.Height); box.Finite() && box.Area() > 0 {
		k := float64(w) / float64(f.Width)
		frame := image.Rect(int(box.X1*k), int(box.Y1*k), int(box.X2*k)+1, int(box.Y2*k)+1).Intersect(m.Rect)
		for y := frame.Min.Y; y < frame.Max.Y; y++ {
			for x := frame.Min.X; x < frame.Max.X; x++ {
				if x == frame.Min.X || y == frame.Min.Y || x == frame.Max.X-1 || y == frame.Max.Y-1 {
					o := m.PixOffset(x, y)
					m.Pix[o], m.Pix[o+1], m.Pix[o+2] = 255, 60, 0
				}
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 75}); err != nil {
		return nil
	}
	return b.Bytes()
}

// Write writes the three files; base is their path without ending. It returns their names.
func (r *Road) Write(base string) ([]string, error) {
	names := []string{base + ".road.html", base + ".road.csv", base + ".road.json"}
	for i, write := range []func(*bufio.Writer) error{r.writeHTML, r.writeCSV, r.writeJSON} {
		if err := WriteFile(names[i], write); err != nil {
			return nil, fmt.Errorf("write road report: %w", err)
		}
	}
	return names, nil
}

func (r *Road) writeCSV(w *bufio.Writer) error {
	fmt.Fprintln(w, "time_s,track,level,in_corridor,distance_m,distance_lo_m,distance_hi_m,ttc_s,closing_mps,lateral_m")
	cell := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	for _, o := range r.rows {
		if _, err := fmt.Fprintf(w, "%.3f,%d,%d,%v,%s,%s,%s,%s,%s,%s\n", o.at, o.track, o.level, o.inPath, cell(o.distance), cell(o.lo), cell(o.hi), cell(o.ttc), cell(o.closing), cell(o.lateral)); err != nil {
			return err
		}
	}
	return nil
}

// roadSummary is NAME.road.json.
type roadSummary struct {
	Source   string                      `json:"source"`
	Seconds  float64                     `json:"seconds"`
	Frames   map[pipeline.RoadStatus]int `json:"frames"` // by state of the calibration
	Reason   string                      `json:"reason,omitempty"`
	Warnings []RoadWarning               `json:"warnings"`
}

func (r *Road) writeJSON(w *bufio.Writer) error {
	s := roadSummary{Source: r.Source, Seconds: r.last.Seconds(), Frames: r.status, Reason: r.reason, Warnings: r.warnings}
	if s.Warnings == nil {
		s.Warnings = []RoadWarning{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// roadPage is what the template shows.
type roadPage struct {
	Name, Source, Video string
	Seconds             float64
	Status              string
	Reason              string
	Marks               []roadMark
	Distance, TTC       roadPlot
	Warnings            []roadLine
}

type roadMark struct {
	X     float64
	Level int
	Title string
}

// roadPlot is a curve of the most urgent obstacle in the way.
type roadPlot struct {
	Segments []string // polylines
	Top      float64
	Empty    bool
}

type roadLine struct {
	RoadWarning
	Moment, Name, Distance, Lapse string
	Picture                       template.URL
}

// Sizes of the plots in their own units.
const (
	roadPlotW = 900.0
	roadPlotH = 160.0
)

func (r *Road) writeHTML(w *bufio.Writer) error {
	p := roadPage{Name: r.Name, Source: r.Source, Video: r.Video, Seconds: r.last.Seconds(), Reason: r.reason}
	for _, s := range []pipeline.RoadStatus{pipeline.RoadCalibrated, pipeline.RoadUncalibrated, pipeline.RoadInvalid} {
		if n := r.status[s]; n > 0 {
			p.Status += fmt.Sprintf("%s in %d frames. ", s, n)
		}
	}
	scale := roadPlotW / math.Max(p.Seconds, 0.1)
	for _, k := range r.warnings {
		p.Marks = append(p.Marks, roadMark{k.Time * scale, k.Level, fmt.Sprintf("%.1f s, level %d", k.Time, k.Level)})
		line := roadLine{RoadWarning: k, Moment: fmt.Sprintf("%.2f", k.Time), Name: pipeline.WarningLevel(k.Level).String()}
		if d, ok := k.Evidence["distance_m"].(float64); ok {
			line.Distance = fmt.Sprintf("%.1f m", d)
		}
		if d, ok := k.Evidence["ttc_s"].(float64); ok {
			line.Lapse = fmt.Sprintf("%.1f s", d)
		}
		if len(k.thumbnail) > 0 {
			line.Picture = template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(k.thumbnail))
		}
		p.Warnings = append(p.Warnings, line)
	}
	p.Distance = r.plot(60, scale, func(o *roadRow) float64 { return o.distance })
	p.TTC = r.plot(10, scale, func(o *roadRow) float64 { return o.ttc })
	return roadTemplate.Execute(w, p)
}

// plot draws, for each frame, the smallest value of the obstacles in the way.
func (r *Road) plot(top, scale float64, value func(*roadRow) float64) roadPlot {
	p := roadPlot{Top: top}
	var b []byte
	last := math.Inf(-1)
	flush := func() {
		if len(b) > 0 {
			p.Segments = append(p.Segments, string(b))
		}
		b = nil
	}
	for i := 0; i < len(r.rows); {
		at, best := r.rows[i].at, math.NaN()
		for ; i < len(r.rows) && r.rows[i].at == at; i++ {
			if v := value(&r.rows[i]); r.rows[i].inPath && !math.IsNaN(v) && !(v > best) {
				best = v
			}
		}
		if math.IsNaN(best) || best > top {
			continue
		}
		if at-last > 1 {
			flush()
		}
		last = at
		b = fmt.Appendf(b, "%.1f,%.1f ", at*scale, roadPlotH*(1-best/top))
	}
	flush()
	p.Empty = len(p.Segments) == 0
	return p
}

var roadTemplate = template.Must(template.New("road").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{.Name}}: the road ahead</title>
<style>
body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:960px;padding:0 1em;color:#222}
svg{width:100%;background:#f6f6f6}table{border-collapse:collapse;width:100%}td,th{padding:.3em .6em;border-bottom:1px solid #ddd;text-align:left;vertical-align:middle}
img{display:block;max-width:240px}.l2{fill:#e6a700}.l3{fill:#e05a00}.l4{fill:#c00020}
</style>
<h1>{{.Name}}: the road ahead</h1>
<p>{{.Source}}, {{printf "%.1f" .Seconds}} s. Calibration: {{.Status}}{{.Reason}}</p>
<h2>Warnings</h2>
<svg viewBox="0 0 900 30" role="img" aria-label="warnings over time">{{range .Marks}}<rect class="l{{.Level}}" x="{{printf "%.1f" .X}}" y="2" width="4" height="26"><title>{{.Title}}</title></rect>{{end}}</svg>
<h2>Distance of the nearest in the way, 0 to {{.Distance.Top}} m</h2>
{{if .Distance.Empty}}<p>None.</p>{{else}}<svg viewBox="0 0 900 160">{{range .Distance.Segments}}<polyline points="{{.}}" fill="none" stroke="#0072b2" stroke-width="2"/>{{end}}</svg>{{end}}
<h2>Time to collision, 0 to {{.TTC.Top}} s</h2>
{{if .TTC.Empty}}<p>None.</p>{{else}}<svg viewBox="0 0 900 160">{{range .TTC.Segments}}<polyline points="{{.}}" fill="none" stroke="#d55e00" stroke-width="2"/>{{end}}</svg>{{end}}
{{if .Warnings}}<table><tr><th>Time</th><th></th><th>Level</th><th>Track</th><th>Distance</th><th>Time to collision</th></tr>
{{$video := .Video}}{{range .Warnings}}<tr><td>{{if $video}}<a href="{{$video}}#t={{.Moment}}">{{.Moment}} s</a>{{else}}{{.Moment}} s{{end}}</td><td>{{if .Picture}}<img src="{{.Picture}}" alt="the frame">{{end}}</td><td>{{.RoadWarning.Level}} {{.Name}}</td><td>{{.Track}} {{.Label}}</td><td>{{.Distance}}</td><td>{{.Lapse}}</td></tr>
{{end}}</table>{{else}}<p>No warning.</p>{{end}}
</html>
`))
