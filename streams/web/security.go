package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Limits on what a client may send.
const (
	maxBody   = 1 << 20
	maxHeader = 16 << 10
)

// policy is the Content-Security-Policy of every answer: the page loads from this server
// alone, runs no inline script and can turn no string into code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// guard is the outermost handler. Being reached is no proof of being trusted, on loopback
// neither, because browsers reach it: the Host header must name this server (a page that
// rebinds its own name to 127.0.0.1 fails there), and a browser may change state only from a
// page of this server's own origin.
func (s *Server) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem(http.StatusForbidden, "a page of another origin may not change anything here"))
	}))
	protected := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if !s.hosts.allow(r.Host) {
			writeProblem(w, problem(http.StatusMisdirectedRequest,
				"this server is not %q; use its address, or add the name to web.hosts in the configuration", r.Host))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if s.mayWatch(r) {
			next.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

// mayWatch reports whether a request is one for video by a page of an origin that may watch.
func (s *Server) mayWatch(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && strings.HasPrefix(r.URL.Path, "/whep/") &&
		(slices.Contains(s.WHEPOrigins, origin) || slices.Contains(s.WHEPOrigins, "*"))
}

// hostList are the names that a Host header may carry.
type hostList struct {
	names map[string]bool
	// addresses: any IP address will do. Only a name can be rebound to another address, so
	// this opens nothing, and a server that listens on all interfaces, perhaps behind a
	// container's port mapping, does not know under which address it is reached.
	addresses bool
}

func newHostList(listen net.Addr, configured string, extra []string) hostList {
	l := hostList{names: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}}
	if a, ok := listen.(*net.TCPAddr); ok {
		l.addresses = !a.IP.IsLoopback()
		l.names[a.IP.String()] = true
	}
	if h := hostName(configured); h != "" {
		l.names[h] = true
	}
	for _, n := range extra {
		l.names[hostName(n)] = true
	}
	delete(l.names, "")
	return l
}

func (l hostList) allow(host string) bool {
	name := hostName(host)
	if l.names[name] || strings.HasSuffix(name, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && (l.addresses || a.IsLoopback())
}

// hostName is the name or address of a Host header: without port, brackets, final dot; lower
// case.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimPrefix(strings.TrimSuffix(host, "]"), "[")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
