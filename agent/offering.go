package agent

import (
	"cmp"
	"context"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/scanner"
)

// offering follows one attempt in OFFERED: a code of ours that is being made, is shown, or is
// being closed. It is one goroutine, the payment's owner, and one request at a time. It ends
// when the attempt leaves OFFERED.
type offering struct {
	pm *payment
	c  *Contract
	w  *waiting
	u  sale.Pursuit

	code  string // what is shown; empty before the wallet's word and after it was taken away
	armed bool   // the scanner is: customers may also show their own code

	busy chan offerReply // nil while no request is under way
	op   sale.Op         // of that request
	from time.Time       // when it left
	back <-chan struct{} // closed when the network came back since

	wishUntil time.Time   // how long the wish in w.wish, to present a palm, stands
	heldUntil time.Time   // how long the customer's own code in w.ready is worth waiting with
	reason    OfferReason // what the customer is told once the code is closed
	note      string      // what the customer is told beside the code
}

type offerReply struct {
	ans  sale.Answer
	code string
}

// run is the whole life of the offer. What it returns is what payment.offer does.
func (o *offering) run(ctx context.Context) (over bool, err error) {
	defer o.disarm()
	defer o.pm.presentable(false)
	o.arm(ctx)
	o.ask(ctx, sale.OpOffer)
	for {
		timer, over, err := o.step(ctx)
		if over != goOn || err != nil {
			return over == inOtherHands, err
		}
		o.paint()
		if over, err := o.wait(ctx, timer); over != goOn || err != nil {
			return over == inOtherHands, err
		}
	}
}

// verdict is how far an offering is.
type verdict int

const (
	goOn         verdict = iota
	inOtherHands         // the payment is over, or pursued
	closed               // the code is closed: the payment goes on without it
)

// step does what is due now, and says when to look again.
func (o *offering) step(ctx context.Context) (next time.Time, v verdict, err error) {
	pm, now := o.pm, time.Now()
	ends := o.u.From.Add(pm.last().OfferLife)
	if ends.After(o.u.Deadline) {
		ends = o.u.Deadline
	}
	if o.u.Away.IsZero() {
		if now.Before(ends) {
			next = ends
		} else {
			o.takeAway(OfferOver)
		}
	}
	if !o.heldUntil.IsZero() && !now.Before(o.heldUntil) {
		o.dropHeld()
		o.reason = OfferStays
	}
	if !o.heldUntil.IsZero() {
		next = earlier(next, o.heldUntil)
	}
	if !o.wishUntil.IsZero() {
		if now.Before(o.wishUntil) {
			next = earlier(next, o.wishUntil)
		} else {
			o.w.wish, o.wishUntil, o.reason = "", time.Time{}, OfferOver
		}
	}
	if o.busy != nil {
		return next, goOn, nil
	}
	p := pm.record()
	switch step := o.u.Next(p.Current(), p.Intent, o.c.Clock, now, pm.t.age(p.Current())); step.Do {
	case sale.DoWait:
		return earlier(next, step.At), goOn, nil
	case sale.DoQuery:
		o.ask(ctx, sale.OpQuery)
		return next, goOn, nil
	case sale.DoClose:
		o.ask(ctx, sale.OpClose)
		return next, goOn, nil
	case sale.DoTurn:
		if err := pm.undo(ctx, "deadline"); err != nil {
			return next, inOtherHands, err
		}
		fallthrough
	case sale.DoReversal:
		v, err = o.takeBack(ctx)
		return next, v, err
	case sale.DoProve:
		v, err = o.close(ctx, sale.EvProven, nil)
		return next, v, err
	}
	pm.t.alarm("manual", p.Current().ID, "the wallet's window is over and the outcome is not known: the wallet's bill or an operator must decide")
	o.dropHeld()
	return next, inOtherHands, pm.mustSave(ctx, move(sale.Manual, sale.EvWindow, nil))
}

// earlier is the earlier of two moments, of which a may be none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return minTime(a, b)
}

// wait hears whoever speaks first.
func (o *offering) wait(ctx context.Context, until time.Time) (verdict, error) {
	var timer <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		timer = t.C
	}
	var scans <-chan scanner.Scan
	if o.armed {
		scans = o.pm.t.o.Scanner.Scans()
	}
	var back <-chan struct{}
	if o.u.Failures > 0 && o.busy == nil {
		back = o.back
	}
	var wishes <-chan biometric.Modality
	if o.w.ready == nil { // a code that was read goes first
		wishes = o.pm.wishes
	}
	select {
	case <-ctx.Done():
		return inOtherHands, errOver
	case ask := <-o.pm.aborts:
		return o.abort(ctx, ask)
	case r := <-o.busy:
		o.busy = nil
		return o.answered(ctx, r)
	case scan := <-scans:
		o.scanned(scan)
	case o.w.wish = <-wishes: // our code goes first: money is not taken twice
		o.wishUntil = time.Now().Add(wishFor)
		o.takeAway("")
	case <-back:
		o.back = o.pm.t.reachBack()
		o.u.Hurry()
	case <-timer:
	}
	return goOn, nil
}

// ask sends one request; its reply arrives on busy.
func (o *offering) ask(ctx context.Context, op sale.Op) {
	a, w := o.pm.last(), o.c.Wallet
	reply := make(chan offerReply, 1)
	o.back = o.pm.t.reachBack()
	o.busy, o.op, o.from = reply, op, time.Now()
	go func() {
		var r offerReply
		var err error
		switch op {
		case sale.OpOffer:
			var made sale.Offer
			made, err = w.(Offerer).Offer(ctx, a)
			r = offerReply{made.Answer, made.Code}
			r.ans.NotSent = r.ans.NotSent || err != nil // an error says that nothing was asked
		case sale.OpClose:
			r.ans, err = w.(Offerer).Close(ctx, a)
		default:
			r.ans, err = w.Query(ctx, a)
		}
		if err != nil {
			r = offerReply{ans: sale.Answer{NotSent: r.ans.NotSent, Cause: err.Error()}}
		}
		reply <- r
	}()
}

// answered does what a reply is worth.
func (o *offering) answered(ctx context.Context, r offerReply) (verdict, error) {
	pm, t := o.pm, o.pm.t
	if ctx.Err() != nil && !r.ans.Signed {
		return inOtherHands, errOver
	}
	a := pm.last()
	ev := t.judge(&a, o.op, r.ans)
	t.emit(Event{Kind: string(o.op), Payment: pm.record().ID, Order: a.ID, State: string(ev), Text: r.ans.Cause})
	o.u.Jitter = t.o.Jitter()
	switch o.op {
	case sale.OpOffer:
		return o.made(ctx, ev, r)
	case sale.OpClose:
		if r.ans.Outcome == sale.OutRetry {
			ev = sale.EvNoAnswer
		}
		o.u.AskedReverse(time.Now(), ev)
		return goOn, nil
	}
	o.u.Asked(o.from, time.Now(), ev)
	switch ev {
	case sale.EvPaid:
		o.dropHeld()
		return inOtherHands, pm.finish(ctx, sale.EndPaid, "", move(sale.Paid, ev, noteAnswer(r.ans)))
	case sale.EvClosed, sale.EvDeclined:
		return o.close(ctx, ev, noteAnswer(r.ans))
	}
	return o.odd(ctx, ev, r.ans)
}

// made is the wallet's word on the code that was asked for.
func (o *offering) made(ctx context.Context, ev sale.Event, r offerReply) (verdict, error) {
	pm := o.pm
	undone := pm.record().Intent == sale.Undo
	switch {
	case ev == sale.EvDeclined || ev == sale.EvNotSent:
		o.w.noOffer, o.reason = true, OfferNone
		if undone {
			o.dropHeld()
			return inOtherHands, pm.finishUndone(ctx, move(sale.Closed, ev, noteAnswer(r.ans)))
		}
		return o.close(ctx, ev, noteAnswer(r.ans))
	case ev == sale.EvCollision:
		// Somebody else used this number: no answer about it can be believed.
		pm.t.stopTrading(pm.last().ID)
		o.dropHeld()
		return inOtherHands, pm.mustSave(ctx, move(sale.Manual, ev, noteAnswer(r.ans)))
	case undone:
		return o.takeBack(ctx)
	case ev != sale.EvAccepted || r.code == "":
		// It may exist all the same.
		o.w.noOffer = true
		o.takeAway(OfferNone)
		return o.odd(ctx, ev, r.ans)
	case o.u.Away.IsZero():
		o.code = r.code
		pm.presentable(o.w.mayPresent())
		pm.t.emit(Event{Kind: "offered", Payment: pm.record().ID, Order: pm.last().ID, Amount: pm.record().Amount.String()})
	}
	return goOn, nil
}

// odd handles the answers that no wallet should give about an order of ours.
func (o *offering) odd(ctx context.Context, ev sale.Event, ans sale.Answer) (verdict, error) {
	pm, t := o.pm, o.pm.t
	switch id := pm.last().ID; ev {
	case sale.EvForeign:
		t.alarm("foreign-answer", id, "the wallet answered about another order or merchant; the answer is discarded")
	case sale.EvWrongTotal:
		t.alarm("wrong-total", id, "the wallet answered with another total; the payment is being taken back")
		if err := pm.undo(ctx, "wrong-answer"); err != nil {
			return inOtherHands, err
		}
		return o.takeBack(ctx)
	case sale.EvRefunded:
		t.alarm("manual", id, "the wallet says that this order was given back, and this terminal did not ask for it")
		o.dropHeld()
		return inOtherHands, pm.mustSave(ctx, move(sale.Manual, ev, noteAnswer(ans)))
	}
	return goOn, nil
}

// scanned takes the customer's own code: ours goes off the screen, and theirs waits until
// ours is closed. A code that could not be charged changes nothing.
func (o *offering) scanned(scan scanner.Scan) {
	pm := o.pm
	out, err := pm.judgeCode(scan, &o.w.document)
	out.factor.Wipe()
	if err != nil || out.refused != "" || out.ending != sale.Undecided {
		scan.Text.Wipe()
		if out.refused == "" {
			out.refused = string(out.ending)
		}
		if !o.w.last.again(out.mac) {
			pm.t.emit(Event{Kind: "refused", Payment: pm.record().ID, Text: cmp.Or(out.told, out.refused)})
		}
		o.note = out.refused
		return
	}
	o.w.ready = &scan
	o.heldUntil = time.Now().Add(pm.t.contracts[out.ways[0].Slot].Clock.CodeLife / heldPart)
	if o.u.Deadline.Before(o.heldUntil) {
		o.u.Deadline = o.heldUntil
	}
	o.takeAway("")
}

// heldPart is the part of a code's life that it waits for ours to be closed: one third, 20 s.
// What is left is enough to be charged.
const heldPart = 3

// wishFor is how long somebody who wants to present a palm waits for our code to be closed.
const wishFor = 20 * time.Second

// abort turns the payment to undo and takes the code off the screen. The request that makes
// it is still waited for: it must not arrive after the reverse.
func (o *offering) abort(ctx context.Context, ask abortAsk) (verdict, error) {
	o.dropHeld()
	o.takeAway("")
	err := o.pm.undo(ctx, ask.reason)
	ask.ack <- err
	if err != nil {
		return inOtherHands, err
	}
	if o.busy != nil && o.op == sale.OpOffer {
		return goOn, nil
	}
	return o.takeBack(ctx)
}

// takeAway takes the code off the screen, for good.
func (o *offering) takeAway(reason OfferReason) {
	if !o.u.Away.IsZero() {
		return
	}
	o.u.Away, o.code, o.reason = time.Now(), "", reason
	o.pm.presentable(false)
	o.disarm()
	o.paint()
}

// takeBack reverses an undone offer: a paid one is given back, an unpaid one closed.
func (o *offering) takeBack(ctx context.Context) (verdict, error) {
	o.dropHeld()
	if err := o.pm.mustSave(ctx, move(sale.Reversing, sale.EvUndo, nil)); err != nil {
		return inOtherHands, err
	}
	return inOtherHands, o.pm.pursue(ctx)
}

// close ends the offer unpaid, and lets the payment go on.
func (o *offering) close(ctx context.Context, ev sale.Event, note func(*sale.Attempt)) (verdict, error) {
	if err := o.pm.mustSave(ctx, move(sale.Closed, ev, note)); err != nil {
		return inOtherHands, err
	}
	o.w.reason = string(o.reason)
	return closed, nil
}

// dropHeld wipes the customer's own code unused.
func (o *offering) dropHeld() {
	o.w.wipe()
	o.w.ready, o.heldUntil = nil, time.Time{}
}

// arm opens the gate beside our code; without a scanner only our code is left.
func (o *offering) arm(ctx context.Context) { o.armed = o.pm.t.o.Scanner.Arm(ctx) == nil }

func (o *offering) disarm() {
	if o.armed {
		o.pm.t.o.Scanner.Disarm()
	}
	o.armed = false
}

// paint shows the customer where the offer stands.
func (o *offering) paint() {
	pm := o.pm
	if pm.record().Intent == sale.Undo {
		return // undo has said so
	}
	s := Screen{Kind: ScreenPay, Reason: o.note, Code: o.code}
	switch {
	case !o.u.Away.IsZero() && o.u.Failures > 0:
		s = Screen{Kind: ScreenDoubt}
	case o.w.ready != nil:
		s = Screen{Kind: ScreenClosing, Reason: string(OfferCode)}
	case !o.u.Away.IsZero():
		s = Screen{Kind: ScreenClosing, Reason: string(o.reason)}
	case o.code == "":
		s.Reason = string(OfferComes)
	default:
		s.CodeEnds = o.u.From.Add(pm.last().OfferLife)
	}
	pm.t.show(pm, s)
}
