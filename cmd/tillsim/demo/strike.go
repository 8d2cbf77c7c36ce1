package demo

import (
	"context"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// point is a named moment in the life of a payment at which a till is killed: something that
// the till says of it, or something that a wallet sees of it.
type point struct {
	name  string
	till  func(rig.Happening) bool
	op    sale.Op // of a wallet's
	seen  string  // its phase
	needs need
}

// need is what a story must have for a point to be reached.
type need int

const (
	needNothing  need = iota
	needOffer         // a code of ours
	needClosing       // one that is taken away
	needRefund        // a part given back
	needFallback      // a direct contract that cannot be reached
)

// points are all named moments. The till's are told the moment they happened, so the kill
// strikes a little later than that; the wallets' are told before the wallet goes on.
func points() []point {
	var all []point
	for _, kind := range []string{"armed", "sending", "doubt", "undo", "query", "reverse", "attached", "ended", "offered", "close", "refund", "fallback"} {
		needs := map[string]need{"offered": needOffer, "close": needClosing, "refund": needRefund, "fallback": needFallback}[kind]
		all = append(all, point{name: kind, needs: needs, till: func(h rig.Happening) bool { return h.Event != nil && h.Event.Kind == kind }})
	}
	for _, state := range []sale.State{sale.Sending, sale.Paid, sale.Unknown, sale.Declined, sale.Reversing, sale.Reversed, sale.ReversedRefunded, sale.Offered, sale.Closed} {
		needs := map[sale.State]need{sale.Offered: needOffer, sale.Closed: needClosing}[state]
		all = append(all, point{name: state.String(), needs: needs, till: func(h rig.Happening) bool {
			return h.Event != nil && h.Event.Kind == "state" && h.Event.State == state.String()
		}})
	}
	for _, op := range []sale.Op{sale.OpPay, sale.OpQuery, sale.OpReverse, sale.OpOffer, sale.OpClose, sale.OpRefund, sale.OpQueryRefund} {
		needs := map[sale.Op]need{sale.OpOffer: needOffer, sale.OpClose: needClosing, sale.OpRefund: needRefund, sale.OpQueryRefund: needRefund}[op]
		for _, phase := range []string{"seen", "done", "answered"} {
			all = append(all, point{name: "wallet: " + string(op) + " " + phase, op: op, seen: phase, needs: needs})
		}
	}
	return all
}

// strike kills the till at a point, once, and starts it again, whatever goes on meanwhile.
type strike struct {
	cancel context.CancelFunc
	over   chan struct{}
	struck bool // valid after over
	err    error
}

// strikeAt arms a strike from now on.
func (p *play) strikeAt(at point) *strike {
	ctx, cancel := context.WithCancel(p.ctx)
	s := &strike{cancel: cancel, over: make(chan struct{})}
	wait := p.awaitTill
	if at.till == nil {
		wait = p.awaitWalletAt
	}
	came := wait(ctx, at)
	go func() {
		defer close(s.over)
		if !came() {
			return
		}
		s.struck = true
		p.rig.Kill()
		within, done := context.WithTimeout(p.ctx, stepWithin)
		defer done()
		s.err = p.rig.Restart(within)
	}()
	return s
}

func (p *play) awaitTill(ctx context.Context, at point) (came func() bool) {
	mark := p.rig.Watch.Mark()
	return func() bool {
		_, _, err := p.rig.Watch.Await(ctx, mark, at.name, at.till)
		return err == nil
	}
}

func (p *play) awaitWalletAt(ctx context.Context, at point) (came func() bool) {
	now := make(chan struct{}, 1)
	off := p.rig.World.OnEvent(func(e wallettest.Event) {
		if e.Op == at.op && e.Phase == at.seen {
			select {
			case now <- struct{}{}:
			default:
			}
		}
	})
	return func() bool {
		defer off()
		select {
		case <-now:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// finish takes the strike off, or waits until the till is up again, and reports which.
func (p *play) finish(s *strike) bool {
	s.cancel()
	<-s.over
	if s.err != nil {
		p.fail("start tilld again: %w", s.err)
	}
	return s.struck
}
