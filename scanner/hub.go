package scanner

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/secret"
)

const (
	// DuplicateWithin: the same bytes again within this time of the last copy are the same
	// presentation.
	DuplicateWithin = 2 * time.Second
	// settleLimit bounds Arm. A scanner whose line is not quiet by then is not waited for:
	// it delivers nothing until it is.
	settleLimit = 500 * time.Millisecond
	// queued scans of one arming; a till takes one and looks at the next.
	queued = 8
	// goodsAgain: the same bytes again within this time are the same presentation of goods. Two
	// equal articles one after the other are further apart.
	goodsAgain = 300 * time.Millisecond
)

// Hub is a Source over several scanners. One Hub may be armed by one caller at a time.
type Hub struct {
	readers []*Reader
	scans   chan Scan
	key     [32]byte // of the hashes that find duplicates
	goods   func(Scan) bool

	arming sync.Mutex // serialises Arm
	mu     sync.Mutex // guards what follows, and every send on and drain of scans
	open   bool       // the gate
	arms   bool       // an Arm is under way
	since  time.Time  // when it was opened or shut
	gate   uint64     // counts Arm and Disarm, so that a late Arm does not undo a Disarm
	seen   []seen     // this arming's scans
	last   seen       // the last scan of goods
	runs   bool
}

type seen struct {
	sum [sha256.Size]byte
	at  time.Time
}

// NewHub joins scanners. It has no scanner open until it runs.
func NewHub(readers ...*Reader) *Hub {
	h := &Hub{readers: readers, scans: make(chan Scan, queued)}
	rand.Read(h.key[:]) // never fails: crypto/rand ends the program instead
	for _, r := range readers {
		r.sink = h.take
	}
	return h
}

// PassGoods makes f judge what is scanned while the hub is not armed: one scanner for goods
// and payment. F takes over scan.Text and returns true, or leaves it and returns false, and
// the scan is dropped. It must not block, nor call the hub. Call PassGoods before Run.
func (h *Hub) PassGoods(f func(Scan) bool) { h.goods = f }

// Cue tells every scanner that can to do something: beep for a payment, for example.
func (h *Hub) Cue(c Cue) {
	for _, r := range h.readers {
		r.cue(c)
	}
}

// Run keeps all scanners until ctx ends, and waits until every device is closed.
func (h *Hub) Run(ctx context.Context) error {
	h.mu.Lock()
	if h.runs {
		h.mu.Unlock()
		return fmt.Errorf("run scanners: %w", drivers.ErrBusy)
	}
	h.runs = true
	h.mu.Unlock()
	errs := make([]error, len(h.readers))
	var wait sync.WaitGroup
	for i, r := range h.readers {
		wait.Go(func() { errs[i] = r.run(ctx) })
	}
	wait.Wait()
	h.Disarm()
	h.mu.Lock()
	h.runs = false
	h.mu.Unlock()
	return errors.Join(errs...)
}

// Devices lists the scanners in the order of the configuration.
func (h *Hub) Devices() []DeviceState {
	out := make([]DeviceState, 0, len(h.readers))
	for _, r := range h.readers {
		out = append(out, r.State())
	}
	return out
}

// Ready reports whether a scanner is open, and otherwise why none is.
func (h *Hub) Ready() (ok bool, why string) {
	var reasons []string
	for _, r := range h.readers {
		s := r.State()
		if s.State == drivers.Open {
			return true, ""
		}
		text := s.Name + ": " + string(s.State)
		if s.Cause != "" {
			text += " (" + s.Cause + ")"
		}
		reasons = append(reasons, text)
	}
	if len(reasons) == 0 {
		return false, "no scanner is configured"
	}
	return false, "no scanner is ready: " + strings.Join(reasons, "; ")
}

// Scans delivers while armed. The receiver owns and wipes Scan.Text.
func (h *Hub) Scans() <-chan Scan { return h.scans }

// Arm closes the gate, flushes every scanner and opens the gate once their lines are quiet:
// up to 100 ms on a line that is quiet already, up to 200 ms otherwise. It fails when no
// scanner is open, when ctx ends, and when Disarm is called meanwhile.
func (h *Hub) Arm(ctx context.Context) error {
	h.arming.Lock()
	defer h.arming.Unlock()
	if ok, why := h.Ready(); !ok {
		h.Disarm()
		return fmt.Errorf("arm scanners: %w: %s", drivers.ErrGone, why)
	}
	gate := h.shut(true)
	defer h.armed(gate)
	var waits []<-chan struct{}
	for _, r := range h.readers {
		waits = append(waits, r.arm())
	}
	limit := time.NewTimer(settleLimit)
	defer limit.Stop()
	for _, quiet := range waits {
		select {
		case <-quiet:
		case <-limit.C:
			limit.Reset(0)
		case <-ctx.Done():
			return fmt.Errorf("arm scanners: %w", ctx.Err())
		}
	}
	if !h.unlock(gate) {
		return fmt.Errorf("arm scanners: %w", drivers.ErrClosed)
	}
	return nil
}

// unlock opens the gate unless it was shut again meanwhile.
func (h *Hub) unlock(gate uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gate != gate {
		return false
	}
	h.open, h.since = true, time.Now()
	h.Cue(Trigger) // under the lock: a Disarm's Untrigger comes after it
	return true
}

// armed ends the Arm of that gate, whatever came of it.
func (h *Hub) armed(gate uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gate == gate {
		h.arms = false
	}
}

// Disarm closes the gate and wipes what was not taken: nothing is delivered after it
// returned.
func (h *Hub) Disarm() { h.shut(false) }

func (h *Hub) shut(arms bool) (gate uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate++
	if h.open {
		h.Cue(Untrigger)
	}
	h.open, h.arms, h.since = false, arms, time.Now()
	h.seen = h.seen[:0]
	for {
		select {
		case s := <-h.scans:
			s.Text.Wipe()
			continue
		default:
		}
		return h.gate
	}
}

// take delivers a scan that began to arrive at began, or says why not.
func (h *Hub) take(began time.Time, s Scan) DropReason {
	sum := secret.MAC(h.key[:], s.Text.Reveal())

	h.mu.Lock()
	defer h.mu.Unlock()
	if began.Before(h.since) || h.arms {
		return DropDisarmed
	}
	if !h.open {
		return h.pass(sum, s)
	}
	for i := range h.seen {
		if h.seen[i].sum == sum {
			again := s.At.Sub(h.seen[i].at) < DuplicateWithin
			h.seen[i].at = s.At
			if again {
				return DropDuplicate
			}
			return h.send(s)
		}
	}
	// Bounded: a scanner fed with ever new codes drops the oldest memory.
	if len(h.seen) == 64 {
		h.seen = append(h.seen[:0], h.seen[1:]...)
	}
	h.seen = append(h.seen, seen{sum, s.At})
	return h.send(s)
}

// pass offers what was scanned between sales. h.mu is held.
func (h *Hub) pass(sum [sha256.Size]byte, s Scan) DropReason {
	if h.goods == nil {
		return DropDisarmed
	}
	again := h.last.sum == sum && s.At.Sub(h.last.at) < goodsAgain
	h.last = seen{sum, s.At}
	switch {
	case again:
		return DropDuplicate
	case !h.goods(s):
		return DropDisarmed
	}
	return ""
}

func (h *Hub) send(s Scan) DropReason {
	select {
	case h.scans <- s:
		return ""
	default:
		return DropOverflow
	}
}
