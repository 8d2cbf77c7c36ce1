package demo

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// scenario is one story, played on a till that has nothing else to do.
type scenario struct {
	name string
	play func(p *play)
}

// lane is the scenarios of one till, one after the other. Lanes run side by side.
type lane struct {
	name      string
	scenarios []scenario
}

// The answers that scenarios expect.
var (
	success       = wanted{"Success", verdict.Charged}
	successAnswer = wanted{answer: "Success"}
	refused       = wanted{"Failure/Refusal", verdict.Unpaid}
	cancelled     = wanted{"Failure/Cancel", verdict.Unpaid}
	abortedUnsent = wanted{"Failure/Aborted", verdict.Nothing}
	lost          = wanted{answer: "no answer"} // the point of sale hung up, or the till died
)

// lanes are all scenarios. Those that wait long, and those that kill the till, have tills
// of their own, so that the whole stays short; the last one of the last lane stops its till
// for good.
func lanes() []lane {
	return []lane{
		{"counter", []scenario{
			{"paid by WeChat Pay", paidBy(wallettest.WeChatPay)},
			{"paid by Alipay", paidBy(wallettest.Alipay)},
			{"paid by UnionPay", paidBy(wallettest.UnionPay)},
			{"declined", declined},
			{"expired code, then a fresh one", expired},
			{"customer confirms, then paid", confirms},
			{"the same code twice", sameCode},
			{"goods barcode, then a code", goods},
			{"wallet without a contract", noContract},
			{"wallet unreachable, nothing sent", unreachable},
			{"scanner unplugged", unplugged},
			{"POS repeats the ServiceID", repeats},
			{"POS reverses a paid payment", reverses},
			{"POS gives up, asks under a new ServiceID", asksAgain},
			{"POS aborts before sending", abortBefore},
			{"POS aborts while it is being sent", abortDuring},
		}},
		{"doubt", []scenario{
			{"answer lost, found paid", lostFound},
			{"answer lost, not found, reversed", lostNotFound},
			{"answer for another order", otherOrder},
			{"wrong total echoed", wrongTotal},
			{"POS aborts after sending", abortAfter},
			{"customer never confirms, reversed", neverConfirms},
		}},
		{"crash", []scenario{
			{"kill -9 before the answer", killBeforeAnswer},
			{"kill -9 while reversing", killReversing},
			{"kill -9, then the ServiceID again", killThenRepeat},
			{"kill -9 during a POS reversal", killGivingBack},
			{"kill -9 after a second ServiceID", killAskedAgain},
			{"order number already used", numberUsed},
		}},
	}
}

func paidBy(wallet string) func(*play) {
	return func(p *play) {
		r := p.sell(p.basket(), success)
		p.showFresh(wallet)
		p.told(r)
	}
}

func declined(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Declined}, 1)
	r := p.sell(p.basket(), refused)
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
}

func expired(p *play) {
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.CodeExpired}, 1)
	b := p.basket()
	r := p.sell(b, success)
	p.showFresh(wallettest.Alipay)
	p.armed(b) // once more, for the fresh code
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

func confirms(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	seen := p.walletEvents()
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.WeChatPay)
	// The first query says that the customer has not decided yet; then the customer does.
	order := p.awaitWallet(seen, sale.OpQuery, "answered").Order
	p.do("confirm in the wallet", func(context.Context) error { return p.rig.World.Confirm(order) })
	p.told(r)
}

func sameCode(p *play) {
	first := p.sell(p.basket(), success)
	code := p.showFresh(wallettest.UnionPay)
	p.told(first)
	b := p.basket()
	second := p.sell(b, success)
	p.show(code)
	p.event("refused")
	p.armed(b)
	p.showFresh(wallettest.UnionPay)
	p.told(second)
}

func goods(p *play) {
	b := p.basket()
	r := p.sell(b, success)
	p.scan("]E0", "6901234567892")
	p.event("refused")
	p.armed(b)
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

func noContract(p *play) {
	r := p.sell(p.basket(), wanted{"Failure/PaymentRestriction", verdict.Nothing})
	p.show("0123456789012345678") // e-CNY, which the shop has no contract for
	p.told(r)
}

func unreachable(p *play) {
	p.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Down}, 1)
	r := p.sell(p.basket(), wanted{"Failure/UnreachableHost", verdict.Nothing})
	p.showFresh(wallettest.UnionPay)
	p.told(r)
	p.do("bring the wallet back", func(context.Context) error { return p.rig.World.Clear(wallettest.UnionPay) })
}

func unplugged(p *play) {
	mark := p.rig.Watch.Mark()
	p.do("pull the scanner's plug", func(context.Context) error { return p.rig.Unplug() })
	p.cause(mark, "scanner", true)
	p.told(p.ask(p.basket(), wanted{"Failure/UnavailableDevice", verdict.Nothing}))
	mark = p.rig.Watch.Mark()
	p.do("put the plug back", func(context.Context) error { return p.rig.Replug() })
	p.cause(mark, "scanner", false)
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

func repeats(p *play) {
	b := p.basket()
	r := p.sell(b, success)
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
	if p.err == nil {
		p.told(p.cashier.pay(p.ctx, b, r.service, successAnswer))
	}
}

func reverses(p *play) {
	r := p.sell(p.basket(), wanted{"Success", verdict.Refunded})
	p.showFresh(wallettest.Alipay)
	p.told(r)
	if p.err == nil {
		p.told(p.cashier.reverse(p.ctx, r, successAnswer))
	}
}

// asksAgain: the point of sale loses patience twice, once before the code is shown and once
// while the customer confirms, and asks for the same basket under new numbers.
func asksAgain(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	seen := p.walletEvents()
	b := p.basket()
	first := p.sell(b, lost)
	p.hangUp(first)
	second := p.ask(b, lost)
	p.showFresh(wallettest.WeChatPay)
	order := p.awaitWallet(seen, sale.OpPay, "answered").Order
	p.hangUp(second)
	third := p.ask(b, success)
	p.do("confirm in the wallet", func(context.Context) error { return p.rig.World.Confirm(order) })
	p.told(third)
}

func abortBefore(p *play) {
	r := p.sell(p.basket(), abortedUnsent)
	p.abort(r)
	p.told(r)
}

// abortDuring: the abort comes while the wallet, which has charged, holds its answer back.
func abortDuring(p *play) {
	release := make(chan struct{})
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.Hold, Release: release}, 1)
	seen := p.walletEvents()
	r := p.sell(p.basket(), wanted{"Failure/Aborted", verdict.Refunded})
	p.showFresh(wallettest.Alipay)
	p.awaitWallet(seen, sale.OpPay, "done")
	p.abort(r)
	close(release)
	p.told(r)
}

// abortAfter: the wallet has answered that the customer must confirm, and then the cashier
// changes his mind.
func abortAfter(p *play) {
	p.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	seen := p.walletEvents()
	r := p.sell(p.basket(), wanted{"Failure/Aborted", verdict.Unpaid})
	p.showFresh(wallettest.UnionPay)
	p.awaitWallet(seen, sale.OpPay, "answered")
	p.abort(r)
	p.told(r)
}

func lostFound(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.DropAnswer}, 1)
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
}

// lostNotFound: the request never reached the wallet, which is all that the till cannot
// know. Alipay goes on saying that there is no such order: proof only after the quiet time.
func lostNotFound(p *play) {
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.DropRequest}, 1)
	r := p.sell(p.basket(), cancelled)
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

func neverConfirms(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	r := p.sell(p.basket(), cancelled)
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
}

func otherOrder(p *play) {
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.OtherOrder}, 1)
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

func wrongTotal(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.WrongTotal}, 1)
	r := p.sell(p.basket(), wanted{"Failure/Refusal", verdict.Refunded})
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
}

// killBeforeAnswer: the wallet has charged and not answered when the till loses its power.
func killBeforeAnswer(p *play) {
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.Hold}, 1)
	seen := p.walletEvents()
	r := p.sell(p.basket(), lost)
	p.showFresh(wallettest.Alipay)
	p.awaitWallet(seen, sale.OpPay, "done")
	p.killAndRestart()
	p.told(r)
	p.reconcile(r, success)
}

// killReversing: the wallet has carried the reverse out and not answered when the till loses
// its power.
func killReversing(p *play) {
	p.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Hold, On: sale.OpReverse}, 1)
	p.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	seen := p.walletEvents()
	r := p.sell(p.basket(), lost)
	p.showFresh(wallettest.UnionPay)
	p.awaitWallet(seen, sale.OpPay, "answered")
	p.abort(r)
	p.awaitWallet(seen, sale.OpReverse, "done")
	p.killAndRestart()
	p.told(r)
	p.reconcile(r, wanted{"Failure/Aborted", verdict.Unpaid})
}

// killThenRepeat: the answer is on record, and outlives the power cut byte for byte.
func killThenRepeat(p *play) {
	b := p.basket()
	r := p.sell(b, success)
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
	p.killAndRestart()
	if p.err == nil {
		p.told(p.cashier.pay(p.ctx, b, r.service, successAnswer))
	}
}

// killGivingBack: the till dies while it gives a paid payment back; the point of sale asks
// what became of its Reversal.
func killGivingBack(p *play) {
	r := p.sell(p.basket(), wanted{"Success", verdict.Refunded})
	p.showFresh(wallettest.Alipay)
	p.told(r)
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.Hold, On: sale.OpReverse}, 1)
	seen := p.walletEvents()
	if p.err != nil {
		return
	}
	back := p.cashier.reverse(p.ctx, r, lost)
	p.awaitWallet(seen, sale.OpReverse, "done")
	p.killAndRestart()
	p.told(back)
	p.reconcile(back, successAnswer)
}

// killAskedAgain: the point of sale has asked again under a new ServiceID when the till
// dies; what it asks about afterwards is the new one.
func killAskedAgain(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	seen := p.walletEvents()
	b := p.basket()
	first := p.sell(b, lost)
	p.showFresh(wallettest.WeChatPay)
	order := p.awaitWallet(seen, sale.OpPay, "answered").Order
	p.hangUp(first)
	payment := p.payment
	second := p.ask(b, lost)
	p.payment = payment
	p.event("attached")
	p.killAndRestart()
	p.do("confirm in the wallet", func(context.Context) error { return p.rig.World.Confirm(order) })
	p.told(second)
	p.reconcile(second, success)
}

// numberUsed: nobody can say what an order is worth whose number is not ours alone. The till
// stops trading and leaves the payment to a person.
func numberUsed(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.NumberUsed}, 1)
	r := p.sell(p.basket(), lost)
	p.showFresh(wallettest.WeChatPay)
	p.manual()
	p.hangUp(r)
	p.told(r)
	p.status(r, wanted{"Failure/" + verdict.InProgress, verdict.Nothing})
	// No new sale until somebody looked.
	p.told(p.ask(p.basket(), wanted{"Failure/UnavailableService", verdict.Nothing}))
}

// manual waits until the till has given the payment to a person.
func (p *play) manual() {
	p.await("the payment to become MANUAL", func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == "state" && h.Event.State == string(sale.Manual) && h.Event.Payment == p.payment
	})
}

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
