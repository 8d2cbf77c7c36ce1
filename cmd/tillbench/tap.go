package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// tap is a TCP proxy that notes when bytes of the client arrive. It costs a request one
// more hop over the loopback, some tens of microseconds.
type tap struct {
	ln   net.Listener
	to   string
	sent func(at time.Time, n int)

	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool // nil once closed
}

// newTap listens on a free port of the loopback. sent is called from the goroutine of each
// connection, before the bytes are passed on.
func newTap(to string, sent func(at time.Time, n int)) (*tap, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{ln: ln, to: to, sent: sent, open: map[net.Conn]bool{}}
	t.wg.Go(t.accept)
	return t, nil
}

// addr is where the tap listens.
func (t *tap) addr() string { return t.ln.Addr().String() }

// Close ends every connection and waits for the last goroutine.
func (t *tap) Close() error {
	t.ln.Close()
	t.mu.Lock()
	for c := range t.open {
		c.Close()
	}
	t.open = nil
	t.mu.Unlock()
	t.wg.Wait()
	return nil
}

func (t *tap) accept() {
	for {
		client, err := t.ln.Accept()
		if err != nil {
			return
		}
		t.wg.Go(func() { t.join(client) })
	}
}

func (t *tap) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", t.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !t.keep(client, server) {
		return
	}
	defer t.forget(client, server)
	var both sync.WaitGroup
	both.Go(func() {
		t.up(server, client)
		server.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		io.Copy(client, server)
		client.(*net.TCPConn).CloseWrite()
	})
	both.Wait()
}

// up moves what the client sends.
func (t *tap) up(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			t.sent(time.Now(), n)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (t *tap) keep(conns ...net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		return false
	}
	for _, c := range conns {
		t.open[c] = true
	}
	return true
}

func (t *tap) forget(conns ...net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range conns {
		delete(t.open, c)
	}
}
