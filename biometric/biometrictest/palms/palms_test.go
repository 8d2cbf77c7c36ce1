package palms

import (
	"math"
	"testing"
)

func stats(v []float64) (mean, dev float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		dev += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(dev / float64(len(v)))
}

// TestDistances holds the two bands to what real palms in two bands showed: live bands
// .385, the same band again .18, another palm .45.
func TestDistances(t *testing.T) {
	const n = 20
	g := newGabors()
	var first, second, vein [n]*code
	for i := range n {
		id := New(uint64(i))
		p, v := id.Pair(uint64(i), Plain())
		first[i], vein[i] = g.code(p), g.code(v)
		second[i] = g.code(id.Capture(uint64(i)+1000, Plain(), Print))
	}
	var genuine, impostor, cross []float64
	for i := range n {
		cross = append(cross, first[i].distance(vein[i], 3))
		for k := range n {
			if d := first[i].distance(second[k], 3); i == k {
				genuine = append(genuine, d)
			} else {
				impostor = append(impostor, d)
			}
		}
	}
	for _, c := range []struct {
		what      string
		of        []float64
		low, high float64
	}{
		{"same palm, same band", genuine, 0.15, 0.30},
		{"another palm", impostor, 0.42, 0.47},
		{"same palm, other band", cross, 0.36, 0.41},
	} {
		mean, dev := stats(c.of)
		t.Logf("%s: %.3f±%.3f, n %d, simulated", c.what, mean, dev, len(c.of))
		if mean < c.low || mean > c.high {
			t.Errorf("%s: mean %.3f, want %.2f to %.2f", c.what, mean, c.low, c.high)
		}
	}
}

func TestSeeds(t *testing.T) {
	a, b := New(7).Capture(1, Plain(), Print), New(7).Capture(1, Plain(), Print)
	if *a != *b {
		t.Error("the same seeds are another capture")
	}
	p, v := New(7).Pair(1, Plain())
	if *p != *a || *v == *a {
		t.Error("Pair is not the captures of both bands")
	}
	for name, other := range map[string]*Region{
		"another capture": New(7).Capture(2, Plain(), Print),
		"another palm":    New(8).Capture(1, Plain(), Print),
		"the other hand":  NewHand(7, Left).Capture(1, Plain(), Print),
	} {
		if *other == *a {
			t.Error(name, "is the same region")
		}
	}
}

func BenchmarkCapture(b *testing.B) {
	id := New(1)
	for i := 0; b.Loop(); i++ {
		id.Capture(uint64(i), Plain(), Print)
	}
}
