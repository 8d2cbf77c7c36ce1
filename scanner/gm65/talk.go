package gm65

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/scanner"
)

const (
	// DefaultReplyWithin is how long a module may take to answer.
	DefaultReplyWithin = 500 * time.Millisecond
	// Tries is how often a command is sent before the module is given up.
	Tries = 3
	// HeartbeatEvery is the time between heartbeats, and Misses how many may stay without an
	// answer.
	HeartbeatEvery = 10 * time.Second
	Misses         = 3
	// RecheckEvery is how often the settings are looked at, and RecheckAfter how soon after
	// that at the earliest when scans come wrong.
	RecheckEvery = time.Minute
	RecheckAfter = 5 * time.Second
)

// setting is bits of a zone. It is read, written if it differs, and read again.
type setting struct {
	zone        uint16
	mask, value byte
	must        bool // the module is of no use without
	blind       bool // written without being read: the module itself changes it
}

func settings(c Config) ([]setting, error) {
	s := []setting{{zone: ZoneSettingCodes, mask: 0x02, value: 0x02, must: true}}
	if !c.NoAIM {
		s = append(s, setting{zone: ZoneAIM, mask: 0x80, value: 0x80, must: true})
	}
	switch c.Model {
	case "", GM65:
		s = append(s, setting{zone: ZoneTail, mask: 0xFF, value: 0x01, must: true})
	case GM812:
		s = append(s, setting{zone: ZoneTailGM812, mask: 0xFF, must: true})
	default:
		return nil, fmt.Errorf("gm65: unknown model %q, want gm65 or gm812", c.Model)
	}
	switch c.Mode {
	case "":
		return s, nil
	case ModeManual:
		return append(s, mode(0)), nil
	case ModeCommand:
		return append(s, mode(1)), nil
	case ModeContinuous:
		return append(s, mode(2)), nil
	case ModeInduction:
		return append(s, mode(3)), nil
	}
	return nil, fmt.Errorf("gm65: unknown mode %q, want manual, command, continuous or induction", c.Mode)
}

func mode(m byte) setting { return setting{zone: ZoneMode, mask: 0x03, value: m, must: true} }

// step is how far a setting is.
type step int

const (
	reading step = iota
	writing
	verifying
)

// talk is what is said to the module: one command at a time.
type talk struct {
	live  bool // Restart was called
	dead  bool // a Fault was emitted since
	ready bool // the set-up was done once

	setup   []setting
	at      int  // of the next one of setup
	version bool // was asked for
	cues    []setting
	step    step
	write   byte // what is to be written
	rounds  int  // how often it was written and not found
	// replaced: what is outstanding is a blind setting that was overtaken by cues[0].
	replaced bool

	due    request   // whose reply is expected
	tries  int       // of it; 0 = nothing is outstanding
	until  time.Time // for the reply
	extra  time.Time // until when a second reply to a repeated command may come
	within time.Duration

	heartbeat  time.Time // when the next one goes out
	beating    bool      // the one that is outstanding is a heartbeat
	misses     int
	checked    time.Time // when the settings were last looked at
	suspicious bool      // a scan came malformed
	tool       bool      // what is outstanding was not sent here
}

func (t *talk) restart() {
	*t = talk{live: true, setup: t.setup, within: t.within, cues: t.cues[:0]}
}

// do queues a cue. Of two on the same zone the later one stands.
func (t *talk) do(c scanner.Cue) bool {
	var s setting
	switch c {
	case scanner.Trigger:
		s = setting{zone: ZoneTrigger, value: 1, blind: true}
	case scanner.Untrigger:
		s = setting{zone: ZoneTrigger, value: 0, blind: true}
	case scanner.AimOn:
		s = setting{zone: ZoneMode, mask: 0x30, value: 0x20}
	case scanner.AimOff:
		s = setting{zone: ZoneMode, mask: 0x30, value: 0x10} // only while it reads
	default:
		return false
	}
	for i, q := range t.cues {
		if q.zone == s.zone {
			// The one before may be on its way: its reply is not that of this one.
			t.replaced = t.replaced || t.tries > 0 && t.current() == &t.cues[i] && s.blind
			t.cues[i] = s
			return true
		}
	}
	t.cues = append(t.cues, s)
	return true
}

// current is the setting that is being worked on.
func (t *talk) current() *setting {
	switch {
	case t.live && t.at < len(t.setup):
		return &t.setup[t.at]
	case len(t.cues) > 0:
		return &t.cues[0]
	}
	return nil
}

// expect says that a command was sent elsewhere.
func (t *talk) expect(r request, now time.Time) {
	t.due, t.tries, t.tool, t.until = r, 1, true, now.Add(Tries*t.within)
}

// listening reports whether a reply may come.
func (t *talk) listening(now time.Time) bool { return t.tries > 0 || now.Before(t.extra) }

// when is the time of the next thing to do; waits says that it is the end of a wait.
func (t *talk) when() (at time.Time, waits bool) {
	switch {
	case t.dead:
		return time.Time{}, false
	case t.tries > 0:
		return t.until, true
	case t.live && !t.version, t.current() != nil:
		if !t.extra.IsZero() {
			return t.extra, false
		}
		return time.Unix(0, 0), false
	case t.live:
		return t.heartbeat, false
	}
	return time.Time{}, false
}

// tick ends a wait for a reply.
func (t *talk) tick(now time.Time) error {
	if t.suspicious {
		t.suspicious = false
		if t.ready && now.Sub(t.checked) >= RecheckAfter && t.at == len(t.setup) && t.tries == 0 {
			t.recheck(now)
		}
	}
	if t.tries == 0 || now.Before(t.until) {
		return nil
	}
	switch {
	case t.tool:
		t.tries, t.tool = 0, false
	case t.beating:
		t.tries, t.beating = 0, false
		if t.misses++; t.misses == Misses {
			return t.fault("%d heartbeats were not answered", Misses)
		}
	case t.tries == Tries:
		return t.fault("no answer to a command for zone %04X, sent %d times", t.due.zone, Tries)
	}
	return nil
}

func (t *talk) fault(format string, args ...any) error {
	t.dead, t.ready, t.tries = true, false, 0
	return fmt.Errorf(format, args...)
}

func (t *talk) recheck(now time.Time) {
	t.at, t.step, t.rounds, t.checked = 0, reading, 0, now
}

// next adds to dst the command that is to be sent now, if any.
func (t *talk) next(dst []byte, now time.Time) []byte {
	if t.dead || t.tries > 0 && now.Before(t.until) || t.tries == 0 && now.Before(t.extra) {
		return nil
	}
	t.extra = time.Time{}
	s := t.current()
	switch {
	case t.live && !t.version:
		dst = Append(dst, Read, ZoneVersion, 2)
	case s != nil && s.blind:
		dst = Append(dst, Write, s.zone, s.value)
	case s != nil && t.step == writing:
		dst = Append(dst, Write, s.zone, t.write)
	case s != nil:
		dst = Append(dst, Read, s.zone, 2)
	case !t.live || now.Before(t.heartbeat):
		return nil
	case now.Sub(t.checked) >= RecheckEvery:
		t.recheck(now)
		return t.next(dst, now)
	default:
		t.beating = true
		t.heartbeat = now.Add(HeartbeatEvery)
		dst = AppendHeartbeat(dst)
	}
	t.due, t.until = requestOf(dst), now.Add(t.within)
	t.tries++
	return dst
}

// heard takes a reply. due says that it was to be expected, and not a second one.
func (t *talk) heard(r *Reply, now time.Time) (due bool, fault error) {
	if t.tries == 0 {
		return false, nil
	}
	tries := t.tries
	t.tries, t.misses = 0, 0
	if t.tool {
		t.tool = false
		return true, nil
	}
	if tries > 1 {
		t.extra = now.Add(t.within)
	}
	t.heartbeat = now.Add(HeartbeatEvery)
	switch {
	case t.beating:
		t.beating = false
	case r.Code == CRCFailure && tries < Tries:
		t.tries, t.until = tries, now
	case t.live && !t.version:
		t.version = true
	case t.current() != nil:
		return true, t.proceed(t.current(), r, now)
	}
	return true, nil
}

// proceed goes on with a setting.
func (t *talk) proceed(s *setting, r *Reply, now time.Time) error {
	switch {
	case t.replaced:
		t.replaced = false
		return nil
	case r.Code != OK:
		if s.must {
			return t.fault("zone %04X: the module answers %s", s.zone, r.Code)
		}
	case s.blind:
	case t.step == writing:
		t.step = verifying
		return nil
	case r.Data[0]&s.mask == s.value:
	case t.rounds == Tries:
		if s.must {
			return t.fault("zone %04X stays %02X although %02X was written", s.zone, r.Data[0], t.write)
		}
	default:
		t.write = r.Data[0]&^s.mask | s.value
		t.step = writing
		t.rounds++
		return nil
	}
	t.step, t.rounds = reading, 0
	if t.live && t.at < len(t.setup) {
		t.at++
		if t.at == len(t.setup) {
			t.ready, t.checked = true, now
		}
		return nil
	}
	t.cues = t.cues[:copy(t.cues, t.cues[1:])]
	return nil
}
