package demo

import (
	"context"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

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
