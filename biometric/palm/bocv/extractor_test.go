package bocv

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/internal/secret"
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
			if *fast.sum != *slow.sum || *fast.diff != *slow.diff {
				t.Fatalf("row %d is folded differently", row)
			}
			fast.respond()
			slow.respond()
			if *fast.out != *slow.out {
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

// stripes are lines of the filters' wavelength; a dark one runs through the middle of the
// region. Their direction across is that of filter degrees/30.
func stripes(degrees float64) *Region {
	g := new(Region)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	for y := range Size {
		for x := range Size {
			across := float64(x-66)*cos + float64(y-66)*sin
			g[y*Size+x] = byte(128.5 - 50*math.Cos(2*math.Pi*across/wavelength))
		}
	}
	return g
}

// TestDirections shows stripes in each direction, and expects the filter of that direction to
// see the dark line most strongly, and the code to say so.
func TestDirections(t *testing.T) {
	e := New()
	for p := range feature.Planes {
		g := stripes(float64(p * 30))
		var c Code
		if contrast := e.Code(&c, g); contrast < 10 || contrast > 50 {
			t.Errorf("stripes 100 grey values deep have a contrast of %v", contrast)
		}
		if bit(&c, p, 16, 16) != 1 {
			t.Errorf("filter %d does not see its dark line", p)
		}
		plain := NewReference()
		plain.pad(g)
		for q := range feature.Planes {
			if q != p && plain.response(q, 16, 16) <= plain.response(p, 16, 16) {
				t.Errorf("filter %d sees a line of filter %d more strongly", q, p)
			}
		}
	}
}

// TestContrast holds a flat region to an exact zero, and half the contrast to half.
func TestContrast(t *testing.T) {
	e := New()
	for _, v := range []byte{0, 1, 128, 255} {
		g := new(Region)
		for i := range g {
			g[i] = v
		}
		c := Code{}
		if contrast := e.Code(&c, g); contrast != 0 || c != (Code{}) {
			t.Errorf("grey value %d everywhere: contrast %v", v, contrast)
		}
	}
	g, faint, c := stripes(30), new(Region), new(Code)
	for i, v := range g {
		faint[i] = byte((int(v)-128)/2 + 128)
	}
	strong, weak := e.Code(c, g), e.Code(c, faint)
	if r := weak / strong; r < 0.48 || r > 0.52 {
		t.Errorf("half as deep, and the contrast is %v of it", r)
	}
}

// TestCodeStays pins the definition: enrolled palms must be found again after an update.
func TestCodeStays(t *testing.T) {
	e, c := New(), new(Code)
	h := sha256.New()
	r := rand.New(rand.NewPCG(11, 12))
	for range 4 {
		g := noise(r)
		var smooth Region // no response is near zero by accident
		for y := range Size {
			for x := range Size {
				n := 0
				for i := -3; i <= 3; i++ {
					n += int(g[mirror(y+i)*Size+x]) + int(g[y*Size+mirror(x+i)])
				}
				smooth[y*Size+x] = byte(n / 14)
			}
		}
		e.Code(c, &smooth)
		h.Write(c.Data()[:])
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != "cf414cff4713074f73ec31909626db2ae9b65baa31d274dbe56b0ecb4f4a1983" {
		t.Errorf("codes are %s", got)
	}
}

func TestCodeAllocatesNothingAndWipes(t *testing.T) {
	e, g, c := New(), noise(rand.New(rand.NewPCG(1, 1))), new(Code)
	if n := testing.AllocsPerRun(3, func() { e.Code(c, g) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	e.Wipe()
	if *e.rows != (rows{}) || *e.sum != (folded{}) || *e.diff != (folded{}) || *e.out != (responses{}) {
		t.Error("something of the region is left")
	}
	if e.Code(c, g); *c == (Code{}) {
		t.Error("no code after wiping")
	}
}

// TestInArena computes in locked memory, and holds ArenaSize to what is taken.
func TestInArena(t *testing.T) {
	a, err := secret.NewArena(ArenaSize())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	e, g := NewIn(a), noise(rand.New(rand.NewPCG(1, 1)))
	var here, there Code
	e.Code(&here, g)
	New().Code(&there, g)
	if here != there {
		t.Error("another code than on the heap")
	}
	a.Wipe()
	if *e.rows != (rows{}) || *e.sum != (folded{}) || *e.diff != (folded{}) || *e.out != (responses{}) {
		t.Error("part of the workspace is not in the arena")
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
