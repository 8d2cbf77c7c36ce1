package wedge

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// FuzzFeed feeds events of any content, in both sizes. The first byte chooses the layout and
// the mode, the second the number of events in each Feed.
func FuzzFeed(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(append([]byte{0, 3}, v.bytes(f)...))
	}
	for i, typist := range []device.Typist{{}, {ALT: true}, {Layout: "de"}, {Layout: "fr", CapsLock: true}} {
		e, err := typist.Type("1345+67890")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{byte(i * 2), 200}, device.EncodeEvents(e, Record64, time.Hour)...))
		f.Add(append([]byte{byte(i*2 + 1), 1}, device.EncodeEvents(e, Record32, time.Hour)...))
	}
	var codecs []*Codec
	for _, layout := range Layouts() {
		for _, record := range []int{Record64, Record32} {
			c, err := New(Config{Layout: layout, Record: record, AIM: len(codecs)%5 == 4, Rollover: len(codecs)%7 == 6, MaxText: 40})
			if err != nil {
				f.Fatal(err)
			}
			codecs = append(codecs, c)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 2 {
			return
		}
		c := codecs[int(in[0])%len(codecs)]
		n := (1 + int(in[1])) * c.c.Record
		c.Restart()
		now, downs := epoch, 0
		emit := func(r scanner.Result) {
			switch {
			case len(r.Text) > c.c.MaxText:
				t.Errorf("%d bytes", len(r.Text))
			case len(r.Text) > 0 && r.Drop != "":
				t.Error("a dropped scan")
			case len(r.Text) > 4*downs:
				t.Errorf("%d bytes of %d keys", len(r.Text), downs)
			}
		}
		for p := range slices.Chunk(in[2:], n) {
			for o := 0; o+c.c.Record <= len(p); o += c.c.Record {
				if r := parse(p[o : o+c.c.Record]); r.typ == evKey && r.value == down {
					downs++
				}
			}
			now = now.Add(time.Duration(p[0]) * time.Millisecond)
			c.Feed(p, now, emit)
			c.Tick(now, emit)
			if c.held < 0 {
				t.Fatal("fewer than no keys are down")
			}
		}
		c.Tick(now.Add(PartialAfter), emit)
		if c.Pending() || len(bytes.Trim(c.buf[:cap(c.buf)], "\x00")) > 0 {
			t.Error("pending after silence, or not wiped")
		}
	})
}

// TestMutations loses, doubles and moves single events of scans in every layout and mode, as
// the kernel stamps and frames them: the same scan comes out, or none. Where a whole key press
// is lost, down and up and the ends of their reports, nothing shows it; that is not tried.
func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		typist := device.Typist{Layout: []string{"us", "uk", "de", "fr", "jp"}[rng.IntN(5)], ALT: rng.IntN(3) == 0}
		text := randomText(t, rng, typist)
		c := Config{Layout: Layout(typist.Layout), Record: []int{Record32, Record64}[rng.IntN(2)]}
		in := device.EncodeEvents(typed(t, typist, text), c.Record, time.Hour)
		want := []out{scan(text)}
		b := newBench(t, c)
		b.feed(in)
		b.want(want...)
		mutations(t, c, in, want)
		moves(t, c, rng, in, want)
	}
}

func randomText(t *testing.T, rng *rand.Rand, typist device.Typist) string {
	chars := []rune("0123456789ABCxyz:/?&=.%-+_ ")
	if !typist.ALT && rng.IntN(2) == 0 {
		all, err := typist.Chars()
		if err != nil {
			t.Fatal(err)
		}
		chars = []rune(all)
		slices.Sort(chars)
	}
	text := make([]rune, 1+rng.IntN(20))
	for i := range text {
		text[i] = chars[rng.IntN(len(chars))]
	}
	return string(text)
}

// moves puts single events to other places.
func moves(t *testing.T, c Config, rng *rand.Rand, in []byte, want []out) {
	t.Helper()
	records := slices.Collect(slices.Chunk(in, c.Record))
	for range 50 {
		i, j := rng.IntN(len(records)), rng.IntN(len(records))
		r := slices.Clone(records)
		moved := r[i]
		r = slices.Insert(slices.Delete(r, i, i+1), j, moved)
		b := newBench(t, c)
		b.feed(slices.Concat(r...))
		b.silence(time.Second)
		for _, o := range b.got {
			if o.Drop == "" && !slices.Contains(want, o) {
				t.Errorf("record %d moved to %d: %+v, want %+v", i, j, o, want)
			}
		}
	}
}
