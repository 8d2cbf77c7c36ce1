package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// formatVersion is written into meta and witness; a higher one is ErrNewer.
const formatVersion = 1

// Bounds of what the witness holds, so that it always fits its 4 KiB slot.
const (
	maxOrderLen = 27
	maxTokens   = 40
	maxDays     = 8
	maxDoubt    = 40
	maxGaps     = 16
	tokenLen    = 6
)

// state is what the witness proves: how much was committed, and what was in the last batch.
type state struct {
	Version     byte
	Environment string // "test" or "live"
	Board       [32]byte
	Generation  uint64 // one more with every write; the higher of two slots counts
	Clean       bool   // the last daemon closed every directory
	Highest     uint64 // the highest payment sequence number committed
	Tokens      []start
	Days        []dayState // ascending numbers; the last one is written to
	Batch       batchState
	// What an earlier start found and nobody has settled yet.
	Doubt []string
	Gaps  []Gap
	Lost  bool
	// Summaries of erased days: the number of files and the hash of the last.
	Summaries   uint32
	SummaryHash [32]byte
}

// start is one start of the daemon.
type start struct {
	Token string
	First uint64 // its first payment sequence number
}

// dayState is the part of one day's journal that was acknowledged.
type dayState struct {
	Number   uint32
	Date     uint32 // yyyymmdd; 0 while no trusted time was seen
	Closed   int64  // Unix seconds of trusted time at which the next day began; 0 if current
	Seq      uint64 // sequence number of the last record
	Hash     [32]byte
	Have     uint64 // records present: less than Seq after a loss that was reported
	Breaks   uint32 // breaks of the chain that were reported
	Payments uint64 // highest payment sequence number when the day began
}

// batchState is the last batch: what a journal that is exactly one batch behind lacks.
type batchState struct {
	Day    uint32
	Seq    uint64 // of the last record before it
	Hash   [32]byte
	Orders []string
}

func (s *state) day(n uint32) *dayState {
	for i := range s.Days {
		if s.Days[i].Number == n {
			return &s.Days[i]
		}
	}
	return nil
}

func (s *state) clone() state {
	c := *s
	c.Tokens = slices.Clone(s.Tokens)
	c.Days = slices.Clone(s.Days)
	c.Batch.Orders = slices.Clone(s.Batch.Orders)
	c.Doubt = slices.Clone(s.Doubt)
	c.Gaps = slices.Clone(s.Gaps)
	return c
}

// addToken notes a start and forgets those that no live payment can belong to.
func (s *state) addToken(token string) {
	first := s.Highest + 1
	floor := uint64(0)
	if len(s.Days) > 0 {
		floor = s.Days[0].Payments
	}
	ts := append(s.Tokens, start{token, first})
	kept := ts[:0]
	for i, t := range ts {
		last := i == len(ts)-1
		if last || ts[i+1].First > t.First && ts[i+1].First > floor+1 {
			kept = append(kept, t)
		}
	}
	if len(kept) > maxTokens {
		kept = kept[len(kept)-maxTokens:]
	}
	s.Tokens = kept
}

// tokenOf is the start under which a payment number was minted; empty if forgotten.
func (s *state) tokenOf(seq uint64) string {
	token := ""
	for _, t := range s.Tokens {
		if t.First <= seq {
			token = t.Token
		}
	}
	return token
}

// appendTo encodes the state: fixed-width big-endian fields, lists with a count before.
func (s *state) appendTo(b []byte) []byte {
	u32, u64 := binary.BigEndian.AppendUint32, binary.BigEndian.AppendUint64
	str := func(b []byte, v string) []byte { return append(append(b, byte(len(v))), v...) }
	flag := func(b []byte, v bool) []byte {
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	}
	b = append(b, s.Version)
	b = str(b, s.Environment)
	b = append(b, s.Board[:]...)
	b = u64(b, s.Generation)
	b = flag(b, s.Clean)
	b = u64(b, s.Highest)
	b = append(b, byte(len(s.Tokens)))
	for _, t := range s.Tokens {
		b = u64(str(b, t.Token), t.First)
	}
	b = append(b, byte(len(s.Days)))
	for _, d := range s.Days {
		b = u32(u32(b, d.Number), d.Date)
		b = u64(u64(b, uint64(d.Closed)), d.Seq)
		b = append(b, d.Hash[:]...)
		b = u64(u32(u64(b, d.Have), d.Breaks), d.Payments)
	}
	b = append(u64(u32(b, s.Batch.Day), s.Batch.Seq), s.Batch.Hash[:]...)
	for _, list := range [][]string{s.Batch.Orders, s.Doubt} {
		b = append(b, byte(len(list)))
		for _, id := range list {
			b = str(b, id)
		}
	}
	b = append(b, byte(len(s.Gaps)))
	for _, g := range s.Gaps {
		b = u64(u64(str(b, g.Token), g.From), g.To)
	}
	b = flag(b, s.Lost)
	return append(u32(b, s.Summaries), s.SummaryHash[:]...)
}

var errState = errors.New("malformed state")

// parseState reads what appendTo wrote and refuses anything else, trailing bytes included.
func parseState(b []byte) (*state, error) {
	r := reader{b: b}
	s := &state{Version: r.byte()}
	if r.bad || s.Version == 0 || s.Version > formatVersion {
		return nil, fmt.Errorf("%w: version %d", errState, s.Version)
	}
	s.Environment = r.str()
	r.copy(s.Board[:])
	s.Generation = r.u64()
	s.Clean = r.bool()
	s.Highest = r.u64()
	for range r.count(maxTokens) {
		s.Tokens = append(s.Tokens, start{r.str(), r.u64()})
	}
	for range r.count(maxDays) {
		d := dayState{Number: r.u32(), Date: r.u32(), Closed: int64(r.u64()), Seq: r.u64()}
		r.copy(d.Hash[:])
		d.Have, d.Breaks, d.Payments = r.u64(), r.u32(), r.u64()
		s.Days = append(s.Days, d)
	}
	s.Batch.Day, s.Batch.Seq = r.u32(), r.u64()
	r.copy(s.Batch.Hash[:])
	for range r.count(MaxOrders) {
		s.Batch.Orders = append(s.Batch.Orders, r.str())
	}
	for range r.count(maxDoubt) {
		s.Doubt = append(s.Doubt, r.str())
	}
	for range r.count(maxGaps) {
		s.Gaps = append(s.Gaps, Gap{r.str(), r.u64(), r.u64()})
	}
	s.Lost = r.bool()
	s.Summaries = r.u32()
	r.copy(s.SummaryHash[:])
	if r.bad || len(r.b) != 0 {
		return nil, errState
	}
	if again := s.appendTo(nil); !bytes.Equal(again, b) {
		return nil, errState
	}
	return s, nil
}

// reader takes fields off a byte slice; bad is set once one was missing or out of bounds.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || len(r.b) < n {
		r.bad = true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) byte() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) bool() bool { return r.byte() == 1 }

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) str() string { return string(r.take(int(r.byte()))) }

func (r *reader) copy(dst []byte) { copy(dst, r.take(len(dst))) }

func (r *reader) count(most int) int {
	n := int(r.byte())
	if n > most {
		r.bad = true
		return 0
	}
	return n
}
