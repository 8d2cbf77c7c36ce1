package roi

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/biometric"
)

func TestNewRefuses(t *testing.T) {
	for _, s := range [][2]int{{0, 0}, {63, 480}, {640, 63}, {4097, 480}, {-1, -1}, {1 << 30, 480}} {
		if f, err := New(s[0], s[1], nil); err == nil || f != nil {
			t.Errorf("a finder for %v", s)
		}
	}
	if _, err := New(640, 480, func(n int) []byte { return make([]byte, n/2) }); err == nil {
		t.Error("a finder with half of its memory")
	}
}

// scene is a drawn hand before a camera, and the room without the lamp.
func scene(seed uint64, w, h int, p pose) (lit, dark []byte) {
	r := rand.New(rand.NewPCG(seed, 3))
	d := newDrawn(8, r)
	lit = d.draw(w, h, p, 140, 5, 2, r)
	dark = make([]byte, w*h)
	for i := range dark {
		dark[i] = byte(3 + 2*r.Float64())
	}
	return lit, dark
}

func TestSizesOfPictures(t *testing.T) {
	lit, _ := scene(1, 640, 480, pose{320, 280, 0, 1.9, false})
	f, err := New(640, 480, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Find(lit[1:], nil); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
	if _, err := f.Find(lit, lit[1:]); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
	var dst Region
	if err := f.Region(&dst, lit[1:], Hand{}); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range [][4]Point{
		{},
		{{nan, 0}, {100, 0}, {100, 100}, {0, 100}},
		{{0, 0}, {100, 0}, {100, inf}, {0, 100}},
		{{1e300, 0}, {1e300, 100}, {100, 100}, {1e300, 1}},
		{{20000, 9000}, {20100, 9000}, {20100, 9100}, {20000, 9100}},
	} {
		if err := f.Region(&dst, lit, Hand{Corners: c}); !errors.Is(err, ErrShape) {
			t.Errorf("a region at %v: %v", c, err)
		}
	}
}

func TestDoesNotAllocate(t *testing.T) {
	lit, dark := scene(1, 640, 480, pose{320, 280, 10, 1.9, false})
	f, err := New(640, 480, nil)
	if err != nil {
		t.Fatal(err)
	}
	var dst Region
	var tr Track
	n := testing.AllocsPerRun(10, func() {
		h, err := f.Find(lit, dark)
		if err != nil {
			t.Fatal(err)
		}
		h, _ = tr.Add(h)
		if f.Region(&dst, lit, h) != nil || f.Difference(&dst, lit, dark, h) != nil || f.Add(lit, dark, h) != nil || f.Mean(&dst) != 1 {
			t.Fatal("no region")
		}
		f.Mask()
	})
	if n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestWipe(t *testing.T) {
	var all [][]byte
	lit, dark := scene(1, 640, 480, pose{320, 280, 10, 1.9, false})
	f, err := New(640, 480, func(n int) []byte {
		b := make([]byte, n)
		all = append(all, b)
		return b
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := f.Find(lit, dark)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(lit, dark, h); err != nil {
		t.Fatal(err)
	}
	f.Wipe()
	for _, b := range all {
		for _, v := range b {
			if v != 0 {
				t.Fatal("something is left")
			}
		}
	}
	if h2, err := f.Find(lit, dark); err != nil || h2 != h {
		t.Error("not the same after wiping", err)
	}
}

// TestTurns: a hand is found whichever way its fingers point, and its region is the same.
func TestTurns(t *testing.T) {
	f, err := New(640, 640, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, mirror := range []bool{false, true} {
		for turn := 0.0; turn < 360; turn += 45 {
			p := pose{320, 320, turn, 1.9, mirror}
			lit, _ := scene(5, 640, 640, p)
			h, err := f.Find(lit, nil)
			if err != nil {
				t.Errorf("turned by %v: %v", turn, err)
				continue
			}
			x, y := p.back((h.Corners[0].X+h.Corners[1].X)/2, (h.Corners[0].Y+h.Corners[1].Y)/2)
			bx, by := p.back((h.Corners[2].X+h.Corners[3].X)/2, (h.Corners[2].Y+h.Corners[3].Y)/2)
			if math.Abs(x) > 12 || math.Abs(bx) > 12 || y < 25 || by > -20 {
				t.Errorf("turned by %v: the region reaches from %.0f,%.0f to %.0f,%.0f mm", turn, x, y, bx, by)
			}
			if want := map[bool]Side{false: SideRight, true: SideLeft}[mirror]; h.Side != want {
				t.Errorf("turned by %v: a %v hand is %v", turn, want, h.Side)
			}
		}
	}
}

func TestRegionIsUpright(t *testing.T) {
	f, err := New(640, 480, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A picture whose values are its places: the region's must be those of its corners.
	pic := make([]byte, 640*480)
	for i := range pic {
		pic[i] = byte(i%640/4 + i/640/8)
	}
	value := func(p Point) float64 { return p.X/4 + p.Y/8 - 0.6 }
	for turn := -40.0; turn < 360; turn += 20 {
		for _, length := range []float64{20, 60, 80, 130} {
			s, c := math.Sincos(turn * math.Pi / 180)
			h := Hand{Corners: square(Point{320 - length/2*c, 240 - length/2*s}, Point{320 + length/2*c, 240 + length/2*s})}
			in := true
			for _, p := range h.Corners {
				in = in && p.X > 2 && p.Y > 2 && p.X < 637 && p.Y < 477
			}
			if !in {
				continue
			}
			var dst Region
			if err := f.Region(&dst, pic, h); err != nil {
				t.Fatal(err)
			}
			for _, at := range [][2]int{{0, 0}, {127, 0}, {127, 127}, {0, 127}, {64, 64}, {20, 90}} {
				u, v := (float64(at[0])+0.5)/Size, (float64(at[1])+0.5)/Size
				p := Point{
					h.Corners[0].X + u*(h.Corners[1].X-h.Corners[0].X) + v*(h.Corners[3].X-h.Corners[0].X),
					h.Corners[0].Y + u*(h.Corners[1].Y-h.Corners[0].Y) + v*(h.Corners[3].Y-h.Corners[0].Y),
				}
				if got := float64(dst[at[1]*Size+at[0]]); math.Abs(got-value(p)) > 1.2 {
					t.Errorf("length %v turned by %v: %v at %v, want %.1f", length, turn, got, at, value(p))
				}
			}
		}
	}
}

func TestEmptyAndBright(t *testing.T) {
	f, err := New(640, 480, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(4, 4))
	noise := func(level, sigma float64) []byte {
		b := make([]byte, 640*480)
		for i := range b {
			b[i] = byte(max(0, min(255, level+sigma*r.NormFloat64())))
		}
		return b
	}
	if h, err := f.Find(noise(20, 3), noise(18, 3)); !errors.Is(err, ErrNone) || h.Guide != biometric.SensorReady {
		t.Errorf("nothing: %v, %q", err, h.Guide)
	}
	if h, err := f.Find(noise(255, 0), noise(255, 0)); !errors.Is(err, ErrBright) || h.Guide != biometric.TooBright {
		t.Errorf("the sun: %v, %q", err, h.Guide)
	}
	if _, err := f.Find(noise(120, 60), noise(10, 3)); err == nil {
		t.Error("a hand in noise")
	}
	all := make([]byte, 640*480)
	for i := range all {
		all[i] = 180
	}
	all[5] = 0
	if _, err := f.Find(all, nil); err == nil {
		t.Error("a hand in a wall")
	}
}

// FuzzFind: no picture makes it panic, or return a hand whose region cannot be cut.
func FuzzFind(f *testing.F) {
	for seed := range uint64(3) {
		lit, _ := scene(seed, 160, 120, pose{80, 70, 20 * float64(seed), 0.5, seed == 1})
		f.Add(lit, uint8(0), true)
		f.Add(lit, uint8(40), false)
	}
	f.Add([]byte{0, 255}, uint8(3), true)
	f.Add([]byte{200, 10, 10, 10, 200}, uint8(77), false)
	f.Fuzz(func(t *testing.T, pic []byte, size uint8, single bool) {
		w, h := 64+int(size)%128, 64+int(size)*7%128
		if size == 0 {
			w, h = 160, 120
		}
		finder, err := New(w, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		lit, dark := make([]byte, w*h), make([]byte, w*h)
		for i := range lit {
			if len(pic) > 0 {
				lit[i], dark[i] = pic[i%len(pic)], pic[i*7%len(pic)]/2
			}
		}
		if single {
			dark = nil
		}
		hand, err := finder.Find(lit, dark)
		if err != nil {
			return
		}
		if !(hand.Quality >= 0 && hand.Quality <= 1) {
			t.Errorf("a quality of %v", hand.Quality)
		}
		var dst Region
		_ = finder.Region(&dst, lit, hand)
		_ = finder.Add(lit, dark, hand)
		finder.Mean(&dst)
	})
}
