package demo

import (
	"context"
	"github.com/tilld/tilld/cmd/tillsim/rig"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

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
	p.show(rig.UnknownWalletCode)
	p.told(r)
}

// unreachable: neither the wallet nor whoever else would take its code can be reached.
func unreachable(p *play) {
	for _, w := range []string{wallettest.UnionPay, wallettest.Aggregator} {
		p.inject(w, wallettest.Fault{Kind: wallettest.Down}, 1)
	}
	r := p.sell(p.basket(), wanted{"Failure/UnreachableHost", verdict.Nothing})
	p.showFresh(wallettest.UnionPay)
	p.told(r)
	p.bringBack(wallettest.UnionPay, wallettest.Aggregator)
}

// unplugged: without a scanner, and where no code of ours may be paid either.
func unplugged(p *play) {
	mark := p.rig.Watch.Mark()
	p.do("pull the scanner's plug", func(context.Context) error { return p.rig.Unplug() })
	p.cause(mark, "scanner", true)
	b := p.basket()
	b.brands = []string{wallettest.UnionPay}
	p.told(p.ask(b, wanted{"Failure/UnavailableDevice", verdict.Nothing}))
	// Where ours may be paid, it is shown without being asked for.
	r := p.ask(p.basket(), success)
	p.scanOurs(p.ourCode())
	p.told(r)
	mark = p.rig.Watch.Mark()
	p.do("put the plug back", func(context.Context) error { return p.rig.Replug() })
	p.cause(mark, "scanner", false)
	r = p.sell(p.basket(), success)
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
