package attach

import (
	"io"
	"sync"
)

// inbox is what a model has yet to read.
type inbox struct {
	asked chan struct{} // closed when the model reads for the first time: it listens
	ended chan struct{} // closed when it has returned

	once    sync.Once
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte
	closed  bool
}

// mostUnread bounds what a model that does not read is told.
const mostUnread = 64 << 10

func newInbox() *inbox {
	b := &inbox{asked: make(chan struct{}), ended: make(chan struct{})}
	b.changed.L = &b.mu
	return b
}

func (b *inbox) put(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.buf)+len(p) <= mostUnread {
		b.buf = append(b.buf, p...)
	}
	b.changed.Broadcast()
}

// Read waits for bytes; it is io.EOF after close.
func (b *inbox) Read(p []byte) (int, error) {
	b.once.Do(func() { close(b.asked) })
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.buf) == 0 && !b.closed {
		b.changed.Wait()
	}
	if b.closed {
		return 0, io.EOF
	}
	n := copy(p, b.buf)
	b.buf = b.buf[n:]
	return n, nil
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.changed.Broadcast()
}
