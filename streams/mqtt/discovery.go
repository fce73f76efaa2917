package mqtt

import (
	"encoding/json"
	"strings"

	"outrider/pipeline"
)

// Home Assistant's device discovery: one retained message a device, with short keys as its
// documentation defines them.

type haDevice struct {
	IDs    []string `json:"ids"`
	Name   string   `json:"name"`
	Maker  string   `json:"mf"`
	Model  string   `json:"mdl"`
	SW     string   `json:"sw,omitempty"`
	URL    string   `json:"cu,omitempty"`
	Parent string   `json:"via_device,omitempty"`
}

type haOrigin struct {
	Name string `json:"name"`
	SW   string `json:"sw,omitempty"`
}

type haAvailability struct {
	Topic    string `json:"topic"`
	Template string `json:"value_template,omitempty"`
}

// haComponent is an entity. Empty members mean Home Assistant's default.
type haComponent struct {
	Platform         string           `json:"p"`
	UniqueID         string           `json:"unique_id,omitempty"` // with no name it removes the entity
	Name             string           `json:"name,omitempty"`
	StateTopic       string           `json:"state_topic,omitempty"`
	CommandTopic     string           `json:"command_topic,omitempty"`
	ImageTopic       string           `json:"image_topic,omitempty"`
	ContentType      string           `json:"content_type,omitempty"`
	Options          []string         `json:"options,omitempty"`
	Template         string           `json:"value_template,omitempty"`
	Class            string           `json:"device_class,omitempty"`
	StateClass       string           `json:"state_class,omitempty"`
	Unit             string           `json:"unit_of_measurement,omitempty"`
	Category         string           `json:"entity_category,omitempty"`
	Icon             string           `json:"icon,omitempty"`
	On               string           `json:"payload_on,omitempty"`
	Off              string           `json:"payload_off,omitempty"`
	Attributes       string           `json:"json_attributes_topic,omitempty"`
	EventTypes       []string         `json:"event_types,omitempty"`
	Availability     []haAvailability `json:"availability,omitempty"`
	AvailabilityMode string           `json:"availability_mode,omitempty"`
}

type haMessage struct {
	Device           haDevice               `json:"dev"`
	Origin           haOrigin               `json:"o"`
	Components       map[string]haComponent `json:"cmps"`
	Availability     []haAvailability       `json:"availability,omitempty"`
	AvailabilityMode string                 `json:"availability_mode,omitempty"`
	QoS              int                    `json:"qos"`
}

// stoppedIsOffline maps our words to the two that Home Assistant knows.
const stoppedIsOffline = "{{ 'online' if value == 'online' else 'offline' }}"

func (p *Publisher) serviceID() string { return objectID(p.Prefix) }
func (p *Publisher) deviceID(camera string) string {
	return objectID(p.Prefix) + "_" + objectID(camera)
}
func (p *Publisher) serviceTopic() string {
	return p.DiscoveryPrefix + "/device/" + p.serviceID() + "/config"
}
func (p *Publisher) deviceTopic(camera string) string {
	return p.DiscoveryPrefix + "/device/" + p.deviceID(camera) + "/config"
}
func (p *Publisher) serviceUp() haAvailability {
	return haAvailability{p.topics.available(), stoppedIsOffline}
}

// announceService tells of the program itself, once a connection and when asked.
func (p *Publisher) announceService(out []retained) []retained {
	if p.announced {
		return out
	}
	p.announced = true
	id := p.serviceID()
	return append(out, retained{p.serviceTopic(), render(haMessage{
		Device: haDevice{IDs: []string{id}, Name: p.Prefix, Maker: "outrider", Model: "service", SW: p.Version, URL: p.DashboardURL},
		Origin: haOrigin{"outrider", p.Version},
		Components: map[string]haComponent{
			"connectivity": {
				Platform: "binary_sensor", UniqueID: id + "_connectivity", Name: "Connectivity", Class: "connectivity",
				StateTopic: p.topics.available(), Template: stoppedIsOffline, On: payloadOnline, Off: payloadOffline, Category: "diagnostic",
			},
			"outbox": {
				Platform: "sensor", UniqueID: id + "_outbox", Name: "Waiting events", StateClass: "measurement",
				StateTopic: p.topics.stats(), Template: "{{ value_json.mqtt.outbox }}", Category: "diagnostic", Icon: "mdi:tray-full",
				Availability: []haAvailability{p.serviceUp()},
			},
		},
	})})
}

// device is the discovery message of a camera; labels are topic labels, "all" among them.
func (p *Publisher) device(camera string, labels []string, places *pipeline.Counts) haMessage {
	id, t := p.deviceID(camera), p.topics
	both := []haAvailability{p.serviceUp(), {Topic: t.detect(camera)}}
	m := haMessage{
		Device:       haDevice{IDs: []string{id}, Name: camera, Maker: "outrider", Model: "camera", SW: p.Version, URL: p.DashboardURL, Parent: p.serviceID()},
		Origin:       haOrigin{"outrider", p.Version},
		Availability: both, AvailabilityMode: "all",
		Components: map[string]haComponent{
			"connectivity": {
				Platform: "binary_sensor", UniqueID: id + "_connectivity", Name: "Connectivity", Class: "connectivity", Category: "diagnostic",
				StateTopic: t.detect(camera), On: payloadOnline, Off: payloadOffline, Attributes: t.state(camera),
				Availability: []haAvailability{p.serviceUp()},
			},
			"occupancy": {
				Platform: "binary_sensor", UniqueID: id + "_occupancy", Name: "Occupancy", Class: "occupancy",
				StateTopic: t.camera(camera, "all"), Template: "{{ 'ON' if value|int(0) > 0 else 'OFF' }}", On: "ON", Off: "OFF",
			},
			"fps": {
				Platform: "sensor", UniqueID: id + "_fps", Name: "Analysed frames", StateClass: "measurement", Unit: "fps",
				StateTopic: t.state(camera), Template: "{{ value_json.fps }}", Category: "diagnostic", Icon: "mdi:speedometer",
			},
			"latency": {
				Platform: "sensor", UniqueID: id + "_latency", Name: "Latency", StateClass: "measurement", Class: "duration", Unit: "ms",
				StateTopic: t.state(camera), Template: "{{ value_json.latency_ms }}", Category: "diagnostic",
			},
			"event": {
				Platform: "event", UniqueID: id + "_event", Name: "Object",
				StateTopic: t.event(camera), EventTypes: eventTypes(), Icon: "mdi:motion-sensor",
			},
			"review_status": {
				Platform: "sensor", UniqueID: id + "_review_status", Name: "Review", Class: "enum", Options: []string{"NONE", "DETECTION", "ALERT"},
				StateTopic: t.reviewStatus(camera), Icon: "mdi:eye-check",
			},
			"picture": {
				Platform: "image", UniqueID: id + "_picture", Name: "Last object",
				ImageTopic: t.snapshot(camera, "all"), ContentType: "image/jpeg",
			},
		},
	}
	if v := p.views[camera]; v != nil && v.road {
		m.Components["road_warning"] = haComponent{
			Platform: "sensor", UniqueID: id + "_road_warning", Name: "Road warning", Class: "enum",
			Options: []string{"none", "notice", "caution", "warning", "critical"}, StateTopic: t.obstacleLevel(camera), Icon: "mdi:car-brake-alert",
		}
	}
	if p.Switches != nil {
		for _, n := range switchNames {
			m.Components["switch_"+n] = haComponent{
				Platform: "switch", UniqueID: id + "_switch_" + n, Name: strings.ToUpper(n[:1]) + n[1:], Category: "config",
				StateTopic: t.switchState(camera, n), CommandTopic: t.camera(camera, n+"/set"), On: "ON", Off: "OFF",
			}
		}
	}
	for _, l := range labels {
		name := "Objects"
		if l != "all" {
			name = "Count of " + l
		}
		m.Components["count_"+objectID(l)] = haComponent{
			Platform: "sensor", UniqueID: id + "_count_" + objectID(l), Name: name, StateClass: "measurement",
			StateTopic: t.camera(camera, l), Icon: "mdi:counter",
		}
	}
	p.placeComponents(m.Components, camera, places)
	return m
}

// eventTypes are what the event entity may tell.
func eventTypes() []string {
	types := []string{typeNew, typeUpdate, typeEnd}
	for _, k := range placeEvents {
		types = append(types, string(k))
	}
	return types
}

// render marshals what always can be.
func render(m haMessage) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("mqtt: " + err.Error()) // strings and numbers only
	}
	return b
}
