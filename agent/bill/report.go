package bill

import (
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Class is a kind of difference between a bill and the till.
type Class string

const (
	// MissingHere: the wallet charged an order with this terminal's code that the till has no
	// record of.
	MissingHere Class = "missing-here"
	// MissingThere: the till has the order as paid, the bill of its day does not have it.
	MissingThere Class = "missing-there"
	// AmountDiffers: both have it as paid, with different sums.
	AmountDiffers Class = "amount"
	// StateDiffers: charged there and not paid here, or given back there and not here.
	StateDiffers Class = "state"
	// PaidTwice: one order or one payment was charged more than once.
	PaidTwice Class = "paid-twice"
	// Undecided: the order waits for a decision here (MANUAL) that the bill does not give.
	Undecided Class = "undecided"
)

// Classes lists them, the gravest first.
func Classes() []Class {
	return []Class{PaidTwice, StateDiffers, MissingHere, AmountDiffers, MissingThere, Undecided}
}

// Difference is one order on which bill and till do not agree.
type Difference struct {
	Class   Class       `json:"class"`
	Order   string      `json:"order"`
	Payment string      `json:"payment"`
	Line    int         `json:"line,omitempty"` // in the bill; 0 where it does not have the order
	Here    string      `json:"here"`           // the state on record, empty if there is none
	There   string      `json:"there"`          // what the bill says, in words
	Amount  sale.Amount `json:"amount"`         // on record here
	Charged sale.Amount `json:"charged"`        // there, less what was given back
	At      time.Time   `json:"at,omitzero"`
	Text    string      `json:"text"` // what it means
	Hint    string      `json:"hint"` // what to do
}

// Decision is what the bill proves about an order that waits for one.
type Decision struct {
	Order   string      `json:"order"`
	Payment string      `json:"payment"`
	Paid    bool        `json:"paid"`
	Amount  sale.Amount `json:"amount"`
	Line    int         `json:"line,omitempty"`
	Why     string      `json:"why"`
}

// Side is a number of orders that are not compared, and what they come to.
type Side struct {
	Orders int   `json:"orders"`
	Minor  int64 `json:"minor"` // charged less given back, in minor units
}

// Report is the outcome of a comparison.
type Report struct {
	Wallet   string `json:"wallet"`
	Contract string `json:"contract"`
	Merchant string `json:"merchant"`
	Day      Day    `json:"day"`

	Rows     int           `json:"rows"`
	Payments int           `json:"payments"`
	Returns  int           `json:"returns"`
	Currency sale.Currency `json:"currency"`
	Paid     int64         `json:"paid"` // minor units, everything in the bill
	Back     int64         `json:"back"`

	Matched int `json:"matched"` // orders of this till on which both agree
	Open    int `json:"open"`    // not final yet: the till is still asking
	// OtherDay are orders of this till that belong to the bill of another day, in part or whole.
	OtherDay int `json:"other_day"`
	// Orders of the same merchant that are not of this till.
	OtherTerminals Side `json:"other_terminals"`
	OtherMerchants Side `json:"other_merchants"`
	OtherSystems   Side `json:"other_systems"`

	Counts      map[Class]int `json:"counts"`
	Differences []Difference  `json:"differences"`
	// Untold is how many differences there are beyond those listed.
	Untold int `json:"untold,omitempty"`
	// Settled are the MANUAL orders that the bill decided.
	Settled []Decision `json:"settled"`
	// Note says what limits the comparison; empty if nothing does.
	Note string `json:"note,omitempty"`
}

// Left is how many differences there are.
func (r *Report) Left() int {
	n := 0
	for _, c := range r.Counts {
		n += c
	}
	return n
}

// maxListed bounds the list of differences in a report; all of them are counted.
const maxListed = 5000

func (r *Report) add(d Difference) {
	r.Counts[d.Class]++
	if len(r.Differences) < maxListed {
		r.Differences = append(r.Differences, d)
	} else {
		r.Untold++
	}
}

// Undo takes back a decision that could not be carried out and lists the order instead.
func (r *Report) Undo(d Decision, why string) {
	r.add(Difference{Class: Undecided, Order: d.Order, Payment: d.Payment, Line: d.Line, Here: string(sale.Manual), Amount: d.Amount,
		Charged: sale.Amount{Currency: d.Amount.Currency, Exponent: d.Amount.Exponent}, There: d.Why, Text: why, Hint: "tilld queue show " + d.Order})
}
