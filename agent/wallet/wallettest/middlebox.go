package wallettest

import (
	"net"
	"sync/atomic"
	"time"
)

// Middlebox is a TCP proxy that forgets flows, as NAT boxes and firewalls do: after a flow
// was idle for longer than its limit nothing passes any more in either direction, the end of
// the connection included, and nobody is told. Senders see their bytes acknowledged and
// never answered.
type Middlebox struct {
	*relay
	idle  time.Duration
	since atomic.Int64 // flows begun before are dropped, in nanoseconds
	black atomic.Bool  // nothing passes at all
	drops atomic.Int64
}

// NewMiddlebox puts a box in front of target (host:port) that forgets flows idle for longer
// than idle; zero never forgets by itself.
func NewMiddlebox(target string, idle time.Duration) (*Middlebox, error) {
	r, err := newRelay(target)
	if err != nil {
		return nil, err
	}
	m := &Middlebox{relay: r, idle: idle}
	m.run(func() bool { return true }, m.pump)
	return m, nil
}

// Drop forgets every flow that stands now; new ones pass.
func (m *Middlebox) Drop() { m.since.Store(time.Now().UnixNano()) }

// Blackhole lets nothing pass, new flows included, until it is called with false. Flows that
// lost bytes meanwhile stay dropped.
func (m *Middlebox) Blackhole(on bool) { m.black.Store(on) }

// Dropped is the number of flows that lost at least one byte or their end.
func (m *Middlebox) Dropped() int { return int(m.drops.Load()) }

func (m *Middlebox) pump(f *flow, from, to net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if m.forgotten(f) {
			if err != nil {
				return // the other side is not told
			}
			continue
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				m.forget(from)
				return
			}
		}
		if err != nil {
			m.forget(to)
			m.forget(from)
			return
		}
	}
}

// forgotten decides about what just came, and counts the time of what passes.
func (m *Middlebox) forgotten(f *flow) bool {
	if f.dropped.Load() {
		return true
	}
	now := time.Now().UnixNano()
	last := f.last.Load()
	if m.black.Load() || last <= m.since.Load() || m.idle > 0 && time.Duration(now-last) > m.idle {
		if f.dropped.CompareAndSwap(false, true) {
			m.drops.Add(1)
		}
		return true
	}
	f.last.Store(now)
	return false
}
