package main

import (
	"errors"
	"time"

	"github.com/tilld/tilld/scanner"
)

// maxSilence bounds how long a codec is asked about silence between two lines of a dump: after
// it nothing changes but heartbeats.
const maxSilence = time.Minute

// player plays the bytes of a dump to the codec of a profile, in the dump's own time.
type player struct {
	make  func() (scanner.Codec, error) // another codec, after the plug was pulled
	codec scanner.Codec
	now   time.Time
	emit  func(at time.Time, r scanner.Result)
}

// until lets the time of the dump pass.
func (p *player) until(t time.Time) {
	const step = 10 * time.Millisecond
	if t.Sub(p.now) > maxSilence {
		defer func() { p.now = t }()
		t = p.now.Add(maxSilence)
	}
	for p.now.Before(t) {
		next := t
		if c, ok := p.codec.(scanner.Commander); ok && !c.Due().IsZero() && c.Due().Before(next) {
			next = c.Due()
		}
		if p.codec.Pending() {
			next = earlier(next, p.now.Add(step))
		}
		if !next.After(p.now) {
			next = p.now.Add(time.Millisecond) // due now, and still due: not for ever
		}
		p.now = earlier(next, t)
		p.codec.Tick(p.now, p.told)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (p *player) told(r scanner.Result) { p.emit(p.now, r) }

// received gives the codec what the device sent.
func (p *player) received(data []byte) {
	p.codec.Feed(data, p.now, p.told)
	if c, ok := p.codec.(scanner.Commander); ok && !c.Due().IsZero() && !c.Due().After(p.now) {
		p.codec.Tick(p.now, p.told)
	}
}

// sent tells the codec what the host sent: a reply may be due.
func (p *player) sent(data []byte) {
	if c, ok := p.codec.(scanner.Outstanding); ok {
		c.Outstanding(data, p.now)
	}
}

// gone is what the codec makes of a pulled plug.
func (p *player) gone() {
	if p.codec.Pending() {
		p.emit(p.now, scanner.Result{Drop: scanner.DropPartial})
	}
	if c, err := p.make(); err == nil { // as it did for the first
		p.codec = c
	}
}

// given brings about what a wire vector presupposes.
func (p *player) given(name string) error {
	switch name {
	case "":
	case "silence-100ms":
		p.until(p.now.Add(100 * time.Millisecond))
	case "silence-600ms":
		p.until(p.now.Add(600 * time.Millisecond))
	case "command-outstanding", "menu-outstanding":
		p.sent(nil)
	default:
		return errors.New("given is none of silence-100ms, silence-600ms, command-outstanding, menu-outstanding")
	}
	return nil
}
