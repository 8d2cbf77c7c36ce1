package attack

import (
	"math/rand/v2"

	"github.com/tilld/tilld/biometric/internal/feature"
)

// Evidence is what stored samples say of each bit of a protected template: how many of them
// have it less how many have not. All are of one palm under one key.
func (m *Map) Evidence(samples ...[]uint64) []int16 {
	out := make([]int16, m.bits)
	for _, s := range samples {
		for j := range out {
			out[j] += 2*int16(s[j/64]>>(j%64)&1) - 1
		}
	}
	return out
}

// estimate is the linear inverse: each cell as the evidence of the bits it has a part in adds
// up. Cells that no bit was drawn from stay 0: of 1024 bits about six in ten.
func (m *Map) estimate(evidence []int16) *[feature.Bits]int16 {
	out := new([feature.Bits]int16)
	for i, d := range m.draws {
		v := evidence[i/terms]
		if d.negate {
			v = -v
		}
		out[d.cell] += v
	}
	return out
}

// Guess loads what the evidence says of the features under m, cell by cell, with nothing for
// cells that it says nothing of: what a thief of both keys links templates with.
func (p *Plate) Guess(m *Map, evidence []int16) {
	e := m.estimate(evidence)
	p.fill(func(cell int) int16 { return e[cell] })
}

// Linear is features made of stored samples and their key by the linear inverse. What it
// cannot know it tosses for.
func (m *Map) Linear(evidence []int16, seed uint64) *feature.Code {
	r := rand.New(rand.NewPCG(seed, 1))
	c := new(feature.Code)
	for cell, v := range m.estimate(evidence) {
		if v > 0 || v == 0 && r.IntN(2) == 1 {
			c.Data()[cell/8] |= 1 << (cell % 8)
		}
	}
	return c
}

// climbRounds bounds how often all bits that are wrong are tried again.
const climbRounds = 60

// Climb is features made by hill climbing from the linear inverse: cells are flipped one at
// a time wherever the protected template comes no further from the stored samples.
func (m *Map) Climb(evidence []int16, seed uint64) *feature.Code {
	c := m.Linear(evidence, seed)
	r := rand.New(rand.NewPCG(seed, 2))
	h := newHill(m, c, evidence)
	for range climbRounds {
		wrong := h.wrong()
		if len(wrong) == 0 {
			break
		}
		r.Shuffle(len(wrong), func(i, j int) { wrong[i], wrong[j] = wrong[j], wrong[i] })
		better := false
		for _, j := range wrong {
			better = h.mend(j, r) || better
		}
		if !better {
			break
		}
	}
	return c
}

// hill is features on their way up.
type hill struct {
	m        *Map
	c        *feature.Code
	evidence []int16
	sums     []int16   // of the terms of each bit
	users    [][]int32 // by cell, the bits that it has a part in
}

func newHill(m *Map, c *feature.Code, evidence []int16) *hill {
	h := &hill{m: m, c: c, evidence: evidence, sums: make([]int16, m.bits), users: make([][]int32, feature.Bits)}
	for i, d := range m.draws {
		h.sums[i/terms] += h.term(d)
		h.users[d.cell] = append(h.users[d.cell], int32(i/terms))
	}
	return h
}

func (h *hill) term(d draw) int16 {
	v := 2*int16(h.c.Data()[d.cell/8]>>(d.cell%8)&1) - 1
	if d.negate {
		return -v
	}
	return v
}

// worth is what a sum of bit j is worth: the evidence for it, or against.
func (h *hill) worth(j int32, sum int16) int16 {
	if 2*sum+h.m.bias[j] > 0 {
		return h.evidence[j]
	}
	return -h.evidence[j]
}

func (h *hill) wrong() (out []int32) {
	for j, s := range h.sums {
		if h.worth(int32(j), s) < 0 {
			out = append(out, int32(j))
		}
	}
	return out
}

// mend flips the one cell of bit j that gains most, or one that loses nothing.
func (h *hill) mend(j int32, r *rand.Rand) bool {
	if h.worth(j, h.sums[j]) >= 0 {
		return false // another flip has mended it
	}
	best, gain := int32(-1), int16(-1)
	first := r.IntN(terms)
	for i := range terms {
		d := h.m.draws[int(j)*terms+(first+i)%terms]
		if g := h.gain(d.cell); g > gain {
			best, gain = d.cell, g
		}
	}
	if best < 0 {
		return false
	}
	h.flip(best)
	return true
}

// gain is what flipping a cell is worth. Each bit that it has a part in changes by twice its
// terms of that cell.
func (h *hill) gain(cell int32) (g int16) {
	h.each(cell, func(j int32, change int16) {
		g += h.worth(j, h.sums[j]+change) - h.worth(j, h.sums[j])
	})
	return g
}

func (h *hill) flip(cell int32) {
	h.each(cell, func(j int32, change int16) { h.sums[j] += change })
	h.c.Data()[cell/8] ^= 1 << (cell % 8)
}

func (h *hill) each(cell int32, f func(j int32, change int16)) {
	last := int32(-1)
	for _, j := range h.users[cell] {
		if j == last {
			continue // drawn twice for one bit
		}
		last = j
		var change int16
		for _, d := range h.m.draws[int(j)*terms:][:terms] {
			if d.cell == cell {
				change -= 2 * h.term(d)
			}
		}
		f(j, change)
	}
}
