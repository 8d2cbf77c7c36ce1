package bocv

import (
	"math/rand/v2"
	"testing"
)

func TestTurn(t *testing.T) {
	src, dst := noise(rand.New(rand.NewPCG(1, 2))), new(Region)
	Turn(dst, src, 0)
	if *dst != *src {
		t.Error("turned by nothing, and it changed")
	}
	Turn(dst, src, 90)
	for y := range Size {
		for x := range Size {
			if dst[x*Size+Size-1-y] != src[y*Size+x] {
				t.Fatalf("(%d,%d) is not where a quarter turn clockwise brings it", x, y)
			}
		}
	}
	flat := new(Region)
	for i := range flat {
		flat[i] = 200
	}
	Turn(dst, flat, 45)
	if *dst != *flat {
		t.Error("a flat region has changed by turning")
	}
}

// TestTurnBringsBack turns a region of stripes and expects the code of stripes that were
// drawn in that direction.
func TestTurnBringsBack(t *testing.T) {
	e := New()
	var want, turned, straight Code
	e.Code(&want, stripes(34))
	e.Code(&straight, stripes(30))
	src, dst := stripes(30), new(Region)
	Turn(dst, src, 4)
	e.Code(&turned, dst)
	before, _, _ := Distance(&want, &straight, 0)
	after, _, _ := Distance(&want, &turned, 0)
	if after > before/2 {
		t.Errorf("4 degrees apart %v, turned %v", before, after)
	}
	if n := testing.AllocsPerRun(3, func() { Turn(dst, src, 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTurn(b *testing.B) {
	src, dst := noise(rand.New(rand.NewPCG(1, 2))), new(Region)
	for b.Loop() {
		Turn(dst, src, 3)
	}
}
