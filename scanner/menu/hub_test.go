package menu_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/menu"
)

const code = "134567890123456789"

// port is a serial line in memory.
type port struct{ net.Conn }

func (p port) Read(ctx context.Context, b []byte) (int, error) {
	deadline, _ := ctx.Deadline()
	p.SetReadDeadline(deadline)
	defer context.AfterFunc(ctx, func() { p.SetReadDeadline(time.Unix(1, 0)) })()
	n, err := p.Conn.Read(b)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return n, drivers.ErrGone
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return n, ctx.Err()
	}
	return n, drivers.ErrTimeout
}

func (p port) Write(_ context.Context, b []byte) (int, error) { return p.Conn.Write(b) }
func (p port) Flush() error                                   { return nil }
func (p port) String() string                                 { return "port" }

// TestTill runs a hub over a scanner that comes from the factory.
func TestTill(t *testing.T) {
	for _, d := range []menu.Dialect{menu.Honeywell, menu.Newland} {
		t.Run(string(d), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { till(t, d) }) })
	}
}

func till(t *testing.T, d menu.Dialect) {
	m := device.NewHoneywell()
	if d == menu.Newland {
		m = device.NewNewland()
	}
	codec, err := menu.New(menu.Config{Dialect: d, Triggered: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var far net.Conn
	hub := scanner.NewHub(scanner.NewReader(scanner.Config{Name: "s", Codec: codec, Trigger: true, Feedback: true,
		Open: func(context.Context) (drivers.Transport, error) {
			near, end := net.Pipe()
			far = end
			go func() { m.Serve(ctx, end); end.Close() }()
			return port{near}, nil
		}}))
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx) }()
	defer func() { stop(); far.Close(); <-done }()
	until := func(what string, ok func() bool) {
		t.Helper()
		for range 1000 {
			synctest.Wait()
			if ok() {
				return
			}
			time.Sleep(10 * time.Millisecond) // of the bubble's clock
		}
		t.Fatalf("waited in vain for %s: %+v", what, hub.Devices())
	}
	arm := func() {
		t.Helper()
		if err := hub.Arm(ctx); err != nil {
			t.Fatal(err)
		}
	}
	show := func() {
		t.Helper()
		triggers := m.Counts().Triggers
		arm()
		until("the trigger", func() bool { return m.Counts().Triggers > triggers || m.Setting("TRGMOD") == "3" })
		if err := m.Scan("qr", code); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	want := func() {
		t.Helper()
		select {
		case s := <-hub.Scans():
			if string(s.Text.Reveal()) != code || s.AIM != "]Q1" {
				t.Errorf("scanned %s%s", s.AIM, s.Text.Reveal())
			}
		default:
			t.Fatalf("no scan: %+v", hub.Devices())
		}
		hub.Disarm()
	}
	until("the set-up", func() bool { ok, _ := hub.Ready(); return ok && m.Counts().Commands >= 3 })
	time.Sleep(time.Second)
	show()
	want()
	// Between sales it does not look.
	until("the trigger's release", func() bool {
		before := m.Counts().Unread
		m.Scan("qr", code)
		return m.Counts().Unread > before
	})
	// It lost its settings: the scan that shows it is dropped, and the next is good.
	if d == menu.Honeywell {
		time.Sleep(10 * time.Second)
		m.PowerCycle()
		show()
		if n := len(hub.Scans()); n > 0 {
			t.Fatal("delivered a scan without its identifier")
		}
		hub.Disarm()
		time.Sleep(time.Second)
		show()
		want()
	}
	// It does not answer any more: the operator is told, and it comes back.
	m.SetDeaf(true)
	far.Close()
	until("the fault", func() bool {
		s := hub.Devices()[0]
		return s.State == drivers.Failed && strings.Contains(s.Cause, "no reply") && s.Hint != ""
	})
	m.SetDeaf(false)
	until("the scanner to open", func() bool { return hub.Devices()[0].State == drivers.Open })
	time.Sleep(5 * time.Second)
	show()
	want()
	if f := m.Faults(); len(f) > 0 {
		t.Errorf("the scanner complains: %q", f)
	}
}
