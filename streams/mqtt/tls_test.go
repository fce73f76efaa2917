package mqtt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outrider/streams/mqtt"
)

// authority signs certificates for one test and writes them as PEM files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", nil, nil)
	return a
}

// sign makes NAME.pem and NAME.key, signed by the parent or by itself.
func (a *authority) sign(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.n++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: parent == nil,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// TestTLS talks to both brokers over TLS; mosquitto asks for our certificate too.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.sign("server", a.cert, a.key)
	a.sign("client", a.cert, a.key)
	full := mqtt.TLS{CA: a.file("ca.pem"), Cert: a.file("client.pem"), Key: a.file("client.key")}
	bare := mqtt.TLS{CA: a.file("ca.pem")}

	t.Run("embedded", func(t *testing.T) {
		pair, err := tls.LoadX509KeyPair(a.file("server.pem"), a.file("server.key"))
		if err != nil {
			t.Fatal(err)
		}
		b := startBroker(t, &mqtt.Broker{TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
		p := startPublisher(t, &mqtt.Publisher{URL: "embedded", Broker: b, TLS: bare, Directory: newDirectory("yard")})
		eventually(t, "connected", p.Connected)
		refused(t, b.URL(), mqtt.TLS{}, "certificate")
	})
	t.Run("mosquitto", func(t *testing.T) {
		m := startMosquitto(t, "allow_anonymous true", "cafile "+a.file("ca.pem"), "certfile "+a.file("server.pem"),
			"keyfile "+a.file("server.key"), "require_certificate true")
		p := startPublisher(t, &mqtt.Publisher{URL: "mqtts://" + m.addr, TLS: full, Directory: newDirectory("yard")})
		eventually(t, "connected", p.Connected)
		refused(t, "mqtts://"+m.addr, bare, "certificate")
	})
}

// refused expects that a connection fails with a reason in the log.
func refused(t *testing.T, url string, with mqtt.TLS, reason string) {
	t.Helper()
	log, said := captureLog()
	p := startPublisher(t, &mqtt.Publisher{URL: url, TLS: with, Directory: newDirectory("yard"), Log: log})
	eventually(t, "a reason", func() bool { return strings.Contains(said(), reason) })
	if p.Connected() {
		t.Error("connected")
	}
}
