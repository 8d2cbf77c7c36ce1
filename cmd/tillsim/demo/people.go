package demo

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// killAndRestart is a power cut.
func (p *play) killAndRestart() {
	p.do("kill and restart tilld", func(ctx context.Context) error {
		p.rig.Kill()
		return p.rig.Restart(ctx)
	})
}

func (p *play) abort(of *request) {
	p.do("abort", func(ctx context.Context) error { return p.cashier.abort(ctx, of) })
}

// hangUp ends the point of sale's connection, and waits until it is written down that no
// answer came.
func (p *play) hangUp(r *request) {
	if p.err == nil {
		r.hangUp()
		p.told(r)
	}
}

// walletEvents collects what the wallets see from now on, until the scenario ends.
func (p *play) walletEvents() <-chan wallettest.Event {
	seen := make(chan wallettest.Event, 1024)
	off := p.rig.World.OnEvent(func(e wallettest.Event) {
		select {
		case seen <- e:
		default: // nobody waits any more
		}
	})
	p.later = append(p.later, off)
	return seen
}

// awaitWallet waits until a wallet is at the given phase of a request.
func (p *play) awaitWallet(seen <-chan wallettest.Event, op sale.Op, phase string) wallettest.Event {
	if p.err != nil {
		return wallettest.Event{}
	}
	timer := time.NewTimer(stepWithin)
	defer timer.Stop()
	for {
		select {
		case e := <-seen:
			if e.Op == op && e.Phase == phase {
				return e
			}
		case <-timer.C:
			p.fail("wait for a %s at a wallet to be %s: nothing in %s", op, phase, stepWithin)
			return wallettest.Event{}
		case <-p.ctx.Done():
			p.fail("wait for a %s at a wallet: %w", op, context.Cause(p.ctx))
			return wallettest.Event{}
		}
	}
}
