package e2e

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// tap passes TCP connections on and keeps every byte that it saw, both ways.
type tap struct {
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu    sync.Mutex
	flows []*flow
	conns []net.Conn
}

// flow is what went in one direction of one connection.
type flow struct {
	from string // "client" or "server"
	mu   sync.Mutex
	b    bytes.Buffer
}

func (f *flow) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.b.Write(p)
}

// listenTap begins to pass on to the address to.
func listenTap(t testing.TB, to string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{listener: l, to: to}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *tap) address() string { return p.listener.Addr().String() }

func (p *tap) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		up, down := &flow{from: "client"}, &flow{from: "server"}
		p.mu.Lock()
		p.flows = append(p.flows, up, down)
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.wg.Go(func() { pump(server, client, up) })
		p.wg.Go(func() { pump(client, server, down) })
	}
}

// pump copies one direction; when it ends, both connections do.
func pump(to, from net.Conn, keep *flow) {
	defer to.Close()
	defer from.Close()
	_, _ = io.Copy(to, io.TeeReader(from, keep))
}

// recorded copies every flow.
func (p *tap) recorded() (out [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.flows {
		f.mu.Lock()
		out = append(out, bytes.Clone(f.b.Bytes()))
		f.mu.Unlock()
	}
	return out
}

// records says how many TLS records a flow is made of, and whether it is made of nothing
// else. The last one may be cut short.
func records(b []byte) (n int, pure bool) {
	for len(b) > 0 {
		if len(b) < 5 {
			return n, b[0] >= 20 && b[0] <= 23
		}
		size := int(b[3])<<8 | int(b[4])
		if b[0] < 20 || b[0] > 23 || b[1] != 3 || size > 1<<14+256 {
			return n, false
		}
		n++
		if len(b) < 5+size {
			return n, true
		}
		b = b[5+size:]
	}
	return n, true
}
