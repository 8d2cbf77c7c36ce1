package sale

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// RefundState is where a refund stands. The zero value is the careful one: it is on record
// and may have been asked for.
type RefundState string

const (
	RefundUnknown  RefundState = ""
	RefundPending  RefundState = "PROCESSING" // the wallet took it and has not done it yet
	RefundDone     RefundState = "REFUNDED"
	RefundRefused  RefundState = "REFUSED"  // from the wallet's closed list: no money moves
	RefundAbnormal RefundState = "ABNORMAL" // the wallet cannot give it back by itself: a person must, at the wallet
)

// String names the zero value.
func (s RefundState) String() string {
	if s == RefundUnknown {
		return "UNKNOWN"
	}
	return string(s)
}

// Final reports whether nothing more is asked about it.
func (s RefundState) Final() bool { return s == RefundDone || s == RefundRefused }

// Refund is one operation that gives a paid order, or a part of it, back. At most one of an
// order is open at a time, so that their sum never passes what was paid.
type Refund struct {
	ID     string `json:"id"` // what the wallet knows it by, 40 characters; see RefundID
	Amount Amount `json:"amount"`
	// Asked is the request that wanted it; empty ServiceID for one that a person asked for.
	Asked      Asked       `json:"asked"`
	State      RefundState `json:"state"`
	AskedAt    time.Time   `json:"asked_at"`
	EndedAt    time.Time   `json:"ended_at,omitzero"`
	WalletCode string      `json:"wallet_code,omitempty"`
	// WalletRefund is the wallet's own number of the refund, once known.
	WalletRefund string `json:"wallet_refund,omitempty"`
	// Whole is set when everything that was left was asked for.
	Whole bool `json:"whole,omitempty"`
	// Reversal is set when a Reversal asked for it: the answer is one to a Reversal.
	Reversal bool `json:"reversal,omitempty"`
	// Scanned is set when the customer's bill named the order.
	Scanned bool `json:"scanned,omitempty"`
	// Ending is how the request was answered: EndRefunded, perhaps while the wallet still
	// works on it, or why not. Empty until it was.
	Ending Ending `json:"ending,omitempty"`
	// Delivered is set once the answer was written to a connection that was still open.
	Delivered bool `json:"delivered,omitempty"`
	// Replaced is set on a refund that was promised and then refused, once another one of
	// the same sum was made instead.
	Replaced bool `json:"replaced,omitempty"`
}

// MaxRefunds bounds the refunds of one order, so that its record stays small. WeChat Pay
// takes 50 of one order.
const MaxRefunds = 40

// Broken reports whether a person has to look: the wallet cannot finish it by itself, or it
// took it, the point of sale was told so, and then it was not done.
func (r *Refund) Broken() bool {
	return r.State == RefundAbnormal || r.State == RefundRefused && r.Ending == EndRefunded && !r.Replaced
}

// BrokenRefund is a refund that a person has to look at, or nil.
func (p *Payment) BrokenRefund() *Refund {
	for i := range p.Refunds {
		if p.Refunds[i].Broken() {
			return &p.Refunds[i]
		}
	}
	return nil
}

// SameRequest reports whether a request for amount, nil for all that is left, means this
// refund again.
func (r *Refund) SameRequest(asked Asked, amount *Amount) bool {
	if r.Asked.SaleID != asked.SaleID || r.Asked.TransactionID != asked.TransactionID {
		return false
	}
	if amount == nil {
		return r.Whole
	}
	return amount.Same(r.Amount)
}

// RefundID names a refund: the order's id, "R", and 12 characters made from who asked for
// how much. The same request gives the same id, so that a wallet gives the money back once
// however often it is asked. n tells apart refunds that nobody numbered: 0 where the
// TransactionID does.
func RefundID(order, saleID, transactionID string, amount Amount, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tilld refund\x00%s\x00%s\x00%s\x00%d %s\x00%d", order, saleID, transactionID, amount.Minor, amount.Currency, n))
	return order + "R" + idEncoding.EncodeToString(sum[:8])[:12]
}

// RefundOutcome is what a wallet says about a refund. The zero value is the careful one.
type RefundOutcome string

const (
	RefOutUnknown  RefundOutcome = ""          // no answer, no valid signature, or a code outside the closed lists
	RefOutDone     RefundOutcome = "done"      // given back, or certain to be
	RefOutPending  RefundOutcome = "pending"   // taken, not done yet
	RefOutRefused  RefundOutcome = "refused"   // from the closed list: this refund does not and will not happen
	RefOutAbnormal RefundOutcome = "abnormal"  // taken, and cannot be done without a person
	RefOutNotFound RefundOutcome = "not-found" // the wallet knows no such refund; asking again is safe, the id is the same
)

// RefundAnswer is what a wallet package made of a wallet's reply about a refund.
type RefundAnswer struct {
	Outcome RefundOutcome
	Signed  bool
	// Order, Merchant, SubMerchant and ID are the reply's echo, empty where the wire format
	// has none.
	Order, Merchant, SubMerchant, ID string
	// Amount is what is given back by this refund, never what the payer gets after coupons.
	Amount    Amount
	HasAmount bool
	// NotSent is true when provably no byte of the request was handed to the kernel.
	NotSent      bool
	Code         string
	Text         string
	WalletRefund string
	// Cause says in words why an answer is unknown.
	Cause string
}

// JudgeRefund turns a wallet's answer into the state it is worth. counts is false for what
// proves nothing: unsigned, about another order, refund or sum, or no answer.
func (r *Refund) JudgeRefund(a *Attempt, ans RefundAnswer) (state RefundState, counts bool) {
	switch {
	case ans.NotSent, !ans.Signed,
		ans.Order != "" && ans.Order != a.ID,
		ans.Merchant != "" && ans.Merchant != a.Contract.Merchant,
		ans.SubMerchant != "" && ans.SubMerchant != a.Contract.SubMerchant,
		ans.ID != "" && ans.ID != r.ID:
		return r.State, false
	}
	switch ans.Outcome {
	case RefOutDone, RefOutPending, RefOutAbnormal:
		if ans.ID == "" && ans.Order == "" || ans.HasAmount && !ans.Amount.Same(r.Amount) {
			return r.State, false
		}
	}
	switch ans.Outcome {
	case RefOutDone:
		return RefundDone, true
	case RefOutPending:
		return RefundPending, true
	case RefOutAbnormal:
		return RefundAbnormal, true
	case RefOutRefused:
		return RefundRefused, true
	}
	return r.State, false
}

// MissingRefund reports whether the answer is the wallet's signed word that it knows no such
// refund of this order.
func (r *Refund) MissingRefund(a *Attempt, ans RefundAnswer) bool {
	probe := ans
	probe.Outcome = RefOutRefused
	_, counts := r.JudgeRefund(a, probe)
	return counts && ans.Outcome == RefOutNotFound
}

// refundMoves is the whole law of a refund.
var refundMoves = map[[2]RefundState]bool{
	{RefundUnknown, RefundPending}:  true,
	{RefundUnknown, RefundDone}:     true,
	{RefundUnknown, RefundRefused}:  true,
	{RefundUnknown, RefundAbnormal}: true,
	{RefundPending, RefundDone}:     true,
	{RefundPending, RefundRefused}:  true,
	{RefundPending, RefundAbnormal}: true,
	{RefundAbnormal, RefundDone}:    true,
	{RefundAbnormal, RefundRefused}: true,
}

// Move changes the state along the table, or leaves it and returns an error. The caller
// makes the new state durable before anything follows.
func (r *Refund) Move(to RefundState) error {
	if !refundMoves[[2]RefundState{r.State, to}] {
		return fmt.Errorf("move refund %s from %s to %s: not in the table", r.ID, r.State, to)
	}
	r.State = to
	return nil
}

// FindRefund is the refund with this id, or nil.
func (p *Payment) FindRefund(id string) *Refund {
	for i := range p.Refunds {
		if p.Refunds[i].ID == id {
			return &p.Refunds[i]
		}
	}
	return nil
}

// NewRefundID names the next refund of the paid order, for this request. A request that the
// wallet refused for good may be made again, under a new name; one that was done keeps its
// name, and taken is then true: asking again would give nothing back. A request without a
// TransactionID is told from others by its ServiceID.
func (p *Payment) NewRefundID(asked Asked, amount Amount) (id string, taken bool) {
	transaction := asked.TransactionID
	if transaction == "" {
		transaction = "\x00" + asked.ServiceID
	}
	for n := 0; ; n++ {
		id = RefundID(p.Current().ID, asked.SaleID, transaction, amount, n)
		if slices.Contains(p.PastRefunds, id) {
			return id, true
		}
		r := p.FindRefund(id)
		if r == nil || r.State != RefundRefused {
			return id, r != nil
		}
	}
}

// DoneRefunds are the ids of the refunds that gave something back, those of erased days
// included.
func (p *Payment) DoneRefunds() []string {
	out := slices.Clone(p.PastRefunds)
	for i := range p.Refunds {
		if p.Refunds[i].State == RefundDone {
			out = append(out, p.Refunds[i].ID)
		}
	}
	return out
}

// OpenRefund is the refund that is not final, or nil.
func (p *Payment) OpenRefund() *Refund {
	for i := range p.Refunds {
		if !p.Refunds[i].State.Final() {
			return &p.Refunds[i]
		}
	}
	return nil
}

// Refundable is how much of a paid payment can still be given back, in minor units; 0 when
// a refund is open, because its outcome decides.
func (p *Payment) Refundable() int64 {
	a := p.Current()
	if a == nil || a.State != Paid || p.OpenRefund() != nil {
		return 0
	}
	return a.Amount.Minor - p.Refunded
}
