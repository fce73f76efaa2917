package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Other machines may look, and change nothing unless they are let.
func TestSetupIsLocal(t *testing.T) {
	for _, c := range []struct {
		method, from string
		anywhere     bool
		want         int // 0: allowed
	}{
		{"PUT", "127.0.0.1:1234", false, 0},
		{"PUT", "[::1]:1234", false, 0},
		{"PUT", "[::ffff:127.0.0.1]:1234", false, 0},
		{"PUT", "192.168.0.9:1234", false, 403},
		{"POST", "[fe80::1%eth0]:1234", false, 403},
		{"DELETE", "odd", false, 403},
		{"GET", "192.168.0.9:1234", false, 0},
		{"PUT", "192.168.0.9:1234", true, 0},
	} {
		s := &Server{Setup: noSetup{}, SetupAnywhere: c.anywhere}
		r := httptest.NewRequest(c.method, "/api/v1/config", http.NoBody)
		r.RemoteAddr = c.from
		_, err := s.setup(r)
		var p *Problem
		errors.As(err, &p)
		if (err == nil) != (c.want == 0) || p != nil && p.Status != c.want {
			t.Errorf("%s from %s, anywhere %t: %v", c.method, c.from, c.anywhere, err)
		}
	}
}

type noSetup struct{ Setup }
