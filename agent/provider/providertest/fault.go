package providertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
)

// Kind is what goes wrong.
type Kind string

const (
	Down         Kind = "down"          // connections are refused, until Clear
	Slow         Kind = "slow"          // answers wait for Fault.Delay
	LostAnswer   Kind = "lost-answer"   // carried out, and the connection is cut before the answer
	ForgedAnswer Kind = "forged-answer" // signed with a key that is not the provider's
	ForgedKeys   Kind = "forged-keys"   // the key list is signed by nobody's root key
	StaleKeys    Kind = "stale-keys"    // the key list is three of its lives old
	OldKeys      Kind = "old-keys"      // the key list is rolled back by one serial number
)

// Kinds lists all faults.
func Kinds() []Kind {
	return []Kind{Down, Slow, LostAnswer, ForgedAnswer, ForgedKeys, StaleKeys, OldKeys}
}

// Fault is one fault.
type Fault struct {
	Kind  Kind
	Path  string        // "/v1/identify"; empty means any but /v1/status
	Delay time.Duration // of Slow
}

type planted struct {
	Fault
	left int // requests; negative: all until Clear
}

type faults struct {
	planted []planted
	keys    Kind // what is wrong with lists, until Clear
}

// Inject has the next n requests that f is about go wrong; n < 0: until Clear. Faults of the
// key list and Down last until Clear whatever n is.
func (p *Provider) Inject(f Fault, n int) error {
	if !slices.Contains(Kinds(), f.Kind) {
		return fmt.Errorf("inject: no fault %q", f.Kind)
	}
	if f.Kind == Down {
		return p.server.down()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch f.Kind {
	case ForgedKeys, StaleKeys, OldKeys:
		p.faults.keys = f.Kind
	default:
		p.faults.planted = append(p.faults.planted, planted{f, n})
	}
	return nil
}

// Clear takes every fault off and listens again.
func (p *Provider) Clear() error {
	p.mu.Lock()
	p.faults = faults{}
	p.mu.Unlock()
	return p.server.up(p)
}

// strike gives the fault that hits a request, and uses it up.
func (p *Provider) strike(path string) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.faults.planted {
		f := &p.faults.planted[i]
		if f.left == 0 || f.Path != path && (f.Path != "" || path == wire.PathStatus) {
			continue
		}
		f.left--
		return f.Fault
	}
	return Fault{}
}

// wait is Slow. It reports whether the request still waits.
func (p *Provider) wait(ctx context.Context, f Fault) bool {
	if f.Kind != Slow {
		return true
	}
	t := time.NewTimer(f.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// listed is the key list as terminals get it. It needs p.mu.
func (p *Provider) listed(now time.Time) (wire.Keys, error) {
	switch p.faults.keys {
	case ForgedKeys:
		return p.signed(p.keys.serial, now, stranger())
	case StaleKeys:
		return p.signed(p.keys.serial+1, now.Add(-3*p.o.ListLife), p.root)
	case OldKeys:
		return p.signed(max(1, p.keys.serial-1), now, p.root)
	}
	return wire.Keys{List: p.keys.list.List, Signatures: p.keys.list.Signatures}, nil
}

// stranger is a key that nobody knows.
func stranger() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return key
}
