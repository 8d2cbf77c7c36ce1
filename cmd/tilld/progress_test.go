package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent"
)

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := &bar{w: &out, total: 1000}
	for _, n := range []int64{0, 500, 1500} {
		b.show(agent.Progress{Rows: int(n), Bytes: n})
	}
	b.end()
	for _, want := range []string{"  0 %", " 50 %", "[###############...............]", "100 %", "\r\x1b[K"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Error("the bar stays")
	}
	out.Reset()
	b = &bar{w: &out}
	b.show(agent.Progress{Rows: 7, Bytes: 1e6})
	if !strings.Contains(out.String(), "7 rows, 1.0 MB") || strings.Contains(out.String(), "%") {
		t.Errorf("without a size: %q", out.String())
	}
}

func TestBarIsSilentInAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := newBar(w, 10)
	b.show(agent.Progress{Rows: 1, Bytes: 1})
	b.end()
	w.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.Len() != 0 {
		t.Errorf("%q %v", got.String(), err)
	}
	if b := newBar(&got, 10); b.w != nil {
		t.Error("a buffer is taken for a terminal")
	}
}
