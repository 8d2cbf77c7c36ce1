package attack

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tilld/tilld/biometric/internal/feature"
)

// vectorKey is the key of the specification's vectors, whose feature is vectorCode.
func vectorKey() Key {
	k := Key{Provider: "provider.example", Epoch: 1}
	for i := range k.K {
		k.K[i] = byte(i)
	}
	for i := range k.Salt {
		k.Salt[i] = byte(0xa0 + i)
	}
	return k
}

func vectorCode() *feature.Code {
	c := new(feature.Code)
	s := sha3.NewSHAKE256()
	s.Write([]byte("tilld test palm"))
	s.Read(c.Data()[:])
	return c
}

func sum(words []uint64) string {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func newMap(t testing.TB, k Key, bits, radius int) *Map {
	t.Helper()
	m, err := NewMap(k, bits, radius)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestVectors(t *testing.T) {
	otherEpoch, otherSalt, otherProvider := vectorKey(), vectorKey(), vectorKey()
	otherEpoch.Epoch = 2
	otherSalt.Salt[15] = 0xae
	otherProvider.Provider = "provider.example.org"
	for _, v := range []struct {
		name         string
		key          Key
		bits, dx, dy int
		want         string
	}{
		{"reference", vectorKey(), 2048, 0, 0, "d5eee6db344252a4547db4c74998ba3a3d8de7e25c69639a20d4e7827d18e939"},
		{"shifted", vectorKey(), 2048, 2, -1, "f66c422c08f687bbabb4adc6af0522348d87121524b5b1dadf16c9761814d479"},
		{"1024 bits", vectorKey(), 1024, 0, 0, "3066708806e3e9b4c294908e76015d39cbc7589a8110a13763a02f2743537268"},
		{"other epoch", otherEpoch, 2048, 0, 0, "55166dd830e160031fb95495f1d3510a558570649477aa1367bc9f1bb0405754"},
		{"other salt", otherSalt, 2048, 0, 0, "3d5efcc9903f8a0a26a4915b8c1043ad83ad5b3b0a174f7a74381b7605f7f960"},
		{"other provider", otherProvider, 2048, 0, 0, "26bf594918d7208ad30bfc50b8bebcebd3fe94d02bba990e8df3dd009d9f8ae0"},
	} {
		for _, radius := range []int{2, 4} {
			m := newMap(t, v.key, v.bits, radius)
			p := m.NewPlate()
			p.Load(vectorCode())
			probe := make([]uint64, m.Shifts()*m.Words())
			m.Probe(probe, p)
			at, err := m.Shift(v.dx, v.dy)
			if err != nil {
				t.Fatal(err)
			}
			if got := sum(probe[at*m.Words():][:m.Words()]); got != v.want {
				t.Errorf("%s, radius %d: %s, want %s", v.name, radius, got, v.want)
			}
			if v.dx == 0 {
				y := make([]uint64, m.Words())
				m.Reference(y, p)
				if got := sum(y); got != v.want {
					t.Errorf("%s, reference: %s, want %s", v.name, got, v.want)
				}
			}
		}
	}
	if _, err := NewMap(vectorKey(), 100, 2); err == nil {
		t.Error("100 bits were taken")
	}
	if _, err := newMap(t, vectorKey(), 64, 2).Shift(3, 0); err == nil {
		t.Error("a shift of 3 in a radius of 2")
	}
}

// noisy is a code with share of its bits tossed anew.
func noisy(r *rand.Rand, c *feature.Code, share float64) *feature.Code {
	out := new(feature.Code)
	*out = *c
	for i := range feature.Bits {
		if r.Float64() < share {
			out.Data()[i/8] = out.Data()[i/8]&^(1<<(i%8)) | byte(r.IntN(2))<<(i%8)
		}
	}
	return out
}

func random(r *rand.Rand) *feature.Code { return noisy(r, new(feature.Code), 1) }

func reference(m *Map, c *feature.Code) []uint64 {
	p := m.NewPlate()
	p.Load(c)
	y := make([]uint64, m.Words())
	m.Reference(y, p)
	return y
}

func probe(m *Map, c *feature.Code) []uint64 {
	p := m.NewPlate()
	p.Load(c)
	y := make([]uint64, m.Shifts()*m.Words())
	m.Probe(y, p)
	return y
}

func TestPreImage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, bits := range []int{1024, 2048} {
		m := newMap(t, vectorKey(), bits, 0)
		c := random(r)
		y := reference(m, c)
		e := m.Evidence(y)
		linear, climbed := m.Linear(e, 1), m.Climb(e, 1)
		// A term agrees with its sum of three in 3 of 4 cases.
		agree := 1 - float64(differing(c, linear))/feature.Bits
		drawn := map[int32]bool{}
		for _, d := range m.draws {
			drawn[d.cell] = true
		}
		share := float64(len(drawn)) / feature.Bits
		if want := share*0.75 + (1-share)*0.5; agree < want-0.02 || agree > want+0.05 {
			t.Errorf("%d bits: %.3f of the cells are right, want about %.3f", bits, agree, want)
		}
		d, dc := Nearest(y, reference(m, linear), bits, m.Words()), Nearest(y, reference(m, climbed), bits, m.Words())
		if d > 0.25 || dc > 0.01 || dc > d {
			t.Errorf("%d bits: the linear inverse is %.3f away from what was stolen, after climbing %.3f", bits, d, dc)
		}
		if differing(climbed, m.Climb(e, 1)) != 0 {
			t.Error("the same seed climbs elsewhere")
		}
	}
}

func differing(a, b *feature.Code) (n int) {
	for i := range feature.Bits {
		n += int((a.Data()[i/8] ^ b.Data()[i/8]) >> (i % 8) & 1)
	}
	return n
}

// TestHillKeepsItsSums compares what a hill remembers with what it would be from the start.
func TestHillKeepsItsSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := newMap(t, vectorKey(), 2048, 0)
	c := random(r)
	h := newHill(m, c, m.Evidence(reference(m, random(r))))
	for range 2000 {
		h.flip(int32(r.IntN(feature.Bits)))
	}
	if !slices.Equal(h.sums, newHill(m, c, h.evidence).sums) {
		t.Error("the sums are wrong after flips")
	}
}

// TestLikelihood trains on links that are there, and on templates without any.
func TestLikelihood(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	other := vectorKey()
	other.K[0] = 99
	one, two := newMap(t, vectorKey(), 1024, 1), newMap(t, other, 1024, 1)
	at, _ := one.Shift(0, 0)
	for _, c := range []struct {
		name         string
		second       *Map
		least, below float64 // how far mated scores are below the others, in deviations
	}{{"the same key", one, 5, 1e9}, {"two keys", two, -1, 1}} {
		l := NewLikelihood(1024)
		for range 300 {
			a, b := random(r), random(r)
			again := reference(one, noisy(r, a, 0.5))
			l.Learn(again, probe(c.second, a)[at*16:][:16], true)
			l.Learn(again, probe(c.second, b)[at*16:][:16], false)
		}
		l.Train()
		var mated, others []float64
		for range 50 {
			a, b := random(r), random(r)
			y := reference(one, noisy(r, a, 0.5))
			pa, pb := probe(c.second, a), probe(c.second, b)
			mated = append(mated, float64(l.Score(y, pa, l.Prior(pa))))
			others = append(others, float64(l.Score(y, pb, l.Prior(pb))))
		}
		if apart := (mean(others) - mean(mated)) / deviation(others); apart < c.least || apart > c.below {
			t.Errorf("%s: mated scores are %.2f deviations below the others", c.name, apart)
		}
	}
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

func deviation(v []float64) float64 {
	m, s := mean(v), 0.0
	for _, x := range v {
		s += (x - m) * (x - m)
	}
	return math.Sqrt(max(s/float64(len(v)), 1e-12))
}

func BenchmarkProbe(b *testing.B) {
	m := newMap(b, vectorKey(), 2048, 2)
	p := m.NewPlate()
	p.Load(vectorCode())
	out := make([]uint64, m.Shifts()*m.Words())
	for b.Loop() {
		m.Probe(out, p)
	}
}

func BenchmarkNewMap(b *testing.B) {
	for b.Loop() {
		newMap(b, vectorKey(), 2048, 2)
	}
}

func BenchmarkNearest(b *testing.B) {
	m := newMap(b, vectorKey(), 2048, 2)
	y, p := reference(m, vectorCode()), probe(m, vectorCode())
	for b.Loop() {
		Nearest(y, p, 2048, 32)
	}
}

func BenchmarkClimb(b *testing.B) {
	m := newMap(b, vectorKey(), 2048, 0)
	e := m.Evidence(reference(m, vectorCode()))
	for b.Loop() {
		m.Climb(e, 1)
	}
}
