package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// slip is a request for money back whose order is not known yet: it is asked for at the
// wallets, after the customer has shown it where number is empty.
type slip struct {
	asked  sale.Asked
	amount *sale.Amount
	major  string
	number string
	desk   *payment // has the lane while the customer looks for the bill; nil for a known number
	// entries are the requests to answer; aborted voids it. Both guarded by Till.mu.
	entries []*entry
	aborted bool
	cancel  context.CancelFunc
	found   chan struct{} // closed once the entries have their refund or their refusal
}

// findable reports whether an order that is not on record can be asked for by this number:
// it is one of ours, and a contract can look orders up. The caller holds mu.
func (t *Till) findable(number string) bool {
	if _, _, _, err := sale.ParseOrderID(number); err != nil {
		return false
	}
	for _, c := range t.contracts {
		if _, ok := c.Wallet.(Finder); ok {
			return true
		}
	}
	return false
}

// lookFor starts the search for the order that a request names. The caller holds mu.
func (t *Till) lookFor(e *entry, r RefundRequest) {
	t.search(e, &slip{asked: r.Asked, amount: r.Amount, major: r.Major, number: r.Payment})
}

// search starts the goroutine that finds the order. The caller holds mu.
func (t *Till) search(e *entry, b *slip) {
	if t.ctx == nil {
		t.refuseRefund(e, sale.EndStopped, "the till is stopping")
		return
	}
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(t.ctx)
	e.at = t.o.Wall().Round(0)
	b.found, b.entries, e.slip = make(chan struct{}), []*entry{e}, b
	t.wg.Go(func() {
		defer b.cancel()
		t.find(ctx, b)
	})
}

// abortSlip voids a refund whose order was not found yet. One that was is not taken back.
func (t *Till) abortSlip(ctx context.Context, b *slip) error {
	t.mu.Lock()
	b.aborted = true
	t.mu.Unlock()
	b.cancel()
	return t.waitFor(ctx, b.found)
}

// find gets the number, finds the order and hands the requests over to its refund.
func (t *Till) find(ctx context.Context, b *slip) {
	ending, why := sale.Undecided, ""
	if b.number == "" {
		b.number, ending, why = t.showBill(ctx, b)
	}
	var pm *payment
	if ending == sale.Undecided {
		pm, ending, why = t.findOrder(ctx, b.number, b.asked.SaleID)
	}
	t.mu.Lock()
	if t.ctx == nil && !b.aborted { // the till stops: nobody hears anything
		t.mu.Unlock()
		return
	}
	if b.aborted {
		ending, why = sale.EndAborted, "the cashier aborted; nothing was given back"
	}
	entries, desk := b.entries, b.desk
	if t.lane == desk && desk != nil {
		t.lane = nil
	}
	for _, e := range entries {
		e.slip = nil
		if ending != sale.Undecided {
			t.refuseRefund(e, ending, why)
			continue
		}
		t.admitRefundOf(e, pm, RefundRequest{Asked: e.asked, Amount: b.amount, Major: b.major})
	}
	first := entries[0]
	if first.reply != nil && desk != nil {
		t.flash(t.priced(desk, refundScreen(first.ending)), endShown)
	}
	t.mu.Unlock()
	t.startRefund(first)
	close(b.found)
	t.showLane()
	if ending != sale.Undecided {
		t.emit(Event{Kind: "refund", State: string(ending), Text: why})
	}
}

// findOrder finds the payment that a number of a bill means: on record here, among the
// erased days, or at the wallets, where it is taken on record as paid.
func (t *Till) findOrder(ctx context.Context, number, saleID string) (*payment, sale.Ending, string) {
	if err := t.recallSummary(number); err != nil {
		t.o.Log.Error("look for an order", "err", err)
		return nil, sale.EndStopped, "the journal cannot be read"
	}
	t.mu.Lock()
	pm := t.onRecord(number)
	t.mu.Unlock()
	if pm != nil {
		return pm, sale.Undecided, ""
	}
	first := -1
	if _, _, slot, err := sale.ParseOrderID(number); err == nil {
		first = slot
	}
	sure, asked := true, false
	for _, c := range t.inOrder(first) {
		f, ok := c.Wallet.(Finder)
		if !ok || !t.sellsFor(c, saleID) {
			continue
		}
		asked = true
		ans, answered := t.askBill(ctx, f, c, number)
		if ctx.Err() != nil {
			return nil, sale.EndStopped, "the till is stopping"
		}
		switch {
		case !answered:
			sure = false
		case ans.Outcome != sale.OutNotFound:
			return t.takeFound(ctx, c, number, ans)
		}
	}
	switch {
	case !asked:
		return nil, sale.EndNotFound, "this bill is not on this terminal's record, and no contract can look it up"
	case !sure:
		return nil, sale.EndUnreachable, "not every wallet could be asked for this bill; nothing was given back"
	}
	return nil, sale.EndNotFound, "no wallet knows this bill as one of this merchant"
}

// sellsFor reports whether a point of sale may look orders up at a contract: on a till of many
// shops, one that is listed belongs to the contracts that list it. The command line belongs
// to all.
func (t *Till) sellsFor(c *Contract, saleID string) bool {
	lists := func(c Contract) bool { return slices.Contains(c.SaleIDs, saleID) }
	return len(c.SaleIDs) == 0 || lists(*c) || !slices.ContainsFunc(t.o.Contracts, lists)
}

// inOrder is the contracts, the one in slot first ahead.
func (t *Till) inOrder(first int) []*Contract {
	var out []*Contract
	if c := t.contracts[first]; c != nil {
		out = append(out, c)
	}
	for i := range t.o.Contracts {
		if c := &t.o.Contracts[i]; c.Ref.Slot != first {
			out = append(out, c)
		}
	}
	return out
}

// findTries is how often one wallet is asked for a bill while the customer waits.
const findTries = 3

// askBill asks one wallet for a bill until it has answered with a signature that counts.
func (t *Till) askBill(ctx context.Context, f Finder, c *Contract, number string) (ans sale.Answer, answered bool) {
	for try := range findTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return ans, false
			case <-time.After(c.Clock.RetryFirst):
			}
		}
		ans, err := f.Find(ctx, number)
		switch {
		case err != nil, !ans.Signed, ans.Outcome == sale.OutUnknown,
			ans.Merchant != "" && ans.Merchant != c.Ref.Merchant,
			ans.SubMerchant != "" && ans.SubMerchant != c.Ref.SubMerchant:
			continue
		}
		return ans, true
	}
	return ans, false
}

// takeFound takes an order that a wallet knows on record, durably, so that it can be given
// back. The number must be the order's or the wallet's own of it.
func (t *Till) takeFound(ctx context.Context, c *Contract, number string, ans sale.Answer) (*payment, sale.Ending, string) {
	refuse := func(why string) (*payment, sale.Ending, string) { return nil, sale.EndNotAllowed, why }
	id, n, _, err := sale.ParseOrderID(ans.Order)
	switch {
	case ans.Outcome == sale.OutRefunded:
		return refuse("the wallet says that this order was given back in full already")
	case ans.Outcome != sale.OutPaid:
		return refuse("the wallet says that this order is not paid")
	case ans.Order != number && ans.WalletTransaction != number, err != nil:
		return refuse("the wallet names another order for this bill, or one that no till of this kind made")
	case !ans.HasTotal || ans.Total.Minor <= 0:
		return refuse("the wallet does not say what was paid")
	}
	// The number was the wallet's: only now the order is known, which may be one of ours whose
	// day was erased, with what was given back of it.
	if err := t.recallSummary(id); err != nil {
		t.o.Log.Error("look for an order", "err", err)
		return nil, sale.EndStopped, "the journal cannot be read"
	}
	t.mu.Lock()
	known, sibling := t.byOrder[ans.Order], t.payments[id]
	t.mu.Unlock()
	if known != nil {
		return known, sale.Undecided, ""
	}
	if sibling != nil {
		return refuse("payment " + id + " is on record here without this order: compare with the wallet's bill")
	}
	now := t.o.Wall().Round(0)
	pm := t.newPayment(sale.Payment{Version: 1, ID: id, Amount: ans.Total, Intent: sale.Keep, Begun: now, EndedAt: now,
		Ending: sale.EndPaid, Delivered: true, Found: true,
		Attempts: []sale.Attempt{{ID: ans.Order, N: n, Contract: c.Ref, Amount: ans.Total, SentAt: now, Boot: t.o.Boot,
			State: sale.Paid, Why: sale.EvPaid, WasPaid: true, WalletCode: ans.Code, WalletTransaction: ans.WalletTransaction,
			PaidAt: ans.PaidAt, PaidBy: ans.PaidBy}}})
	close(pm.ended)
	if err := pm.save(ctx, asItIs); err != nil {
		if errors.Is(err, queue.ErrSpace) {
			return nil, sale.EndNoSpace, "the journal has no room for a new refund"
		}
		return nil, sale.EndStopped, "the order could not be taken on record"
	}
	t.emit(Event{Kind: "found", Payment: id, Order: ans.Order, Amount: ans.Total.String(), Text: "an order of another terminal, to be given back"})
	return pm, sale.Undecided, ""
}
