// Package control is the conversation between the running daemon and its command line:
// HTTP with JSON over a Unix socket that only its owner may open. Paths and field names
// may grow; none changes its meaning.
package control

import (
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// SaleID is the SaleID of payments that the command line starts.
const SaleID = "tilld-cli"

// Status is the whole state of a terminal, the urgent first.
type Status struct {
	// Undelivered are endings that no point of sale has heard: the customer may have paid
	// and the cashier does not know.
	Undelivered []PaymentView `json:"undelivered"`
	// Doubt are payments whose outcome is open; Manual wait for a person.
	Doubt []PaymentView `json:"doubt"`
	// Running have sent nothing yet, or wait for their ending to be told.
	Running []PaymentView `json:"running"`
	Manual  []PaymentView `json:"manual"`
	// BrokenRefunds have a refund that a person must finish; Refunding one that is not done.
	BrokenRefunds []PaymentView   `json:"broken_refunds"`
	Refunding     []PaymentView   `json:"refunding"`
	Health        []health.Cause  `json:"health"`
	Devices       []Device        `json:"devices"`
	Contracts     []ContractState `json:"contracts"`
	Clock         ClockState      `json:"clock"`
	Journal       map[string]any  `json:"journal,omitempty"`
	Screen        string          `json:"screen"`
	POIID         string          `json:"poiid"`
	Environment   string          `json:"environment"`
	Version       string          `json:"version"`
	PID           int             `json:"pid"`
	Since         time.Time       `json:"since"`
}

// Reloaded names the contracts whose keys are others now.
type Reloaded struct {
	Contracts []string `json:"contracts"`
}

// ClockState is what is believed of the wall clock.
type ClockState struct {
	Now     time.Time `json:"now"`
	Trusted bool      `json:"trusted"`
	Why     string    `json:"why,omitempty"`
}

// Device is one scanner, or what Kind says.
type Device struct {
	// Kind is empty for a scanner, else "indicator", "door" or "tamper".
	Kind string `json:"kind,omitempty"`
	// State is how a door or a tamper switch stands: "open" or "closed".
	State  string `json:"state,omitempty"`
	Name   string `json:"name"`
	Driver string `json:"driver"`
	Port   string `json:"port"`           // as configured: a path, or what the device is
	Node   string `json:"node,omitempty"` // the path that is open
	Open   bool   `json:"open"`
	Why    string `json:"why,omitempty"` // why it is not open
	Hint   string `json:"hint,omitempty"`
	Scans  int    `json:"scans"` // delivered since the start
	// Drops counts what was read and not delivered, by reason.
	Drops map[string]int `json:"drops,omitempty"`
}

// ContractState is one contract and whether its wallet can be reached.
type ContractState struct {
	Slot     int      `json:"slot"`
	Name     string   `json:"name"`
	Wallet   string   `json:"wallet"`
	Schemes  []string `json:"schemes"`
	Endpoint string   `json:"endpoint"`
	// Reach is "yes", "no", or "unknown" before the first try has ended.
	Reach string `json:"reach"`
	Why   string `json:"why,omitempty"`
}

// PaymentView is a payment as the command line shows it. It holds no payment code.
type PaymentView struct {
	ID          string        `json:"id"`
	Amount      string        `json:"amount"`
	Currency    sale.Currency `json:"currency"`
	State       string        `json:"state"` // of the last attempt; empty before the first
	Ending      sale.Ending   `json:"ending,omitempty"`
	Why         string        `json:"why,omitempty"`
	Intent      sale.Intent   `json:"intent"`
	UndoneBy    string        `json:"undone_by,omitempty"`
	Delivered   bool          `json:"delivered"`
	From        string        `json:"from,omitempty"` // the dead terminal whose payment it was
	Refunded    int64         `json:"refunded,omitempty"`
	SaleID      string        `json:"sale_id"`
	ServiceID   string        `json:"service_id"`
	Transaction string        `json:"transaction_id,omitempty"`
	Begun       time.Time     `json:"begun"`
	EndedAt     time.Time     `json:"ended_at,omitzero"`
	// Found marks an order of another terminal, taken on record to be given back.
	Found    bool          `json:"found,omitempty"`
	Attempts []AttemptView `json:"attempts,omitempty"`
	Refunds  []RefundView  `json:"refunds,omitempty"`
}

// AttemptView is one order at one contract.
type AttemptView struct {
	Order             string    `json:"order"`
	State             string    `json:"state"`
	Why               string    `json:"why,omitempty"`
	Contract          string    `json:"contract"`
	Wallet            string    `json:"wallet"`
	Slot              int       `json:"slot"`
	Endpoint          string    `json:"endpoint"`
	Scheme            string    `json:"scheme"`
	PaidBy            string    `json:"paid_by,omitempty"` // the wallet behind an aggregator
	SentAt            time.Time `json:"sent_at"`
	WalletCode        string    `json:"wallet_code,omitempty"`
	WalletTransaction string    `json:"wallet_transaction,omitempty"`
}

// View makes a PaymentView.
func View(p sale.Payment) PaymentView {
	v := PaymentView{ID: p.ID, Amount: p.Amount.Decimal(), Currency: p.Amount.Currency, Ending: p.Ending,
		Intent: p.Intent, UndoneBy: p.UndoneBy, Delivered: p.Delivered, From: p.From, Refunded: p.Refunded,
		SaleID: p.Asked.SaleID, ServiceID: p.Asked.ServiceID, Transaction: p.Asked.TransactionID,
		Begun: p.Begun, EndedAt: p.EndedAt, Found: p.Found}
	for i := range p.Refunds {
		v.Refunds = append(v.Refunds, refundView(&p.Refunds[i]))
	}
	for _, a := range p.Attempts {
		v.State = a.State.String()
		v.Attempts = append(v.Attempts, AttemptView{Order: a.ID, State: a.State.String(), Why: string(a.Why),
			Contract: a.Contract.Name, Wallet: a.Contract.Wallet, Slot: a.Contract.Slot, Endpoint: a.Contract.Endpoint,
			Scheme: a.Scheme, PaidBy: a.PaidBy, SentAt: a.SentAt, WalletCode: a.WalletCode, WalletTransaction: a.WalletTransaction})
	}
	return v
}

// Duty is how many orders are open at one contract, as it was pinned when they were sent.
type Duty struct {
	Contract sale.ContractRef `json:"contract"`
	Open     int              `json:"open"`
}

// Duties counts the open orders by contract.
func Duties(payments []sale.Payment) []Duty {
	var out []Duty
	at := map[sale.ContractRef]int{}
	for _, p := range payments {
		for _, a := range p.Attempts {
			if a.State.Final() && !(a.State == sale.Paid && (p.Intent == sale.Undo || p.OpenRefund() != nil)) {
				continue
			}
			i, ok := at[a.Contract]
			if !ok {
				i = len(out)
				at[a.Contract] = i
				out = append(out, Duty{Contract: a.Contract})
			}
			out[i].Open++
		}
	}
	return out
}

// SaleRequest starts a payment.
type SaleRequest struct {
	Amount      string        `json:"amount"` // decimal, major units
	Currency    sale.Currency `json:"currency"`
	Transaction string        `json:"transaction_id,omitempty"`
	ServiceID   string        `json:"service_id"`
	Wait        bool          `json:"wait"`
}

// RefundRequest gives a paid payment, or a part of it, back.
type RefundRequest struct {
	Payment string `json:"payment,omitempty"` // payment or order id; empty with Scan
	// Amount is a decimal in major units of the payment's currency; empty: all that is left.
	Amount string `json:"amount,omitempty"`
	// Scan waits for the customer's bill under the scanner.
	Scan      bool   `json:"scan,omitempty"`
	ServiceID string `json:"service_id"`
}

// SettleRequest closes a payment that waits for a person.
type SettleRequest struct {
	Paid bool `json:"paid"`
}

// ConfirmRequest decides about an amount above the ceiling.
type ConfirmRequest struct {
	Payment string `json:"payment"`
	OK      bool   `json:"ok"`
}

// OfferRequest shows a code of ours for a payment; empty: the one on the customer's screen.
type OfferRequest struct {
	Payment string `json:"payment"`
}

// AbortRequest takes back what this command line began.
type AbortRequest struct {
	ServiceID string `json:"service_id"`
}

// Outcome is how a sale or a refund stands.
type Outcome struct {
	Payment   *PaymentView `json:"payment,omitempty"`
	Ending    sale.Ending  `json:"ending,omitempty"` // empty: not known yet
	Why       string       `json:"why,omitempty"`
	ServiceID string       `json:"service_id"`
	Refund    *RefundView  `json:"refund,omitempty"`
}

// Fault is the body of every answer that is not 2xx.
type Fault struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}
