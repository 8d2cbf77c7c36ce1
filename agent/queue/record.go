package queue

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// A record on disk, under the Badger key that is its sequence number:
//
//	version 1 | sequence 8 | hash of the record before 32 | nonce 24 | ciphertext | tag 16
//
// The associated data are the day's number, the sequence number and the hash. The nonce is
// random, because a sequence number can come twice under one key: after a lost tail, or
// from a restored image.
const (
	recordVersion = 1
	recordHead    = 1 + 8 + 32
	recordLeast   = recordHead + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// Flags in a record's plaintext.
const (
	flagOpen = 1 << iota
	flagDeleted
	flagSummary
)

// item is what a record says: a Put, as kept.
type item struct {
	kind    Kind
	key     string
	open    bool
	deleted bool
	payment uint64 // PaymentSeq
	summary []byte // JSON of a Summary; nil if none
	value   []byte
	turn    uint64 // in which order Commit and Later were called; not written
}

func itemOf(p Put) (item, error) {
	it := item{kind: p.Kind, key: p.Key, open: p.Open && p.Value != nil, deleted: p.Value == nil,
		payment: p.PaymentSeq, value: p.Value}
	if p.Summary != nil {
		b, err := json.Marshal(p.Summary)
		if err != nil {
			return it, fmt.Errorf("commit a summary: %w", err)
		}
		it.summary = b
	}
	return it, nil
}

// name is the key of the index.
func (it item) name() string { return name(it.kind, it.key) }

func (it item) appendTo(b []byte) []byte {
	var flags byte
	if it.open {
		flags |= flagOpen
	}
	if it.deleted {
		flags |= flagDeleted
	}
	if it.summary != nil {
		flags |= flagSummary
	}
	b = append(b, flags, byte(it.kind))
	b = binary.AppendUvarint(b, it.payment)
	b = append(append(b, byte(len(it.key))), it.key...)
	if it.summary != nil {
		b = append(binary.AppendUvarint(b, uint64(len(it.summary))), it.summary...)
	}
	return append(b, it.value...)
}

var errRecord = errors.New("malformed record")

func parseItem(b []byte) (item, error) {
	r := reader{b: b}
	flags := r.byte()
	it := item{open: flags&flagOpen != 0, deleted: flags&flagDeleted != 0, kind: Kind(r.byte())}
	it.payment = r.uvarint()
	it.key = r.str()
	if flags&flagSummary != 0 {
		n := r.uvarint()
		if n > uint64(len(r.b)) {
			return it, errRecord
		}
		it.summary = r.take(int(n))
	}
	if r.bad || flags > flagOpen|flagDeleted|flagSummary {
		return it, errRecord
	}
	it.value = r.b
	return it, nil
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func recordAD(day uint32, seq uint64, prev [32]byte) []byte {
	ad := binary.BigEndian.AppendUint32(make([]byte, 0, 44), day)
	ad = binary.BigEndian.AppendUint64(ad, seq)
	return append(ad, prev[:]...)
}

// seal makes the record and the hash that the next one carries.
func seal(aead cipher.AEAD, day uint32, seq uint64, prev [32]byte, it item) ([]byte, [32]byte) {
	size := recordLeast + 16 + len(it.key) + len(it.summary) + len(it.value)
	b := append(make([]byte, 0, size), recordVersion)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = append(b, prev[:]...)
	b = b[:recordHead+chacha20poly1305.NonceSizeX]
	nonce := b[recordHead:]
	rand.Read(nonce)
	at := len(b)
	b = it.appendTo(b)
	b = aead.Seal(b[:at], nonce, b[at:], recordAD(day, seq, prev))
	return b, sha256.Sum256(b)
}

// unseal checks and opens a record found under seq, and returns the hash it names.
func unseal(aead cipher.AEAD, day uint32, seq uint64, b []byte) (it item, prev [32]byte, err error) {
	switch {
	case len(b) < recordLeast:
		return it, prev, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	case b[0] != recordVersion:
		return it, prev, fmt.Errorf("%w: version %d", errRecord, b[0])
	case binary.BigEndian.Uint64(b[1:]) != seq:
		return it, prev, fmt.Errorf("%w: it is another record's", errRecord)
	}
	copy(prev[:], b[9:])
	nonce := b[recordHead : recordHead+chacha20poly1305.NonceSizeX]
	plain, err := aead.Open(nil, nonce, b[recordHead+len(nonce):], recordAD(day, seq, prev))
	if err != nil {
		return it, prev, fmt.Errorf("%w: the seal does not open", errRecord)
	}
	it, err = parseItem(plain)
	return it, prev, err
}
