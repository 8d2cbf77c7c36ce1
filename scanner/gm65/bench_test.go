package gm65

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/scanner"
)

var epoch = time.Unix(1_800_000_000, 0)

// out is a Result that may be kept.
type out struct {
	Text, AIM string
	Symbology scanner.Symbology
	Drop      scanner.DropReason
	Reply     string // hexadecimal digits
	Event     string // the fields
	Fault     string
}

// bench feeds a codec at made-up times.
type bench struct {
	c   *Codec
	now time.Time
	got []out
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	codec, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{c: codec, now: epoch}
}

func (b *bench) emit(r scanner.Result) {
	o := out{Text: string(r.Text), AIM: r.AIM, Symbology: r.Symbology, Drop: r.Drop, Reply: hex.EncodeToString(r.Reply)}
	if r.Event != nil {
		o.Event = fmt.Sprint(r.Event.Fields())
	}
	if r.Fault != nil {
		o.Fault = r.Fault.Error()
	}
	b.got = append(b.got, o)
}

func (b *bench) feed(s string) { b.c.Feed([]byte(s), b.now, b.emit) }

// silence lets time pass as a Reader does.
func (b *bench) silence(d time.Duration) {
	end := b.now.Add(d)
	for {
		next := end
		if b.c.Pending() {
			next = b.now.Add(10 * time.Millisecond)
		}
		if due := b.c.Due(); !due.IsZero() && due.Before(next) {
			next = due
			if soonest := b.now.Add(time.Millisecond); next.Before(soonest) {
				next = soonest
			}
		}
		if !next.Before(end) {
			break
		}
		b.now = next
		b.c.Tick(b.now, b.emit)
	}
	b.now = end
	if b.c.Pending() {
		b.c.Tick(b.now, b.emit)
	}
}

func (b *bench) take() []out {
	got := b.got
	b.got = nil
	return got
}

func (b *bench) scans() (s []out) {
	for _, o := range b.got {
		if o.Text != "" {
			s = append(s, out{Text: o.Text, AIM: o.AIM, Symbology: o.Symbology})
		}
	}
	return s
}

func (b *bench) events() (s []string) {
	for _, o := range b.got {
		if o.Event != "" {
			s = append(s, o.Event)
		}
	}
	return s
}

func (b *bench) drops() (s []scanner.DropReason) {
	for _, o := range b.got {
		if o.Drop != "" {
			s = append(s, o.Drop)
		}
	}
	return s
}

type vector struct {
	Name, Dir, Hex, Given string
	Expect                struct {
		Scans       []struct{ Sym, AIM, Text string }
		Error       scanner.DropReason
		Reply, Data string
	}
}

func vectors(t testing.TB, dir string) (out []vector) {
	b, err := os.ReadFile("testdata/gm65.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Vectors {
		if v.Dir == dir {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		t.Fatal("no vectors")
	}
	return out
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	code = "134567890123456789"
	scan = "]Q1" + code + "\r"
	ok   = "\x02\x00\x00\x01\x00\x33\x31"
)
