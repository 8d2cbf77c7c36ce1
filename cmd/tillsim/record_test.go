package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/tilld/tilld/drivers/driverstest"
)

// watched is an output that tells when something was written.
type watched struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	wrote chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() {
		select {
		case w.wrote <- struct{}{}:
		default:
		}
	}()
	return w.buf.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func TestRecord(t *testing.T) {
	pty, err := driverstest.OpenPty("")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	out, errs := &watched{wrote: make(chan struct{}, 1)}, &watched{wrote: make(chan struct{}, 1)}
	done := make(chan int, 1)
	go func() { done <- run(t.Context(), []string{"record", pty.Path()}, strings.NewReader(""), out, errs) }()
	<-errs.wrote
	if _, err := pty.Write([]byte("]Q1123\r")); err != nil {
		t.Fatal(err)
	}
	<-out.wrote
	pty.Hangup()
	if code := <-done; code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	ops, err := driverstest.ReadOps(strings.NewReader(out.String()))
	if err != nil || len(ops) < 2 || ops[len(ops)-1].Kind != driverstest.Gone {
		t.Fatalf("%v, %v: %s", ops, err, out)
	}
	var got []byte
	for _, op := range ops {
		got = append(got, op.Data...)
	}
	if string(got) != "]Q1123\r" {
		t.Errorf("recorded %q", got)
	}
}
