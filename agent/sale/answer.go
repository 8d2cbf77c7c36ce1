package sale

// Outcome is what a wallet says about an order. The zero value is the careful one.
type Outcome string

const (
	OutUnknown   Outcome = ""          // no answer, no valid signature, or a code outside the closed lists
	OutPaid      Outcome = "paid"      // charged
	OutDeclined  Outcome = "declined"  // from the wallet's closed list: nothing is and will be charged
	OutBadCode   Outcome = "bad-code"  // declined because the code expired or is not valid: a fresh code may follow
	OutPaying    Outcome = "paying"    // the customer must confirm, or the order waits unpaid
	OutNotFound  Outcome = "not-found" // the wallet does not know the order; proves nothing by itself
	OutFailed    Outcome = "failed"    // a query says the try to pay failed, but the order is not closed (WeChat PAYERROR)
	OutClosed    Outcome = "closed"    // closed or revoked, unpaid
	OutRefunded  Outcome = "refunded"  // was paid and given back in full
	OutAccepted  Outcome = "accepted"  // a reverse, close or offer was accepted; proves nothing by itself
	OutRetry     Outcome = "retry"     // a reverse must be repeated (recall, retry_flag)
	OutDuplicate Outcome = "duplicate" // the order number was used before
)

// Answer is what a wallet package made of a wallet's reply. Whatever could not be verified
// is Signed false and Outcome OutUnknown; that is a value, not an error.
type Answer struct {
	Outcome Outcome
	// Signed is true only when the wallet's signature over this reply was verified.
	Signed bool
	// Order, Merchant and SubMerchant are the reply's echo, empty where the wire format has none.
	Order       string
	Merchant    string
	SubMerchant string
	// Total is the order total as the wallet names it, never what the payer paid after
	// coupons; zero where the reply has none. HasTotal tells the two zeros apart.
	Total    Amount
	HasTotal bool
	// NotSent is true when provably no byte of the request was handed to the kernel.
	NotSent bool
	// Code is the wallet's own result code; Text its words for people, from a closed list of fields.
	Code              string
	Text              string
	WalletTransaction string
	PaidAt            string
	// PaidBy is the wallet that paid, where an aggregator names it: a scheme of package
	// paycode where it is known.
	PaidBy string
	// MayBePart marks an OutRefunded that the wallet says of a part that was given back as well.
	// It counts only when a reverse of ours was accepted.
	MayBePart bool
	// Cause says in words why an answer is unknown: "no answer in 10s", "signature does not verify".
	Cause string
}

// Offer is what came of making an order whose code we show.
type Offer struct {
	Answer
	// Code is the text of the QR code to show; empty unless the outcome is OutAccepted.
	Code string
}

// Op is what was asked of the wallet.
type Op string

const (
	OpPay     Op = "pay"
	OpQuery   Op = "query"
	OpReverse Op = "reverse"
	OpOffer   Op = "offer" // make an order whose code we show
	OpClose   Op = "close" // close an order if it is unpaid; never gives money back

	OpRefund      Op = "refund"
	OpQueryRefund Op = "query-refund"
)

// Judge turns a wallet's answer into the event it is worth. Here, and nowhere else, is
// decided whether an answer counts: it must be signed, name our order and our merchant,
// and, where it says that money moved, carry our total. Rule book: an answer for another
// order is discarded (EvForeign) and never a reason to reverse; a differing total or
// currency is EvWrongTotal.
func (a *Attempt) Judge(op Op, ans Answer) Event {
	if ans.NotSent {
		return EvNotSent
	}
	if !ans.Signed || ans.Outcome == OutUnknown {
		return EvNoAnswer
	}
	if ans.Order != "" && ans.Order != a.ID ||
		ans.Merchant != "" && ans.Merchant != a.Contract.Merchant ||
		ans.SubMerchant != "" && ans.SubMerchant != a.Contract.SubMerchant {
		return EvForeign
	}
	switch ans.Outcome {
	case OutPaid:
		if ans.Order == "" {
			return EvForeign
		}
		if !ans.HasTotal || !ans.Total.Same(a.Amount) {
			return EvWrongTotal
		}
		return EvPaid
	case OutRefunded:
		// Whatever the total was: it is back with the payer.
		return EvRefunded
	case OutDeclined:
		if op == OpReverse || op == OpClose {
			return EvNoAnswer
		}
		return EvDeclined
	case OutBadCode:
		if op != OpPay {
			return EvNoAnswer
		}
		return EvBadCode
	case OutDuplicate:
		if op != OpPay && op != OpOffer {
			return EvNoAnswer
		}
		return EvCollision
	case OutPaying:
		return EvPaying
	case OutNotFound:
		return EvNotFound
	case OutFailed:
		return EvFailed
	case OutClosed:
		return EvClosed
	case OutAccepted:
		if op != OpReverse && op != OpClose && op != OpOffer {
			return EvNoAnswer
		}
		return EvAccepted
	}
	return EvNoAnswer
}
