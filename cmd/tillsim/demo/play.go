package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// stepWithin bounds one wait of a scenario. It is far above what the shortened clock tables
// need: reaching it means that something never happened.
const stepWithin = 40 * time.Second

// decidedWithin bounds the time until a point of sale is told what became of a request.
const decidedWithin = 3 * stepWithin

// play is one scenario on one till. The first thing that goes wrong is kept, and everything
// after it does nothing: a scenario reads as what should happen.
type play struct {
	ctx     context.Context
	name    string
	rig     *rig.Rig
	cashier *cashier
	amount  func() sale.Amount // draws the next amount
	record  *record            // of a chaos

	err   error
	later []func() // what to take off when the scenario is over

	// Of the sale that goes on now:
	mark    int    // where in the till's happenings it begins
	look    int    // the same, for those who look at screens alone: see seen
	payment string // its POITransactionID, known once the scanner was armed
}

func (p *play) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// within bounds one wait.
func (p *play) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, stepWithin)
}

// basket makes a basket with an amount of its own.
func (p *play) basket() basket { return p.cashier.basket(p.name, p.amount()) }

// ask sends a Payment and waits for nothing.
func (p *play) ask(b basket, w wanted) *request {
	p.mark, p.payment = p.rig.Watch.Mark(), ""
	p.look = p.mark
	if p.err != nil {
		return nil
	}
	return p.cashier.pay(p.ctx, b, "", w)
}

// sell sends a Payment and waits until the scanner is armed for it.
func (p *play) sell(b basket, w wanted) *request {
	r := p.ask(b, w)
	p.armed(b)
	return r
}

// armed waits until the till takes a code for the basket: its screen shows the amount and
// the scanner's gate is open.
func (p *play) armed(b basket) {
	h := p.await("the scanner to be armed for "+b.amount.String(), armedFor(b))
	if p.err == nil {
		p.payment = h.Event.Payment
	}
}

func armedFor(b basket) func(rig.Happening) bool {
	return func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == "armed" && h.Event.Amount == b.amount.String()
	}
}

// event waits for an event of the payment that goes on now, after the last one waited for.
func (p *play) event(kind string) agent.Event {
	h := p.await("the till's event "+kind, func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == kind && (h.Event.Payment == p.payment || h.Event.Payment == "")
	})
	if p.err != nil {
		return agent.Event{}
	}
	return *h.Event
}

// await waits for a happening and moves the mark behind it.
func (p *play) await(what string, want func(rig.Happening) bool) rig.Happening {
	if p.err != nil {
		return rig.Happening{}
	}
	ctx, cancel := p.within()
	defer cancel()
	h, next, err := p.rig.Watch.Await(ctx, p.mark, what, want)
	if err != nil {
		p.fail("%w", err)
	}
	p.mark = next
	return h
}

// cause waits, from a mark on, until a cause of the till's health is true, or is not.
func (p *play) cause(mark int, code string, there bool) {
	p.mark = mark
	p.await("the till's health to notice the "+code, func(h rig.Happening) bool {
		return h.Health != nil && there == slices.ContainsFunc(h.Health, func(c health.Cause) bool { return c.Code == code })
	})
}

// show presents a code to the scanner: the bytes a real one sends for a QR code.
func (p *play) show(code string) { p.scan("]Q1", code) }

// showFresh presents a fresh code of a wallet and returns it.
func (p *play) showFresh(wallet string) string {
	if p.err != nil {
		return ""
	}
	code := p.rig.World.NewCode(wallet)
	p.show(code)
	return code
}

func (p *play) scan(aim, code string) {
	if p.err != nil {
		return
	}
	if err := p.rig.Scan(aim + code); err != nil {
		p.fail("scan: %w", err)
	}
}

// told waits for the answer to a request. What it says is judged by the comparison.
func (p *play) told(r *request) {
	if p.err != nil {
		return
	}
	ctx, cancel := p.within()
	defer cancel()
	if err := r.wait(ctx); err != nil {
		p.fail("%w", err)
	}
}

// status asks about a Payment and waits for the answer.
func (p *play) status(of *request, w wanted) *request {
	if p.err != nil {
		return nil
	}
	r := p.cashier.status(p.ctx, of, w)
	p.told(r)
	return r
}

// reconcile is what a careful point of sale does after it lost a connection: it asks until
// the answer is not "in progress" any more. Between two questions it waits for the till to
// do something.
// It returns the final condition.
func (p *play) reconcile(of *request, w wanted) (condition string) {
	for limit := time.Now().Add(decidedWithin); p.err == nil; {
		if time.Now().After(limit) {
			p.fail("%s %s is still in progress after %s", of.kind, of.service, decidedWithin)
			break
		}
		mark := p.rig.Watch.Mark()
		r := p.status(of, wanted{})
		if p.err != nil {
			break
		}
		if r.err == nil && r.answer.Result != "" && r.answer.ErrorCondition != verdict.InProgress {
			p.status(of, w) // once more, held against what is expected
			return r.answer.ErrorCondition
		}
		ctx, cancel := context.WithTimeout(p.ctx, time.Second)
		_, _, err := p.rig.Watch.Await(ctx, mark, "anything", func(rig.Happening) bool { return true })
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			p.fail("%w", err)
		}
	}
	return ""
}

// inject plants a fault for the next n requests it strikes.
func (p *play) inject(wallet string, f wallettest.Fault, n int) {
	if p.err != nil {
		return
	}
	if err := p.rig.World.Inject(wallet, f, n); err != nil {
		p.fail("%w", err)
	}
}

// do runs a step that may fail.
func (p *play) do(what string, f func(ctx context.Context) error) {
	if p.err != nil {
		return
	}
	ctx, cancel := p.within()
	defer cancel()
	if err := f(ctx); err != nil {
		p.fail("%s: %w", what, err)
	}
}
