package bocv

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tilld/tilld/biometric/internal/feature"
)

func randomCode(r *rand.Rand) *Code {
	c := new(Code)
	for i := range c.Data() {
		c.Data()[i] = byte(r.Uint32())
	}
	return c
}

func bit(c *Code, p, column, row int) byte {
	i := (p*feature.Side+row)*feature.Side + column
	return c.Data()[i/8] >> (i % 8) & 1
}

// slowDistance is Distance bit by bit.
func slowDistance(a, b *Code, radius int) (best float64, bx, by int) {
	best = 2
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			n, of := 0, 0
			for p := range feature.Planes {
				for row := range feature.Side {
					for column := range feature.Side {
						x, y := column+dx, row+dy
						if x < 0 || x >= feature.Side || y < 0 || y >= feature.Side {
							continue
						}
						of++
						n += int(bit(a, p, column, row) ^ bit(b, p, x, y))
					}
				}
			}
			if f := float64(n) / float64(of); f < best {
				best, bx, by = f, dx, dy
			}
		}
	}
	return best, bx, by
}

func TestDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for radius := range MaxRadius + 1 {
		for range 3 {
			a, b := randomCode(r), randomCode(r)
			f, dx, dy := Distance(a, b, radius)
			wf, wx, wy := slowDistance(a, b, radius)
			if f != wf || dx != wx || dy != wy {
				t.Errorf("radius %d: %v at (%d,%d), want %v at (%d,%d)", radius, f, dx, dy, wf, wx, wy)
			}
		}
	}
}

// TestDistanceFindsTheShift moves a code and expects it found where it was moved to.
func TestDistanceFindsTheShift(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	a, b := randomCode(r), randomCode(r)
	for p := range feature.Planes {
		for row := range feature.Side - 3 {
			for column := 2; column < feature.Side; column++ {
				i := (p*feature.Side+row+3)*feature.Side + column - 2
				b.Data()[i/8] &^= 1 << (i % 8)
				b.Data()[i/8] |= bit(a, p, column, row) << (i % 8)
			}
		}
	}
	if f, dx, dy := Distance(a, b, 4); f != 0 || dx != -2 || dy != 3 {
		t.Errorf("%v at (%d,%d), want 0 at (-2,3)", f, dx, dy)
	}
	if f, _, _ := Distance(a, a, -1); f != 0 {
		t.Errorf("a code is %v away from itself", f)
	}
}

func TestDistanceAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	a, b := randomCode(r), randomCode(r)
	if n := testing.AllocsPerRun(10, func() { Distance(a, b, 4) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDiffering compares the assembly with the portable count.
func TestDiffering(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var a, b stacked
	a.stack(randomCode(r))
	b.stack(randomCode(r))
	ones := stackedRow{^uint64(0), ^uint64(0), ^uint64(0)}
	for i := range 4 {
		a[i], b[i] = ones, stackedRow{}
	}
	for rows := 1; rows <= feature.Side; rows++ {
		for _, mask := range []uint64{0, 1, ^uint64(0), r.Uint64()} {
			if got, want := differing(a[:rows], b[:rows], mask), differingGo(a[:rows], b[:rows], mask); got != want {
				t.Errorf("%d rows under %x: %d, want %d", rows, mask, got, want)
			}
		}
	}
}

func BenchmarkDistance(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	x, y := randomCode(r), randomCode(r)
	for _, radius := range []int{2, 4} {
		b.Run(strconv.Itoa(radius), func(b *testing.B) {
			shifts := float64((2*radius + 1) * (2*radius + 1))
			for b.Loop() {
				Distance(x, y, radius)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/shifts, "ns/shift")
		})
	}
}
