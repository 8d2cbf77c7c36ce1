package route

import "time"

const (
	// trips is how many payments in a row without an answer make a contract rest.
	trips = 3
	// growth is how many times the first rest the longest one is; each one after a try that
	// failed again is twice as long as the one before.
	growth = 8
)

// Breaker leaves a contract alone whose payments bring no answers: each of them would cost a
// customer a minute of not knowing. It says something about new payments only; queries and
// reverses go on whatever it says. After a rest one payment is the try: an answer ends the
// matter. The zero value is ready. It is not safe for concurrent use.
type Breaker struct{ slots map[int]*rest }

type rest struct {
	failed int           // payments in a row without an answer
	length time.Duration // of the rest
	until  time.Time
	trying bool // the rest is over and one payment is under way
}

// Sent says that a payment goes to the contract now.
func (b *Breaker) Sent(slot int, now time.Time) {
	if r := b.slots[slot]; r != nil && r.failed >= trips && !now.Before(r.until) {
		r.trying = true
	}
}

// NotSent says that nothing of that payment left: the next one is the try.
func (b *Breaker) NotSent(slot int) {
	if r := b.slots[slot]; r != nil {
		r.trying = false
	}
}

// Answered notes what came of a payment that was sent: an answer that counted, whatever it
// said, or none. first is the first rest of this contract.
func (b *Breaker) Answered(slot int, answered bool, now time.Time, first time.Duration) {
	if answered {
		delete(b.slots, slot)
		return
	}
	if b.slots == nil {
		b.slots = map[int]*rest{}
	}
	r := b.slots[slot]
	if r == nil {
		r = &rest{length: first}
		b.slots[slot] = r
	}
	r.failed++
	if r.failed < trips {
		return
	}
	if r.trying {
		r.length = min(2*r.length, growth*first)
	}
	r.trying, r.until = false, now.Add(r.length)
}

// Resting reports whether no new payment should go to the contract now.
func (b *Breaker) Resting(slot int, now time.Time) bool {
	r := b.slots[slot]
	return r != nil && r.failed >= trips && (r.trying || now.Before(r.until))
}
