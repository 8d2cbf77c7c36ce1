package hw

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/attach"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
)

// ptyHands are hands for scanners on pseudo-terminals: no kernel driver has a part in it, all
// else is as on a board.
type ptyHands struct{ list []*ptyScanner }

type ptyScanner struct {
	about  hands.Device
	ctx    context.Context
	stream *attach.Stream

	mu   sync.Mutex // serialises plugs
	pty  *driverstest.Pty
	wire *wire // nil while unplugged
}

// wire is a pseudo-terminal whose other side may close it and open it again.
type wire struct {
	pty *driverstest.Pty
	out chan struct{} // closed when the plug is pulled
}

func (w *wire) Read(p []byte) (int, error) {
	for {
		n, err := w.pty.Read(p)
		if !errors.Is(err, unix.EIO) {
			return n, err
		}
		select {
		case <-w.out:
			return 0, err
		case <-time.After(2 * time.Millisecond): // nobody has it open
		}
	}
}

func (w *wire) Write(p []byte) (int, error) { return w.pty.Write(p) }

// newPtyScanner is the model m on a terminal; nil: one that can speak every protocol.
func newPtyScanner(t testing.TB, name, protocol string, m attach.Model) *ptyScanner {
	t.Helper()
	pty, err := driverstest.OpenPty(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	makes := attach.Makes()
	if m != nil {
		makes = map[string]func() attach.Model{protocol: func() attach.Model { return m }}
	}
	s := &ptyScanner{ctx: t.Context(), pty: pty, stream: attach.NewStream(makes, protocol), about: hands.Device{Name: name, Class: "pty", Protocol: protocol,
		Subsystem: "tty", Node: pty.Path(), Deeds: []hands.Deed{hands.Plug, hands.Unplug, hands.Scan, hands.Raw, hands.Become, hands.Saw}}}
	s.about.Speaks = s.stream.Speaks()
	s.stream.Pull = s.out
	s.attach()
	t.Cleanup(func() { s.out(); pty.Close() })
	return s
}

// attach puts the model on the terminal as it is now.
func (s *ptyScanner) attach() {
	s.wire = &wire{s.pty, make(chan struct{})}
	s.stream.Attach(s.ctx, s.wire)
}

func (s *ptyScanner) out() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wire == nil {
		return
	}
	close(s.wire.out)
	s.wire = nil
	s.pty.Hangup()
	s.stream.Detach()
}

func (s *ptyScanner) in() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wire != nil {
		return nil
	}
	if err := s.pty.Replug(); err != nil {
		return err
	}
	s.attach()
	return nil
}

func (h *ptyHands) Do(ctx context.Context, o hands.Order) (a hands.Answer, err error) {
	if o.Do == hands.List {
		for _, s := range h.list {
			a.Devices = append(a.Devices, s.about)
		}
		return a, nil
	}
	for _, s := range h.list {
		if s.about.Name != o.Device {
			continue
		}
		a.At = hands.Now()
		switch o.Do {
		case hands.Plug:
			return a, s.in()
		case hands.Unplug:
			s.out()
			return a, nil
		}
		return s.stream.Do(ctx, o)
	}
	return a, fmt.Errorf("no device %s", o.Device)
}

// newBench is the suite over scanners on pseudo-terminals.
func newBench(t testing.TB, list ...*ptyScanner) (*Bench, *bytes.Buffer) {
	var out bytes.Buffer
	h := &ptyHands{list}
	a, err := h.Do(t.Context(), hands.Order{Do: hands.List})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func() (uevent.Source, error) { return nil, errors.New("a test has no kernel") }
	return &Bench{Hands: h, Devices: a.Devices, Few: true, Tree: uevent.Config{Root: t.TempDir(), Listen: refuse, Poll: 50 * time.Millisecond},
		out: &out, json: true}, &out
}

// verdicts fails the test for every line that is not ok, and returns all by their rule.
func verdicts(t *testing.T, out *bytes.Buffer) map[string]hands.Verdict {
	t.Helper()
	all := map[string]hands.Verdict{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		v, ok := hands.ParseVerdict(lines.Text())
		if !ok {
			t.Errorf("a line that is no verdict: %s", lines.Text())
			continue
		}
		t.Log(v.Text("pty"))
		if all[v.Device+" "+v.Rule] = v; !v.OK {
			t.Errorf("%s: %s: %s", v.Device, v.Rule, v.Why)
		}
	}
	return all
}

// One scanner of each protocol, each on a terminal of its own.
func TestScannersOnPtys(t *testing.T) {
	list := []*ptyScanner{newPtyScanner(t, "cr", "line", device.NewLine("\r"))}
	for protocol := range attach.Makes() {
		if testing.Short() && protocol != "datalogic" {
			continue // they take their time to set up
		}
		list = append(list, newPtyScanner(t, protocol, protocol, nil))
	}
	b, out := newBench(t, list...)
	if err := scannersCheck(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all := verdicts(t, out)
	for _, s := range list {
		for _, rule := range []string{"one presentation, one scan", "read twice at once, one scan", "nothing from before the sale was armed",
			"garbage", "closes while it is read", "unplugged in mid-code, and back"} {
			if all[s.about.Name+" "+rule].Done == 0 {
				t.Errorf("%s: %q was not tried", s.about.Name, rule)
			}
		}
	}
}

// One scanner on one wire speaks two protocols, one after the other.
func TestDialectsOnPtys(t *testing.T) {
	s := newPtyScanner(t, "chameleon", "line", nil)
	s.about.Speaks = []string{"line", "datalogic"}
	b, out := newBench(t, s)
	if err := dialectsCheck(t.Context(), b); err != nil {
		t.Error(err)
	}
	if all := verdicts(t, out); all["pty datalogic set up"].Done == 0 {
		t.Error("no protocol was tried")
	}
}

// stutter sends two codes for each that is presented.
type stutter struct{ *device.Line }

func (s stutter) Scan(symbology, text string) error {
	return errors.Join(s.Line.Scan(symbology, text), s.Line.Scan(symbology, text+"+"))
}

// A suite that cannot fail is worth nothing.
func TestSuiteFindsFaults(t *testing.T) {
	b, out := newBench(t, newPtyScanner(t, "bad", "line", stutter{device.NewLine("\r\n")}))
	if err := scannersCheck(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"ok":false`) || b.bad == 0 {
		t.Errorf("a scanner that sends more than was presented passes:\n%s", out)
	}
}
