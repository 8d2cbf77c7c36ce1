package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// bar shows how far a long job is, on a terminal alone: in a pipe it is silent.
type bar struct {
	w io.Writer // nil: silent

	mu    sync.Mutex
	what  string
	n, of int
	last  time.Time // when it was shown
	shown bool
}

func newBar(w io.Writer) *bar {
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			return &bar{w: w}
		}
	}
	return &bar{}
}

// begin starts with something else, of so many steps.
func (b *bar) begin(what string, of int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.what, b.n, b.of, b.last = what, 0, of, time.Time{}
	b.show()
}

// tick is one step. It may be called from any goroutine.
func (b *bar) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	b.show()
}

const (
	barWidth = 30
	barPause = 100 * time.Millisecond
)

func (b *bar) show() {
	if b.w == nil || b.of == 0 || time.Since(b.last) < barPause && b.n < b.of {
		return
	}
	b.shown, b.last = true, time.Now()
	done := min(b.n, b.of) * barWidth / b.of
	fmt.Fprintf(b.w, "\r\x1b[K[%s%s] %s %d of %d", strings.Repeat("#", done), strings.Repeat(".", barWidth-done), b.what, b.n, b.of)
}

// end takes the bar away.
func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
