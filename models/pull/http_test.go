package pull

import "testing"

func TestContentRange(t *testing.T) {
	for s, want := range map[string][2]int64{
		"bytes 100-199/200": {100, 200}, "bytes 0-0/1": {0, 1}, "bytes 5-9/*": {5, 0},
	} {
		if start, total, ok := contentRange(s); !ok || start != want[0] || total != want[1] {
			t.Errorf("%q: %d, %d, %v", s, start, total, ok)
		}
	}
	for _, s := range []string{"", "bytes", "bytes */200", "bytes 9-5/20", "bytes 5-9/9", "bytes -5-9/20", "bytes 5-9", "items 5-9/20", "bytes 5-9/99999999999999999999"} {
		if start, total, ok := contentRange(s); ok {
			t.Errorf("%q was taken as %d, %d", s, start, total)
		}
	}
}

// FuzzContentRange: what is taken makes sense.
func FuzzContentRange(f *testing.F) {
	f.Add("bytes 100-199/200")
	f.Add("bytes 5-9/*")
	f.Fuzz(func(t *testing.T, s string) {
		if start, total, ok := contentRange(s); ok && (start < 0 || total < 0 || total > 0 && start >= total) {
			t.Errorf("%q was taken as %d of %d", s, start, total)
		}
	})
}
