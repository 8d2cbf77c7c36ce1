package providertest

import (
	"errors"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
)

// failures are what one claim or one terminal failed lately. Claims of nobody count like those
// of members, so that a lock does not tell who is one.
type failures struct {
	at    []time.Time
	until time.Time // locked out until then
}

func (f *failures) over(now time.Time, l Lock) bool {
	return now.After(f.until) && (len(f.at) == 0 || now.Sub(f.at[len(f.at)-1]) > l.Within)
}

func claimLock(claim string) string       { return "claim " + claim }
func terminalLock(terminal string) string { return "terminal " + terminal }

// fail counts a failure. It needs p.mu.
func (p *Provider) fail(terminal, claim string, now time.Time) {
	p.failOne(terminalLock(terminal), p.o.Lock.Terminal, now)
	if claim != "" {
		p.failOne(claimLock(claim), p.o.Lock.Member, now)
	}
}

func (p *Provider) failOne(key string, most int, now time.Time) {
	f := p.locks[key]
	if f == nil {
		f = &failures{}
		p.locks[key] = f
	}
	for len(f.at) > 0 && now.Sub(f.at[0]) > p.o.Lock.Within {
		f.at = f.at[1:]
	}
	f.at = append(f.at, now)
	if len(f.at) >= most {
		f.at, f.until = nil, now.Add(p.o.Lock.For)
		p.audit.count("locked out")
	}
}

// locked says how long nothing is answered for this terminal and claim, or nil. It needs
// p.mu.
func (p *Provider) locked(terminal, claim string, now time.Time) *refusal {
	var until time.Time
	for _, key := range []string{terminalLock(terminal), claimLock(claim)} {
		if f := p.locks[key]; f != nil && f.until.After(until) {
			until = f.until
		}
	}
	if !now.Before(until) {
		return nil
	}
	r := refuse(wire.CodeLockedOut, "too many failures")
	r.retry = until.Sub(now)
	return r
}

// lockedFor reports whether err is of locked, and for how long.
func lockedFor(err error) (time.Duration, bool) {
	var r *refusal
	if errors.As(err, &r) && r.code == wire.CodeLockedOut {
		return r.retry, true
	}
	return 0, false
}
