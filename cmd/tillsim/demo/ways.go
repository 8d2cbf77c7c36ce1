package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// throughAggregator: the shop has no contract for e-CNY, and the aggregator takes it. Its
// answer says which wallet paid.
func throughAggregator(p *play) {
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.Aggregator)
	p.told(r)
	p.paidBy(r, "ecny")
}

// throughAlipayPlus: Alipay's own contract settles in yuan alone.
func throughAlipayPlus(p *play) {
	b := p.basket()
	b.amount.Currency = "HKD"
	r := p.sell(b, success)
	p.showFresh(wallettest.AlipayPlus)
	p.told(r)
}

// paidBy checks which wallet the point of sale was told of.
func (p *play) paidBy(r *request, wallet string) {
	if p.err != nil {
		return
	}
	if got := r.answer.Additional("paymentMethodVariant"); got != wallet {
		p.fail("the point of sale was told that %q paid, want %q", got, wallet)
	}
}

// anotherWay: the direct contract cannot be reached when the code is sent. It is certain that
// nothing was sent: the same code goes to the aggregator, as an attempt of its own.
func anotherWay(p *play) {
	r := p.sell(p.basket(), success)
	p.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Down}, 1)
	p.showFresh(wallettest.UnionPay)
	p.told(r)
	p.bringBack(wallettest.UnionPay)
	for _, e := range p.rig.World.Ledger() {
		if id, n, _, err := sale.ParseOrderID(e.Order); err == nil && p.err == nil && id == r.answer.POITransactionID && (e.Wallet != wallettest.Aggregator || n > 2) {
			p.fail("attempt %d of the payment is at %s", n, e.Wallet)
		}
	}
}

func (p *play) bringBack(wallets ...string) {
	for _, w := range wallets {
		p.do("bring the wallet back", func(context.Context) error { return p.rig.World.Clear(w) })
	}
}

// byLegacy: one brand in the shop has an old contract, and its own point of sale. Nobody else
// sells through it.
func byLegacy(p *play) {
	pos, err := p.rig.POS(rig.LegacySaleID)
	if err != nil {
		p.fail("%w", err)
		return
	}
	usual := p.cashier
	defer func() { p.cashier = usual }()
	p.cashier = &cashier{book: usual.book, pos: pos, saleID: rig.LegacySaleID, poiID: usual.poiID, run: usual.run}
	seen := p.walletEvents()
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.WeChatPayV2)
	if e := p.awaitWallet(seen, sale.OpPay, "seen"); p.err == nil && e.Wallet != wallettest.WeChatPayV2 {
		p.fail("the code went to %s", e.Wallet)
	}
	p.told(r)
}

// renewsKeys: while the customer confirms, the shop lists a second key of the wallet and has
// it taken over. The sale goes on with what it began with.
func renewsKeys(p *play) {
	p.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	seen := p.walletEvents()
	r := p.sell(p.basket(), success)
	p.showFresh(wallettest.Alipay)
	order := p.awaitWallet(seen, sale.OpPay, "answered").Order
	p.do("reload the keys", func(ctx context.Context) error {
		if err := p.rig.EditConfig(func(text string) string { return p.rig.SecondKey(text, wallettest.Alipay) }); err != nil {
			return err
		}
		out, _, err := p.rig.Command(ctx, "reload")
		if err == nil && !strings.Contains(out, "new keys: alipay-main") {
			err = fmt.Errorf("tilld reload says %q", out)
		}
		return err
	})
	p.do("confirm in the wallet", func(context.Context) error { return p.rig.World.Confirm(order) })
	p.told(r)
}

// dayBill fetches a wallet's bill of today as if it were tomorrow, and compares it with the
// till's record.
func dayBill(wallet string) func(*play) {
	return func(p *play) {
		p.do("compare the bill", func(ctx context.Context) error {
			p.rig.World.CloseBooks(wallet)
			day := time.Now().In(time.FixedZone("Asia/Shanghai", 8*60*60)).Format(time.DateOnly)
			out, _, err := p.rig.Command(ctx, "reconcile", "--json", "--wallet", wallet+"-main", "--date", day)
			if err != nil && out == "" {
				return err
			}
			var report struct {
				Rows, Matched int
				Differences   []struct{ Class, Order, Text string }
			}
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				return fmt.Errorf("read the report %q: %w", out, err)
			}
			if report.Matched == 0 || len(report.Differences) > 0 {
				return fmt.Errorf("%d rows, %d orders agree, %d differences: %+v", report.Rows, report.Matched, len(report.Differences), report.Differences)
			}
			return nil
		})
	}
}
