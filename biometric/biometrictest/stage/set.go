package stage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// Set is a simulated camera and lamps, and what is before them. Safe for concurrent use.
type Set struct {
	clock Clock
	empty *Presentation

	mu    sync.Mutex
	shown *Presentation
	since sense.Time // when it was shown
	steps []change   // of the lamps, in the order of time
}

// change is a Change by the set's clock.
type change struct {
	at sense.Time
	Lamps
}

// mostSteps bounds what is remembered of the lamps.
const mostSteps = 4096

// NewSet is a set where nothing is shown yet.
func NewSet(c Clock) *Set {
	rng := rand.New(rand.NewPCG(0, 0xe3b7))
	return &Set{clock: c, empty: &Presentation{Name: "nothing", room: newRoom(rng, 4)}}
}

// Show begins a presentation now, in the place of what was shown.
func (s *Set) Show(p *Presentation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown, s.since = p, s.clock.Now()
	s.forget()
}

// Clear takes away what is shown.
func (s *Set) Clear() { s.Show(nil) }

// Shown is what is shown; nil for nothing.
func (s *Set) Shown() *Presentation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// forget keeps of the lamps what may still matter: frames are never older than a second.
func (s *Set) forget() {
	now := s.clock.Now()
	for len(s.steps) > 1 && (now.Sub(s.steps[1].at) > keep || len(s.steps) > mostSteps) {
		s.steps = s.steps[1:]
	}
}

// keep is how long the lamps' past matters.
const keep = 2e9

// expose takes a frame that began at a moment.
func (s *Set) expose(f *Film, dst []byte, at sense.Time) {
	s.mu.Lock()
	p, since := s.shown, s.since
	if p == nil || at < since {
		p, since = s.empty, 0
	}
	lighting := make(Lighting, len(s.steps))
	for i, c := range s.steps {
		lighting[i] = Change{c.at.Sub(since), c.Lamps}
	}
	s.mu.Unlock()
	f.Expose(dst, p, at.Sub(since), lighting)
}

// Lamp is the set's lamps.
func (s *Set) Lamp() sense.Lamp { return lamp{s} }

type lamp struct{ s *Set }

func (lamp) Channels() []sense.Channel {
	return []sense.Channel{capture.ChannelNIR, capture.ChannelWhite}
}

func (l lamp) Switch(ctx context.Context, c sense.Channel, on bool) (sense.Step, error) {
	if on && ctx.Err() != nil {
		return sense.Step{}, &drivers.Error{Op: "switch", Subject: fmt.Sprintf("lamp %q", c), Err: ctx.Err()}
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	now := l.s.lamps()
	switch c {
	case capture.ChannelNIR:
		now.NIR = on
	case capture.ChannelWhite:
		now.White = on
	default:
		return sense.Step{}, &drivers.Error{Op: "switch", Subject: fmt.Sprintf("lamp %q", c), Err: errors.New("no such channel")}
	}
	return sense.Step{Channel: c, On: on, At: l.s.turn(now)}, nil
}

func (l lamp) Close() error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.turn(Lamps{})
	return nil
}

// Lit is which lamps shine now.
func (s *Set) Lit() Lamps {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lamps()
}

func (s *Set) lamps() Lamps {
	if len(s.steps) == 0 {
		return Lamps{}
	}
	return s.steps[len(s.steps)-1].Lamps
}

// turn sets the lamps and says when.
func (s *Set) turn(to Lamps) sense.Time {
	now := s.clock.Now()
	if to != s.lamps() {
		s.forget()
		s.steps = append(s.steps, change{now, to})
	}
	return now
}
