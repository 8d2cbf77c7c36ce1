package drivers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"
)

// State is how a kept device stands.
type State string

const (
	Stopped State = "stopped" // nobody keeps it; never reported by a Keeper
	Opening State = "opening" // the first try, or the first after the device was lost
	Open    State = "open"    // in use
	Absent  State = "absent"  // not plugged in
	Failed  State = "failed"  // there, but it cannot be opened or used
)

// Status is a device's state and why.
type Status struct {
	Name  string    `json:"name"` // in the configuration
	State State     `json:"state"`
	Since time.Time `json:"since"`
	Cause string    `json:"cause,omitempty"` // of Absent and Failed
	Hint  string    `json:"hint,omitempty"`  // what to do about it
	Opens int       `json:"opens"`           // how often it was opened since the start
}

// Back-off between tries to open a device. A wait is between 60 and 95 % of its step, so
// that a device which is back is found within MaxWait.
const (
	MinWait = 50 * time.Millisecond
	MaxWait = 2 * time.Second
)

// steady is how long a device must have been open for the back-off to start afresh: one
// that opens and fails at once must not be opened twenty times a second.
const steady = time.Second

// Keeper owns one device: it opens it, hands it to Use, and opens it again after it was
// lost. It never has more than one Transport open. Set the fields before Run.
type Keeper struct {
	Name string
	// Open opens the device. It should find it by an identity that survives re-plugging, such
	// as a link below /dev/serial/by-id.
	Open func(context.Context) (Transport, error)
	// Use works with the device until ctx ends or the device fails. The Keeper closes the
	// Transport after Use returned. A nil error with ctx not over ends Run.
	Use func(context.Context, Transport) error
	// Report is told of every change of state, in Run's goroutine; it must not block. May be nil.
	Report func(Status)
	// Wake, if not nil, ends a wait at once: a device was plugged in somewhere.
	Wake <-chan struct{}

	running atomic.Bool
	status  Status
}

// Run keeps the device until ctx ends, then returns nil: Use is over and the Transport is
// closed. It must not be called while it runs.
func (k *Keeper) Run(ctx context.Context) error {
	if !k.running.CompareAndSwap(false, true) {
		return fmt.Errorf("keep %s: %w", k.Name, ErrBusy)
	}
	defer k.running.Store(false)
	k.status = Status{Name: k.Name}
	wait := MinWait
	for ctx.Err() == nil {
		if k.status.State == "" || k.status.State == Open {
			k.report(Opening, nil)
		}
		lasted, err := k.once(ctx)
		if ctx.Err() != nil || err == nil {
			break
		}
		k.report(stateOf(err), err)
		if lasted >= steady {
			wait = MinWait
		}
		if !k.sleep(ctx, wait) {
			wait = MinWait
			continue
		}
		wait = min(2*wait, MaxWait)
	}
	return nil
}

// once opens the device and uses it until it is lost; lasted is how long it was open.
func (k *Keeper) once(ctx context.Context) (lasted time.Duration, err error) {
	t, err := k.Open(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	k.status.Opens++
	k.report(Open, nil)
	err = k.Use(ctx, t)
	// What Close says of a lost device is no news, and of a working one changes nothing.
	_ = t.Close()
	return time.Since(began), err
}

// sleep waits about d; false means that it was woken, or that ctx ended. The first part of
// the wait cannot be cut short by Wake: many events at once are one reason to try.
func (k *Keeper) sleep(ctx context.Context, d time.Duration) bool {
	const least = MinWait * 60 / 100
	if !pause(ctx, nil, least) {
		return false
	}
	return pause(ctx, k.Wake, d*60/100+rand.N(d*35/100)-least)
}

func pause(ctx context.Context, wake <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
	case <-ctx.Done():
	}
	return false
}

func (k *Keeper) report(s State, err error) {
	next := Status{Name: k.Name, State: s, Since: k.status.Since, Opens: k.status.Opens}
	if err != nil {
		next.Cause = err.Error()
		var hinted interface{ HintText() string }
		if errors.As(err, &hinted) {
			next.Hint = hinted.HintText()
		}
		if next.Hint == "" && s == Absent {
			next.Hint = "plug the device in"
		}
	}
	if s != k.status.State {
		next.Since = time.Now()
	} else if next == k.status {
		return
	}
	k.status = next
	if k.Report != nil {
		k.Report(next)
	}
}

// stateOf tells a device that is not there from one that does not work.
func stateOf(err error) State {
	for _, gone := range []error{ErrGone, fs.ErrNotExist, syscall.ENODEV, syscall.ENXIO} {
		if errors.Is(err, gone) {
			return Absent
		}
	}
	return Failed
}
