package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// pursue follows an attempt until it is final or a person must decide. It is the only
// place that queries and reverses.
func (pm *payment) pursue(ctx context.Context) error {
	t := pm.t
	p := pm.record()
	c := t.contracts[p.Current().Contract.Slot]
	if c == nil || !samePlace(c.Ref, p.Current().Contract) {
		t.o.Health.Set(health.Cause{Code: "contract-dropped", Subject: p.Current().Contract.Name, Severity: health.Closed,
			Text: fmt.Sprintf("order %s is open at a contract that the configuration no longer has", p.Current().ID),
			Hint: "put the contract back with its old slot, merchant and keys until nothing is open in it"})
		return nil
	}
	u := &sale.Pursuit{From: pm.sentAt, Jitter: t.o.Jitter()}
	if pm.sentAt.IsZero() {
		u.From, u.Recovered = time.Now(), true
	} else if why := p.Current().Why; p.Current().State == sale.Unknown && why.Settled() {
		// The answer to pay was a signed word already.
		u.Word, u.Said = why, pm.sentAt
	}
	for {
		p := pm.record()
		pm.showDoubt(p, u)
		step := u.Next(p.Current(), p.Intent, c.Clock, time.Now(), t.age(p.Current()))
		done, err := pm.step(ctx, u, c, step)
		if done || err != nil {
			return err
		}
	}
}

// samePlace reports whether a contract still stands for the account and the server that an
// attempt was begun with. Its name and its key may have changed.
func samePlace(now, pinned sale.ContractRef) bool {
	now.Name, now.KeyID = pinned.Name, pinned.KeyID
	return now == pinned
}

// age is how long ago the attempt was sent by the wall clock, zero while that is not trusted.
func (t *Till) age(a *sale.Attempt) time.Duration {
	if ok, _ := t.o.TimeTrusted(); !ok {
		return 0
	}
	return t.o.Wall().Sub(a.SentAt)
}

// sentAt is the time of sending by the wall clock. While that is not trusted it is when the
// payment began, which only trusted time lets it do: an age counts from it for days.
func (t *Till) sentAt(p sale.Payment) time.Time {
	if ok, _ := t.o.TimeTrusted(); !ok {
		return p.Begun
	}
	return t.o.Wall().Round(0)
}

func (pm *payment) step(ctx context.Context, u *sale.Pursuit, c *Contract, step sale.Step) (done bool, err error) {
	t := pm.t
	switch step.Do {
	case sale.DoNothing:
		return true, nil
	case sale.DoWait:
		return false, pm.wait(ctx, u, step.At)
	case sale.DoQuery:
		return pm.query(ctx, u, c)
	case sale.DoTurn:
		by := "deadline"
		if a := pm.last(); u.Word == sale.EvFailed && !a.Offered() {
			by = "declined"
		}
		return false, pm.undo(ctx, by)
	case sale.DoReversal:
		return false, pm.mustSave(ctx, move(sale.Reversing, sale.EvUndo, nil))
	case sale.DoReverse:
		return false, pm.reverse(ctx, u, c)
	case sale.DoProve:
		return true, pm.finishUndone(ctx, move(sale.Reversed, sale.EvProven, nil))
	case sale.DoManual:
		t.alarm("manual", pm.last().ID, "the wallet's window is over and the outcome is not known: the wallet's bill or an operator must decide")
		return true, pm.mustSave(ctx, move(sale.Manual, sale.EvWindow, nil))
	}
	return true, fmt.Errorf("pursue: unknown step %v", step.Do)
}

// wait sleeps until at, an abort, or the network's return.
func (pm *payment) wait(ctx context.Context, u *sale.Pursuit, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	var back <-chan struct{}
	if u.Failures > 0 {
		back = pm.back
	}
	select {
	case <-ctx.Done():
		return errOver
	case <-timer.C:
	case <-back:
		pm.back = pm.t.reachBack()
		u.Hurry()
	case ask := <-pm.aborts:
		return pm.abortInDoubt(ctx, u, ask)
	}
	return nil
}

func (pm *payment) abortInDoubt(ctx context.Context, u *sale.Pursuit, ask abortAsk) error {
	if pm.record().Intent == sale.Undo {
		ask.ack <- nil
		return nil
	}
	u.TurnedAt = time.Now()
	err := pm.undo(ctx, ask.reason)
	ask.ack <- err
	return err
}

// ask carries out one request about the attempt while aborts are still heard.
func (pm *payment) ask(ctx context.Context, u *sale.Pursuit, op sale.Op, call func(context.Context, sale.Attempt) (sale.Answer, error)) (sale.Answer, sale.Event, error) {
	t := pm.t
	a := pm.last()
	// Taken before the request leaves: what comes back meanwhile must not be missed.
	pm.back = t.reachBack()
	done := make(chan sale.Answer, 1)
	go func() {
		select {
		case t.asking <- struct{}{}:
			defer func() { <-t.asking }()
		case <-ctx.Done():
			done <- sale.Answer{Cause: "stopping"}
			return
		}
		ans, err := call(ctx, a)
		if err != nil {
			ans = sale.Answer{Cause: err.Error()}
		}
		done <- ans
	}()
	for {
		select {
		case ans := <-done:
			if ctx.Err() != nil && !ans.Signed {
				return ans, sale.EvNoAnswer, errOver
			}
			ev := t.judge(&a, op, ans)
			t.emit(Event{Kind: string(op), Payment: pm.record().ID, Order: a.ID, State: string(ev), Text: ans.Cause})
			return ans, ev, nil
		case ask := <-pm.aborts:
			if err := pm.abortInDoubt(ctx, u, ask); err != nil {
				return sale.Answer{}, sale.EvNoAnswer, err
			}
		}
	}
}

// query asks what became of the order and makes the move that the answer is worth.
func (pm *payment) query(ctx context.Context, u *sale.Pursuit, c *Contract) (done bool, err error) {
	t := pm.t
	from := time.Now()
	ans, ev, err := pm.ask(ctx, u, sale.OpQuery, c.Wallet.Query)
	if err != nil {
		return false, err
	}
	p, note := pm.record(), noteAnswer(ans)
	if ev == sale.EvRefunded && ans.MayBePart && u.ReverseAccepted.IsZero() {
		if !u.LastReverse.IsZero() {
			t.alarm("part-refunded", p.Current().ID, "the wallet refuses to reverse this order, and says that some of it was given back: perhaps a part, by another till; look at the wallet's merchant page")
		}
		ev = sale.EvNoAnswer
	}
	u.Asked(from, time.Now(), ev)
	u.Jitter = t.o.Jitter()
	switch ev {
	case sale.EvForeign:
		t.alarm("foreign-answer", p.Current().ID, "the wallet answered about another order or merchant; the answer is discarded")
		return false, nil
	case sale.EvWrongTotal:
		t.alarm("wrong-total", p.Current().ID, "the wallet answered with another total; the payment is being taken back")
		return false, pm.undo(ctx, "wrong-answer")
	}
	switch {
	case p.Current().State == sale.Reversing:
		return pm.settleReversing(ctx, ev, note)
	case p.Current().State != sale.Unknown:
		return false, nil
	case ev == sale.EvPaid && p.Intent == sale.Keep:
		return true, pm.finish(ctx, sale.EndPaid, "", move(sale.Paid, ev, note))
	case ev == sale.EvRefunded && p.Intent == sale.Keep:
		t.alarm("manual", p.Current().ID, "the wallet says that this order was given back, and this terminal did not ask for it")
		return true, pm.mustSave(ctx, move(sale.Manual, ev, note))
	case ev == sale.EvRefunded:
		return true, pm.finishUndone(ctx, move(sale.ReversedRefunded, ev, note))
	case ev == sale.EvDeclined || ev == sale.EvClosed:
		return true, pm.finishUndone(ctx, move(sale.Declined, ev, note))
	}
	return false, nil
}

// settleReversing ends a reversal that a query proves.
func (pm *payment) settleReversing(ctx context.Context, ev sale.Event, note func(*sale.Attempt)) (done bool, err error) {
	switch ev {
	case sale.EvClosed, sale.EvDeclined:
		return true, pm.finishUndone(ctx, move(sale.Reversed, ev, note))
	case sale.EvPaid:
		pm.paidLate()
	case sale.EvRefunded:
		pm.paidLate()
		return true, pm.finishUndone(ctx, move(sale.ReversedRefunded, ev, note))
	}
	return false, nil
}

// paidLate tells the operator, once, that a customer paid a code of ours that is undone: the
// money is on its way back.
func (pm *payment) paidLate() {
	a := pm.last()
	pm.t.mu.Lock()
	told := pm.late
	pm.late = a.Offered() && !a.WasPaid
	pm.t.mu.Unlock()
	if told || !a.Offered() || a.WasPaid {
		return
	}
	pm.t.alarm("late-payment", a.ID, "the customer paid a code of ours that was taken back already; the money is given back")
}

// reverse asks the wallet to close or give back the order.
func (pm *payment) reverse(ctx context.Context, u *sale.Pursuit, c *Contract) error {
	ans, ev, err := pm.ask(ctx, u, sale.OpReverse, c.Wallet.Reverse)
	if err != nil {
		return err
	}
	if ans.Outcome == sale.OutRetry {
		ev = sale.EvNoAnswer
	}
	u.AskedReverse(time.Now(), ev)
	u.Jitter = pm.t.o.Jitter()
	return nil
}

// finishUndone ends a payment after which nothing is charged, by the reason it was undone.
func (pm *payment) finishUndone(ctx context.Context, decide change) error {
	p := pm.record()
	ending := sale.EndDeclined
	switch p.UndoneBy {
	case "":
		if p.Current().Offered() {
			ending = sale.EndCancelled
		}
	case "abort", "operator", "reversal":
		ending = sale.EndAborted
	case "deadline":
		ending = sale.EndCancelled
	case "wrong-answer":
		ending = sale.EndMistaken
	}
	wasPaid := p.Ending == sale.EndPaid
	if wasPaid {
		decide = both(decide, refundedInFull)
	}
	err := pm.finish(ctx, ending, endingText(ending), decide)
	if err == nil {
		pm.t.mu.Lock()
		closeOnce(pm.reversed)
		pm.t.mu.Unlock()
	}
	return err
}
