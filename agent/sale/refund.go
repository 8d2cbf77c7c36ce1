package sale

import (
	"crypto/sha256"
	"fmt"
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
	// Delivered is set once the answer was written to a connection that was still open.
	Delivered bool `json:"delivered,omitempty"`
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
