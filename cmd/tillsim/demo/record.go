package demo

import "sync"

// record is what a chaos remembers beside what was told: why money may have been given back.
type record struct {
	mu      sync.Mutex
	strikes map[string]int
	aborts  map[string]bool // TransactionIDs
	backs   map[string]bool
	parts   map[string]bool // of which a part was to be given back
}

func newRecord() *record {
	return &record{strikes: map[string]int{}, aborts: map[string]bool{}, backs: map[string]bool{}, parts: map[string]bool{}}
}

func (r *record) struck(at string)  { r.mu.Lock(); r.strikes[at]++; r.mu.Unlock() }
func (r *record) aborted(b basket)  { r.mu.Lock(); r.aborts[b.id] = true; r.mu.Unlock() }
func (r *record) reversed(b basket) { r.mu.Lock(); r.backs[b.id] = true; r.mu.Unlock() }
func (r *record) refunded(b basket) { r.mu.Lock(); r.parts[b.id] = true; r.mu.Unlock() }
