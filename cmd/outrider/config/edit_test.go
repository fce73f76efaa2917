package config_test

import (
	"errors"
	"strings"
	"testing"

	"outrider/cmd/outrider/config"
)

const edited = `# our yard
version: 1
mqtt:
  url: mqtt://broker:1883   # the house's own
  password: "s3cr#t"
cameras:
  yard:   # by the gate
    # the new one
    source: 'rtsp://user:pa''ss@10.0.0.2/a'
    rate: 5 # enough

  road: 
    source: rtsp://10.0.0.3/b
    prompts:
    - {id: people, text: [person]}
# end
`

func TestHideAndReveal(t *testing.T) {
	hide := func(key, value string) string {
		switch key {
		case "mqtt.password":
			return config.Hidden
		case "cameras.yard.source":
			return strings.Replace(value, "user:pa'ss", config.Hidden, 1)
		}
		return value
	}
	hidden, err := config.Hide([]byte(edited), hide)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`"s3cr#t"`, "'***'", `'rtsp://user:pa''ss@10.0.0.2/a'`, "'rtsp://***@10.0.0.2/a'").Replace(edited)
	if string(hidden) != want {
		t.Fatalf("hidden:\n%s", hidden)
	}
	fill := func(key, value, old string) (string, error) {
		if old == "" {
			return "", errors.New("nothing is known")
		}
		return old, nil
	}
	back, err := config.Reveal(hidden, []byte(edited), fill)
	if err != nil {
		t.Fatal(err)
	}
	a, err := config.Parse("a", []byte(edited), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := config.Parse("b", back, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, back)
	}
	if a.MQTT.Password != b.MQTT.Password || a.Cameras["yard"].Source != b.Cameras["yard"].Source {
		t.Errorf("revealed:\n%s", back)
	}
	if _, err := config.Reveal(hidden, nil, fill); err == nil || !strings.Contains(err.Error(), "mqtt.password") && !strings.Contains(err.Error(), "yard.source") {
		t.Errorf("secrets that nobody knows: %v", err)
	}
	if _, err := config.Hide([]byte("mqtt:\n  password: |\n    a\n    b\n"), hide); err == nil {
		t.Error("a secret of several lines was shown")
	}
}

func TestEditCameras(t *testing.T) {
	source := config.Quoted("source", "rtsp://u:p#q: r@10.0.0.9/x")
	add := func(s string) ([]byte, error) {
		return config.AddCamera([]byte(s), "gate", []config.Setting{source, {Key: "rate", Value: "3"}})
	}
	set := func(s string) ([]byte, error) {
		return config.SetCamera([]byte(s), "yard", []config.Setting{source, {Key: "rate", Value: "7.5"}, {Key: "rotate", Value: "90"}})
	}
	remove := func(s string) ([]byte, error) { return config.RemoveCamera([]byte(s), "yard") }
	const block = "  gate:\n    source: 'rtsp://u:p#q: r@10.0.0.9/x'\n    rate: 3\n"
	for _, c := range []struct {
		name string
		do   func(string) ([]byte, error)
		in   string
		want string // "" for an error
	}{
		{"add", add, edited, strings.Replace(edited, "# end\n", block+"# end\n", 1)},
		{"add to nothing", add, "", "cameras:\n" + block},
		{"add to a file without cameras", add, "version: 1", "version: 1\ncameras:\n" + block},
		{"add to an empty key", add, "cameras:\nversion: 1\n", "cameras:\n" + block + "version: 1\n"},
		{"add to the only camera, without a line end", add, "cameras:\n    a:\n      source: x", "cameras:\n    a:\n      source: x\n" + strings.ReplaceAll("  "+block, "\n  ", "\n    ")},
		{"add to one line", add, "cameras: {a: {source: x}}\n", ""},
		{"set", set, edited, strings.NewReplacer("'rtsp://user:pa''ss@10.0.0.2/a'", "'rtsp://u:p#q: r@10.0.0.9/x'", "rate: 5 # enough", "rate: 7.5 # enough",
			"# by the gate\n", "# by the gate\n    rotate: 90\n").Replace(edited)},
		{"set what is not there", set, "cameras:\n  a:\n    source: x\n", ""},
		{"set in one line", set, "cameras:\n  yard: {source: x}\n", ""},
		{"remove", remove, edited, strings.Replace(edited, edited[strings.Index(edited, "  yard"):strings.Index(edited, "\n  road")], "", 1)},
		{"remove the last", remove, "cameras:\n  yard:\n    source: x\n", "cameras: {}\n"},
	} {
		got, err := c.do(c.in)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: no error, but\n%s", c.name, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(got) != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
		if _, err := config.Parse(c.name, got, nil); err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
	}
}

// Whatever is edited, the result is refused or has just that camera more and less.
func FuzzEditCameras(f *testing.F) {
	for _, s := range []string{edited, "", "cameras:\n", "cameras: {}\n", "{}", "cameras:\n- a\n", "a: |\n  b\n"} {
		f.Add(s, "rtsp://a:b@c/d")
	}
	f.Fuzz(func(t *testing.T, text, source string) {
		before, err := config.Parse("f", []byte(text), func(string) (string, bool) { return "", true })
		if err != nil || strings.Contains(source, "${") || strings.HasPrefix(source, "file:") || strings.TrimSpace(source) != source {
			return
		}
		if _, there := before.Cameras["gate"]; there {
			return
		}
		out, err := config.AddCamera([]byte(text), "gate", []config.Setting{config.Quoted("source", source)})
		if err != nil {
			return
		}
		after, err := config.Parse("f", out, func(string) (string, bool) { return "", true })
		if err != nil {
			return // the caller finds out, and keeps what it has
		}
		if len(after.Cameras) != len(before.Cameras)+1 {
			t.Errorf("%d cameras became %d:\n%s", len(before.Cameras), len(after.Cameras), out)
		}
	})
}
