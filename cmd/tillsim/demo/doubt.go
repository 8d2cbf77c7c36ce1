package demo

import (
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

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
