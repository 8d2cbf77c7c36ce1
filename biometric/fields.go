package biometric

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// fields hashes or joins values so that no two lists of values look alike: each one stands
// behind its length, 4 bytes, most significant first.
type fields struct{ h hash.Hash }

// newFields begins with the domain: what these fields are, and in which version.
func newFields(domain string) fields {
	f := fields{sha256.New()}
	f.text(domain)
	return f
}

func (f fields) bytes(b []byte) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(b)))
	f.h.Write(n[:])
	f.h.Write(b)
}

func (f fields) text(s string) { f.bytes([]byte(s)) }

func (f fields) uint32(v uint32) { f.bytes(binary.BigEndian.AppendUint32(nil, v)) }

func (f fields) int64(v int64) { f.bytes(binary.BigEndian.AppendUint64(nil, uint64(v))) }

func (f fields) sum() (sum [sha256.Size]byte) {
	f.h.Sum(sum[:0])
	return sum
}

// joined is the same list of values as bytes, for where a protocol hashes them itself.
func joined(values ...[]byte) []byte {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return b
}
