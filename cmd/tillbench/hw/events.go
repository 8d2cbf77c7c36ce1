package hw

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
)

// removals are the kernel's messages that a node is gone, with when they came.
type removals struct {
	socket *uevent.Socket
	stop   context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex // guards list
	list []removal
}

type removal struct {
	at   time.Duration
	node string
}

// mostRemovals bounds what is remembered.
const mostRemovals = 256

func listen() (*removals, error) {
	s, err := uevent.Listen()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &removals{socket: s, stop: cancel, done: make(chan struct{})}
	go r.run(ctx)
	return r, nil
}

func (r *removals) run(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		m, err := r.socket.Next(ctx)
		if err != nil {
			continue // an overflow: the kernel's time is then not known
		}
		if m.Action != "remove" || m.Node == "" {
			continue
		}
		r.mu.Lock()
		if r.list = append(r.list, removal{hands.Now(), m.Node}); len(r.list) > mostRemovals {
			r.list = r.list[1:]
		}
		r.mu.Unlock()
	}
}

func (r *removals) close() {
	r.stop()
	<-r.done
	r.socket.Close()
}

// since is when the kernel told that a node is gone, after a moment.
func (r *removals) since(from time.Duration, node string) (at time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.list {
		if e.at >= from && e.node == node {
			return e.at, true
		}
	}
	return 0, false
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
