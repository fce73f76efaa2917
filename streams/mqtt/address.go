package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
)

// TLS says how to trust the broker of an mqtts:// URL and how to prove who we are.
type TLS struct {
	CA       string // file of PEM certificates to trust; empty for the system's
	Cert     string // client certificate, PEM file
	Key      string // its key, PEM file
	Insecure bool   // accept any certificate: for tests in a closed network only
}

// address is a parsed broker URL.
type address struct {
	hostport string
	user     string
	password string
	tls      bool
}

// String is the address as people may see it.
func (a address) String() string {
	s := "mqtt://"
	if a.tls {
		s = "mqtts://"
	}
	if a.user != "" {
		s += a.user
		if a.password != "" {
			s += ":***"
		}
		s += "@"
	}
	return s + a.hostport
}

// parseAddress reads mqtt://[user:password@]host[:1883] or mqtts://...[:8883]. Errors never
// repeat the URL, since it may hold a password.
func parseAddress(s string) (address, error) {
	const want = "want mqtt://[user:password@]host:port or mqtts://user:password@host:port"
	u, err := url.Parse(s)
	if err != nil {
		return address{}, errors.New("not a URL (a password with special characters must be percent-encoded): " + want)
	}
	var a address
	port := "1883"
	switch u.Scheme {
	case "mqtt", "tcp":
	case "mqtts", "ssl":
		a.tls, port = true, "8883"
	default:
		return address{}, fmt.Errorf("scheme %q: %s", u.Scheme, want)
	}
	if u.Hostname() == "" {
		return address{}, errors.New("no host: " + want)
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return address{}, errors.New("something follows the port: " + want)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	a.hostport = net.JoinHostPort(u.Hostname(), port)
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	return a, nil
}

// config builds the TLS configuration for a server name.
func (t TLS) config(hostport string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls ca: %s holds no PEM certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("tls: give both certificate and key, or neither")
	}
	if t.Cert != "" {
		cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("tls client certificate %s: %w", t.Cert, err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}
