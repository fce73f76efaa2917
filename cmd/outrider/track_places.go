package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"outrider/cmd/outrider/config"
	"outrider/pipeline"
)

// placeFlags are the zones and lines of an offline run.
type placeFlags struct {
	file         string // a configuration
	camera       string // of the configuration
	zones, lines []string
}

// read returns the zones, lines and ground of the flags as a camera's configuration.
func (f *placeFlags) read() (config.Camera, error) {
	cam := config.DefaultCamera()
	if f.file != "" {
		c, err := config.Load(f.file, nil)
		if err != nil {
			return cam, err
		}
		name := f.camera
		switch {
		case name == "" && len(c.Cameras) == 1:
			name = sortedNames(c.Cameras)[0]
		case name == "":
			return cam, usagef("--config %s has %d cameras (%s): choose one with --config-camera", f.file, len(c.Cameras), strings.Join(sortedNames(c.Cameras), ", "))
		}
		configured, ok := c.Cameras[name]
		if !ok {
			return cam, usagef("--config-camera %q: the cameras of %s are %s", name, f.file, strings.Join(sortedNames(c.Cameras), ", "))
		}
		cam.Zones, cam.Lines, cam.Ground = configured.Zones, configured.Lines, configured.Ground
	} else if f.camera != "" {
		return cam, usagef("--config-camera %q: give the configuration that it is in with --config", f.camera)
	}
	if cam.Zones == nil {
		cam.Zones = map[string]config.Zone{}
	}
	if cam.Lines == nil {
		cam.Lines = map[string]config.Line{}
	}
	for _, text := range f.zones {
		name, xy, err := parsePlace("--zone", text, "hall=x1,y1,x2,y2,x3,y3,...")
		if err != nil {
			return cam, err
		}
		z := config.Zone{Polygon: xy}
		if _, err := z.Pipeline(name); err != nil {
			return cam, usagef("--zone %q: %v", text, err)
		}
		cam.Zones[name] = z
	}
	for _, text := range f.lines {
		name, xy, err := parsePlace("--line", text, "door=x1,y1,x2,y2")
		if err != nil {
			return cam, err
		}
		if len(xy) != 2 {
			return cam, usagef("--line %q: %d points, want 2", text, len(xy))
		}
		l := config.Line{From: xy[0], To: xy[1]}
		if _, err := l.Pipeline(name); err != nil {
			return cam, usagef("--line %q: %v", text, err)
		}
		cam.Lines[name] = l
	}
	return cam, nil
}

// parsePlace reads name=x1,y1,x2,y2,...
func parsePlace(flag, text, example string) (name string, xy [][]float64, err error) {
	name, list, ok := strings.Cut(text, "=")
	if !ok {
		return "", nil, usagef("%s %q: want %s", flag, text, example)
	}
	numbers := strings.Split(list, ",")
	if len(numbers)%2 != 0 {
		return "", nil, usagef("%s %q: %d numbers, want pairs of x and y", flag, text, len(numbers))
	}
	for i := 0; i < len(numbers); i += 2 {
		var p [2]float64
		for k := range p {
			if p[k], err = strconv.ParseFloat(strings.TrimSpace(numbers[i+k]), 64); err != nil {
				return "", nil, usagef("%s %q: %q is not a number", flag, text, numbers[i+k])
			}
		}
		xy = append(xy, p[:])
	}
	return name, xy, nil
}

// offlinePlaces are the places of a run that keeps nothing.
func offlinePlaces(ctx context.Context, cam config.Camera) (*places, error) {
	b := &placesBook{cameras: func() []string { return nil }}
	return b.open(ctx, "", cam)
}

// writeCounts prints what was counted, as tables.
func writeCounts(w io.Writer, c *pipeline.Counts) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(c.Lines) > 0 {
		fmt.Fprintln(t, "  line\tin\tout\t")
		for i := range c.Lines {
			l := &c.Lines[i]
			fmt.Fprintf(t, "  %s\t%d\t%d\t\n", l.ID, l.In, l.Out)
			for _, n := range l.ByLabel {
				fmt.Fprintf(t, "  - %s\t%d\t%d\t\n", n.Label, n.In, n.Out)
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(c.Zones) > 0 {
		fmt.Fprintln(t, "  zone\tinside\tentered\tappeared\tleft\tvanished\tloitered\t")
		for i := range c.Zones {
			z := &c.Zones[i]
			fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", z.ID, z.Inside, z.Entered, z.Appeared, z.Left, z.Vanished, z.Loiters)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range c.Zones {
		for _, n := range c.Zones[i].Trips {
			if _, err := fmt.Fprintf(w, "  trips %s -> %s: %d, %.1f s on average\n", n.From, c.Zones[i].ID, n.Count, n.Seconds); err != nil {
				return err
			}
		}
	}
	return nil
}
