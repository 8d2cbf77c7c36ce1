package gpio

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Names are the lines in use. An empty name is a part that is not fitted.
type Names struct {
	Lamp   string
	Buzzer string
	// ActiveLow: both are on when their line is low.
	ActiveLow bool
}

// Kind is what the people at the counter are told.
type Kind string

const (
	Idle    Kind = "idle"     // dark and silent
	Paid    Kind = "paid"     // lamp on for 3 s, one beep of 200 ms
	NotPaid Kind = "not-paid" // lamp blinks five times, three beeps of 100 ms
)

// step is how lamp and buzzer stand for a time.
type step struct {
	lamp, buzzer bool
	last         time.Duration
}

// pattern lists the steps of a kind; after the last one both are off.
func pattern(k Kind) ([]step, bool) {
	const on, off = true, false
	switch k {
	case Idle:
		return nil, true
	case Paid:
		return []step{{on, on, 200 * time.Millisecond}, {on, off, 2800 * time.Millisecond}}, true
	case NotPaid:
		const t = 100 * time.Millisecond
		beep, blink := []step{{on, on, t}, {off, off, t}}, []step{{on, off, t}, {off, off, t}}
		var s []step
		for i := range 5 {
			if i < 3 {
				s = append(s, beep...)
			} else {
				s = append(s, blink...)
			}
		}
		return s, true
	}
	return nil, false
}

// Indicator is a lamp and a buzzer. It is safe for concurrent use.
type Indicator struct {
	lamp, buzzer *Output // nil when not fitted

	mu     sync.Mutex // serialises Set, Halt and Close
	stop   chan struct{}
	done   chan struct{}
	result error // of the pattern that ran last; read after done
}

// Open requests the lines and switches them off. Init must have run. A board without such a
// line gives a *drivers.Error with a hint.
func Open(n Names) (*Indicator, error) { return open(n, OpenOutput) }

func open(n Names, output func(name string, activeLow bool) (*Output, error)) (i *Indicator, err error) {
	i = &Indicator{}
	if n.Lamp != "" {
		if i.lamp, err = output(n.Lamp, n.ActiveLow); err != nil {
			return nil, err
		}
	}
	if n.Buzzer != "" {
		if i.buzzer, err = output(n.Buzzer, n.ActiveLow); err != nil {
			return nil, errors.Join(err, i.Close())
		}
	}
	return i, nil
}

// Set shows a kind, in place of what is shown now. It returns at once; an error is of the
// pattern before, or of a kind that does not exist.
func (i *Indicator) Set(k Kind) error {
	steps, ok := pattern(k)
	if !ok {
		return fmt.Errorf("set indicator: unknown kind %q", k)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.end()
	i.stop, i.done = make(chan struct{}), make(chan struct{})
	go i.show(steps, i.stop, i.done)
	return before
}

// show plays steps and switches off, also when it is stopped in between.
func (i *Indicator) show(steps []step, stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	timer := time.NewTimer(0)
	<-timer.C
	defer timer.Stop()
	var errs []error
	for _, s := range steps {
		errs = append(errs, i.put(s.lamp, s.buzzer))
		timer.Reset(s.last)
		select {
		case <-timer.C:
			continue
		case <-stop:
		}
		break
	}
	i.result = errors.Join(append(errs, i.put(false, false))...)
}

// end stops the pattern that runs and waits for it. i.mu is held.
func (i *Indicator) end() error {
	if i.stop == nil {
		return nil
	}
	close(i.stop)
	<-i.done
	i.stop = nil
	err := i.result
	i.result = nil
	return err
}

func (i *Indicator) put(lamp, buzzer bool) error {
	return errors.Join(out(i.lamp, lamp), out(i.buzzer, buzzer))
}

func out(o *Output, on bool) error {
	if o == nil {
		return nil
	}
	return o.Set(on)
}

// Halt switches both off and waits for that.
func (i *Indicator) Halt() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Join(i.end(), i.put(false, false))
}

// Close switches both off and lets go of the lines.
func (i *Indicator) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	errs := []error{i.end()}
	for _, o := range []*Output{i.lamp, i.buzzer} {
		if o != nil {
			errs = append(errs, o.Close())
		}
	}
	return errors.Join(errs...)
}

// String names the lines.
func (i *Indicator) String() string {
	name := func(o *Output) string {
		if o == nil {
			return "none"
		}
		return o.String()
	}
	return fmt.Sprintf("indicator (lamp %s, buzzer %s)", name(i.lamp), name(i.buzzer))
}
