package config

import (
	"fmt"
	"maps"
	"slices"

	"outrider/calib"
	"outrider/pipeline"
)

// markError is the standard error of a mark and of an object's foot in the picture, pixels.
const markError = 2

// Pipeline returns the zone in the pipeline's terms, or what is wrong with it.
func (z Zone) Pipeline(id string) (pipeline.Zone, error) {
	out := pipeline.Zone{
		ID: id, Anchor: pipeline.Anchor(z.Anchor),
		Filter:  pipeline.Filter{Prompts: z.Prompts, Labels: z.Labels, MinScore: z.MinScore, MinArea: z.MinArea, Parts: z.Parts},
		Inertia: z.Inertia.D().Seconds(), Loiter: z.Loiter.D().Seconds(), LeftBehind: z.LeftBehind.D().Seconds(),
		Removed: z.Removed.D().Seconds(), TripsFrom: z.TripsFrom, Alert: z.Alert,
	}
	var err error
	if out.Size, err = pictureSize(z.Size); err != nil {
		return out, fmt.Errorf("size: %w", err)
	}
	if out.Polygon, err = points(z.Polygon); err != nil {
		return out, fmt.Errorf("polygon: %w", err)
	}
	for i, h := range z.Holes {
		ring, err := points(h)
		if err != nil {
			return out, fmt.Errorf("holes: hole %d: %w", i+1, err)
		}
		out.Holes = append(out.Holes, ring)
	}
	return out, out.Validate()
}

// Pipeline returns the line in the pipeline's terms, or what is wrong with it.
func (l Line) Pipeline(id string) (pipeline.Line, error) {
	out := pipeline.Line{
		ID: id, Anchor: pipeline.Anchor(l.Anchor),
		Filter: pipeline.Filter{Prompts: l.Prompts, Labels: l.Labels, MinScore: l.MinScore, MinArea: l.MinArea, Parts: l.Parts},
		Settle: l.Settle.D().Seconds(), Margin: l.Margin, Alert: l.Alert,
	}
	ends, err := points([][]float64{l.From, l.To})
	if err != nil {
		return out, fmt.Errorf("from, to: %w", err)
	}
	out.From, out.To = ends[0], ends[1]
	if out.Size, err = pictureSize(l.Size); err != nil {
		return out, fmt.Errorf("size: %w", err)
	}
	return out, out.Validate()
}

// Plane returns the ground plane and the size of its picture, nil when there is none.
func (g Ground) Plane() (*calib.Homography, [2]int, error) {
	if len(g.Marks) == 0 && len(g.Size) == 0 {
		return nil, [2]int{}, nil
	}
	size, err := pictureSize(g.Size)
	if err != nil || size == [2]int{} {
		return nil, size, fmt.Errorf("size: %v, want the width and height of the picture that the marks are of", g.Size)
	}
	marks := make([]calib.Mark, 0, len(g.Marks))
	for i, m := range g.Marks {
		p, err := points([][]float64{m.Image, m.Metres})
		if err != nil {
			return nil, size, fmt.Errorf("marks[%d]: image and metres: %w", i, err)
		}
		marks = append(marks, calib.Mark{Image: p[0], Ground: p[1]})
	}
	h, err := calib.NewHomography(size[0], size[1], nil, markError, marks)
	return h, size, err
}

// reservedZones are the words below the MQTT prefix that a zone, whose counts stand there under
// its name, must not take.
var reservedZones = []string{"available", "events", "reviews", "stats", "restart", "onConnect", "camera_activity", "tracked_object_update", "notifications"}

// CheckZoneName refuses names that would collide with another topic of MQTT: zones and cameras
// share one name space there.
func CheckZoneName(name string, cameras []string) error {
	if slices.Contains(cameras, name) {
		return &pipeline.PlaceError{Kind: "zone", ID: name, Field: "id", Reason: "a camera has this name, and both have MQTT topics under it; choose another"}
	}
	if slices.Contains(reservedZones, name) {
		return &pipeline.PlaceError{Kind: "zone", ID: name, Field: "id", Reason: "the name is a topic of MQTT; choose another"}
	}
	return nil
}

// validatePlaces refuses zones, lines and a ground that could not work.
func (c Camera) validatePlaces(key string, cameras []string, bad func(key, format string, args ...any) error) error {
	for kind, n := range map[string]int{"zones": len(c.Zones), "lines": len(c.Lines)} {
		if n > pipeline.MaxPlaces {
			return bad(key+"."+kind, "%d, at most %d are taken", n, pipeline.MaxPlaces)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Zones)) {
		z, err := c.Zones[id].Pipeline(id)
		if err == nil {
			err = CheckZoneName(id, cameras)
		}
		if err != nil {
			return bad(key+".zones."+id, "%v", err)
		}
		for _, from := range z.TripsFrom {
			if _, ok := c.Zones[from]; !ok {
				return bad(key+".zones."+id+".trips_from", "%q is no zone of this camera", from)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Lines)) {
		if _, err := c.Lines[id].Pipeline(id); err != nil {
			return bad(key+".lines."+id, "%v", err)
		}
	}
	if _, _, err := c.Ground.Plane(); err != nil {
		return bad(key+".ground", "%v", err)
	}
	return nil
}

func points(list [][]float64) ([]pipeline.Point, error) {
	out := make([]pipeline.Point, 0, len(list))
	for i, xy := range list {
		if len(xy) != 2 {
			return nil, fmt.Errorf("point %d: %d numbers, want x and y", i+1, len(xy))
		}
		out = append(out, pipeline.Point{X: xy[0], Y: xy[1]})
	}
	return out, nil
}

func pictureSize(s []int) ([2]int, error) {
	switch {
	case len(s) == 0:
		return [2]int{}, nil
	case len(s) != 2 || s[0] < 1 || s[1] < 1:
		return [2]int{}, fmt.Errorf("%v, want the width and height of a picture", s)
	}
	return [2]int{s[0], s[1]}, nil
}
