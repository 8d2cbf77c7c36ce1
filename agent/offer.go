package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/route"
	"github.com/tilld/tilld/agent/sale"
)

// OfferPolicy says when a code of ours is shown for the customer to scan.
type OfferPolicy string

const (
	OfferAsk    OfferPolicy = "ask"    // when somebody asks for it, or no scanner is ready
	OfferAlways OfferPolicy = "always" // beside "show your code", from the start
	OfferNever  OfferPolicy = "never"
)

// maxOffers is how many codes of ours one payment shows, so that there are attempts left for
// the customer's own.
const maxOffers = 3

// OfferReason is what the screen says of a code of ours, in Screen.Reason.
type OfferReason string

const (
	OfferComes OfferReason = "offer-comes" // it is being made
	OfferNone  OfferReason = "no-offer"    // it could not be made: show yours
	OfferOver  OfferReason = "offer-over"  // it is closed: show yours, or ask for another
	OfferStays OfferReason = "offer-stays" // it was not closed while your own code was fresh: show a fresh one
	OfferCode  OfferReason = "code-read"   // your own code was read: ours is being closed first
)

// ErrNoOffer is why no code of ours can be shown now.
var ErrNoOffer = errors.New("no code can be shown")

// checkOffers is what a contract must be able to do when its codes are shown.
func (c *Contract) checkOffers() error {
	if !c.Offers {
		return nil
	}
	if _, ok := c.Wallet.(Offerer); !ok {
		return fmt.Errorf("wallet %s has no code that could be shown and asked about", c.Ref.Wallet)
	}
	if c.Clock.OfferLife <= 0 || c.Clock.OfferLife > sale.MaxOfferLife {
		return fmt.Errorf("its codes would live %s, must be at most %s", c.Clock.OfferLife, sale.MaxOfferLife)
	}
	return nil
}

// Offer shows a code of ours for the payment that waits for the customer's: the button on the
// screen, and the command line. It returns at once; the screen follows. The error is
// queue.ErrNotFound or wraps ErrNoOffer with the reason.
func (t *Till) Offer(payment string) error {
	t.mu.Lock()
	pm := t.payments[payment]
	waits := pm != nil && t.lane == pm && pm.p.Ending == sale.Undecided && pm.screen.Code == "" &&
		(pm.screen.Kind == ScreenPay || pm.screen.Kind == ScreenFresh) && pm.screen.Reason != string(OfferComes)
	t.mu.Unlock()
	switch {
	case pm == nil:
		return fmt.Errorf("offer a code for %s: %w", payment, queue.ErrNotFound)
	case !waits:
		return fmt.Errorf("offer a code for %s: %w: it does not wait for the customer's code", payment, ErrNoOffer)
	}
	if why := t.whyNoOffer(pm); why != "" {
		return fmt.Errorf("offer a code for %s: %w: %s", payment, ErrNoOffer, why)
	}
	select {
	case pm.offers <- struct{}{}:
	default: // asked for already
	}
	return nil
}

// mayOffer reports whether a code of ours can be shown for a payment now.
func (t *Till) mayOffer(pm *payment) bool { return t.whyNoOffer(pm) == "" }

// whyNoOffer says why no code of ours can be shown for a payment; empty when one can.
func (t *Till) whyNoOffer(pm *payment) string {
	p := pm.record()
	switch trusted, why := t.o.TimeTrusted(); {
	case t.o.Offer == OfferNever:
		return `the configuration says offer = "never"`
	case p.Offers() >= maxOffers || len(p.Attempts) >= sale.MaxAttempts:
		return fmt.Sprintf("%d were shown already", p.Offers())
	case !trusted:
		return "the time is not trusted, and a code has an end: " + why
	}
	if d := t.pickOffer(pm.offerRequest(p)); !d.OK {
		return d.Why
	}
	return ""
}

func (pm *payment) offerRequest(p sale.Payment) route.Request {
	return route.Request{Currency: p.Amount.Currency, Brands: pm.brands, SaleID: p.Asked.SaleID, Contract: pm.contract}
}

// pickOffer chooses the contract whose code is shown.
func (t *Till) pickOffer(r route.Request) route.Decision {
	return t.routes.PickOffer(r, t.o.OfferContract, t.reachOf)
}

// offers reports whether a request could be paid by a code of ours.
func (t *Till) offers(r PayRequest) bool {
	return t.o.Offer != OfferNever &&
		t.pickOffer(route.Request{Currency: r.Amount.Currency, Brands: r.Brands, SaleID: r.Asked.SaleID, Contract: r.Contract}).OK
}

// offersAny reports whether any contract's code could ever be shown.
func (t *Till) offersAny() bool {
	return t.o.Offer != OfferNever && slices.ContainsFunc(t.routes, func(r route.Row) bool { return r.Offers })
}

// offer shows one code of ours, and waits until it is paid, closed, or undone. It reports
// whether the payment is over, or in other hands; otherwise nothing of the offer is open any
// more, and w says how the payment goes on.
func (pm *payment) offer(ctx context.Context, w *waiting) (over bool, err error) {
	t := pm.t
	p := pm.record()
	d := t.pickOffer(pm.offerRequest(p))
	if !d.OK || !t.mayOffer(pm) {
		w.reason, w.noOffer = string(OfferNone), true
		return false, nil
	}
	c, n := t.contracts[d.Slot], len(p.Attempts)+1
	a := sale.Attempt{
		ID: sale.OfferedID(p.ID, n, d.Slot), N: n, Contract: c.Ref, Amount: p.Amount, Scheme: d.Scheme,
		SentAt: t.sentAt(p), Boot: t.o.Boot, State: sale.Offered, OfferLife: c.Clock.OfferLife,
	}
	err = pm.save(ctx, func(p *sale.Payment) ([]queue.Put, error) {
		if p.Intent == sale.Undo {
			return nil, errUndone
		}
		return nil, p.Begin(a)
	})
	switch {
	case errors.Is(err, queue.ErrSpace):
		return true, pm.finishUnsent(ctx, sale.EndNoSpace, endingText(sale.EndNoSpace))
	case errors.Is(err, errUndone):
		return true, pm.finishUnsent(ctx, sale.EndAborted, endingText(sale.EndAborted))
	case err != nil:
		return true, err
	}
	pm.sentAt = time.Now()
	// The last moment at which an abort costs nothing.
	select {
	case ask := <-pm.aborts:
		err := pm.finish(ctx, sale.EndAborted, endingText(sale.EndAborted), both(turn(ask.reason), move(sale.Closed, sale.EvNotSent, nil)))
		ask.ack <- err
		return true, err
	case <-pm.offers: // that wish is being granted
	default:
	}
	o := &offering{pm: pm, c: c, w: w}
	o.u = sale.Pursuit{From: pm.sentAt, Deadline: w.deadline, Jitter: t.o.Jitter()}
	return o.run(ctx)
}
