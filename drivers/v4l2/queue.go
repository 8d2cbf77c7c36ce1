package v4l2

import (
	"sync"

	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/internal/secret"
)

// queue is the frames between the owner and Next.
type queue struct {
	ready chan struct{} // capacity 1: something has changed

	mu     sync.Mutex
	frames []*sense.Frame
	err    error  // why no more will come
	last   uint64 // number of the frame that was taken last
	begun  bool   // last is of this stream
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// put adds a frame, and releases the oldest where room is out.
func (q *queue) put(f *sense.Frame, room int) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.frames) >= room {
		q.frames[0].Release()
		n := copy(q.frames, q.frames[1:])
		q.frames[n] = nil
		q.frames = q.frames[:n]
		dropped++
	}
	q.frames = append(q.frames, f)
	q.wake()
	return dropped
}

// take is the oldest frame, or why there will be none, or neither.
func (q *queue) take() (*sense.Frame, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) == 0 {
		if q.err != nil {
			q.wake() // there may be another who waits
		}
		return nil, q.err
	}
	f := q.frames[0]
	n := copy(q.frames, q.frames[1:])
	q.frames[n] = nil
	q.frames = q.frames[:n]
	if q.begun {
		f.Lost = f.Seq - q.last - 1
	}
	q.last, q.begun = f.Seq, true
	if len(q.frames) > 0 {
		q.wake()
	}
	return f, nil
}

// end says why no more frames will come; nil after a stop that was asked for.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
	q.wake()
}

// reset releases what waits, for a new stream or none.
func (q *queue) reset() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, f := range q.frames {
		f.Release()
		q.frames[i] = nil
	}
	q.frames, q.err, q.begun = q.frames[:0], nil, false
}

// pool is the memory of one stream's frames: made when first needed, used again, bounded, and
// locked, so that no frame gets into a swap file. Where the limit on locked memory is too low
// (RLIMIT_MEMLOCK) it is not.
type pool struct {
	sys   sys
	size  int // of each piece
	limit int // pieces
	back  func([]byte)

	mu    sync.Mutex
	free  [][]byte
	made  int
	ended bool
}

func newPool(s sys, size, limit int) *pool {
	p := &pool{sys: s, size: size, limit: limit}
	p.back = p.put
	return p
}

// get is memory for n bytes, nil where the limit is reached.
func (p *pool) get(n int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := len(p.free); k > 0 {
		b := p.free[k-1]
		p.free = p.free[:k-1]
		return b[:n]
	}
	if p.made == p.limit {
		return nil
	}
	p.made++
	// The runtime gives pieces of this size pages of their own.
	b := make([]byte, max(p.size, leastPiece))
	p.sys.lock(b)
	return b[:n]
}

// leastPiece is more than the runtime puts several of into one page.
const leastPiece = 64 << 10

// put takes memory back that is wiped.
func (p *pool) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		p.sys.unlock(b[:cap(b)])
		return
	}
	p.free = append(p.free, b)
}

// end lets the memory go; frames that are still out take theirs with them.
func (p *pool) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.free {
		p.sys.unlock(b[:cap(b)])
	}
	p.free, p.ended = nil, true
}

// wipe overwrites the kernel's buffers.
func wipe(maps [][]byte) {
	for _, m := range maps {
		secret.Zero(m)
	}
}
