// Package attack is what somebody can do who holds protected templates, and more or fewer of
// the keys they were made with: link templates of one person across providers, and make
// features that a stolen template accepts. It has its own PT1, every draw laid open, written
// from the specification apart from the product's.
//
// It is for measuring. Features go in and out as *bocv.Code, which shows nothing of itself.
package attack

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tilld/tilld/biometric/internal/feature"
)

// Key is what a provider protects features with.
type Key struct {
	Provider string
	Epoch    uint32
	K        [32]byte
	Salt     [16]byte // of the subject, or of a shard
}

// MaxRadius is the furthest shift of a Map, in cells.
const MaxRadius = 8

// terms is how many draws make one bit.
const terms = 3

// Map is PT1 under one key. It does not change and may be used by several goroutines.
type Map struct {
	bits   int
	radius int
	side   int     // of a plane with its border
	draws  []draw  // terms of each bit, in order
	at     []int32 // where each draw reads in a plate; a negated cell in its second half
	bias   []int16 // 1 where a sum of zero makes a bit
}

type draw struct {
	cell   int32
	negate bool
}

// NewMap draws the terms of bits (a multiple of 64) for shifts of up to radius cells.
func NewMap(k Key, bits, radius int) (*Map, error) {
	if bits < 64 || bits%64 != 0 || radius < 0 || radius > MaxRadius {
		return nil, fmt.Errorf("map of %d bits and shifts of %d cells: want a multiple of 64, and 0 to %d", bits, radius, MaxRadius)
	}
	info := append([]byte("tilld/palm/pt1\x00"), k.Provider...)
	info = append(info, 0)
	info = binary.BigEndian.AppendUint32(info, k.Epoch)
	info = append(info, 0, 0) // version 1: the same draws for all shifts
	sub, err := hkdf.Key(sha256.New, k.K[:], k.Salt[:], string(info), 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	stream := sha3.NewSHAKE256()
	if _, err := stream.Write(sub); err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	m := &Map{bits: bits, radius: radius, side: feature.Side + 2*radius}
	var pair [2]byte
	for len(m.draws) < terms*bits {
		if _, err := stream.Read(pair[:]); err != nil {
			return nil, fmt.Errorf("draw: %w", err)
		}
		v := binary.BigEndian.Uint16(pair[:])
		if cell := int32(v & 0x1fff); cell < feature.Bits {
			m.draws = append(m.draws, draw{cell, v>>15 == 1})
		}
	}
	m.lay()
	return m, nil
}

// lay works out where the draws read.
func (m *Map) lay() {
	half := feature.Planes * m.side * m.side
	for i, d := range m.draws {
		at := m.place(int(d.cell))
		if d.negate {
			at += half
		}
		m.at = append(m.at, int32(at))
		if i%terms == 0 {
			b := int16(1)
			if d.negate {
				b = 0
			}
			m.bias = append(m.bias, b)
		}
	}
}

// place is where a cell stands in a plate.
func (m *Map) place(cell int) int {
	p, row, column := cell/(feature.Side*feature.Side), cell/feature.Side%feature.Side, cell%feature.Side
	return (p*m.side+row+m.radius)*m.side + column + m.radius
}

// Bits is the length of a protected bit string; Words the same in words.
func (m *Map) Bits() int  { return m.bits }
func (m *Map) Words() int { return m.bits / 64 }

// Shifts is how many bit strings a probe has.
func (m *Map) Shifts() int { return (2*m.radius + 1) * (2*m.radius + 1) }

// Shift is the number of the string of a probe that is shifted by (dx, dy).
func (m *Map) Shift(dx, dy int) (int, error) {
	if max(dx, -dx, dy, -dy) > m.radius {
		return 0, errors.New("the shift is beyond the radius")
	}
	return (dy+m.radius)*(2*m.radius+1) + dx + m.radius, nil
}

// Plate is a workspace of a Map's size. Not safe for concurrent use.
type Plate struct {
	m     *Map
	cells []int16 // planes with a border of zeros, then the same negated
}

// NewPlate makes a workspace. It serves all maps of the same radius.
func (m *Map) NewPlate() *Plate {
	return &Plate{m: m, cells: make([]int16, 2*feature.Planes*m.side*m.side)}
}

func (p *Plate) fill(value func(cell int) int16) {
	half := len(p.cells) / 2
	for cell := range feature.Bits {
		at, v := p.m.place(cell), value(cell)
		p.cells[at], p.cells[half+at] = v, -v
	}
}

// Load takes the features to be protected.
func (p *Plate) Load(c *feature.Code) {
	bits := c.Data()
	p.fill(func(cell int) int16 { return 2*int16(bits[cell/8]>>(cell%8)&1) - 1 })
}

// Reference writes the bit string at no shift to dst, of Words words.
func (m *Map) Reference(dst []uint64, p *Plate) { m.apply(dst, p, 0) }

// Probe writes one bit string for each shift to dst, by dy and then dx, both from -radius up.
func (m *Map) Probe(dst []uint64, p *Plate) {
	n := m.Words()
	for dy := -m.radius; dy <= m.radius; dy++ {
		for dx := -m.radius; dx <= m.radius; dx++ {
			m.apply(dst[:n], p, dy*m.side+dx)
			dst = dst[n:]
		}
	}
}

func (m *Map) apply(dst []uint64, p *Plate, shift int) {
	// Shifts reach a border of zeros and never beyond, so that one offset serves all draws.
	cells, at := p.cells, m.at
	for w := range dst {
		var word uint64
		for b := range 64 {
			j := w*64 + b
			t := at[terms*j:][:terms:terms]
			sum := cells[int(t[0])+shift] + cells[int(t[1])+shift] + cells[int(t[2])+shift]
			// Positive for a bit: a sum above zero, or zero where the bias says so.
			positive := uint64(uint16(-(2*sum + m.bias[j])) >> 15)
			word |= positive << b
		}
		dst[w] = word
	}
}

// Radius is the furthest shift, in cells.
func (m *Map) Radius() int { return m.radius }
