package biometric

import (
	"encoding/binary"
	"fmt"

	"github.com/tilld/tilld/internal/secret"
)

// maxTemplate is the longest protected template: 8 KB sealed, less the encapsulated key and
// the tag.
const maxTemplate = 8192 - sealEncSize - sealTagSize

// Protected is a protected template: a reference, which the provider stores, or a probe,
// which it compares and forgets. It says little without the Transform it was made with, and
// remains a person's data all the same: it shows "[redacted]" of itself. It is not safe for
// concurrent use while Reset or Wipe run.
type Protected struct {
	h     Header
	words []uint64
	n     int
}

// NewProtected makes an empty template that keeps its samples in words, as far as they
// suffice. nil is fine: a terminal gives locked memory, a provider need not.
func NewProtected(words []uint64) *Protected { return &Protected{words: words[:0]} }

// ParseProtected reads a protected template: a header and the samples it announces, and
// nothing else. It keeps nothing of b.
func ParseProtected(b []byte) (*Protected, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	body := b[HeaderSize:]
	size := h.Bits / 8
	if len(body)%size != 0 {
		return nil, fmt.Errorf("parse template: %d bytes after the header, want a multiple of %d", len(body), size)
	}
	p := &Protected{}
	if err := p.Reset(h, len(body)/size); err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	for i := range p.words {
		p.words[i] = binary.LittleEndian.Uint64(body[8*i:])
	}
	return p, nil
}

// Reset gives p another header and n samples of zeros: (2*Shifts+1)^2 for a probe, 1 to 3
// for a reference.
func (p *Protected) Reset(h Header, n int) error {
	if err := h.check(); err != nil {
		return err
	}
	if n < 1 || n > h.Samples() || h.Probe && n != h.Samples() {
		return fmt.Errorf("%d samples, want %s", n, wantSamples(h))
	}
	if size := HeaderSize + n*h.Bits/8; size > maxTemplate {
		return fmt.Errorf("%d bytes, want at most %d", size, maxTemplate)
	}
	p.Wipe()
	words := n * h.Bits / 64
	if words > cap(p.words) {
		p.words = make([]uint64, words)
	}
	p.h, p.n, p.words = h, n, p.words[:words]
	return nil
}

func wantSamples(h Header) string {
	if h.Probe {
		return fmt.Sprintf("%d for shifts of %d cells", h.Samples(), h.Shifts)
	}
	return fmt.Sprintf("1 to %d", h.Samples())
}

// Header is what stands before the samples.
func (p *Protected) Header() Header { return p.h }

// Samples is how many bit strings there are: captures of a reference, shifts of a probe.
func (p *Protected) Samples() int { return p.n }

// Sample is the bits of sample i themselves, not a copy: bit j is bit j%64 of word j/64. The
// samples of a probe are ordered by dy, then dx, both from -Shifts up.
func (p *Protected) Sample(i int) []uint64 {
	n := p.h.Bits / 64
	return p.words[i*n : (i+1)*n : (i+1)*n]
}

// Size is the length of what AppendBinary appends, in bytes.
func (p *Protected) Size() int { return HeaderSize + 8*len(p.words) }

// AppendBinary appends the header and the samples to dst: what a provider stores of a
// reference. A terminal has no use for it, it calls Seal.
func (p *Protected) AppendBinary(dst []byte) ([]byte, error) {
	dst, err := p.h.AppendBinary(dst)
	if err != nil {
		return dst, err
	}
	for _, w := range p.words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst, nil
}

// Wipe overwrites the template with zeros. It may be called more than once.
func (p *Protected) Wipe() {
	clear(p.words[:cap(p.words)])
	p.h, p.n, p.words = Header{}, 0, p.words[:0]
}

func (p Protected) String() string               { return secret.Redacted }
func (p Protected) GoString() string             { return secret.Redacted }
func (p Protected) Format(f fmt.State, _ rune)   { fmt.Fprint(f, secret.Redacted) }
func (p Protected) MarshalJSON() ([]byte, error) { return []byte(`"` + secret.Redacted + `"`), nil }
func (p Protected) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }
