package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// decodePGM reads portable grey maps (netpbm, pgm(5)), as text (P2) and as bytes (P5), of up
// to 16 bits. A file that holds several is read as its first.
func decodePGM(data []byte) (*Grey, error) {
	s := pgm{data: data[2:]}
	width, height, most := s.number(), s.number(), s.number()
	if s.err != nil {
		return nil, fmt.Errorf("PGM: %w", s.err)
	}
	if most < 1 || most > 0xffff {
		return nil, fmt.Errorf("PGM: a maximum of %d", most)
	}
	size := 1
	if most > 255 {
		size = 2
	}
	if err := bounded(width, height); err != nil {
		return nil, fmt.Errorf("PGM: %w", err)
	}
	if data[1] == '5' {
		if len(s.data) > 0 { // exactly one white space before the pixels
			s.data = s.data[1:]
		}
	} else {
		size = 1 // a digit each, at least
	}
	if width*height*size > len(s.data) {
		return nil, fmt.Errorf("PGM: %d x %d pixels in %d bytes: the file is cut off", width, height, len(s.data))
	}
	g := newGrey(width, height)
	for i := range g.Pix {
		v := 0
		switch {
		case data[1] == '2':
			if v = s.number(); s.err != nil {
				return nil, fmt.Errorf("PGM: pixel %d: %w", i, s.err)
			}
		case most > 255:
			v = int(binary.BigEndian.Uint16(s.data[2*i:]))
		default:
			v = int(s.data[i])
		}
		g.Pix[i] = byte(min(v, most) * 255 / most)
	}
	return g, nil
}

// pgm is what is left of a file.
type pgm struct {
	data []byte
	err  error
}

// number reads the next number, past white space and comments.
func (s *pgm) number() (n int) {
	for len(s.data) > 0 && (space(s.data[0]) || s.data[0] == '#') {
		if s.data[0] == '#' {
			for len(s.data) > 0 && s.data[0] != '\n' && s.data[0] != '\r' {
				s.data = s.data[1:]
			}
			continue
		}
		s.data = s.data[1:]
	}
	digits := 0
	for len(s.data) > 0 && s.data[0] >= '0' && s.data[0] <= '9' && digits < 7 {
		n = 10*n + int(s.data[0]-'0')
		s.data = s.data[1:]
		digits++
	}
	if s.err == nil && (digits == 0 || digits == 7 || len(s.data) > 0 && !space(s.data[0]) && s.data[0] != '#') {
		s.err = errors.New("a number is missing, or is too large")
	}
	return n
}

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
