package mqtt

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"outrider/pipeline"
)

// placeEvents are the kinds that zones and lines have, told on <prefix>/<camera>/event by
// their own names.
var placeEvents = []pipeline.EventKind{
	pipeline.EventZoneEnter, pipeline.EventZoneLeave, pipeline.EventLoitering, pipeline.EventTrip, pipeline.EventLineCrossed,
	pipeline.EventLeftBehind, pipeline.EventRemoved, pipeline.EventStationary, pipeline.EventMoving,
}

func (t topics) zone(zone, s string) string { return t.prefix + "/" + zone + "/" + s }
func (t topics) lines(cam string) string    { return t.camera(cam, "line/") }
func (t topics) line(cam, line, direction string) string {
	return t.lines(cam) + line + "/" + direction
}

// placeSign names the zones and lines that discovery tells of.
func placeSign(c *pipeline.Counts) string {
	if c == nil {
		return ""
	}
	var b strings.Builder
	for i := range c.Zones {
		b.WriteString(c.Zones[i].ID)
		b.WriteByte('/')
	}
	for i := range c.Lines {
		b.WriteByte('/')
		b.WriteString(c.Lines[i].ID)
	}
	return b.String()
}

// describeLines tells the totals of a camera's lines, and empties what lines that are gone have
// left.
func (p *Publisher) describeLines(out []retained, v *view, camera string) []retained {
	now := map[string]string{}
	if v.places != nil {
		for i := range v.places.Lines {
			l := &v.places.Lines[i]
			now[p.topics.line(camera, l.ID, "in")] = strconv.FormatUint(l.In, 10)
			now[p.topics.line(camera, l.ID, "out")] = strconv.FormatUint(l.Out, 10)
		}
	}
	old := map[string]string{}
	for topic, payload := range v.told {
		if strings.HasPrefix(topic, p.topics.lines(camera)) {
			old[topic] = payload
		}
	}
	return differences(out, old, now, v.told)
}

// describeZones tells how many objects are in each zone. Cameras that have a zone of one name
// share it.
func (p *Publisher) describeZones(out []retained, cameras map[string]pipeline.CameraStatus) []retained {
	counts := map[string]int{}
	for _, camera := range slices.Sorted(maps.Keys(p.views)) {
		v := p.views[camera]
		if _, there := cameras[camera]; !there || v.places == nil {
			continue
		}
		for i := range v.places.Zones {
			z := &v.places.Zones[i]
			if _, camera := cameras[z.ID]; camera {
				continue // its topics are the camera's
			}
			add := func(label string, inside, active int) {
				if v.asleep {
					inside, active = 0, 0
				}
				counts[p.topics.zone(z.ID, label)] += inside
				counts[p.topics.zone(z.ID, label+"/active")] += active
			}
			add("all", z.Inside, z.Active)
			for label := range v.counts { // each that was seen here, so that 0 is told
				if label != "all" {
					add(label, 0, 0)
				}
			}
			for label, n := range z.ByLabel {
				if s := v.topicLabel(label); s != "" {
					add(s, n, z.ActiveByLabel[label])
				}
			}
		}
	}
	now := make(map[string]string, len(counts))
	for topic, n := range counts {
		now[topic] = strconv.Itoa(n)
	}
	return differences(out, maps.Clone(p.zonesTold), now, p.zonesTold)
}

// differences appends what brings a broker from old to now, topics in order, and notes it in
// told.
func differences(out []retained, old, now, told map[string]string) []retained {
	for _, topic := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[topic]; !ok {
			delete(told, topic)
			out = append(out, retained{topic, nil})
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(now)) {
		if was, ok := old[topic]; !ok || was != now[topic] {
			told[topic] = now[topic]
			out = append(out, retained{topic, []byte(now[topic])})
		}
	}
	return out
}

// placeComponents are the entities of zones and lines.
func (p *Publisher) placeComponents(cmps map[string]haComponent, camera string, c *pipeline.Counts) {
	if c == nil {
		return
	}
	id, t := p.deviceID(camera), p.topics
	for i := range c.Zones {
		z := c.Zones[i].ID
		key := "zone_" + objectID(z)
		cmps[key] = haComponent{
			Platform: "binary_sensor", UniqueID: id + "_" + key, Name: "Zone " + z, Class: "occupancy",
			StateTopic: t.zone(z, "all"), Template: "{{ 'ON' if value|int(0) > 0 else 'OFF' }}", On: "ON", Off: "OFF",
		}
		cmps[key+"_count"] = haComponent{
			Platform: "sensor", UniqueID: id + "_" + key + "_count", Name: "Objects in " + z, StateClass: "measurement",
			StateTopic: t.zone(z, "all"), Icon: "mdi:select-group",
		}
	}
	for i := range c.Lines {
		l := c.Lines[i].ID
		for _, way := range []string{"in", "out"} {
			key := "line_" + objectID(l) + "_" + way
			cmps[key] = haComponent{
				Platform: "sensor", UniqueID: id + "_" + key, Name: "Line " + l + " " + way, StateClass: "total_increasing",
				StateTopic: t.line(camera, l, way), Icon: "mdi:sign-direction",
			}
		}
	}
}

// announceDevice sends a camera's discovery message. Entities that are gone since the last one
// are named once more with nothing but their platform, which removes them.
func (p *Publisher) announceDevice(out []retained, v *view, camera string) []retained {
	m := p.device(camera, slices.Sorted(maps.Keys(v.counts)), v.places)
	now := make(map[string]string, len(m.Components))
	for key, c := range m.Components {
		now[key] = c.Platform
	}
	topic := p.deviceTopic(camera)
	gone := false
	for key, platform := range v.components {
		if _, ok := now[key]; !ok {
			m.Components[key], gone = haComponent{Platform: platform}, true
		}
	}
	if gone {
		out = append(out, retained{topic, render(m)})
		maps.DeleteFunc(m.Components, func(key string, _ haComponent) bool { _, ok := now[key]; return !ok })
	}
	v.components = now
	v.told[topic] = "" // so that it is emptied with the camera
	return append(out, retained{topic, render(m)})
}
