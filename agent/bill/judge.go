package bill

import (
	"cmp"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// judge says of each order how the two sides stand.
type judge struct {
	scope     Scope
	report    *Report
	absence   bool // what the bill lacks was not charged on its day
	decisions []Decision
}

// order judges one order: what is on record first, what the bill says second.
func (j *judge) order(order string, t *tally) {
	o := &t.ours
	switch {
	case t.payments > 1:
		j.differ(PaidTwice, order, t, "the bill has more than one payment under this number",
			"give one of them back on the wallet's merchant page, and keep both lines of the bill")
	case o.Order == "":
		j.missingHere(order, t)
	case o.State == sale.Manual:
		j.manual(order, t)
	case !o.State.Final() || o.State == sale.Paid && o.Undo:
		j.report.Open++
	case t.paid > 0 && (t.paid != o.Amount.Minor || t.currency != o.Amount.Currency):
		j.differ(AmountDiffers, order, t, "the wallet charged another sum than the till asked for",
			"tilld queue show "+order+", then set it right with the customer; the bill's sum is what was paid")
	case o.State == sale.Paid:
		j.paidHere(order, t)
	default:
		j.notPaidHere(order, t)
	}
}

func (j *judge) missingHere(order string, t *tally) {
	if t.paid == 0 {
		j.differ(StateDiffers, order, t, "money was given back for an order that this till has no record of",
			"if it was given back on the wallet's merchant page, nothing is to be done")
		return
	}
	j.differ(MissingHere, order, t, "the wallet charged an order with this terminal's number that is not on record here",
		"look for a second device with this serial number, or lost records; until then treat it as paid and not handed over")
}

func (j *judge) paidHere(order string, t *tally) {
	o := &t.ours
	switch {
	case t.back > o.Refunded && o.Refunding:
		j.report.Open++
	case t.paid > 0 && t.back > o.Refunded:
		j.differ(StateDiffers, order, t, "more was given back there than the till has on record",
			"if it was given back on the wallet's merchant page, tell the point of sale")
	case t.paid > 0:
		j.report.Matched++
	case t.back > o.Refunded:
		j.differ(StateDiffers, order, t, "it was given back there and is paid here",
			"if it was given back on the wallet's merchant page, tell the point of sale")
	case t.back > 0:
		j.report.OtherDay++ // paid on another day, refunded on this one
	case j.absence && j.within(o.At):
		j.differ(MissingThere, order, t, "the till has it as paid, and the bill of its day does not have it",
			"ask the wallet about this order with its number; the goods may be gone without money")
	case j.mayBeLater(o.At):
		j.report.OtherDay++
	}
}

func (j *judge) notPaidHere(order string, t *tally) {
	o := &t.ours
	switch {
	case t.paid == 0 && t.back == 0:
	case t.paid <= t.back:
		j.report.Matched++
	case o.Refunded > 0, j.mayBeLater(o.At):
		// Given back after it was paid: on a later day, then, and its bill has it.
		j.report.OtherDay++
	default:
		j.differ(StateDiffers, order, t, "the customer was charged, and the till has it as not paid",
			"find the customer and give the money back: on the wallet's merchant page, under this number. It is not given back by itself")
	}
}

// manual decides where the bill is proof, and says why not where it is none.
func (j *judge) manual(order string, t *tally) {
	o := &t.ours
	decide := func(paid bool, why string) {
		j.decisions = append(j.decisions, Decision{Order: order, Payment: order[:terminalLen+paymentLen], Paid: paid,
			Amount: o.Amount, Line: int(t.line), Why: why})
	}
	leave := func(text string) {
		j.differ(Undecided, order, t, text, "when you know: tilld queue settle "+order+" --paid or --not-paid")
	}
	switch {
	case o.Why == sale.EvCollision:
		leave("somebody else used this number: the bill cannot tell whose payment it is")
	case t.paid > 0 && t.paid <= t.back:
		decide(false, "the bill has it paid and given back")
	case t.paid > 0 && (t.paid != o.Amount.Minor || t.currency != o.Amount.Currency):
		leave("the wallet charged another sum than the till asked for")
	case t.paid > 0 && t.back > 0:
		leave("a part of it was given back")
	case t.paid > 0 && o.Undo && o.Asked:
		leave("it was charged, and a reverse was sent that nobody answered: its return may be in the bill of a later day" + upTo(o.Until) + ". If none has it, settle it as paid and give the money back: tilld refund")
	case t.paid > 0 && o.Undo:
		decide(true, "the bill has it paid; it was to be taken back, and no reverse was ever sent")
	case t.paid > 0:
		decide(true, "the bill has it paid")
	case t.back > 0 && t.back >= o.Amount.Minor:
		decide(false, "the bill has it given back")
	case t.back > 0:
		leave("a part of it was given back")
	case !j.scope.Day.Has(o.At) || o.Why == sale.EvLost:
		// The bill of another day has the word; of an order rebuilt after records were lost the
		// day is not known.
		if j.scope.Day.Has(o.At) {
			leave("its record was lost and rebuilt: its day is not known, and this bill does not have it")
		}
	case o.WasPaid || o.Why != sale.EvWindow:
		leave("the wallet said once that it was paid, and the bill does not have it")
	case !j.absence:
		leave("the bill does not have it, and is not the whole bill of a day that is over")
	case j.mayBeLater(o.At):
		leave("it was sent at the end of the day and may be in the bill of the next")
	default:
		decide(false, "the bill of its whole day does not have it")
	}
}

func upTo(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return ", up to " + DayOf(until).String()
}

// within reports whether an order must be in the day's bill if it was paid.
func (j *judge) within(at time.Time) bool { return j.scope.Day.Has(at) && !j.mayBeLater(at) }

// mayBeLater reports whether what happened to an order may be in the next day's bill.
func (j *judge) mayBeLater(at time.Time) bool { return at.After(j.scope.Day.End().Add(-late)) }

// siblings tells when two orders of one payment were both charged and not given back.
func (j *judge) siblings(order string, t, before *tally) {
	if t.paid > t.back && before.paid > before.back {
		j.differ(PaidTwice, order, t, "another order of the same payment was charged too",
			"give one of them back: tilld refund, or on the wallet's merchant page")
	}
}

func (j *judge) differ(class Class, order string, t *tally, text, hint string) {
	currency := cmp.Or(t.ours.Amount.Currency, t.currency, j.report.Currency)
	exponent, _ := currency.Exponent()
	d := Difference{Class: class, Order: order, Payment: order[:terminalLen+paymentLen], Line: int(t.line),
		Amount:  sale.Amount{Minor: t.ours.Amount.Minor, Currency: currency, Exponent: exponent},
		Charged: sale.Amount{Minor: t.paid - t.back, Currency: cmp.Or(t.currency, currency), Exponent: exponent},
		At:      t.at, Text: text, Hint: hint, There: there(t)}
	if t.ours.Order != "" {
		d.Here = t.ours.State.String()
		if d.At.IsZero() {
			d.At = t.ours.At
		}
	}
	j.report.add(d)
}

// there says in words what the bill has.
func there(t *tally) string {
	switch {
	case t.payments > 1:
		return "paid " + itoa(int(t.payments)) + " times"
	case t.paid > 0 && t.back == 0:
		return "paid"
	case t.paid > 0 && t.back < t.paid:
		return "paid, a part given back"
	case t.paid > 0:
		return "paid and given back"
	case t.back > 0:
		return "given back"
	}
	return "not in the bill"
}
