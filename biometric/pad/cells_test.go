package pad

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range [][2]int{{640, 480}, {64, 64}, {100, 70}, {1920, 1080}, {4096, 64}, {641, 481}} {
		w, h := size[0], size[1]
		luma := make([]byte, w*h)
		for i := range luma {
			luma[i] = byte(rng.Uint32() | 0x80)
		}
		side := cellSide(w, h)
		nx, ny := w/side, h/side
		if nx > maxCells || ny > maxCells || side%8 != 0 {
			t.Fatalf("%dx%d: cells of %d", w, h, side)
		}
		dst := make([]float32, nx*ny)
		cells(dst, luma, w, h, side)
		for j := range dst {
			sum := 0
			for y := 0; y < side; y += 2 {
				for x := range side {
					sum += int(luma[(j/nx*side+y)*w+j%nx*side+x])
				}
			}
			if want := float64(sum) / float64(side*side/2); math.Abs(float64(dst[j])-want) > 1e-3 {
				t.Fatalf("%dx%d: cell %d is %v, want %v", w, h, j, dst[j], want)
			}
		}
	}
}

func TestCountsOfBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for range 300 {
		a, b := make([]byte, 64), make([]byte, 64)
		hot, same := 0, 0
		for i := range a {
			a[i] = byte(rng.Uint32())
			if rng.Uint32()%2 == 0 {
				a[i] = 246 + byte(rng.Uint32()%10)
			}
			b[i] = a[i] ^ byte(rng.Uint32()%2)<<(rng.Uint32()%8)
			if a[i] >= 250 {
				hot++
			}
			if a[i] == b[i] {
				same++
			}
		}
		if saturated(a) != hot || alike(a, b) != same {
			t.Fatalf("%d saturated, want %d; %d alike, want %d", saturated(a), hot, alike(a, b), same)
		}
	}
}
