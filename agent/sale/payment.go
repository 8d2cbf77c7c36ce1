package sale

import (
	"log/slog"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Intent is what is wanted of a payment. It starts as Keep and may turn to Undo once,
// never back: an order that may have been told "failed" is never kept.
type Intent string

const (
	Keep Intent = "keep"
	Undo Intent = "undo"
)

// Ending is how a payment ended, as far as the point of sale is concerned. The zero value
// means it has not.
type Ending string

const (
	Undecided        Ending = ""
	EndPaid          Ending = "paid"
	EndAborted       Ending = "aborted"      // the cashier aborted; nothing is charged
	EndCancelled     Ending = "cancelled"    // the payer did not show a code or did not confirm in time
	EndDeclined      Ending = "declined"     // the wallet said no
	EndBadCode       Ending = "bad-code"     // the third bad or expired code
	EndNoContract    Ending = "no-contract"  // a wallet this shop has no contract with
	EndUnreachable   Ending = "unreachable"  // the wallet cannot be reached; provably nothing was sent
	EndNoScanner     Ending = "no-scanner"   // no scanner is ready
	EndNotAllowed    Ending = "not-allowed"  // the operator did not confirm, or the basket is settled already
	EndClockUntrusty Ending = "clock"        // the time is not trusted
	EndNoSpace       Ending = "no-space"     // the journal has no room
	EndStopped       Ending = "stopped"      // trading is stopped until someone looks
	EndMistaken      Ending = "wrong-answer" // the wallet charged another total; reversed
	EndBusy          Ending = "busy"         // another basket's payment is running
	EndBadMessage    Ending = "bad-message"  // the request cannot be a payment
	EndReversed      Ending = "reversed"     // of a Reversal: the payment was given back in full
	EndRefunded      Ending = "refunded"     // of a refund: given back, or taken by the wallet, which is about to
	EndNotFound      Ending = "not-found"    // of a Reversal: no such payment on this terminal
)

// Asked is what identifies a payment to the point of sale (nexo names).
type Asked struct {
	SaleID        string `json:"sale_id"`
	POIID         string `json:"poi_id"`
	ServiceID     string `json:"service_id"`
	TransactionID string `json:"transaction_id,omitempty"`
	TimeStamp     string `json:"time_stamp,omitempty"`
	// Hash is the SHA-256 of the request's content, to tell a repeat from a reuse.
	Hash []byte `json:"hash,omitempty"`
	// Echo is what the answer must carry back unchanged: an opaque JSON value that the
	// point-of-sale interface wrote and alone reads. It holds no payment code.
	Echo []byte `json:"echo,omitempty"`
}

// Key names the request for the replay guard.
func (a Asked) Key() MessageKey { return MessageKey{a.SaleID, a.POIID, a.ServiceID} }

// MessageKey is unique per terminal for 48 h (nexo).
type MessageKey struct{ SaleID, POIID, ServiceID string }

// String joins the parts with a byte that none of them may contain.
func (k MessageKey) String() string { return k.SaleID + "\x1f" + k.POIID + "\x1f" + k.ServiceID }

// Payment is what the point of sale asked, and everything that was done about it. It is
// the durable record: the first commit is the one that makes an attempt SENDING, so a
// payment without a record provably sent nothing. It never holds a payment code.
type Payment struct {
	Version int    `json:"v"`
	ID      string `json:"id"`  // POITransactionID: the first 22 characters of its order ids
	Seq     uint64 `json:"seq"` // the payment's number on this terminal, without gaps
	Asked   Asked  `json:"asked"`
	// From is the terminal whose payment this was, where it was taken on record here from the
	// wallet's bill because that terminal is gone.
	From   string `json:"from,omitempty"`
	Amount Amount `json:"amount"`
	Intent Intent `json:"intent"`
	// UndoneBy says who or what turned the intent to Undo: "abort", "deadline", "reversal",
	// "wrong-answer", "operator", "declined".
	UndoneBy string    `json:"undone_by,omitempty"`
	Begun    time.Time `json:"begun"`
	Attempts []Attempt `json:"attempts,omitempty"`
	Ending   Ending    `json:"ending,omitempty"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
	// Reply is the answer to the point of sale, rendered when the payment ended: a repeat
	// gets the same bytes.
	Reply []byte `json:"reply,omitempty"`
	// Delivered is set once the reply was written to a connection that was still open.
	Delivered bool `json:"delivered,omitempty"`
	// Refunded is the sum given back after PAID, in minor units.
	Refunded int64 `json:"refunded,omitempty"`
	// Refunds are the operations that gave, or are to give, parts of it back, oldest first.
	// At most one of them is open.
	Refunds []Refund `json:"refunds,omitempty"`
	// PastRefunds are the ids of refunds that were done and whose records were erased with
	// their day; Refunded holds their sum.
	PastRefunds []string `json:"past_refunds,omitempty"`
	// Found marks an order of another terminal of the merchant, taken on record to be given
	// back: when it was paid is not known here, so it is never reversed.
	Found bool `json:"found,omitempty"`
	// Kept is set when a person or the wallet's bill decided that an undone payment stays
	// paid: the undo does not apply any more, until somebody asks for the money back.
	Kept bool `json:"kept,omitempty"`
}

// Undoing reports whether the last attempt is paid and has to be given back.
func (p *Payment) Undoing() bool {
	a := p.Current()
	return a != nil && a.State == Paid && p.Intent == Undo && !p.Kept
}

// Untold reports whether the payment ended and nobody is known to have heard how. Of one that
// was adopted from a dead terminal, whoever gave the money back has.
func (p *Payment) Untold() bool {
	if p.Ending == Undecided || p.Delivered {
		return false
	}
	return p.From == "" || p.Current() != nil && p.Current().State == Paid
}

// Current is the last attempt, or nil before the first.
func (p *Payment) Current() *Attempt {
	if len(p.Attempts) == 0 {
		return nil
	}
	return &p.Attempts[len(p.Attempts)-1]
}

// Codes counts the attempts for which a customer's code was sent, or was about to be.
func (p *Payment) Codes() int {
	n := 0
	for i := range p.Attempts {
		if !p.Attempts[i].Offered() && p.Attempts[i].Why != EvNotSent {
			n++
		}
	}
	return n
}

// InDoubt reports whether an attempt is neither final nor kept for an operator.
func (p *Payment) InDoubt() bool {
	a := p.Current()
	return a != nil && !a.State.Final() && a.State != Manual
}

// Offered reports whether the attempt's code is shown by us and not by the customer.
func (a *Attempt) Offered() bool { return a.OfferLife > 0 || IsOffered(a.ID) }

// Open reports whether anything is left to do or to tell: an attempt in doubt or manual, a
// paid one that has to be given back, an ending not reached, or a refund that is not final or
// needs a person.
func (p *Payment) Open() bool {
	a := p.Current()
	return p.Ending == Undecided || p.Undoing() || a != nil && !a.State.Final() || p.OpenRefund() != nil || p.BrokenRefund() != nil
}

// ContractRef pins what an attempt was begun under, so that a changed configuration
// cannot send a query to another account.
type ContractRef struct {
	Slot        int    `json:"slot"`   // 0..99, part of the order id
	Name        string `json:"name"`   // the contract's name in the configuration
	Wallet      string `json:"wallet"` // the wallet package's name: "wechatpay"
	Merchant    string `json:"merchant"`
	SubMerchant string `json:"sub_merchant,omitempty"`
	Endpoint    string `json:"endpoint"` // scheme://host[:port] of the wallet's server
	KeyID       string `json:"key_id"`   // the key that signs our requests
}

// Attempt is one order id at one contract. Move is the only way to change State.
type Attempt struct {
	ID       string      `json:"id"` // the order id, the same for pay, query and reverse; 27 characters
	N        int         `json:"n"`  // 1..MaxAttempts within its payment
	Contract ContractRef `json:"contract"`
	Amount   Amount      `json:"amount"`
	Scheme   string      `json:"scheme"`         // what the code was taken for: "wechatpay"
	CodeMAC  []byte      `json:"code_mac"`       // HMAC-SHA256 of the code; the code itself is nowhere
	SentAt   time.Time   `json:"sent_at"`        // wall clock when SENDING was made durable
	Boot     string      `json:"boot,omitempty"` // boot id: elapsed time counts afresh in another boot
	State    State       `json:"state"`
	Why      Event       `json:"why,omitempty"` // the event that made the state
	// WalletCode is the wallet's own last result code, from a closed list of fields.
	WalletCode string `json:"wallet_code,omitempty"`
	// WalletTransaction is the wallet's transaction id, once known.
	WalletTransaction string `json:"wallet_transaction,omitempty"`
	PaidAt            string `json:"paid_at,omitempty"` // as the wallet writes it
	// PaidBy is the wallet that paid, where an aggregator's answer names it: a scheme of
	// package paycode, or the aggregator's own word.
	PaidBy string `json:"paid_by,omitempty"`
	// OfferLife marks an attempt whose code we show: how long the wallet lets it be paid,
	// counted from SentAt. Zero for a code that the customer showed.
	OfferLife time.Duration `json:"offer_life,omitempty"`
	// WasPaid is set for ever once the state was PAID: from then on "does not exist" proves
	// nothing at all.
	WasPaid bool `json:"was_paid,omitempty"`
	// Lost is set where the record was lost and made again of the id alone: SentAt is then not
	// the time of sending, and a wallet that finds orders by it cannot say "no such order".
	Lost bool `json:"lost,omitempty"`
	// ReverseAsked is set for ever once a reverse was sent, or was about to be: from then on the
	// bill of the day it was paid is not the last word on it.
	ReverseAsked bool `json:"reverse_asked,omitempty"`
}

// Credential is what the customer presented, for one attempt. Whoever holds it may spend
// it: it lives in memory until the wallet has it, and is wiped then.
type Credential struct {
	Scheme    string
	Code      *secret.Bytes
	Symbology string // AIM identifier such as "]Q1"; empty when the scanner sends none
	// Factor is the value of the terminal field encrypt_rand_num: the last six digits.
	Factor *secret.Bytes
}

// Wipe clears the code.
func (c Credential) Wipe() { c.Code.Wipe(); c.Factor.Wipe() }

// LogValue shows the scheme alone.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.Scheme) }
