package main

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// supervisor plays systemd.
func supervisor(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

func heard(t *testing.T, c *net.UnixConn, wait time.Duration) string {
	t.Helper()
	b := make([]byte, 100)
	c.SetReadDeadline(time.Now().Add(wait))
	n, err := c.Read(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

func TestNotify(t *testing.T) {
	c := supervisor(t)
	notify("READY=1")
	if got := heard(t, c, 5*time.Second); got != "READY=1" {
		t.Fatalf("heard %q", got)
	}
	t.Setenv("NOTIFY_SOCKET", "/nonexistent")
	notify("READY=1") // nobody there: no harm
	t.Setenv("NOTIFY_SOCKET", "")
	notify("READY=1")
}

func TestWatchdogStopsWithTheChain(t *testing.T) {
	c := supervisor(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	ctx, cancel := context.WithCancel(t.Context())
	var alive atomic.Bool
	alive.Store(true)
	ended := make(chan struct{})
	go func() { watchdog(ctx, func() bool { return true }, alive.Load); close(ended) }()
	for range 3 {
		if got := heard(t, c, 5*time.Second); got != "WATCHDOG=1" {
			t.Fatalf("heard %q", got)
		}
	}
	alive.Store(false)
	for heard(t, c, 200*time.Millisecond) != "" { // what was on its way
	}
	if got := heard(t, c, 200*time.Millisecond); got != "" {
		t.Fatalf("heard %q though a part does not answer", got)
	}
	cancel()
	<-ended
}

func TestDaemonTellsItsSupervisor(t *testing.T) {
	c := supervisor(t)
	s := newShop(t)
	r := s.start()
	if got := heard(t, c, 5*time.Second); got != "READY=1" {
		t.Fatalf("heard %q", got)
	}
	r.stop()
	if got := heard(t, c, 5*time.Second); got != "STOPPING=1" {
		t.Fatalf("heard %q", got)
	}
}
