package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tilld/tilld/agent"
)

// bar shows how far a long job is, on a terminal alone: in a pipe it is silent.
type bar struct {
	w     io.Writer // nil: silent
	total int64     // bytes; 0 if not known
	shown bool
}

func newBar(w io.Writer, total int64) *bar {
	f, ok := w.(*os.File)
	if !ok {
		return &bar{}
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return &bar{}
	}
	return &bar{w: w, total: total}
}

const barWidth = 30

func (b *bar) show(p agent.Progress) {
	if b.w == nil {
		return
	}
	b.shown = true
	text := fmt.Sprintf("%d rows, %.1f MB", p.Rows, float64(p.Bytes)/1e6)
	if b.total > 0 {
		done := int(min(p.Bytes, b.total) * barWidth / b.total)
		text = fmt.Sprintf("[%s%s] %3d %%  %s", strings.Repeat("#", done), strings.Repeat(".", barWidth-done), min(p.Bytes, b.total)*100/b.total, text)
	}
	fmt.Fprintf(b.w, "\r\x1b[K%s", text)
}

// end takes the bar away.
func (b *bar) end() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
