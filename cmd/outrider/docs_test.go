package main

import (
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/image/draw"

	"outrider/models/onnxtest"
	"outrider/models/ort"
)

// TestPromptsGuide runs the commands of docs/prompts.md in a folder that holds what they name.
// Videos are cut short.
func TestPromptsGuide(t *testing.T) {
	if err := ort.Init(); err != nil {
		t.Skip("needs ONNX Runtime: ", err)
	}
	video := sample(t)
	text, err := os.ReadFile("../../docs/prompts.md")
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := onnxtest.ColourPair(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("models", 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{pair: "models/mobilesam", video: "walk.avi"} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	street := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.NearestNeighbor.Scale(street, street.Bounds(), colourScene(60), image.Rect(0, 0, 320, 240), draw.Src, nil)
	f, err := os.Create("street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(f, street, nil); err != nil {
		t.Fatal(err)
	}
	f.Close()
	gate := image.NewGray(street.Bounds())
	for i := range 4000 {
		gate.Pix[100*640+100+i%80+i/80*640] = 255
	}
	writePNG(t, "gate.png", gate)

	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			args := shellWords(t, line)
			if args[0] != "outrider" {
				t.Errorf("%q is no command of ours", line)
				continue
			}
			args = append(args[1:], "--input", "128")
			if args[0] == "track" {
				args = append(args, "--end", "1s", "--no-video")
			}
			code, stdout, stderr := outrider(t, t.Context(), args...)
			if code != exitDone || strings.TrimSpace(stdout) == "" {
				t.Errorf("%s: exit %d\n%s%s", line, code, stdout, stderr)
			}
			commands++
		}
	}
	if commands < 12 {
		t.Errorf("only %d commands found", commands)
	}
	for _, name := range []string{"street.segments.jpg", "street.prompt1.level0.png", "walk.levels.jsonl"} {
		if _, err := os.Stat(filepath.Join("out", name)); err != nil {
			t.Error(err)
		}
	}
}

// shellWords splits a command line as a shell does: blanks part, double quotes join, a backslash
// takes the next character as it is.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	var word strings.Builder
	quoted, open := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			open = true
		case c == '"':
			quoted, open = !quoted, true
		case c == ' ' && !quoted:
			if open {
				out = append(out, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quoted {
		t.Fatalf("%q: a quote is open", line)
	}
	if open {
		out = append(out, word.String())
	}
	return out
}
