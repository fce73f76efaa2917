package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	payloadOnline  = "online"
	payloadOffline = "offline"
	payloadStopped = "stopped"

	maxTopic = 256
	// maxLabels bounds the labels of a camera that get topics of their own: each leaves a
	// retained message in the broker.
	maxLabels = 64
)

// topics makes the names below a prefix.
type topics struct{ prefix string }

func (t topics) available() string           { return t.prefix + "/available" }
func (t topics) events() string              { return t.prefix + "/events" }
func (t topics) stats() string               { return t.prefix + "/stats" }
func (t topics) camera(cam, s string) string { return t.prefix + "/" + cam + "/" + s }
func (t topics) detect(cam string) string    { return t.camera(cam, "status/detect") }
func (t topics) state(cam string) string     { return t.camera(cam, "state") }
func (t topics) event(cam string) string     { return t.camera(cam, "event") }
func (t topics) result(cam string) string    { return t.camera(cam, "prompt/result") }
func (t topics) reviews() string             { return t.prefix + "/reviews" }
func (t topics) reviewStatus(cam string) string {
	return t.camera(cam, "review_status")
}
func (t topics) obstacle(cam string) string          { return t.camera(cam, "obstacle") }
func (t topics) obstacleLevel(cam string) string     { return t.camera(cam, "obstacle/level") }
func (t topics) switchState(cam, name string) string { return t.camera(cam, name+"/state") }
func (t topics) snapshot(cam, label string) string   { return t.camera(cam, label+"/snapshot") }

// commandFilters are the subscriptions. None of them covers what we publish.
func (t topics) commandFilters() map[string]byte {
	return map[string]byte{
		t.prefix + "/+/+/set":           1, // prompt/set, and each switch
		t.prefix + "/+/prompt/list":     1,
		t.prefix + "/+/prompt/+/delete": 1,
	}
}

func checkPrefix(p string) error {
	if err := checkTopic(p); err != nil {
		return fmt.Errorf("prefix %q: %w", p, err)
	}
	if strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") {
		return fmt.Errorf("prefix %q: it must not begin or end with /", p)
	}
	return nil
}

// checkTopic refuses what nobody may publish to.
func checkTopic(s string) error {
	switch {
	case s == "":
		return errors.New("empty topic")
	case len(s) > maxTopic:
		return fmt.Errorf("a topic of %d bytes, at most %d are taken", len(s), maxTopic)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("a topic is UTF-8 without control characters")
	case strings.ContainsAny(s, "+#"):
		return errors.New("a topic to publish to has no + and #")
	case s[0] == '$':
		return errors.New("topics that begin with $ belong to the broker")
	}
	return nil
}

// reserved are the names below a camera that a label must not take.
var reserved = map[string]bool{"all": true, "line": true, "status": true, "state": true, "event": true, "prompt": true, "motion": true, "review_status": true,
	SwitchDetect: true, SwitchRecordings: true, SwitchSnapshots: true}

// topicLabel turns a label into one level of a topic.
func topicLabel(label string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return '_'
	}, strings.ToValidUTF8(label, "_"))
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "")
	}
	if s == "" || reserved[s] {
		s += "_"
	}
	return s
}

// objectID turns a name into what Home Assistant takes as an id.
func objectID(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-') {
			return r
		}
		return '_'
	}, s)
}
