package tpm

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"testing"
)

func FuzzParseKeyFile(f *testing.F) {
	f.Add([]byte("-----BEGIN TSS2 PRIVATE KEY-----\nAA==\n-----END TSS2 PRIVATE KEY-----\n"))
	f.Add(KeyFile{Public: []byte{0, 0}, Private: []byte{0, 0}}.Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeyFile(text)
		if err != nil {
			_, err = parseKey(text)
			_ = err
			return
		}
		again, err := ParseKeyFile(k.Text())
		if err != nil || !bytes.Equal(again.Public, k.Public) || !bytes.Equal(again.Private, k.Private) {
			t.Errorf("%v", err)
		}
		k.Extractable()
		_, _ = k.PublicKey()
	})
}

func FuzzParseSealed(f *testing.F) {
	f.Add(Sealed{Version: 1, SRK: []byte{1}, Public: []byte{1}, Private: []byte{1}}.Text())
	f.Add([]byte(`[{"pcrs":[7],"policy":"","signature":""}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseSealed(text); err == nil {
			if _, err := ParseSealed(s.Text()); err != nil {
				t.Error(err)
			}
		}
		_, _ = ParseApprovals(text)
	})
}

func TestKeyFileRefused(t *testing.T) {
	if _, err := ParseKeyFile([]byte("x")); !errors.Is(err, ErrNotTPMKey) {
		t.Error(err)
	}
	good := KeyFile{Public: []byte{0, 0}, Private: []byte{0, 0}}.Text()
	block, _ := pem.Decode(good)
	for i := range block.Bytes {
		bad := bytes.Clone(block.Bytes)
		bad[i] ^= 0x40
		_, _ = parseKey(bad) // no panic
		if _, err := parseKey(block.Bytes[:i]); err == nil {
			t.Errorf("cut at %d passes", i)
		}
	}
}

// script answers reads with the parts it was given.
type script struct{ parts [][]byte }

func (s *script) Write(p []byte) (int, error) { return len(p), nil }
func (s *script) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.parts[0])
	s.parts = s.parts[1:]
	return n, nil
}

func TestWire(t *testing.T) {
	response := func(n int) []byte {
		b := make([]byte, n)
		binary.BigEndian.PutUint16(b, 0x8001)
		binary.BigEndian.PutUint32(b[2:], uint32(n))
		return b
	}
	whole := response(60)
	for cut := 1; cut < len(whole); cut++ {
		got, err := wire{&script{[][]byte{whole[:cut], whole[cut:]}}}.Send([]byte{1})
		if err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("in two parts at %d: %v", cut, err)
		}
		var bus *busError
		if _, err := (wire{&script{[][]byte{whole[:cut]}}}).Send([]byte{1}); !errors.As(err, &bus) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	long := response(20)
	binary.BigEndian.PutUint32(long[2:], 1<<31)
	for name, b := range map[string][]byte{"too long": long, "more than it says": append(response(20), 0), "nothing": nil} {
		var bus *busError
		if _, err := (wire{&script{[][]byte{b}}}).Send([]byte{1}); !errors.As(err, &bus) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
