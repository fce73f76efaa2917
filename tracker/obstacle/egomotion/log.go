package egomotion

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"outrider/pipeline"
	"outrider/tracker/obstacle"
)

// Constant is a vehicle that always drives at the same speed, m/s.
type Constant float64

// Ego implements obstacle.EgoSource.
func (c Constant) Ego(*pipeline.Frame) obstacle.Ego {
	return obstacle.Ego{Speed: float64(c), HasSpeed: true}
}

// Log is the speed over the time of a video. It is immutable and safe for concurrent use.
type Log struct {
	points []point
}

type point struct {
	at, speed float64 // seconds from the start of the video, m/s
	yaw       float64 // radians a second
	hasYaw    bool
}

// maxGap is the longest time between two entries that is bridged, and for how long the last
// one counts, seconds.
const maxGap = 3.0

// Ego implements obstacle.EgoSource: linear between entries, unknown before the first, in gaps
// and after the last.
func (l *Log) Ego(f *pipeline.Frame) obstacle.Ego {
	t := f.MediaTime.Seconds()
	i := sort.Search(len(l.points), func(i int) bool { return l.points[i].at > t })
	if i == 0 {
		return obstacle.Ego{}
	}
	a := l.points[i-1]
	e := obstacle.Ego{Speed: a.speed, HasSpeed: t-a.at <= maxGap, YawRate: a.yaw, HasYaw: a.hasYaw && t-a.at <= maxGap}
	if i == len(l.points) {
		return e
	}
	b := l.points[i]
	if b.at-a.at > maxGap {
		return e
	}
	k := (t - a.at) / (b.at - a.at)
	e.Speed += k * (b.speed - a.speed)
	if e.HasYaw = a.hasYaw && b.hasYaw; e.HasYaw {
		e.YawRate += k * (b.yaw - a.yaw)
	}
	return e
}

// Load reads a log: .csv (seconds,speed in m/s[,yaw rate in radians a second]), .nmea or .txt
// (RMC sentences), .gpx. The first entry of NMEA and GPX is the start of the video.
func Load(path string) (*Log, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open speed log: %w", err)
	}
	var l *Log
	switch lower := strings.ToLower(path); {
	case strings.HasSuffix(lower, ".csv"):
		l, err = readCSV(bytes.NewReader(text))
	case strings.HasSuffix(lower, ".gpx"):
		l, err = readGPX(bytes.NewReader(text))
	case strings.HasSuffix(lower, ".nmea"), strings.HasSuffix(lower, ".txt"):
		l, err = readNMEA(bytes.NewReader(text))
	default:
		err = errors.New("want a file that ends in .csv, .gpx, .nmea or .txt")
	}
	if err != nil {
		return nil, fmt.Errorf("read speed log %s: %w", path, err)
	}
	return l, nil
}

// build sorts and checks entries.
func build(points []point) (*Log, error) {
	if len(points) == 0 {
		return nil, errors.New("no entry")
	}
	slices.SortStableFunc(points, func(a, b point) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	points = slices.CompactFunc(points, func(a, b point) bool { return a.at == b.at })
	return &Log{points}, nil
}

func number(s, what string, line int) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("line %d: %s: %q is not a number", line, what, s)
	}
	return v, nil
}

// maxSpeed is what no vehicle on a road does, m/s.
const maxSpeed = 120

func readCSV(r io.Reader) (*Log, error) {
	var points []point
	sc := bufio.NewScanner(r)
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		w := strings.Split(text, ",")
		if len(w) < 2 || len(w) > 3 {
			return nil, fmt.Errorf("line %d: %d fields, want seconds,speed or seconds,speed,yaw_rate", line, len(w))
		}
		if _, err := strconv.ParseFloat(strings.TrimSpace(w[0]), 64); err != nil && line == 1 {
			continue // a header
		}
		at, err := number(w[0], "seconds", line)
		if err != nil {
			return nil, err
		}
		p := point{at: at}
		if p.speed, err = number(w[1], "speed", line); err != nil {
			return nil, err
		}
		if math.Abs(p.speed) > maxSpeed {
			return nil, fmt.Errorf("line %d: speed %g m/s is not that of a vehicle; is it in km/h?", line, p.speed)
		}
		if len(w) == 3 {
			if p.yaw, err = number(w[2], "yaw rate", line); err != nil {
				return nil, err
			}
			p.hasYaw = true
		}
		points = append(points, p)
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	return build(points)
}

const knot = 1852.0 / 3600 // m/s

// readNMEA takes time and speed over ground of RMC sentences of any talker. Sentences with a
// wrong checksum and those without a fix are left out.
func readNMEA(r io.Reader) (*Log, error) {
	var points []point
	first, days, last := 0.0, 0.0, -1.0
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		text := strings.TrimSpace(sc.Text())
		i := strings.IndexByte(text, '$')
		if i < 0 || !checksum(text[i:]) {
			continue
		}
		w := strings.Split(strings.SplitN(text[i+1:], "*", 2)[0], ",")
		if len(w) < 8 || !strings.HasSuffix(w[0], "RMC") || w[2] != "A" || len(w[1]) < 6 {
			continue
		}
		clock, err := strconv.ParseFloat(w[1], 64)
		speed, err2 := strconv.ParseFloat(w[7], 64)
		if err != nil || err2 != nil || !(speed*knot <= maxSpeed && speed >= 0) || !(clock >= 0 && clock < 240000) {
			continue
		}
		hm := math.Floor(clock / 100)
		at := math.Floor(hm/100)*3600 + math.Mod(hm, 100)*60 + math.Mod(clock, 100) + days
		if last >= 0 && at < last-43200 { // midnight
			days += 86400
			at += 86400
		}
		last = at
		if len(points) == 0 {
			first = at
		}
		points = append(points, point{at: at - first, speed: speed * knot})
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	return build(points)
}

// checksum reports whether a sentence's sum is right, or missing.
func checksum(s string) bool {
	body, sum, ok := strings.Cut(s[1:], "*")
	if !ok {
		return true
	}
	want, err := strconv.ParseUint(strings.TrimSpace(sum), 16, 8)
	if err != nil {
		return false
	}
	var got byte
	for i := range len(body) {
		got ^= body[i]
	}
	return got == byte(want)
}

// readGPX takes the times and places of a track; the speed where it is written, else from
// place to place.
func readGPX(r io.Reader) (*Log, error) {
	type trackPoint struct {
		Lat   float64 `xml:"lat,attr"`
		Lon   float64 `xml:"lon,attr"`
		Time  string  `xml:"time"`
		Speed string  `xml:"speed"`
	}
	var doc struct {
		Points []trackPoint `xml:"trk>trkseg>trkpt"`
	}
	if err := xml.NewDecoder(r).Decode(&doc); err != nil {
		return nil, err
	}
	var points []point
	var start, before time.Time
	for i, p := range doc.Points {
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(p.Time))
		if err != nil {
			return nil, fmt.Errorf("point %d: time %q: want a form like 2026-11-26T08:00:00Z", i+1, p.Time)
		}
		if i == 0 {
			start = at
		}
		q := point{at: at.Sub(start).Seconds()}
		if p.Speed != "" {
			if q.speed, err = number(p.Speed, "speed", i+1); err != nil {
				return nil, err
			}
		} else if dt := at.Sub(before).Seconds(); i > 0 && dt > 0 {
			o := doc.Points[i-1]
			q.speed = metres(o.Lat, o.Lon, p.Lat, p.Lon) / dt
		}
		before = at
		if i == 0 && p.Speed == "" || !(math.Abs(q.speed) <= maxSpeed) {
			continue // the first place has no speed, and a leap is none
		}
		points = append(points, q)
	}
	return build(points)
}

// metres is the distance between two places (haversine).
func metres(lat1, lon1, lat2, lon2 float64) float64 {
	const radius, rad = 6371008.8, math.Pi / 180
	a, b := math.Sin((lat2-lat1)*rad/2), math.Sin((lon2-lon1)*rad/2)
	return 2 * radius * math.Asin(math.Min(1, math.Sqrt(a*a+math.Cos(lat1*rad)*math.Cos(lat2*rad)*b*b)))
}
