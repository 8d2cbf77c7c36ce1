package gpio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"

	"github.com/tilld/tilld/drivers"
)

// Pull is what holds an input that nothing drives.
type Pull string

const (
	PullNone Pull = "none" // as the board has it
	PullUp   Pull = "up"
	PullDown Pull = "down"
)

// InputConfig is an input line.
type InputConfig struct {
	Name      string
	ActiveLow bool // a switch to ground is active when low
	Pull      Pull // empty: PullNone
	// Debounce is how long the line must rest before its level counts, 1 ms to 1 s; zero is
	// 20 ms, which suits switches and reed contacts. A pulse that is shorter is not seen.
	Debounce time.Duration
	// Report is told of every change, and first of the level at the start, in order, in the
	// input's own goroutine. It must not call Close.
	Report func(Change)
}

// Change is the level of an input, or the end of it.
type Change struct {
	At     time.Time
	Active bool
	First  bool // the level at the start
	// Err is not nil when the line was lost: nothing is reported after it.
	Err error
}

// Input watches one line. One goroutine owns it.
type Input struct {
	name string
	stop chan struct{}
	done chan struct{}
	once sync.Once
}

// inputLine is a line of periph.io, as an input needs it.
type inputLine interface {
	In(pull gpio.Pull, edge gpio.Edge) error
	Read() gpio.Level
	WaitForEdge(timeout time.Duration) bool
	Close()
}

var _ inputLine = (*gpioioctl.GPIOLine)(nil)

const (
	look         = 150 * time.Millisecond // a level is looked at so often, edge or not; less than Close may take
	poll         = 30 * time.Millisecond  // where the chip has no edges
	mostBouncing = time.Second            // a line that never rests is read all the same
	usualRest    = 20 * time.Millisecond
)

// OpenInput begins to watch a line. Init must have run.
func OpenInput(c InputConfig) (*Input, error) {
	l, err := Find(c.Name)
	if err != nil {
		return nil, err
	}
	for _, chip := range gpioioctl.Chips {
		if chip.Path() != l.Path {
			continue
		}
		line := chip.ByNumber(l.Offset)
		// periph would hand the same request out twice. The consumer is set while it is ours.
		if line.Consumer() == self() {
			return nil, &drivers.Error{Op: "open", Subject: "line " + c.Name, Err: drivers.ErrBusy, Hint: "name each line once"}
		}
		return watch(line, c)
	}
	return nil, requestError(c.Name, drivers.ErrGone)
}

// self is how periph.io names this program to the kernel, in 31 bytes at most.
func self() string {
	s := fmt.Sprintf("%s@%d", filepath.Base(os.Args[0]), os.Getpid())
	return s[:min(len(s), 31)]
}

func watch(line inputLine, c InputConfig) (*Input, error) {
	pull := gpio.PullNoChange
	switch c.Pull {
	case PullNone, "":
	case PullUp:
		pull = gpio.PullUp
	case PullDown:
		pull = gpio.PullDown
	default:
		return nil, requestError(c.Name, fmt.Errorf("unknown pull %q", c.Pull))
	}
	if c.Debounce == 0 {
		c.Debounce = usualRest
	}
	if c.Debounce < time.Millisecond || c.Debounce > time.Second {
		return nil, requestError(c.Name, fmt.Errorf("a debounce of %v", c.Debounce))
	}
	edges := true
	if err := line.In(pull, gpio.BothEdges); err != nil {
		// Expanders without an interrupt have no edges; their level can be read.
		edges = false
		if again := line.In(pull, gpio.NoEdge); again != nil {
			line.Close()
			return nil, requestError(c.Name, err)
		}
	}
	i := &Input{name: c.Name, stop: make(chan struct{}), done: make(chan struct{})}
	go i.own(line, c, edges)
	return i, nil
}

// Close ends the watch and lets go of the line; it takes at most 250 ms, unless the line
// bounces. Nothing is reported after it. It may be called more than once.
func (i *Input) Close() error {
	i.once.Do(func() { close(i.stop) })
	<-i.done
	return nil
}

// String is the name under which the line was opened.
func (i *Input) String() string { return i.name }

func (i *Input) over() bool {
	select {
	case <-i.stop:
		return true
	default:
		return false
	}
}

func (i *Input) own(line inputLine, c InputConfig, edges bool) {
	defer close(i.done)
	defer line.Close()
	report := func(ch Change) {
		if c.Report != nil && !i.over() {
			ch.At = time.Now()
			c.Report(ch)
		}
	}
	active := func() bool { return bool(line.Read()) != c.ActiveLow }
	last := active()
	report(Change{Active: last, First: true})
	for early := 0; !i.over(); {
		edge, failed := i.wait(line, edges)
		if edge {
			failed = i.settle(line, c.Debounce)
		}
		switch {
		case failed:
			if early++; early == 3 {
				report(Change{Active: last, Err: &drivers.Error{Op: "watch", Subject: "line " + c.Name,
					Err: drivers.ErrGone, Hint: "its chip was unplugged or its driver was unloaded"}})
				return
			}
			i.rest(usualRest)
			continue // what Read would say now is not to be believed
		case !edges && active() != last:
			i.rest(c.Debounce)
		}
		early = 0
		if now := active(); now != last {
			last = now
			report(Change{Active: now})
		}
	}
}

// wait waits a while for an edge. Failed: it ended before its time without one.
func (i *Input) wait(line inputLine, edges bool) (edge, failed bool) {
	if !edges {
		i.rest(poll)
		return false, false
	}
	began := time.Now()
	edge = line.WaitForEdge(look)
	return edge, !edge && time.Since(began) < look
}

// settle waits until the line has rested, for a second at most. Failed: as wait says.
func (i *Input) settle(line inputLine, rest time.Duration) (failed bool) {
	for until := time.Now().Add(mostBouncing); time.Now().Before(until) && !i.over(); {
		began := time.Now()
		if !line.WaitForEdge(rest) {
			return time.Since(began) < rest
		}
	}
	return false
}

func (i *Input) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.stop:
	}
}

// ErrNoEdge is why CheckWait fails.
var ErrNoEdge = errors.New("periph.io's WaitForEdge does not keep to its times")

// CheckWait opens the line and shows on this machine what periph.io makes of times: a wait of
// 50 ms on a line at rest must take about that long. Minus says whether WaitForEdge(-1) has
// its known fault and returns at once. It is for the suite that runs on boards.
func CheckWait(name string) (minus bool, err error) {
	l, err := Find(name)
	if err != nil {
		return false, err
	}
	for _, chip := range gpioioctl.Chips {
		if chip.Path() != l.Path {
			continue
		}
		line := chip.ByNumber(l.Offset)
		if err := line.In(gpio.PullNoChange, gpio.BothEdges); err != nil {
			return false, requestError(name, err)
		}
		defer line.Close()
		took := func(d time.Duration) time.Duration {
			began := time.Now()
			line.WaitForEdge(d)
			return time.Since(began)
		}
		if d := took(50 * time.Millisecond); d < 40*time.Millisecond {
			return false, fmt.Errorf("%w: 50 ms took %v", ErrNoEdge, d)
		}
		return took(-1) < 40*time.Millisecond, nil
	}
	return false, requestError(name, drivers.ErrGone)
}
