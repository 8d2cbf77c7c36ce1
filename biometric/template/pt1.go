package template

import (
	"crypto/sha3"
	"encoding/binary"

	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/internal/secret"
)

const (
	draws     = 3 // that make one output bit
	cells     = feature.Side * feature.Side
	indexMask = 0x1fff
	signBit   = 0x8000
)

// subkey is k of PT1: HKDF-SHA256, whose 32 bytes are one block. Version 1 has one subkey for
// all shifts, dx = dy = 0.
func subkey(key, salt []byte, provider string, epoch uint32, dx, dy int8) [32]byte {
	prk := secret.MAC(salt, key)
	defer secret.Zero(prk[:])
	return secret.MAC(prk[:], append(keyInfo(provider, epoch, dx, dy), 1))
}

func keyInfo(provider string, epoch uint32, dx, dy int8) []byte {
	info := append([]byte("tilld/palm/pt1\x00"), provider...)
	info = append(info, 0)
	info = binary.BigEndian.AppendUint32(info, epoch)
	return append(info, byte(dx), byte(dy))
}

// drawAll fills dst with draws from SHAKE256(key).
func drawAll(dst []uint16, key []byte) {
	stream := sha3.NewSHAKE256()
	defer stream.Reset()
	stream.Write(key)
	var block [168]byte
	defer secret.Zero(block[:])
	for n := 0; n < len(dst); {
		stream.Read(block[:])
		for i := 0; i < len(block) && n < len(dst); i += 2 {
			v := binary.BigEndian.Uint16(block[i:])
			if v&indexMask < feature.Bits {
				dst[n] = v & (signBit | indexMask)
				n++
			}
		}
	}
}

// The evaluation works on up to 64 lanes at once: lane i of lanes[c] is the value of cell c at
// the i-th shift, or in the i-th sample. An output bit then is a majority of three words, for
// all lanes together.

// sampleLanes makes each code a lane. Nothing lies outside of the grid.
func (p *Protector) sampleLanes(codes []*feature.Code) {
	clear(p.lanes)
	for lane, code := range codes {
		data := code.Data()
		for c := range p.lanes {
			p.lanes[c] |= uint64(data[c/8]>>(c%8)&1) << lane
		}
	}
	for c := range p.inside {
		p.inside[c] = 1<<len(codes) - 1
	}
}

// shiftLanes makes each shift of up to s cells a lane, ordered by dy, then dx. A row of a
// plane, moved up by s bits, shows the cells around column c at bit c.
func (p *Protector) shiftLanes(code *feature.Code, s int) {
	side := 2*s + 1
	clear(p.lanes)
	clear(p.inside)
	data := code.Data()
	window := uint64(1)<<side - 1
	for row := range feature.Side {
		for k := range side {
			from := row + k - s
			if from < 0 || from >= feature.Side {
				continue
			}
			at := side * k
			full := uint64(1<<feature.Side-1) << s
			for col := range feature.Side {
				p.inside[row*feature.Side+col] |= full >> col & window << at
			}
			for plane := range feature.Planes {
				word := uint64(binary.LittleEndian.Uint32(data[(plane*feature.Side+from)*4:])) << s
				lanes := p.lanes[(plane*feature.Side+row)*feature.Side:][:feature.Side]
				for col := range lanes {
					lanes[col] |= word >> col & window << at
				}
			}
		}
	}
}

// evaluate computes the output bits of all lanes, 64 at a time, and turns them into one bit
// string for each lane.
func (p *Protector) evaluate() {
	var square [64]uint64
	n := p.out.Samples()
	for word := range p.profile.Bits() / 64 {
		d := p.draws[word*64*draws:][:64*draws]
		for j := range square {
			square[j] = p.bit(d[draws*j : draws*j+draws : draws*j+draws])
		}
		transpose(&square)
		for i := range n {
			p.out.Sample(i)[word] = square[i]
		}
	}
	clear(square[:])
	clear(p.lanes)
}

// bit is one output bit in all lanes.
func (p *Protector) bit(d []uint16) uint64 {
	p0, n0 := p.term(d[0])
	p1, n1 := p.term(d[1])
	p2, n2 := p.term(d[2])
	// With three terms of -1, 0 or +1 the sum is positive if two are, or if one is and none
	// is negative.
	positive := p0&p1 | p2&(p0|p1) | (p0|p1|p2)&^(n0|n1|n2)
	negative := n0&n1 | n2&(n0|n1) | (n0|n1|n2)&^(p0|p1|p2)
	first := uint64(d[0]>>15) - 1 // all ones if the first sign is not set
	return positive | first&^negative
}

// term says in which lanes a draw counts +1, and in which -1.
func (p *Protector) term(d uint16) (plus, minus uint64) {
	c := d & indexMask
	inside := p.inside[c%cells]
	plus = (p.lanes[c] ^ -uint64(d>>15)) & inside
	return plus, inside &^ plus
}

// transpose swaps rows and columns of 64x64 bits: bit i of word j becomes bit j of word i.
func transpose(m *[64]uint64) {
	mask := uint64(1<<32 - 1)
	for step := 32; step > 0; step >>= 1 {
		for i := 0; i < 64; i = (i + step + 1) &^ step {
			t := (m[i]>>step ^ m[i+step]) & mask
			m[i] ^= t << step
			m[i+step] ^= t
		}
		mask ^= mask << (step / 2)
	}
}
