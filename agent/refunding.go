package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// refundPatience is how long a point of sale waits for a refund to be done that the wallet
// has taken with a signature. WeChat Pay answers PROCESSING to nearly every refund and needs
// minutes for a balance and days for a bank card: nobody waits for that at a counter.
const refundPatience = 15 * time.Second

// startRefund starts the owner goroutine of the refund that an entry claimed, once. It
// reports false when the till is not running.
func (t *Till) startRefund(e *entry) bool {
	t.mu.Lock()
	pm, op := e.pm, e.op
	start := op != nil && !op.started
	if start {
		op.started = true
	}
	t.mu.Unlock()
	if !start || t.spawn(pm, func(ctx context.Context) error { return pm.refund(ctx, op) }) {
		return true
	}
	t.mu.Lock()
	pm.op, pm.owner = nil, 0
	t.mu.Unlock()
	return false
}

// refund makes a claimed refund durable and sees it through.
func (pm *payment) refund(ctx context.Context, op *refundOp) error {
	t := pm.t
	err := pm.save(ctx, func(p *sale.Payment) ([]queue.Put, error) {
		p.Refunds = append(p.Refunds, op.ref)
		return nil, fitsRecord(p)
	})
	if errors.Is(err, queue.ErrSpace) || errors.Is(err, queue.ErrTooLarge) {
		pm.dropRefund(op, sale.EndNoSpace, "the journal has no room for a new refund")
		return nil
	}
	if err != nil {
		return err
	}
	pm.tellOf(op, "asked", "")
	t.flashRefund(pm, op, Screen{Kind: ScreenRefunding}, refundPatience)
	return pm.seeThrough(ctx, op, &sale.GivingBack{From: time.Now(), Jitter: pm.t.o.Jitter()})
}

// refundGrowth is how much a refund's part of the record may still grow, generously.
const refundGrowth = 4 << 10

// fitsRecord keeps a refund from being begun whose outcome might not fit into the record.
func fitsRecord(p *sale.Payment) error {
	put, err := paymentPut(*p)
	if err == nil && len(put.Value) > queue.MaxValue-refundGrowth {
		err = queue.ErrTooLarge
	}
	return err
}

// takeUpRefund goes on with a refund found at start-up, under its old id.
func (pm *payment) takeUpRefund(ctx context.Context) error {
	pm.t.mu.Lock()
	op := pm.op
	op.started = true
	pm.t.mu.Unlock()
	return pm.seeThrough(ctx, op, &sale.GivingBack{From: time.Now(), Recovered: true, Jitter: pm.t.o.Jitter()})
}

// seeThrough asks the wallet until the refund is final.
func (pm *payment) seeThrough(ctx context.Context, op *refundOp, g *sale.GivingBack) error {
	t := pm.t
	a := pm.last()
	c := t.contracts[a.Contract.Slot]
	var w Refunder
	if c != nil && samePlace(c.Ref, a.Contract) {
		w, _ = c.Wallet.(Refunder)
	}
	if w == nil {
		t.o.Health.Set(health.Cause{Code: "contract-dropped", Subject: a.Contract.Name, Severity: health.Closed,
			Text: fmt.Sprintf("refund %s is open at a contract that the configuration no longer has", op.ref.ID),
			Hint: "put the contract back with its old slot, merchant and keys until nothing is open in it"})
		return nil
	}
	if g.Recovered {
		g.Loose = g.From.Add(c.Clock.NetworkDelay)
	}
	for {
		ref := pm.refundNow(op)
		if ref.State.Final() {
			return nil
		}
		if ref.State == sale.RefundPending && op.pendingAt.IsZero() {
			op.pendingAt = time.Now()
		}
		if err := pm.promise(ctx, op, ref); err != nil {
			return err
		}
		do, at := g.Next(ref.State, c.Clock, time.Now())
		var err error
		switch do {
		case sale.RefundWait:
			err = pm.waitRefund(ctx, op, g, at)
		case sale.RefundAsk:
			err = pm.askRefund(ctx, op, g, c, w)
		case sale.RefundQuery:
			err = pm.queryRefund(ctx, op, g, w)
		case sale.RefundSettle:
			err = pm.settleRefund(ctx, op, sale.RefundRefused, sale.RefundAnswer{Signed: true, Code: ref.WalletCode})
		}
		if err != nil {
			return err
		}
		t.watchRefund(pm, op, g, c)
	}
}

// refundNow is a copy of the refund as it is on record.
func (pm *payment) refundNow(op *refundOp) sale.Refund {
	p := pm.record()
	if ref := p.FindRefund(op.ref.ID); ref != nil {
		return *ref
	}
	return sale.Refund{ID: op.ref.ID, State: sale.RefundRefused} // it was withdrawn
}

// promise tells the point of sale that the wallet has taken the refund, when that has
// lasted long enough.
func (pm *payment) promise(ctx context.Context, op *refundOp, ref sale.Refund) error {
	if ref.State != sale.RefundPending || ref.Ending != sale.Undecided || time.Since(op.pendingAt) < refundPatience {
		return nil
	}
	return pm.tellRefund(ctx, op, sale.EndRefunded, "the wallet has taken the refund and is working on it", nil)
}

// waitRefund sleeps until at, the moment to tell that the wallet works on it, or the
// network's return.
func (pm *payment) waitRefund(ctx context.Context, op *refundOp, g *sale.GivingBack, at time.Time) error {
	if promise := op.pendingAt.Add(refundPatience); !op.isTold() && !op.pendingAt.IsZero() && promise.Before(at) {
		at = promise
	}
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errOver
	case <-timer.C:
	case <-pm.back:
		pm.back = pm.t.reachBack()
		g.Hurry()
	}
	return nil
}

// refundCall carries out one request about the refund.
func (pm *payment) refundCall(ctx context.Context, op *refundOp, call func(context.Context, sale.Attempt, sale.Refund) (sale.RefundAnswer, error)) (sale.RefundAnswer, error) {
	t := pm.t
	pm.back = t.reachBack()
	select {
	case t.asking <- struct{}{}:
		defer func() { <-t.asking }()
	case <-ctx.Done():
		return sale.RefundAnswer{}, errOver
	}
	ans, err := call(ctx, pm.last(), pm.refundNow(op))
	if err != nil {
		ans = sale.RefundAnswer{NotSent: true, Cause: err.Error()} // of our own: nothing was asked
	}
	if ctx.Err() != nil && !ans.Signed {
		return ans, errOver
	}
	return ans, nil
}

// askRefund asks to give back. The first request that provably was not sent ends the refund.
func (pm *payment) askRefund(ctx context.Context, op *refundOp, g *sale.GivingBack, c *Contract, w Refunder) error {
	ans, err := pm.refundCall(ctx, op, w.Refund)
	if err != nil {
		return err
	}
	g.Jitter = pm.t.o.Jitter()
	if ans.NotSent {
		if g.Sent == 0 && !g.Recovered {
			return pm.withdrawRefund(ctx, op, "the wallet cannot be reached; nothing was sent: "+ans.Cause)
		}
		g.Queried(time.Now(), g.Missing)
		return nil
	}
	ref, a := pm.refundNow(op), pm.last()
	state, counts := ref.JudgeRefund(&a, ans)
	trusted := g.Trusts()
	g.Asked(c.Clock, time.Now(), counts)
	pm.tellOf(op, state.String(), ans.Cause)
	switch {
	case !counts:
		pm.doubtRefund(ans)
		return nil
	case state == sale.RefundRefused && !trusted:
		// A copy that is still on its way may be taken all the same.
		g.Refused = true
		return pm.noteRefund(ctx, op, ans)
	}
	return pm.settleRefund(ctx, op, state, ans)
}

func (pm *payment) queryRefund(ctx context.Context, op *refundOp, g *sale.GivingBack, w Refunder) error {
	ans, err := pm.refundCall(ctx, op, w.QueryRefund)
	if err != nil {
		return err
	}
	ref, a := pm.refundNow(op), pm.last()
	g.Queried(time.Now(), ref.MissingRefund(&a, ans))
	g.Jitter = pm.t.o.Jitter()
	state, counts := ref.JudgeRefund(&a, ans)
	pm.tellOf(op, state.String(), ans.Cause)
	if !counts {
		pm.doubtRefund(ans)
		return nil
	}
	return pm.settleRefund(ctx, op, state, ans)
}

// doubtRefund warns of a signed answer that is not about this refund.
func (pm *payment) doubtRefund(ans sale.RefundAnswer) {
	switch ans.Outcome {
	case sale.RefOutUnknown, sale.RefOutNotFound:
		return
	}
	if ans.Signed {
		pm.t.alarm("foreign-answer", pm.last().ID, "the wallet answered about another refund, order, merchant or sum; the answer is discarded")
	}
}

// watchRefund warns when a refund is unknown for too long.
func (t *Till) watchRefund(pm *payment, op *refundOp, g *sale.GivingBack, c *Contract) {
	if pm.refundNow(op).State == sale.RefundUnknown && time.Since(g.From) > c.Clock.RetryFor {
		t.refundAlarm(pm.record().ID, op.ref, "the outcome of a refund is not known for a long time; the wallet is asked on")
	}
}

// settleRefund makes the move that an answer is worth, and tells it where it decides.
func (pm *payment) settleRefund(ctx context.Context, op *refundOp, state sale.RefundState, ans sale.RefundAnswer) error {
	ref := pm.refundNow(op)
	if ref.State == state || ref.State.Final() {
		return nil
	}
	ending, why := sale.Undecided, ""
	switch {
	case state == sale.RefundDone:
		ending = sale.EndRefunded
	case state == sale.RefundRefused:
		ending, why = sale.EndDeclined, "the wallet refused to give it back"
		if text := cmp.Or(ans.Text, ans.Code); text != "" {
			why += ": " + text
		}
	}
	err := pm.tellRefund(ctx, op, ending, why, func(p *sale.Payment, r *sale.Refund) error {
		noteRefundAnswer(r, ans)
		if err := r.Move(state); err != nil {
			return err
		}
		if state == sale.RefundDone {
			p.Refunded += r.Amount.Minor
			replaceBroken(p, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case state == sale.RefundAbnormal:
		pm.t.refundAlarm(pm.record().ID, op.ref, abnormalText)
		if now := pm.refundNow(op); now.State.Final() && !now.Broken() {
			pm.t.clearRefundAlarms(pm, op) // a person was quicker
		}
	case state == sale.RefundRefused && ref.Ending == sale.EndRefunded:
		pm.t.refundAlarm(pm.record().ID, op.ref, brokenText)
	}
	return nil
}

// replaceBroken marks the promised refund that this one stands for.
func replaceBroken(p *sale.Payment, done *sale.Refund) {
	for i := range p.Refunds {
		if r := &p.Refunds[i]; r.ID != done.ID && r.Broken() && r.State.Final() && r.Amount.Same(done.Amount) {
			r.Replaced = true
			return
		}
	}
}

func noteRefundAnswer(r *sale.Refund, ans sale.RefundAnswer) {
	if !ans.Signed {
		return
	}
	r.WalletCode = cmp.Or(ans.Code, r.WalletCode)
	r.WalletRefund = cmp.Or(ans.WalletRefund, r.WalletRefund)
}

// noteRefund keeps the wallet's words without a move.
func (pm *payment) noteRefund(ctx context.Context, op *refundOp, ans sale.RefundAnswer) error {
	return pm.tellRefund(ctx, op, sale.Undecided, "", func(_ *sale.Payment, r *sale.Refund) error {
		noteRefundAnswer(r, ans)
		return nil
	})
}

// tellOf says on the event stream how a refund stands.
func (pm *payment) tellOf(op *refundOp, state, text string) {
	p := pm.record()
	pm.t.emit(Event{Kind: "refund", Payment: p.ID, Order: op.ref.ID, State: state, Amount: op.ref.Amount.String(), Text: text})
}
