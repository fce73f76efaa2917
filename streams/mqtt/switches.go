package mqtt

import (
	"bytes"
	"fmt"
	"strings"
)

// The switches of a camera: <p>/<cam>/<switch>/set takes ON and OFF, <p>/<cam>/<switch>/state
// says which it is. They last until the program or the camera starts anew: what shall stay
// belongs into the configuration.
const (
	SwitchDetect     = "detect"     // frames are analysed; the live picture goes on without
	SwitchRecordings = "recordings" // clips are recorded
	SwitchSnapshots  = "snapshots"  // the best picture of each track is kept
)

var switchNames = []string{SwitchDetect, SwitchRecordings, SwitchSnapshots}

// Switches are what people may turn on and off. Safe for concurrent use.
type Switches interface {
	// Switched tells whether a camera's switch is on; an unknown camera's are off.
	Switched(camera, name string) bool
	// Switch turns it.
	Switch(camera, name string, on bool) error
}

// parseSwitch reads the payload of a switch as Home Assistant and people write it.
func parseSwitch(payload []byte) (bool, error) {
	switch s := string(bytes.TrimSpace(payload)); {
	case strings.EqualFold(s, "ON"):
		return true, nil
	case strings.EqualFold(s, "OFF"):
		return false, nil
	}
	return false, fmt.Errorf("a switch takes ON and OFF, not %.20q", payload)
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// tellSwitches tells all switches again, those too that have not changed: whoever asked for
// what was refused shows it as done until he is told.
func (p *Publisher) tellSwitches() {
	p.mu.Lock()
	for n, v := range p.views {
		for _, name := range switchNames {
			delete(v.told, p.topics.switchState(n, name))
		}
	}
	p.mu.Unlock()
	p.changed()
}
