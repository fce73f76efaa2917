package child

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outrider/streams/capture/decode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessages(t *testing.T) {
	var b bytes.Buffer
	want := []Message{{Kind: Opened}, {Kind: Ready}, {Failed, "why"}, {Ended, ""}, {Failed, strings.Repeat("x", maxText)}}
	for _, m := range want {
		if err := m.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range want {
		if m, err := ReadMessage(&b); err != nil || m != w {
			t.Errorf("%+v, %v, want %+v", m, err, w)
		}
	}
	if _, err := ReadMessage(&b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestMessageCut(t *testing.T) {
	var b bytes.Buffer
	if err := (Message{Failed, strings.Repeat("x", 3*maxText)}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if m, err := ReadMessage(&b); err != nil || len(m.Text) != maxText {
		t.Errorf("%d bytes, %v", len(m.Text), err)
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("p\x00\x00"))
	f.Add([]byte("f\x00\x03why"))
	f.Add([]byte("f\xff\xffxxx"))
	f.Add([]byte("?"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			m, err := ReadMessage(r)
			if err != nil {
				return
			}
			if len(m.Text) > maxText {
				t.Fatalf("text of %d bytes", len(m.Text))
			}
			var again bytes.Buffer
			if err := m.Write(&again); err != nil {
				t.Fatal(err)
			}
			if n, err := ReadMessage(&again); err != nil || n != m {
				t.Fatalf("%+v came back as %+v, %v", m, n, err)
			}
		}
	})
}

func TestRequest(t *testing.T) {
	want := Request{API: decode.FFmpeg, Target: "rtsp://u:\"\\\n\u2028@h/", Transport: "tcp", Timeout: 5 * time.Second, File: true}
	var b bytes.Buffer
	if err := want.Write(&b); err != nil {
		t.Fatal(err)
	}
	if got, err := readRequest(bufio.NewReaderSize(&b, maxRequest)); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestRequestBad(t *testing.T) {
	if err := (Request{Target: strings.Repeat("x", maxRequest)}).Write(io.Discard); err == nil {
		t.Error("a request that fits into no pipe was written")
	}
	for _, s := range []string{"", "{", "\n", "[]\n", strings.Repeat(" ", 2*maxRequest)} {
		if _, err := readRequest(bufio.NewReaderSize(strings.NewReader(s), maxRequest)); err == nil {
			t.Errorf("%.10q was taken for a request", s)
		}
	}
}

func TestServeTellsErrors(t *testing.T) {
	_, ring := pair(t)
	if err := serve(strings.NewReader("nonsense\n"), io.Discard, ring); err == nil || !strings.HasPrefix(err.Error(), "read request: ") {
		t.Error(err)
	}
}

func TestMainByHand(t *testing.T) {
	// The tests of package capture run Main as a child; here descriptors 3 and 4 are others.
	var said bytes.Buffer
	if code := Main(strings.NewReader(""), &said); code != 2 || !strings.Contains(said.String(), "never by hand") {
		t.Errorf("code %d, %q", code, said.String())
	}
}
