package agent

import (
	"errors"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// ErrUndecided is returned when the caller's context ended before the outcome was known.
// The payment goes on; ask for its status.
var ErrUndecided = errors.New("the outcome is not known yet")

// PayRequest is a point of sale's request for a payment, already checked for form.
type PayRequest struct {
	Asked  sale.Asked
	Amount sale.Amount
	// Brands limits the wallets (nexo AllowedPaymentBrand); empty allows all.
	Brands []string
	// Contract is the only contract to pay at, by its name; empty allows all.
	Contract string
	// Code is a code that the point of sale scanned itself; nil normally. The till owns and
	// wipes it.
	Code *secret.Bytes
}

// ReverseRequest asks to give a paid payment back in full.
type ReverseRequest struct {
	Asked sale.Asked
	// Payment is the POITransactionID of the original.
	Payment string
	// Amount is the sum to give back; nil means all of it. A part is given back as a refund,
	// and so is what is left after one.
	Amount *sale.Amount
	// Major is the sum in major units of the payment's own currency, as a point of sale writes
	// numbers, where Amount is nil; empty means all of it.
	Major string
}

// RefundRequest asks to give a paid order, or a part of it, back.
type RefundRequest struct {
	Asked sale.Asked
	// Payment is the POITransactionID of the original, one of its order ids, or the wallet's
	// number of it. Empty: the customer shows the bill in the wallet to the scanner, and it may
	// be the bill of any terminal of the merchant.
	Payment string
	// Amount is the sum to give back; nil means all that is left. Major as in ReverseRequest.
	Amount *sale.Amount
	Major  string
}

// Reply is what the point of sale is told, and the bytes it is told with.
type Reply struct {
	Payment sale.Payment // a copy
	Ending  sale.Ending
	Why     string // one line for people
	// Refund is what came of a request that gave a part back or went by a refund; nil for
	// every other request.
	Refund *sale.Refund
	Bytes  []byte // rendered by Options.Render; the same for every repeat
}

// StatusOf says what is known of a request.
type StatusOf int

const (
	StatusNotFound   StatusOf = iota // not on record; from now on refused if it arrives late
	StatusInProgress                 // undecided
	StatusKnown                      // Reply holds the stored answer
)

// Confirmation is a decision of the operator that a payment waits for.
type Confirmation struct {
	Payment string
	OK      bool
}

// Event is something that happened, for people who watch: the counter, the operator's
// console, the log. It holds no code.
type Event struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // "armed", "scan", "refused", "sending", "state", "ended", "warning", ...
	Payment string    `json:"payment,omitempty"`
	Order   string    `json:"order,omitempty"`
	State   string    `json:"state,omitempty"`
	Amount  string    `json:"amount,omitempty"`
	Text    string    `json:"text,omitempty"`
}

// ScreenKind is what the customer's screen shows.
type ScreenKind string

const (
	ScreenStarting    ScreenKind = "starting"
	ScreenIdle        ScreenKind = "idle"
	ScreenOperator    ScreenKind = "operator" // waits for the operator to confirm the amount
	ScreenPay         ScreenKind = "pay"      // show your code; Amount is set
	ScreenFresh       ScreenKind = "fresh"    // that code cannot be used: show a fresh one; Reason says why
	ScreenSending     ScreenKind = "sending"  // the wallet is being asked
	ScreenConfirm     ScreenKind = "confirm"  // the customer must confirm in the wallet
	ScreenDoubt       ScreenKind = "doubt"    // not known yet: do not take cash
	ScreenUndoing     ScreenKind = "undoing"  // being taken back: do not take cash yet
	ScreenPaid        ScreenKind = "paid"
	ScreenNotPaid     ScreenKind = "not-paid"     // Reason says why; nothing is charged
	ScreenClosing     ScreenKind = "closing"      // the code we showed is being closed: do not pay it any more
	ScreenClosed      ScreenKind = "closed"       // no new sale; Reason: "offline", "clock", "space", "scanner", "stopped", "recovery"
	ScreenReturn      ScreenKind = "return"       // show the bill of what is to be given back; Reason: why the last code was none
	ScreenRefunding   ScreenKind = "refunding"    // being given back
	ScreenRefunded    ScreenKind = "refunded"     // given back, or taken by the wallet, which is about to
	ScreenNotRefunded ScreenKind = "not-refunded" // Reason says why; nothing was given back

	ScreenClaim        ScreenKind = "claim"         // show or type the member code; a payment code pays all the same
	ScreenPresent      ScreenKind = "present"       // hold the hand over the camera; Guide says how
	ScreenMatching     ScreenKind = "matching"      // the provider is being asked
	ScreenAgree        ScreenKind = "agree"         // is it you (Name), and do you pay this?
	ScreenConsent      ScreenKind = "consent"       // enrolment: the text and its boxes
	ScreenAccount      ScreenKind = "account"       // enrolment, withdrawal: show or type the code of the provider's app
	ScreenWithdraw     ScreenKind = "withdraw"      // withdrawal: really?
	ScreenSaving       ScreenKind = "saving"        // enrolment, withdrawal: with the provider, it cannot be stopped any more
	ScreenEnrolled     ScreenKind = "enrolled"      // done
	ScreenNotEnrolled  ScreenKind = "not-enrolled"  // Reason says why; nothing is kept
	ScreenWithdrawn    ScreenKind = "withdrawn"     // done: nothing is kept any more
	ScreenNotWithdrawn ScreenKind = "not-withdrawn" // Reason says why; nothing changed
)

// Screen is one state of the customer's screen.
type Screen struct {
	Seq      uint64        `json:"seq"`
	Kind     ScreenKind    `json:"kind"`
	Amount   string        `json:"amount,omitempty"` // decimal, "12.80"
	Currency sale.Currency `json:"currency,omitempty"`
	Scheme   string        `json:"scheme,omitempty"` // the wallet, once known
	// Reason is a sale.Ending, a paycode reason ("goods-code", "merchant-code", ...), an
	// OfferReason, a PalmReason, or one of the words beside ScreenClosed.
	Reason  string `json:"reason,omitempty"`
	Payment string `json:"payment,omitempty"`
	// Offer is set while the customer may ask for a code of ours: Till.Offer.
	Offer bool `json:"offer,omitempty"`
	// Code is the text of the QR code that the customer may scan, on ScreenPay. Anybody may
	// see it; it is in no log and no event.
	Code string `json:"code,omitempty"`
	// CodeEnds is when Code cannot be paid any more; it has a monotonic reading.
	CodeEnds time.Time `json:"code_ends,omitzero"`
	// Palm is set while a palm may be presented to pay (Till.Present), and on ScreenIdle while
	// one may be enrolled (Till.Enrol).
	Palm bool `json:"palm,omitempty"`
	// Withdraw is set on ScreenIdle and ScreenClosed while a consent can be withdrawn.
	Withdraw bool `json:"withdraw,omitempty"`
	// Step numbers what the person is asked, for Till.Touch; 0 where nothing is. On the screens
	// of an enrolment or a withdrawal Payment is the number of that.
	Step     uint64             `json:"step,omitempty"`
	Modality biometric.Modality `json:"modality,omitempty"`
	Provider string             `json:"provider,omitempty"` // what people call it
	Guide    biometric.Guidance `json:"guide,omitempty"`    // on ScreenPresent; empty until the camera is on
	Taken    int                `json:"taken,omitempty"`    // how many of
	Of       int                `json:"of,omitempty"`       // the presentations of an enrolment are done
	Name     string             `json:"name,omitempty"`     // masked, on ScreenAgree and ScreenEnrolled
	Skip     bool               `json:"skip,omitempty"`     // on ScreenClaim: it goes without a member code
	Letters  bool               `json:"letters,omitempty"`  // on ScreenClaim and ScreenAccount: codes may have letters
	MinAge   int                `json:"min_age,omitempty"`  // on ScreenConsent: in years
	// Ends is when the step is over by itself; it has a monotonic reading.
	Ends time.Time `json:"ends,omitzero"`
	Test bool      `json:"test"` // the test environment: the screen says so
}
