package device

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// once is a wire on which some bytes come, in pieces, and then no more.
type once struct {
	in   *bytes.Reader
	size int
}

func (o once) Read(p []byte) (int, error) {
	if o.in.Len() == 0 {
		return 0, io.EOF
	}
	return o.in.Read(p[:min(len(p), o.size)])
}

func (o once) Write(p []byte) (int, error) { return len(p), nil }

// FuzzModules: no garbage makes a module panic, or keep more than a frame.
func FuzzModules(f *testing.F) {
	f.Add([]byte{0xEF, 0xAA, 0x12, 0, 2, 0, 10, 0x1A, 0xEF, 0xAA, 0x22, 0, 1, 0, 0x23}, byte(3))
	f.Add([]byte{0xEF, 0xAA, 0xC1, 0, 0, 0, 1, 0, 0xC2}, byte(9))
	f.Add([]byte(rsAnnounce+"@F\x03X"+rsCancel), byte(200))
	f.Fuzz(func(t *testing.T, in []byte, size byte) {
		wire := func() once { return once{bytes.NewReader(in), 1 + int(size)} }
		xor, sum, rs := NewEFAA(false), NewEFAA(true), NewRSID()
		for _, err := range []error{xor.Serve(t.Context(), wire()), sum.Serve(t.Context(), wire()), rs.Serve(t.Context(), wire())} {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		if n := max(len(xor.in), len(sum.in), len(rs.in)); n > 9000 {
			t.Fatalf("keeps %d bytes", n)
		}
		if xor.Present("tilld", true) || rs.Present("tilld", true) {
			t.Fatal("looks after it was switched off")
		}
	})
}
