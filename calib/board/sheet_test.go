package board_test

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"outrider/calib/board"
)

// TestSheetScale reads the drawings back: squares of the size asked for, whole on the sheet.
func TestSheetScale(t *testing.T) {
	a4, err := board.PaperOf("A4")
	if err != nil {
		t.Fatal(err)
	}
	p := board.Pattern{Columns: 9, Rows: 6, Square: 0.025}
	svg, err := p.SVG(a4)
	if err != nil {
		t.Fatal(err)
	}
	squares := 0
	for _, m := range regexp.MustCompile(`M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)`).FindAllStringSubmatch(string(svg), -1) {
		v := numbers(t, m[1:])
		if v[2] == 25 && v[3] == 25 {
			squares++
		}
		if v[0] < 5 || v[1] < 5 || v[0]+v[2] > 292 || v[1]+v[3] > 205 {
			t.Errorf("a rectangle at %v leaves the sheet", v)
		}
	}
	if squares != 35 || !bytes.Contains(svg, []byte(`width="297mm" height="210mm" viewBox="0 0 297 210"`)) {
		t.Errorf("%d squares of 25 mm, want 35", squares)
	}
	pdf, err := p.PDF(a4)
	if err != nil {
		t.Fatal(err)
	}
	squares = 0
	for _, m := range regexp.MustCompile(`(?m)^([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re$`).FindAllStringSubmatch(string(pdf), -1) {
		if v := numbers(t, m[1:]); math.Abs(v[2]/72*25.4-25) < 1e-3 && math.Abs(v[3]/72*25.4-25) < 1e-3 {
			squares++
		}
	}
	if squares != 35 {
		t.Errorf("PDF: %d squares of 25 mm, want 35", squares)
	}
	// Every entry of the cross-reference table points at its object.
	for i, m := range regexp.MustCompile(`(?m)^(\d{10}) 00000 n `).FindAllSubmatch(pdf, -1) {
		at, _ := strconv.Atoi(string(m[1]))
		if !bytes.HasPrefix(pdf[at:], []byte(fmt.Sprintf("%d 0 obj", i+1))) {
			t.Errorf("object %d is not at %d", i+1, at)
		}
	}
}

func numbers(t *testing.T, s []string) []float64 {
	t.Helper()
	v := make([]float64, len(s))
	for i := range s {
		var err error
		if v[i], err = strconv.ParseFloat(s[i], 64); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func TestSheetRefuses(t *testing.T) {
	a4, _ := board.PaperOf("a4")
	if _, err := (board.Pattern{Columns: 9, Rows: 6, Square: 0.05}).PDF(a4); err == nil || !strings.Contains(err.Error(), "does not fit on A4; squares of up to 25.7 mm do") {
		t.Errorf("%v", err)
	}
	if _, err := (board.Pattern{Columns: 6, Rows: 9, Square: 0.025}).SVG(a4); err != nil {
		t.Errorf("the other way round: %v", err)
	}
	if _, err := board.PaperOf("foolscap"); err == nil || !strings.Contains(err.Error(), "known are a2, a3, a4") {
		t.Errorf("%v", err)
	}
}
