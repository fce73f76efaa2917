package models_test

import (
	"regexp"
	"strings"
	"testing"

	"outrider/models"
	"outrider/models/ort"
)

func TestDefault(t *testing.T) {
	b, err := models.Default()
	if err != nil {
		t.Fatal(err)
	}
	info, err := ort.Inspect(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Inputs) != 1 || len(info.Outputs) != 3 {
		t.Errorf("inputs %v, outputs %v", info.Inputs, info.Outputs)
	}
}

func TestVerify(t *testing.T) {
	f := models.File{Name: "abc", Size: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err := f.Verify([]byte("abc")); err != nil {
		t.Error(err)
	}
	for data, want := range map[string]string{"ab": "2 bytes, want 3", "abd": "SHA-256 is"} {
		if err := f.Verify([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", data, err, want)
		}
	}
}

// Every entry can be shown and checked.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range models.Catalogue() {
		if seen[e.Name] || e.Name == "" || e.Licence == "" || e.Source == "" || e.Description == "" || len(e.Files) == 0 || e.Size() <= 0 {
			t.Errorf("entry %+v", e)
		}
		seen[e.Name] = true
		for _, f := range e.Files {
			if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(f.SHA256) || f.Size <= 0 || strings.ContainsAny(f.Name, `/\`) {
				t.Errorf("%s: file %+v", e.Name, f)
			}
		}
		if got, err := models.Find(strings.ToUpper(e.Name)); err != nil || got.Name != e.Name {
			t.Errorf("find %s: %v, %v", e.Name, got.Name, err)
		}
	}
	if _, err := models.Find("sam3"); err == nil || !strings.Contains(err.Error(), models.DefaultName) {
		t.Errorf("got %v, want the known names", err)
	}
}
