package wallettest

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relay is what the two proxies share: it accepts, dials the target, and hands each
// direction of a flow to pump. It never closes a connection by itself before Close: a box
// that forgets a flow tells nobody.
type relay struct {
	l      net.Listener
	target string
	done   chan struct{}

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool // nil once closed
	once  sync.Once
}

// flow is one connection through a relay.
type flow struct {
	last    atomic.Int64 // when a byte passed, in nanoseconds
	dropped atomic.Bool
}

func newRelay(target string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open proxy to %s: %w", target, err)
	}
	return &relay{l: l, target: target, done: make(chan struct{}), conns: map[net.Conn]bool{}}, nil
}

// run accepts until Close. pump moves one direction, until it returns; whether the end of
// one side is passed on is its business.
func (r *relay) run(accepted func() bool, pump func(f *flow, from, to net.Conn)) {
	r.wg.Go(func() {
		for {
			client, err := r.l.Accept()
			if err != nil {
				return
			}
			r.wg.Go(func() { r.join(client, accepted, pump) })
		}
	})
}

func (r *relay) join(client net.Conn, accepted func() bool, pump func(f *flow, from, to net.Conn)) {
	if !r.keep(client) || !accepted() {
		return
	}
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		r.forget(client)
		return
	}
	if !r.keep(server) {
		return
	}
	f := &flow{}
	f.last.Store(time.Now().UnixNano())
	r.wg.Go(func() { pump(f, server, client) })
	pump(f, client, server)
}

// keep registers a connection for Close; false when that has been called.
func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		c.Close()
		return false
	}
	r.conns[c] = true
	return true
}

func (r *relay) forget(c net.Conn) {
	c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// sleep waits for d; false when Close came first.
func (r *relay) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.done:
		return false
	}
}

// Addr is where the proxy listens: host:port.
func (r *relay) Addr() string { return r.l.Addr().String() }

// Endpoint is the same as a configuration wants it.
func (r *relay) Endpoint() string { return "https://" + r.Addr() }

// Close cuts every flow.
func (r *relay) Close() error {
	var err error
	r.once.Do(func() {
		err = r.l.Close()
		close(r.done)
		r.mu.Lock()
		for c := range r.conns {
			c.Close()
		}
		r.conns = nil
		r.mu.Unlock()
		r.wg.Wait()
	})
	return err
}
