package web_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestCalibration(t *testing.T) {
	_, y, url := withFrame(t)
	at := url + "/api/v1/cameras/yard/calibration"
	for _, c := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"GET", "", http.StatusOK, `"status":"UNCALIBRATED"`},
		{"PUT", "hello", http.StatusUnprocessableEntity, "not a camera calibration"},
		{"PUT", "calibration: {}", http.StatusOK, `"settings":{"fx":600}`},
		{"GET", "", http.StatusOK, `"status":"CALIBRATED"`},
	} {
		if a := do(t, c.method, at, c.body); a.status != c.status || !strings.Contains(string(a.body), c.want) {
			t.Errorf("%s %q: %d %s, want %d %s", c.method, c.body, a.status, a.body, c.status, c.want)
		}
	}
	y.mu.Lock()
	k := y.cameras["yard"].calib.Calibration()
	y.cameras["yard"].status.Calibration = &k
	y.mu.Unlock()
	a := do(t, "GET", url+"/metrics", "")
	for _, want := range []string{`outrider_calibration_state{camera="yard",state="CALIBRATED"} 1`, `outrider_calibration_state{camera="yard",state="INVALID"} 0`} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %s", want)
		}
	}
	if a := do(t, "GET", url+"/api/v1/cameras/yard", ""); !strings.Contains(string(a.body), `"calibration":{"status":"CALIBRATED"`) {
		t.Errorf("the camera's state does not hold it: %s", a.body)
	}
	if a := do(t, "DELETE", at, ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"status":"UNCALIBRATED"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := do(t, "GET", url+"/api/v1/cameras/nowhere/calibration", ""); a.status != http.StatusNotFound {
		t.Errorf("an unknown camera: %d", a.status)
	}
}
