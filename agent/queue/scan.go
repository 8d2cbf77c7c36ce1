package queue

import (
	"crypto/sha256"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"
)

// maxNotes bounds what is said of one day.
const maxNotes = 8

// scanned is what a pass over a day's records found.
type scanned struct {
	dayState
	// atWitness is whether the record that the witness knows as the last is there.
	atWitness bool
	highest   uint64 // highest payment sequence number
	notes     []string
}

func (s *scanned) note(format string, v ...any) {
	if len(s.notes) < maxNotes {
		s.notes = append(s.notes, fmt.Sprintf(format, v...))
	}
}

// scan reads every record of a day in order, checks seal and chain, and calls f for each
// that holds. known is the witness's word on the day; nil if it has none.
func (d *day) scan(known *dayState, f func(seq uint64, it item)) (scanned, error) {
	s := scanned{dayState: dayState{Number: d.number}}
	err := d.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		iter := txn.NewIterator(o)
		defer iter.Close()
		for iter.Rewind(); iter.Valid(); iter.Next() {
			e := iter.Item()
			if len(e.Key()) != 8 {
				s.note("day %06d: a record with a key of %d bytes", d.number, len(e.Key()))
				s.Breaks++
				continue
			}
			r := reader{b: e.Key()}
			if err := e.Value(func(b []byte) error { d.admit(&s, known, r.u64(), b, f); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	s.atWitness = s.atWitness || known == nil || known.Seq == 0
	return s, err
}

// admit takes one record into the chain.
func (d *day) admit(s *scanned, known *dayState, seq uint64, b []byte, f func(uint64, item)) {
	it, prev, err := unseal(d.aead, d.number, seq, b)
	if err != nil {
		s.note("day %06d, record %d: %v", d.number, seq, err)
		return // its place in the chain stays empty: the next record makes the break
	}
	switch {
	case seq != s.Seq+1:
		s.Breaks++
		s.note("day %06d: records %d to %d are missing", d.number, s.Seq+1, seq-1)
	case prev != s.Hash:
		s.Breaks++
		s.note("day %06d, record %d: hash does not match", d.number, seq)
	}
	s.Seq, s.Hash = seq, sha256.Sum256(b)
	s.Have++
	s.highest = max(s.highest, it.payment)
	if known != nil && seq == known.Seq && s.Hash == known.Hash {
		s.atWitness = true
	}
	f(seq, it)
}

// verdict is how a day's journal stands to its witness.
type verdict int

const (
	intact verdict = iota
	ahead          // all that was acknowledged is there, and more that was being written
	behind         // exactly the last batch is missing
	lost
)

func (s *scanned) judge(known *dayState, last batchState) verdict {
	switch {
	case known == nil:
		if s.Breaks > 0 {
			return lost
		}
		return ahead
	case s.Seq == known.Seq && s.Hash == known.Hash && s.Have == known.Have && s.Breaks == known.Breaks:
		return intact
	case s.Seq > known.Seq && s.atWitness && s.Breaks == known.Breaks && s.Have == known.Have+(s.Seq-known.Seq):
		return ahead
	case last.Day == known.Number && s.Seq == last.Seq && s.Hash == last.Hash &&
		s.Breaks == known.Breaks && s.Have+(known.Seq-last.Seq) == known.Have:
		return behind
	default:
		return lost
	}
}
