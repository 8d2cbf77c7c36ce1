package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

func TestTapPassesEverythingAndCounts(t *testing.T) {
	data := make([]byte, 300<<10)
	rand.Read(data)
	seen, first := 0, time.Time{}
	tp, err := newTap(echo(t), func(at time.Time, n int) {
		if seen == 0 {
			first = at
		}
		seen += n
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", tp.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	go func() {
		c.Write(data)
		c.(*net.TCPConn).CloseWrite()
	}()
	back, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	ended := time.Now()
	tp.Close()
	if !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back of %d, or others", len(back), len(data))
	}
	if seen != len(data) || first.Before(begun) || first.After(ended) {
		t.Errorf("%d bytes were seen, the first at %v; want %d between %v and %v", seen, first, len(data), begun, ended)
	}
}

// TestTapCloses checks that an idle connection does not outlive its tap.
func TestTapCloses(t *testing.T) {
	tp, err := newTap(echo(t), func(time.Time, int) {})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", tp.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	tp.Close()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after close: %v", err)
	}
}
