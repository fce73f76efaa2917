package web

import (
	"net/http"
	"strconv"
	"time"
)

// badQuery is the problem of a query parameter.
func badQuery(name, format string, args ...any) *Problem {
	p := problem(http.StatusBadRequest, name+": "+format, args...)
	p.Field = name
	return p
}

// flag reads a parameter that is 1 or 0.
func flag(r *http.Request, name string, missing bool) (bool, error) {
	switch v := r.URL.Query().Get(name); v {
	case "":
		return missing, nil
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	default:
		return false, badQuery(name, "%q, want 1 or 0", v)
	}
}

// number reads a whole number of lo to hi.
func number(r *http.Request, name string, missing, lo, hi uint64) (uint64, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return missing, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n < lo || n > hi {
		return 0, badQuery(name, "%q, want a whole number from %d to %d", v, lo, hi)
	}
	return n, nil
}

// moment reads an RFC 3339 time; zero when it is missing.
func moment(r *http.Request, name string) (time.Time, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return time.Time{}, badQuery(name, "%q, want a time such as 2026-01-31T14:03:22Z", v)
	}
	return t, nil
}
