// Package gpio drives a status lamp and a buzzer on a board's pins, through periph.io.
//
// Faults of periph.io/x/host v3.8.5 to know of:
//
//   - host.Init closes file descriptor 0 where /dev/gpiochip4 links to gpiochip0 (Raspberry
//     Pi OS on a Pi 5), and another descriptor twice. Open gives 0 back; call it before
//     anything else opens files.
//   - Out(High) first drives the line low for a moment: fit for a lamp and a buzzer that are
//     on when high, never for an active-low drawer or relay.
//   - gpiochip numbers change between OS releases: lines are found by name ("GPIO17").
package gpio

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/host/v3"

	"github.com/tilld/tilld/drivers"
)

// Names are the lines in use, as the board calls them: "GPIO17". An empty name is a part
// that is not fitted.
type Names struct {
	Lamp   string
	Buzzer string
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
	lamp, buzzer gpio.Level
	last         time.Duration
}

// pattern lists the steps of a kind; after the last one both are off.
func pattern(k Kind) ([]step, bool) {
	const on, off = gpio.High, gpio.Low
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
	lamp, buzzer gpio.PinOut // nil when not fitted

	mu     sync.Mutex // serialises Set and Halt
	stop   chan struct{}
	done   chan struct{}
	result error // of the pattern that ran last; read after done
}

var _ conn.Resource = (*Indicator)(nil)

// Open finds the lines and switches them off. A board without such a line gives a
// *drivers.Error with a hint.
func Open(n Names) (*Indicator, error) { return open(n, initHost) }

func open(n Names, start func() error) (*Indicator, error) {
	if err := start(); err != nil {
		return nil, &drivers.Error{Op: "start", Subject: "GPIO", Err: err,
			Hint: "let tilld's user open /dev/gpiochip*: add it to the group gpio"}
	}
	i := &Indicator{}
	var err error
	if i.lamp, err = line("lamp", n.Lamp); err != nil {
		return nil, err
	}
	if i.buzzer, err = line("buzzer", n.Buzzer); err != nil {
		return nil, err
	}
	if err := i.put(gpio.Low, gpio.Low); err != nil {
		return nil, err
	}
	return i, nil
}

// line finds a line by name; nil without error when none is configured.
func line(part, name string) (gpio.PinOut, error) {
	if name == "" {
		return nil, nil
	}
	if p := gpioreg.ByName(name); p != nil {
		return p, nil
	}
	hint := "this board offers no lines: leave the names empty"
	if all := gpioreg.All(); len(all) > 0 {
		hint = fmt.Sprintf("use a name of this board's %d lines, such as %s, or leave it empty", len(all), all[0].Name())
	}
	return nil, &drivers.Error{Op: "open", Subject: fmt.Sprintf("%s on line %q", part, name),
		Err: errors.New("no such line"), Hint: hint}
}

// initHost starts periph.io and gives file descriptor 0 back if that closed it.
func initHost() error {
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		saved, err = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("hold standard input: %w", err)
		}
	}
	defer unix.Close(saved)
	_, initErr := host.Init()
	var st unix.Stat_t
	if errors.Is(unix.Fstat(0, &st), unix.EBADF) {
		if err := unix.Dup3(saved, 0, 0); err != nil {
			return errors.Join(initErr, fmt.Errorf("give standard input back: %w", err))
		}
	}
	return initErr
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
	i.result = errors.Join(append(errs, i.put(gpio.Low, gpio.Low))...)
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

func (i *Indicator) put(lamp, buzzer gpio.Level) error {
	return errors.Join(out(i.lamp, lamp), out(i.buzzer, buzzer))
}

func out(p gpio.PinOut, l gpio.Level) error {
	if p == nil {
		return nil
	}
	if err := p.Out(l); err != nil {
		return &drivers.Error{Op: "switch", Subject: "line " + p.Name(), Err: err}
	}
	return nil
}

// Halt switches both off and waits for that.
func (i *Indicator) Halt() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Join(i.end(), i.put(gpio.Low, gpio.Low))
}

// String names the lines.
func (i *Indicator) String() string {
	name := func(p gpio.PinOut) string {
		if p == nil {
			return "none"
		}
		return p.Name()
	}
	return fmt.Sprintf("indicator (lamp %s, buzzer %s)", name(i.lamp), name(i.buzzer))
}
