package demo

import (
	"context"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

var (
	successInPart = wanted{"Success", verdict.InPart}
	notAllowed    = wanted{answer: "Failure/NotAllowed"}
)

// soldBy sells something for a payment of the wallet, and returns the request and its
// POITransactionID.
func (p *play) soldBy(wallet string, w wanted) (r *request, payment string) {
	r = p.sell(p.basket(), w)
	p.showFresh(wallet)
	p.told(r)
	if p.err != nil {
		return r, ""
	}
	return r, r.answer.POITransactionID
}

// part is the basket of a refund of a share of the amount, in hundredths.
func (p *play) part(of *request, hundredths int64) basket {
	a := of.basket.amount
	a.Minor = a.Minor * hundredths / 100
	return p.cashier.basket(p.name, a)
}

// refund gives a part back and waits for the answer.
func (p *play) refund(b basket, payment string, w wanted) *request {
	if p.err != nil {
		return &request{}
	}
	r := p.cashier.refund(p.ctx, b, payment, w)
	p.told(r)
	return r
}

// onePart gives a fourth back.
func onePart(p *play) {
	r, payment := p.soldBy(wallettest.WeChatPay, wanted{})
	p.refund(p.part(r, 25), payment, successAnswer)
}

func partByPart(p *play) {
	r, payment := p.soldBy(wallettest.WeChatPay, successInPart)
	p.refund(p.part(r, 40), payment, successAnswer)
	p.refund(p.part(r, 40), payment, successAnswer)
	p.refund(p.part(r, 40), payment, notAllowed)
}

// partThenRest: no wallet reverses an order of which a part is gone. The till gives the rest
// back by a refund, and the point of sale need not know.
func partThenRest(p *play) {
	r, payment := p.soldBy(wallettest.Alipay, wanted{"Success", verdict.Refunded})
	if p.err == nil {
		p.told(p.cashier.reversePart(p.ctx, p.part(r, 30), payment, successAnswer))
	}
	if p.err == nil {
		p.told(p.cashier.reverse(p.ctx, r, successAnswer))
	}
}

// refundAgain: the point of sale loses patience while the wallet holds its answer back, and
// asks for the same refund under a new number.
func refundAgain(p *play) {
	r, payment := p.soldBy(wallettest.Alipay, successInPart)
	release := make(chan struct{})
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.Hold, On: sale.OpRefund, Release: release}, 1)
	seen := p.walletEvents()
	if p.err != nil {
		return
	}
	b := p.part(r, 50)
	first := p.cashier.refund(p.ctx, b, payment, lost)
	p.awaitWallet(seen, sale.OpRefund, "done")
	p.hangUp(first)
	second := p.cashier.refund(p.ctx, b, payment, successAnswer)
	close(release)
	p.told(second)
}

// refundWorking: the wallet has taken it, and needs a while.
func refundWorking(p *play) {
	r, payment := p.soldBy(wallettest.WeChatPay, successInPart)
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.RefundProcessing, Delay: 1500 * time.Millisecond}, 1)
	p.refund(p.part(r, 25), payment, successAnswer)
}

// refundStuck: the wallet has taken it and cannot give it to the customer. Nobody but a
// person can finish that: an alarm says so, and the person's word ends it.
func refundStuck(p *play) {
	r, payment := p.soldBy(wallettest.WeChatPay, successInPart)
	p.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.RefundStuck}, 1)
	if p.err != nil {
		return
	}
	mark := p.rig.Watch.Mark()
	back := p.cashier.refund(p.ctx, p.part(r, 25), payment, successAnswer)
	p.mark = mark
	h := p.await("the alarm about a refund", func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == "alarm" && h.Event.State == "refund"
	})
	p.do("settle the refund by hand", func(ctx context.Context) error {
		_, _, err := p.rig.Command(ctx, "queue", "settle", h.Event.Order, "--given")
		return err
	})
	p.told(back)
}

func refundRefused(p *play) {
	r, payment := p.soldBy(wallettest.Alipay, success)
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.RefundRefused}, 1)
	p.refund(p.part(r, 25), payment, wanted{answer: "Failure/Refusal"})
}

// killRefunding: the wallet has given it back and not answered when the till loses its power.
func killRefunding(p *play) {
	r, payment := p.soldBy(wallettest.UnionPay, successInPart)
	p.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Hold, On: sale.OpRefund}, 1)
	seen := p.walletEvents()
	if p.err != nil {
		return
	}
	back := p.cashier.refund(p.ctx, p.part(r, 25), payment, lost)
	p.awaitWallet(seen, sale.OpRefund, "done")
	p.killAndRestart()
	p.told(back)
	p.reconcile(back, successAnswer)
}

// returnDesk: the customer bought it at another till of the merchant and shows the bill in
// the wallet. This till has never seen the payment.
func returnDesk(p *play) {
	if p.err != nil {
		return
	}
	const other = "TILLD-000158000099999"
	b := p.basket()
	id := sale.PaymentID(sale.TerminalCode("000158000099999"), "OTHER0", 1)
	order, paidAt := sale.OrderID(id, 1, 1), time.Now().Add(-time.Hour)
	p.rig.World.Post(wallettest.WeChatPay, wallettest.Entry{Order: order, Currency: string(b.amount.Currency), TotalMinor: b.amount.Minor,
		Charges: 1, ChargedMinor: b.amount.Minor, State: wallettest.StatePaid, At: paidAt, PaidAt: paidAt})
	p.cashier.book.add(verdict.Told{At: time.Now(), Scenario: p.name, Kind: verdict.KindPayment, SaleID: "ELSEWHERE", POIID: other, ServiceID: "1",
		TransactionID: b.id, Amount: b.amount, Result: verdict.Success, Payment: id, Authorized: &b.amount, ExpectWallet: verdict.InPart})
	back := p.part(&request{basket: b}, 50)
	mark := p.rig.Watch.Mark()
	r := p.cashier.refund(p.ctx, back, "", successAnswer)
	p.mark, p.payment = mark, ""
	p.event("armed")
	p.show(order)
	p.told(r)
}

func refundAtAggregator(p *play) {
	r, payment := p.soldBy(wallettest.Aggregator, successInPart)
	p.refund(p.part(r, 50), payment, successAnswer)
}

// selfTest is what a shop does before it goes live: the smallest sum is paid and given back.
func selfTest(p *play) {
	if p.err != nil {
		return
	}
	type result struct {
		out string
		err error
	}
	done := make(chan result, 1)
	p.mark, p.payment = p.rig.Watch.Mark(), ""
	ctx, cancel := p.within()
	defer cancel()
	go func() {
		out, _, err := p.rig.Command(ctx, "sale", "--self-test")
		done <- result{out, err}
	}()
	p.await("the scanner to be armed for the self-test", func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == "armed" && h.Event.Amount == "0.01 CNY"
	})
	p.showFresh(wallettest.WeChatPay)
	said := <-done
	if p.err == nil && said.err != nil {
		p.fail("the self-test: %w", said.err)
	}
	if p.err == nil && !strings.Contains(said.out, "refunded") {
		p.fail("the self-test says %q", said.out)
	}
}
