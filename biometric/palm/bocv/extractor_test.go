package bocv

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/biometric/internal/feature"
)

func noise(r *rand.Rand) *Region {
	g := new(Region)
	for i := range g {
		g[i] = byte(r.Uint32())
	}
	return g
}

// TestKernels compares the assembly with the portable kernels, word by word.
func TestKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	fast, slow := New(), New()
	slow.portable = true
	for _, g := range []*Region{noise(r), noise(r), {}, extreme(0), extreme(1), extreme(5)} {
		fast.pad(g)
		slow.pad(g)
		for row := range feature.Side {
			fast.foldRows(row*Cell + origin)
			slow.foldRows(row*Cell + origin)
			if fast.sum != slow.sum || fast.diff != slow.diff {
				t.Fatalf("row %d is folded differently", row)
			}
			fast.respond()
			slow.respond()
			if fast.out != slow.out {
				t.Fatalf("row %d responds differently", row)
			}
		}
	}
}

// extreme is the region that makes filter p respond most strongly at the middle cell.
func extreme(p int) *Region {
	g, k := new(Region), gabor(p)
	for y := -radius; y <= radius; y++ {
		for x := -radius; x <= radius; x++ {
			if k[(y+radius)*side+x+radius] > 0 {
				g[(66+y)*Size+66+x] = 255
			}
		}
	}
	return g
}

// TestAgainstReference compares codes with those of the plain filters. A bit may differ only
// where the response is within rounding of zero.
func TestAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	fast, plain := New(), NewReference()
	regions := []*Region{extreme(0), extreme(1), extreme(2), extreme(3)}
	for range 20 {
		regions = append(regions, noise(r))
	}
	differ, bits := 0, 0
	for _, g := range regions {
		var a, b Code
		fast.Code(&a, g)
		plain.Code(&b, g)
		for p := range feature.Planes {
			for row := range feature.Side {
				for column := range feature.Side {
					bits++
					if bit(&a, p, column, row) == bit(&b, p, column, row) {
						continue
					}
					differ++
					if v := math.Abs(float64(plain.response(p, column, row))); v > 0.5 {
						t.Errorf("filter %d at (%d,%d) responds %v, and the bit differs", p, column, row, v)
					}
				}
			}
		}
	}
	t.Logf("%d of %d bits differ", differ, bits)
	if float64(differ) > 3e-4*float64(bits) {
		t.Errorf("%d of %d bits differ", differ, bits)
	}
}

func BenchmarkCode(b *testing.B) {
	e, g, c := New(), noise(rand.New(rand.NewPCG(1, 1))), new(Code)
	b.ReportAllocs()
	for b.Loop() {
		e.Code(c, g)
	}
}

func BenchmarkPortable(b *testing.B) {
	e, g, c := New(), noise(rand.New(rand.NewPCG(1, 1))), new(Code)
	e.portable = true
	for b.Loop() {
		e.Code(c, g)
	}
}

func BenchmarkReference(b *testing.B) {
	e, g, c := NewReference(), noise(rand.New(rand.NewPCG(1, 1))), new(Code)
	for b.Loop() {
		e.Code(c, g)
	}
}
