package roi

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
)

func TestDrawn(t *testing.T) {
	f, err := New(640, 480, nil)
	if err != nil {
		t.Fatal(err)
	}
	var offs, turns []float64
	rejected := 0
	n := 0
	for id := range 4 {
		r := rand.New(rand.NewPCG(1, uint64(id)))
		d := newDrawn(4+8*r.Float64(), r)
		ref := pose{320, 280, 0, 1.9, id%2 == 1}
		var want [4]Point
		for k := range 6 {
			p := ref
			if k > 0 {
				p.turn = 60*r.Float64() - 30
				p.scale *= 0.75 + 0.4*r.Float64()
				p.x += 60 * (r.Float64() - 0.5)
				p.y += 30 * (r.Float64() - 0.5)
			}
			lit := d.draw(640, 480, p, 140, 5, 3, r)
			h, err := f.Find(lit, nil)
			n++
			if err != nil {
				rejected++
				t.Logf("%d/%d: %v: %+v", id, k, err, p)
				continue
			}
			var got [4]Point
			for i, c := range h.Corners {
				got[i].X, got[i].Y = p.back(c.X, c.Y)
			}
			if k == 0 {
				want = got
				t.Logf("%d: %v %v", id, got, h.Side)
				continue
			}
			side := math.Hypot(want[1].X-want[0].X, want[1].Y-want[0].Y)
			cx := (got[0].X + got[2].X - want[0].X - want[2].X) / 2
			cy := (got[0].Y + got[2].Y - want[0].Y - want[2].Y) / 2
			offs = append(offs, math.Hypot(cx, cy)/side*128)
			turns = append(turns, math.Abs(math.Atan2(got[1].Y-got[0].Y, got[1].X-got[0].X)-math.Atan2(want[1].Y-want[0].Y, want[1].X-want[0].X))*180/math.Pi)
			if offs[len(offs)-1] > 5 {
				t.Logf("%d/%d: off %.1f turn %.1f %+v %v", id, k, offs[len(offs)-1], turns[len(turns)-1], p, got)
			}
		}
	}
	sort.Float64s(offs)
	sort.Float64s(turns)
	m := len(offs)
	t.Logf("%d frames, %d rejected; offset median %.2f p95 %.2f max %.2f; turn %.2f %.2f %.2f", n, rejected, offs[m/2], offs[m*95/100], offs[m-1], turns[m/2], turns[m*95/100], turns[m-1])
}

func BenchmarkFind(b *testing.B) {
	f, _ := New(640, 480, nil)
	r := rand.New(rand.NewPCG(1, 2))
	d := newDrawn(8, r)
	lit := d.draw(640, 480, pose{320, 280, 7, 1.9, false}, 140, 5, 3, r)
	dark := make([]byte, len(lit))
	for i := range dark {
		dark[i] = byte(4 * r.Float64())
	}
	h, err := f.Find(lit, dark)
	if err != nil {
		b.Fatal(err)
	}
	var dst Region
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			f.Find(lit, dark)
		}
	})
	b.Run("region", func(b *testing.B) {
		for b.Loop() {
			f.Difference(&dst, lit, dark, h)
		}
	})
}
