package terminal

import (
	"fmt"
	"sync"
	"time"
)

// TimeSource is the machine's clock; internal/clock.Kernel is one.
type TimeSource interface {
	// Read returns the wall clock and a monotonic time that no step of it moves.
	Read() (wall time.Time, mono time.Duration)
	// Synchronised reports whether the kernel says that the wall clock is disciplined.
	Synchronised() (bool, error)
}

// ClockOptions is what a Clock is made of.
type ClockOptions struct {
	Source TimeSource
	// Built is when this program was built: no earlier time can be now. Zero is no bound.
	Built time.Time
	// SystemOnly skips the question whether the kernel's clock is synchronised. For the
	// test environment.
	SystemOnly bool
}

const (
	// agreement is how far two sources may lie apart and still tell the same time.
	agreement = 5 * time.Minute
	// slack lets a disciplined clock step back a little without closing the till.
	slack = 5 * time.Second
)

// Clock decides whether the wall clock may be believed. A board without a battery wakes in
// 1970, or at the date of its image, and stays there until the network tells it better;
// a new sale waits for that, an open one does not.
//
// The time is trusted when the kernel says it is synchronised, when it is not before the
// floor, when it has not jumped, and when no wallet's date contradicts it. The floor is
// the later of the build time and the last trusted time on record. It advances only while
// the kernel's time and a wallet's date agree, and only such agreement lowers it again.
//
// All methods are safe for concurrent use.
type Clock struct {
	o  ClockOptions
	mu sync.Mutex

	floor time.Time
	// anchor is the last trusted reading: against it a jump is seen.
	anchorWall time.Time
	anchorMono time.Duration
	anchored   bool
	jumped     time.Duration // by how much the wall clock jumped; 0 when it did not
	dates      map[string]seen
}

// seen is a date that a wallet's server told under TLS, and when on the monotonic clock.
type seen struct {
	date time.Time
	mono time.Duration
}

// NewClock makes a clock.
func NewClock(o ClockOptions) *Clock {
	return &Clock{o: o, floor: o.Built, dates: map[string]seen{}}
}

// OnDate takes the Date header of an answer that came over an authenticated connection.
// The subject names the wallet. The header has whole seconds, and the answer took its
// time: agreement is minutes wide.
func (c *Clock) OnDate(subject string, date time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.o.Source.Read()
	c.dates[subject] = seen{date, mono}
	synced, err := c.synchronised()
	if err != nil || !synced || wall.Sub(date).Abs() > agreement {
		return
	}
	// Two independent sources agree: this is now, whatever was believed before.
	c.jumped = 0
	c.floor = wall
	if wall.Before(c.o.Built) {
		c.floor = c.o.Built // a program does not run before it was built
	}
	c.anchorWall, c.anchorMono, c.anchored = wall, mono, true
}

// NotBefore raises the floor to a time that is on record as trusted. It never lowers it.
func (c *Clock) NotBefore(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.floor) {
		c.floor = t
	}
}

// Trusted reports whether the wall clock may be believed now, and if not, why, in words
// for an operator.
func (c *Clock) Trusted() (ok bool, why string) {
	_, ok, why = c.look()
	return ok, why
}

// Now is the wall clock and whether it may be believed.
func (c *Clock) Now() (now time.Time, trusted bool) {
	now, trusted, _ = c.look()
	return now, trusted
}

// Floor is the earliest time that would be believed now.
func (c *Clock) Floor() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.floor
}

func (c *Clock) look() (time.Time, bool, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.o.Source.Read()
	why := c.doubt(wall, mono)
	if why == "" {
		c.anchorWall, c.anchorMono, c.anchored = wall, mono, true
	}
	return wall, why == "", why
}

// doubt is the first reason not to believe the clock, or empty. The caller holds mu.
func (c *Clock) doubt(wall time.Time, mono time.Duration) string {
	if c.anchored {
		// The anchor stays where it is while the clock is off, so a clock that jumps back
		// to where it belongs is believed again without further proof.
		off := wall.Sub(c.anchorWall) - (mono - c.anchorMono)
		if off.Abs() > agreement {
			c.jumped = off
		} else {
			c.jumped = 0
		}
	}
	if c.jumped != 0 {
		return fmt.Sprintf("the clock jumped by %s and no wallet has confirmed it since", rough(c.jumped))
	}
	synced, err := c.synchronised()
	if err != nil {
		return err.Error()
	}
	if !synced {
		return "the clock is not synchronised yet"
	}
	if wall.Before(c.floor.Add(-slack)) {
		return fmt.Sprintf("the clock says %s, which is before %s", stamp(wall), stamp(c.floor))
	}
	return c.dissent(wall, mono)
}

func (c *Clock) synchronised() (bool, error) {
	if c.o.SystemOnly {
		return true, nil
	}
	return c.o.Source.Synchronised()
}

// dissent names the wallet whose latest date contradicts the wall clock most, or is empty.
// Each date is carried forward on the monotonic clock. One wallet that agrees outweighs
// those that do not: a server with a wrong clock must not close the till.
func (c *Clock) dissent(wall time.Time, mono time.Duration) string {
	worst, subject := time.Duration(0), ""
	for who, s := range c.dates {
		off := wall.Sub(s.date.Add(mono - s.mono))
		if off.Abs() <= agreement {
			return ""
		}
		if off.Abs() > worst.Abs() || off.Abs() == worst.Abs() && who < subject {
			worst, subject = off, who
		}
	}
	if subject == "" {
		return ""
	}
	direction := "ahead of"
	if worst < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("the clock is %s %s the time that %s tells", rough(worst.Abs()), direction, subject)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// rough writes a span for people.
func rough(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", d.Abs()
	}
	const day = 24 * time.Hour
	switch {
	case d >= 2*365*day:
		return fmt.Sprintf("%s%d years", sign, d/(365*day))
	case d >= 2*day:
		return fmt.Sprintf("%s%d days", sign, d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%s%d hours", sign, d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%s%d minutes", sign, d/time.Minute)
	}
	return fmt.Sprintf("%s%d seconds", sign, d/time.Second)
}
