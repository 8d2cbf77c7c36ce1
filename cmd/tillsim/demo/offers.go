package demo

import (
	"context"
	"strings"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// offering sells a basket, has our code shown and returns its text. brand says whose, empty
// leaves it to the till.
func (p *play) offering(brand string, w wanted) (r *request, code string) {
	b := p.basket()
	if brand != "" {
		b.brands = []string{brand}
	}
	r = p.sell(b, w)
	p.offer()
	return r, p.ourCode()
}

// offer touches the button on the customer's screen.
func (p *play) offer() {
	p.do("ask for our code", func(ctx context.Context) error { return p.rig.Offer(ctx, p.payment) })
}

// ourCode waits until the till shows a code of ours, and returns its text.
func (p *play) ourCode() string {
	h := p.await("our code on the customer's screen", func(h rig.Happening) bool {
		return h.Screen != nil && h.Screen.Code != "" && (p.payment == "" || h.Screen.Payment == p.payment)
	})
	if p.err != nil {
		return ""
	}
	p.payment = h.Screen.Payment
	return h.Screen.Code
}

// scanOurs is a customer's phone that scans our code and pays.
func (p *play) scanOurs(code string) {
	p.do("scan our code", func(context.Context) error { return p.rig.World.Scan(code) })
}

// scanOursWhen has the customer pay our code in the moment in which a wallet sees one of the
// given requests: before it is carried out.
func (p *play) scanOursWhen(code string, ops ...sale.Op) {
	done := false
	p.later = append(p.later, p.rig.World.OnEvent(func(e wallettest.Event) {
		for _, op := range ops {
			if !done && e.Op == op && e.Phase == "seen" {
				// Too late is part of the story: the verdict knows who was charged.
				done = p.rig.World.Scan(code) == nil
			}
		}
	}))
}

func scansOurs(wallet string) func(*play) {
	return func(p *play) {
		r, code := p.offering(wallet, success)
		p.scanOurs(code)
		p.told(r)
	}
}

// foreignMerchant: the customer shows what a merchant elsewhere shows. Whoever stands behind
// the counter is told whose it is, and our code stays where it is.
func foreignMerchant(p *play) {
	r, code := p.offering("", success)
	p.show(rig.ForeignMerchantCode)
	if e := p.event("refused"); !strings.Contains(e.Text, "PromptPay") {
		p.fail("a PromptPay code was refused as %q", e.Text)
	}
	p.scanOurs(code)
	p.told(r)
}

// ownCode: theirs is sent only when ours is proved to be closed.
func ownCode(p *play) {
	r, _ := p.offering(wallettest.WeChatPay, success)
	p.showFresh(wallettest.WeChatPay)
	p.told(r)
}

// ownCodeTooLate: theirs was read already, and ours is paid before it is closed. Theirs is
// not sent.
func ownCodeTooLate(p *play) {
	r, code := p.offering("", success)
	p.scanOursWhen(code, sale.OpClose, sale.OpReverse)
	p.showFresh(wallettest.Alipay)
	p.told(r)
}

func abortShown(p *play) {
	r, _ := p.offering("", wanted{"Failure/Aborted", verdict.Unpaid})
	p.abort(r)
	p.told(r)
}

// abortTooLate: what comes after the abort is given back, and a person is told.
func abortTooLate(p *play) {
	r, code := p.offering(wallettest.Alipay, wanted{"Failure/Aborted", verdict.Refunded})
	p.scanOursWhen(code, sale.OpClose, sale.OpReverse)
	mark := p.rig.Watch.Mark()
	p.abort(r)
	p.told(r)
	p.alarm(mark, "late-payment")
}

// alarm waits, from a mark on, for an alarm.
func (p *play) alarm(mark int, code string) {
	p.mark = mark
	p.await("the alarm "+code, func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == "alarm" && h.Event.State == code
	})
}

// noOffer: the wallet makes no code, and the customer shows one.
func noOffer(p *play) {
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Declined, On: sale.OpOffer}, 1)
	b := p.basket()
	r := p.sell(b, success)
	p.offer()
	p.await("the screen to say that there is no code of ours", func(h rig.Happening) bool {
		return h.Screen != nil && h.Screen.Kind == agent.ScreenPay && h.Screen.Reason == string(agent.OfferNone)
	})
	p.armed(b)
	p.showFresh(wallettest.UnionPay)
	p.told(r)
}

// killShown: the customer scans the code from a screen that the power cut left behind.
func killShown(p *play) {
	r, code := p.offering("", lost)
	p.do("kill tilld", func(context.Context) error { p.rig.Kill(); return nil })
	p.scanOurs(code)
	p.do("restart tilld", p.rig.Restart)
	p.told(r)
	p.reconcile(r, success)
}

func killUnpaid(p *play) {
	r, _ := p.offering(wallettest.Alipay, lost)
	p.killAndRestart()
	p.told(r)
	p.reconcile(r, wanted{"Failure/Cancel", verdict.Unpaid})
}
