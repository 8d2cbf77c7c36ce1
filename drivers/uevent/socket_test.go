package uevent

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// realSocket listens to this machine's kernel, or skips the test where it may not.
func realSocket(t *testing.T) *Socket {
	t.Helper()
	s, err := Listen()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EPROTONOSUPPORT) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// announce has the kernel say that /dev/null changed: nothing else listens to that.
func announce(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/sys/devices/virtual/mem/null/uevent", []byte("change"), 0); err != nil {
		t.Skip(err) // not root, or sysfs is read-only
	}
}

// next is the next message about /dev/null, or the error that came instead.
func next(t *testing.T, s *Socket) (Message, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		m, err := s.Next(ctx)
		if err != nil || m.Subsystem == "mem" {
			return m, err
		}
	}
}

func TestMessageOfTheKernel(t *testing.T) {
	s := realSocket(t)
	announce(t)
	m, err := next(t, s)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Skip("the kernel tells this container nothing")
	}
	if err != nil || m.Action != "change" || m.Node != "/dev/null" || m.DevPath != "/devices/virtual/mem/null" || m.Seq == 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// What another program sends to the kernel's group is passed over.
func TestMessageOfAnImpostor(t *testing.T) {
	s := realSocket(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	// The kernel does not take it from us, but our group does.
	err = unix.Sendto(fd, []byte(plugged), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup})
	if err != nil && !errors.Is(err, unix.ECONNREFUSED) {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for {
		m, err := s.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			return
		}
		if m.Seq == 1234 {
			t.Fatalf("taken: %+v", m)
		}
	}
}

func TestOverflowIsSaid(t *testing.T) {
	s := realSocket(t)
	ctl := func(f func(fd int)) {
		if err := s.raw.Control(func(fd uintptr) { f(int(fd)) }); err != nil {
			t.Fatal(err)
		}
	}
	ctl(func(fd int) {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
			t.Fatal(err)
		}
	})
	for range 100 {
		announce(t)
	}
	lost := false
	for range 200 {
		_, err := next(t, s)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if errors.Is(err, ErrLost) {
			lost = true
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !lost {
		t.Skip("the kernel tells this container nothing")
	}
	// The socket goes on.
	for {
		announce(t)
		if _, err := next(t, s); err == nil {
			return
		} else if !errors.Is(err, ErrLost) {
			t.Fatal(err)
		}
	}
}

func TestSocketWaitsAndEnds(t *testing.T) {
	s := realSocket(t)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		var err error
		for err == nil { // other devices
			_, err = s.Next(ctx)
		}
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = s.Next(context.Background())
		}
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("Close did not end Next")
	}
}
