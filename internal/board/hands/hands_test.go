package hands

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorder does nothing and remembers it.
type recorder struct{ got []Order }

func (r *recorder) Do(_ context.Context, o Order) (Answer, error) {
	r.got = append(r.got, o)
	if o.Do == Freeze {
		return Answer{}, errors.New("no tilld is running")
	}
	return Answer{Devices: []Device{{Name: "pos1", Deeds: []Deed{Plug}}}}, nil
}

func TestClientAndServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hands")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, done := &recorder{}, make(chan error, 1)
	go func() { done <- Listen(ctx, l, r) }()
	c, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	o := Order{Do: Scan, Device: "pos1", Symbology: "qr", Text: "134567890123456789", Times: 2, Every: time.Second, Bytes: []byte{1, 2}}
	a, err := c.Do(ctx, o)
	if err != nil || len(a.Devices) != 1 || a.At == 0 || a.At > Now() {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := c.Do(ctx, Order{Do: Freeze}); err == nil || !strings.Contains(err.Error(), "no tilld is running") {
		t.Errorf("error %v, want the server's words", err)
	}
	if _, err := c.Do(ctx, Order{Do: List}); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(r.got) != 3 || r.got[0].Text != o.Text || string(r.got[0].Bytes) != "\x01\x02" || r.got[0].Every != time.Second {
		t.Errorf("got %+v", r.got)
	}
}

func TestClientGivesUpForGood(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := NewClient(near)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for range 2 { // the second must not wait for the answer of the first
		if _, err := c.Do(ctx, Order{Do: List}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
	}
}

func TestVerdict(t *testing.T) {
	v := Verdict{Device: "hidpos", Rule: "unplugged while reading", Found: "noticed in 12 ms", Done: 100, Of: 100, OK: true}
	if got, want := v.Text("arm64"), "arm64  hidpos  unplugged while reading: noticed in 12 ms, 100 of 100  ok"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if back, ok := ParseVerdict(v.Line() + "\r\n"); !ok || back != v {
		t.Errorf("%+v %v", back, ok)
	}
	if _, ok := ParseVerdict("ready"); ok {
		t.Error("a line that is no verdict was taken for one")
	}
}

func TestPerson(t *testing.T) {
	var out strings.Builder
	p := NewPerson(strings.NewReader("\n\n"), &out, nil)
	if _, err := p.Do(t.Context(), Order{Do: Scan, Device: "pos1", Symbology: "qr", Text: "1", Times: 2}); err != nil {
		t.Error(err)
	}
	if want := `please show to pos1 the qr code "1", then press Enter `; out.String() != want+want {
		t.Errorf("%q", out.String())
	}
	if _, err := p.Do(t.Context(), Order{Do: Scan, Cut: 3}); !errors.Is(err, ErrCannot) {
		t.Error(err)
	}
	if _, err := p.Do(t.Context(), Order{Do: Unplug}); err == nil {
		t.Error("nobody answered, and no error")
	}
}
