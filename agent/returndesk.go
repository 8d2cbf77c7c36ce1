package agent

import (
	"context"
	"regexp"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// The return desk: the customer shows the bill in the wallet, and the scanner reads the
// order's number off it. A bill's number is no secret; a payment code that is shown by
// mistake is one, and is wiped without being sent anywhere.

// Reasons for which a scanned code is not a bill.
const (
	reasonPaymentCode = "payment-code"
	reasonNoBill      = "no-bill"
)

// admitScanned attaches a request to the return desk's refund that it repeats, or takes the
// lane for a new one. The caller holds mu.
func (t *Till) admitScanned(e *entry, r RefundRequest) {
	if b := t.atDesk(r); b != nil {
		e.slip = b
		b.entries = append(b.entries, e)
		return
	}
	if r.Asked.TransactionID != "" {
		for _, pm := range t.payments {
			for i := range pm.p.Refunds {
				if ref := &pm.p.Refunds[i]; ref.Scanned && ref.SameRequest(r.Asked, r.Amount) && t.repeatsScanned(e, pm, ref) {
					return
				}
			}
		}
	}
	ending, why := t.refundStanding()
	if ok, text := t.o.Scanner.Ready(); ending == sale.Undecided && !ok {
		ending, why = sale.EndNoScanner, "no scanner is ready: "+text
	}
	if ending == sale.Undecided && t.occupied() != nil {
		ending, why = sale.EndBusy, "another payment is running"
	}
	if ending != sale.Undecided {
		t.refuseRefund(e, ending, why)
		return
	}
	b := &slip{asked: r.Asked, amount: r.Amount, major: r.Major, desk: t.newPayment(sale.Payment{Asked: r.Asked})}
	if r.Amount != nil {
		b.desk.p.Amount = *r.Amount
	}
	t.search(e, b)
	if e.slip == b {
		t.lane, t.atReturn = b.desk, b
		t.makeWay()
	}
}

// atDesk is the refund that waits for its bill and that r asks for again. The caller holds mu.
func (t *Till) atDesk(r RefundRequest) *slip {
	b := t.atReturn
	if b == nil || t.lane != b.desk || b.asked.TransactionID == "" {
		return nil
	}
	same := sale.Refund{Asked: b.asked, Whole: b.amount == nil}
	if b.amount != nil {
		same.Amount = *b.amount
	}
	if !same.SameRequest(r.Asked, r.Amount) {
		return nil
	}
	return b
}

// repeatsScanned attaches a request to the return desk's refund that it asks for again; one
// that was delivered is refused. The caller holds mu.
func (t *Till) repeatsScanned(e *entry, pm *payment, ref *sale.Refund) bool {
	switch {
	case !ref.Delivered && pm.op != nil && pm.op.ref.ID == ref.ID:
		t.attachRefund(e, pm, pm.op)
	case !ref.Delivered:
		e.pm, e.refund = pm, ref.ID
	case ref.State == sale.RefundRefused:
		return false
	default:
		t.refuseRefund(e, sale.EndNotAllowed, "this was given back already by refund "+ref.ID+": use another TransactionID to give back again")
	}
	return true
}

// showBill arms the scanner and waits for the number of a bill.
func (t *Till) showBill(ctx context.Context, b *slip) (number string, ending sale.Ending, why string) {
	t.wayFree(ctx)
	timer := time.NewTimer(t.o.CodeWait)
	defer timer.Stop()
	var last refusal
	reason := ""
	for bad := 0; bad < maxPresentations; {
		t.show(b.desk, Screen{Kind: ScreenReturn, Reason: reason})
		if err := t.o.Scanner.Arm(ctx); err != nil {
			return "", sale.EndNoScanner, "the scanner does not start"
		}
		t.emit(Event{Kind: "armed", Text: "for the bill of what is to be given back"})
		var scan scanner.Scan
		select {
		case <-ctx.Done():
			ending = sale.EndAborted
		case <-timer.C:
			ending, why = sale.EndCancelled, "no bill was shown in time; nothing was given back"
		case scan = <-t.o.Scanner.Scans():
		}
		t.o.Scanner.Disarm()
		if ending != sale.Undecided {
			return "", ending, why
		}
		mac := t.o.Journal.CodeMAC(scan.Text.Reveal())
		number, reason = t.readBill(scan)
		scan.Text.Wipe()
		if reason == "" {
			t.emit(Event{Kind: "bill", Text: "a bill was read"})
			return number, sale.Undecided, ""
		}
		if last.again(mac) {
			continue
		}
		t.emit(Event{Kind: "refused", Text: reason})
		bad++
	}
	return "", sale.EndBadCode, "no bill could be read: " + reason
}

// billForm is what the number on a wallet's bill looks like: longer than every payment code,
// or with letters, or digits that begin with a date of this century as UnionPay's do. A
// number that could be the payment code of a wallet that this terminal does not know is
// never sent to another one.
var billForm = regexp.MustCompile(`^([0-9]{25,64}|20[2-9][0-9](0[1-9]|1[0-2])[0-9]{10,18}|[0-9A-Za-z_-]*[A-Za-z_-][0-9A-Za-z_-]*)$`)

// readBill takes the number off a scanned bill, or says why it is none. It keeps nothing of
// a code that is none.
func (t *Till) readBill(scan scanner.Scan) (number, reason string) {
	text := scan.Text.Reveal()
	if _, _, _, err := sale.ParseOrderID(string(text)); err == nil {
		return string(text), ""
	}
	res := t.o.Classify.Classify(text, scan.Identifier(), t.o.Wall())
	switch {
	case res.Decision != paycode.Reject, res.Reason == paycode.ReservedLength:
		return "", reasonPaymentCode
	case res.Reason != paycode.UnknownFormat:
		return "", string(res.Reason)
	case len(text) < 16 || len(text) > 64 || !billForm.Match(text):
		return "", reasonNoBill
	}
	return string(text), ""
}
