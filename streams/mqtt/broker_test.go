package mqtt_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"outrider/streams/mqtt"
)

// startBroker runs an embedded broker on a free port until the test ends.
func startBroker(t *testing.T, b *mqtt.Broker) *mqtt.Broker {
	t.Helper()
	if b.Addr == "" {
		b.Addr = "127.0.0.1:0"
	}
	if b.Dir == "" {
		b.Dir = t.TempDir()
	}
	if err := b.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestBrokerRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		b    *mqtt.Broker
		want []string
	}{
		{"open to the network", &mqtt.Broker{Addr: "0.0.0.0:0"}, []string{"0.0.0.0:0", "password", "127.0.0.1:1883"}},
		{"all interfaces", &mqtt.Broker{Addr: ":0"}, []string{"password"}},
		{"port in use", &mqtt.Broker{Addr: taken.Addr().String()}, []string{taken.Addr().String(), "in use", "another port"}},
		{"no port", &mqtt.Broker{Addr: "127.0.0.1"}, []string{"host:port"}},
		{"bad port", &mqtt.Broker{Addr: "127.0.0.1:x"}, []string{"number"}},
		{"address of another machine", &mqtt.Broker{Addr: "192.0.2.1:0", User: "a", Password: "b"}, []string{"192.0.2.1", "address of this machine"}},
		{"user without password", &mqtt.Broker{Addr: "127.0.0.1:0", User: "a"}, []string{"both"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.b.Dir = t.TempDir()
			err := c.b.Initialize()
			if err == nil {
				c.b.Close()
				t.Fatal("started")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
	if err := (&mqtt.Broker{Addr: "127.0.0.1:0"}).Initialize(); err == nil {
		t.Error("a broker without a folder started")
	}
}

func TestBrokerCloseTwice(t *testing.T) {
	b := startBroker(t, &mqtt.Broker{})
	addr := b.ListenAddr()
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		c.Close()
		t.Errorf("%s still accepts after Close", addr)
	}
}

// TestBrokerMosquitto lets the usual command line clients in, across a restart of the broker.
func TestBrokerMosquitto(t *testing.T) {
	pub, sub := mosquittoTool(t, "mosquitto_pub"), mosquittoTool(t, "mosquitto_sub")
	dir := t.TempDir()
	b := &mqtt.Broker{Dir: dir, User: "outrider", Password: "s3cret"}
	startBroker(t, b)
	auth := func(addr, password string) []string {
		h, p, _ := net.SplitHostPort(addr)
		return []string{"-h", h, "-p", p, "-u", "outrider", "-P", password}
	}
	if out, err := exec.Command(pub, append(auth(b.ListenAddr(), "wrong"), "-t", "a/b", "-m", "x", "-q", "1")...).CombinedOutput(); err == nil {
		t.Errorf("a wrong password was let in: %s", out)
	}
	if out, err := exec.Command(pub, append(auth(b.ListenAddr(), "s3cret"), "-t", "a/b", "-m", "kept", "-q", "1", "-r")...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
	kept(t, b.ListenAddr(), "a/b", "outrider", "s3cret")
	b.Close()
	again := startBroker(t, &mqtt.Broker{Dir: dir, User: "outrider", Password: "s3cret"})
	out, err := exec.Command(sub, append(auth(again.ListenAddr(), "s3cret"), "-t", "a/#", "-C", "1", "-W", "5", "-v")...).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "a/b kept" {
		t.Errorf("retained message after a restart: %v: %q", err, out)
	}
}

// mosquittoTool finds a program of the mosquitto packages or skips the test.
func mosquittoTool(t *testing.T, name string) string {
	t.Helper()
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if f, err := exec.LookPath(p); err == nil {
			return f
		}
	}
	t.Skipf("%s is not installed: apt-get install mosquitto mosquitto-clients", name)
	return ""
}
