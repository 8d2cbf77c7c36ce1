package sense

import "time"

// Pairer puts the frames of two streams together that were taken at the same time: colour
// and infrared of one module. It owns the frames it is given until it returns or releases
// them. Not safe for concurrent use; pure, it knows only the frames' times.
type Pairer struct {
	// Window is how far apart the two frames of a pair may be; half a frame interval or less.
	Window time.Duration

	waiting [2][]*Frame
}

// pairDepth bounds how many frames of a stream wait for their partners.
const pairDepth = 8

// Add takes the next frame of stream 0 or 1. Where its partner has come already it returns
// both, a of stream 0 and b of stream 1, and releases what is older; the caller releases
// them. Damaged frames and frames without a time of their own are released: they pair with
// nothing.
func (p *Pairer) Add(stream int, f *Frame) (a, b *Frame) {
	if f.Damaged || !f.Timed {
		f.Release()
		return nil, nil
	}
	mine, other := &p.waiting[stream&1], &p.waiting[1-stream&1]
	best := -1
	for i, o := range *other {
		if d := distance(o, f); d <= p.Window && (best < 0 || d < distance((*other)[best], f)) {
			best = i
		}
	}
	if best < 0 {
		if len(*mine) == pairDepth {
			drop(mine, 1)
		}
		*mine = append(*mine, f)
		return nil, nil
	}
	partner := (*other)[best]
	drop(other, best)
	*other = append((*other)[:0], (*other)[1:]...)
	drop(mine, len(*mine))
	if stream&1 == 0 {
		return f, partner
	}
	return partner, f
}

// Reset releases what waits.
func (p *Pairer) Reset() {
	for i := range p.waiting {
		drop(&p.waiting[i], len(p.waiting[i]))
	}
}

func distance(a, b *Frame) time.Duration { return max(a.At.Sub(b.At), b.At.Sub(a.At)) }

// drop releases the first n frames.
func drop(list *[]*Frame, n int) {
	for _, f := range (*list)[:n] {
		f.Release()
	}
	rest := copy(*list, (*list)[n:])
	clear((*list)[rest:])
	*list = (*list)[:rest]
}
