package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// segment is the payload of one TCP segment on an Ethernet.
const segment = 1448

// Retransmission as Linux does it (RFC 6298): first after the smallest time-out, then after
// twice the time before. A lost SYN costs a second. Fast retransmission is left out: requests
// here are a few segments, too few for the duplicate acknowledgements it needs.
const (
	firstRetransmit = 200 * time.Millisecond
	synRetransmit   = time.Second
	retries         = 15 // net.ipv4.tcp_retries2
)

// relay passes TCP connections on to one address, and may lose packets on the way. TCP hides
// a lost packet and delivers it late, with everything behind it: that is what relay does.
type relay struct {
	ln   net.Listener
	to   string
	loss float64 // share of packets lost, each way
	// sent is called with the time at which bytes from the client arrived; nil if not wanted.
	sent func(at time.Time, n int)

	mu   sync.Mutex
	rand *rand.Rand // guarded by mu
	open map[net.Conn]bool
	wg   sync.WaitGroup
	lost int
}

// newRelay listens on a free port of the loopback. The seed makes the losses repeatable as
// far as the timing of the programs allows.
func newRelay(to string, loss float64, seed uint64, sent func(time.Time, int)) (*relay, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{ln: ln, to: to, loss: loss, sent: sent, rand: rand.New(rand.NewPCG(seed, 0)), open: map[net.Conn]bool{}}
	r.wg.Go(r.accept)
	return r, nil
}

// addr is where the relay listens.
func (r *relay) addr() string { return r.ln.Addr().String() }

// close ends every connection and waits.
func (r *relay) close() {
	r.ln.Close()
	r.mu.Lock()
	for c := range r.open {
		c.Close()
	}
	r.open = nil
	r.mu.Unlock()
	r.wg.Wait()
}

// losses is how many packets were lost so far.
func (r *relay) losses() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

func (r *relay) accept() {
	for {
		client, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.connect(client) })
	}
}

func (r *relay) connect(client net.Conn) {
	defer client.Close()
	if !r.keep(client) {
		return
	}
	defer r.forget(client)
	// SYN, and SYN with ACK: the handshake with us is real, so its losses delay what follows.
	wait := r.delay(synRetransmit) + r.delay(synRetransmit)
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !r.keep(server) {
		return
	}
	defer r.forget(server)
	ready := time.Now().Add(wait)
	var both sync.WaitGroup
	both.Go(func() { r.pass(server, client, ready, r.sent) })
	both.Go(func() { r.pass(client, server, ready, nil) })
	both.Wait()
}

func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		c.Close()
		return false
	}
	r.open[c] = true
	return true
}

func (r *relay) forget(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
}

// pass moves one direction. Bytes leave in order, each not before the packet that holds it
// came through.
func (r *relay) pass(to, from net.Conn, ready time.Time, sent func(time.Time, int)) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		now := time.Now()
		if n > 0 && sent != nil {
			sent(now, n)
		}
		through := ready
		for at := 0; at < n; at += segment {
			if t := now.Add(r.delay(firstRetransmit)); t.After(through) {
				through = t
			}
		}
		if wait := time.Until(through); n > 0 && wait > 0 {
			pause(wait)
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err == io.EOF {
			if c, ok := to.(*net.TCPConn); ok {
				c.CloseWrite()
			}
			return
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// delay is how late a packet comes that is sent again until it comes through.
func (r *relay) delay(first time.Duration) time.Duration {
	if r.loss == 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var late time.Duration
	for range retries {
		if r.rand.Float64() >= r.loss {
			break
		}
		r.lost++
		late += first
		first *= 2
	}
	return late
}

// pause waits, not longer than the time-out of any request.
func pause(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-ctx.Done()
}
