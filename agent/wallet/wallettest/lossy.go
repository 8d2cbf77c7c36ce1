package wallettest

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// LossOptions describes a bad link.
type LossOptions struct {
	// PerMille is how many of a thousand segments are lost, in each direction. TCP repeats
	// them: what the program sees is a delay of RTO, doubled for every further loss.
	PerMille int
	// Delay is the time one way; zero for none.
	Delay time.Duration
	// RTO is the first retransmission time; zero means 200 ms, Linux's least. The loss of a
	// connection's first segment costs a whole second (RFC 6298).
	RTO time.Duration
	// StallPerMille is how many of a thousand segments stop their direction for Stall.
	StallPerMille int
	Stall         time.Duration
	// Seed makes the losses repeatable, as far as the order of segments is.
	Seed uint64
}

// Lossy is a TCP proxy over a link that loses packets.
type Lossy struct {
	*relay
	o LossOptions

	mu  sync.Mutex
	rng *rand.Rand
}

// NewLossy puts a bad link in front of target (host:port).
func NewLossy(target string, o LossOptions) (*Lossy, error) {
	r, err := newRelay(target)
	if err != nil {
		return nil, err
	}
	if o.RTO == 0 {
		o.RTO = 200 * time.Millisecond
	}
	l := &Lossy{relay: r, o: o, rng: rand.New(rand.NewPCG(o.Seed, 1))}
	l.run(l.connect, l.pump)
	return l, nil
}

func (l *Lossy) chance(perMille int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.IntN(1000) < perMille
}

// lost is the delay that losses bring, first being the time of the first retransmission.
func (l *Lossy) lost(first time.Duration) (d time.Duration) {
	for rto := first; rto < 2*time.Minute && l.chance(l.o.PerMille); rto *= 2 {
		d += rto
	}
	return d
}

func (l *Lossy) connect() bool {
	return l.sleep(2*l.o.Delay + l.lost(time.Second))
}

// segment is what one Ethernet frame carries.
const segment = 1460

// pump moves one direction. What was read while a segment waits follows it in order, as TCP
// has it: head-of-line blocking included.
func (l *Lossy) pump(f *flow, from, to net.Conn) {
	buf := make([]byte, segment)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			d := l.o.Delay + l.lost(l.o.RTO)
			if l.chance(l.o.StallPerMille) {
				d += l.o.Stall
			}
			if !l.sleep(d) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				l.forget(from)
				return
			}
		}
		if err != nil {
			l.forget(to)
			l.forget(from)
			return
		}
	}
}
