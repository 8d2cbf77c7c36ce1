package counter

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Rig is what the page plays with: a point of sale, a customer, a scanner, wallets and the
// till between them. Methods may be called concurrently.
type Rig interface {
	// Sell asks the till for a payment, as the point of sale, and waits for its answer. An
	// error says that there was none (the connection was lost, the time was over). A repeat
	// with the same transaction is the same basket asked for again.
	Sell(ctx context.Context, amount, currency, transaction string) (Answer, error)
	// Refund asks the till to give a part of a paid payment back and waits for its answer. An
	// empty payment is the return desk: the customer shows the bill to the scanner.
	Refund(ctx context.Context, payment, amount, currency, transaction string) (Answer, error)
	// Offer asks the till to show a code of ours for the running payment; Offered says whether
	// one can be scanned now; ScanOurs is the customer who scans and pays it.
	Offer(ctx context.Context) error
	Offered() bool
	ScanOurs() error
	// Abort asks the till to abort the running payment.
	Abort(ctx context.Context) error
	// Scan types a code and its terminator on the simulated scanner.
	Scan(text string) error
	// Codes are what the customer can show, in the order of their buttons; at most 12.
	Codes() []CodeChoice
	// NewCode makes the code of a choice, by its Name.
	NewCode(choice string) (string, error)
	// Palms are what can be done about palms, in the order of their buttons; none without a
	// palm reader. Palm does one of them, by its Name. Lit says whether a lamp shines.
	Palms() []PalmChoice
	Palm(name string) error
	Lit() bool
	// Faults are the switches and how they stand.
	Faults() []FaultSwitch
	SetFault(name string, on bool) error
	// Confirm confirms an order in the wallet, as the customer; Waiting lists the orders
	// that wait for that.
	Confirm(order string) error
	Waiting() []string
	// Ledgers are both sides' books, the newest first.
	Ledgers() ([]TillRow, []WalletRow)
	// Events delivers what happens at the till and at the wallets until ctx ends.
	Events(ctx context.Context) <-chan Event
	// DisplayURL is where tilld serves its pages: "http://127.0.0.1:8090".
	DisplayURL() string
}

// Answer is what the point of sale was told.
type Answer struct {
	Result    string `json:"result"`              // nexo: "Success", "Failure"
	Condition string `json:"condition,omitempty"` // nexo ErrorCondition: "Aborted"
	Payment   string `json:"payment,omitempty"`   // POITransactionID
	Text      string `json:"text,omitempty"`      // one line for people
}

// CodeKind is what sort of code a customer shows.
type CodeKind string

const (
	CodeFresh    CodeKind = "fresh"     // of a wallet, good for a minute
	CodeExpired  CodeKind = "expired"   // of a wallet, too old
	CodeUsed     CodeKind = "used"      // the last code again
	CodeGoods    CodeKind = "goods"     // a barcode from the shelf
	CodeMerchant CodeKind = "merchant"  // a merchant's own code
	CodeID       CodeKind = "id-number" // a citizen's number
	CodeCard     CodeKind = "card"      // a bank card's number
	CodeForeign  CodeKind = "foreign"   // of a wallet that the shop has no contract with
	CodeBill     CodeKind = "bill"      // the bill of the last payment, for the return desk
)

// CodeChoice is one thing that the customer can show.
type CodeChoice struct {
	Name   string   `json:"name"` // unique, for NewCode
	Kind   CodeKind `json:"kind"`
	Scheme string   `json:"scheme,omitempty"` // the wallet's name, for the button: "WeChat Pay"
}

// Names of faults that the page has words for; other names are shown as they are.
const (
	FaultWalletDown = "wallet-down" // refuses connections
	FaultAnswerLost = "answer-lost" // charges, and the answer never arrives
	FaultSlow       = "slow"        // answers late
	FaultConfirm    = "confirm"     // the customer must confirm every payment
	FaultUnplugged  = "unplugged"   // the scanner's plug is out
	FaultSilent     = "silent"      // the link drops everything without a word

	FaultDirectDown    = "direct-down"    // all wallets but the aggregator refuse connections
	FaultOfferRefused  = "offer-refused"  // no wallet makes a code to show
	FaultRefundSlow    = "refund-slow"    // refunds are taken, and done later
	FaultRefundStuck   = "refund-stuck"   // refunds are taken, and need a person
	FaultRefundRefused = "refund-refused" // refunds are refused

	FaultPalmDown = "palm-down" // the palm provider refuses connections
	FaultPalmSlow = "palm-slow" // it answers late
)

// FaultSwitch is one switch and how it stands.
type FaultSwitch struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// TillRow is one attempt in the till's book.
type TillRow struct {
	Order       string      `json:"order"`
	Transaction string      `json:"transaction,omitempty"`
	Amount      sale.Amount `json:"amount"`
	State       sale.State  `json:"state"`
	Refunded    int64       `json:"refunded,omitempty"` // in parts, in minor units
	// Told is what the point of sale was told, empty while it was told nothing.
	Told string `json:"told,omitempty"`
}

// WalletRow is one order in a wallet's book.
type WalletRow struct {
	Wallet string      `json:"wallet"`
	Order  string      `json:"order"`
	Amount sale.Amount `json:"amount"`
	State  string      `json:"state"` // the wallet's own word
	// Held is what the wallet has charged and not given back, in minor units.
	Held int64 `json:"held"`
}

// Event is something that happened, anywhere.
type Event struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"` // "till", "wallet", "scanner", "pos"
	Kind   string    `json:"kind"`
	Order  string    `json:"order,omitempty"`
	State  string    `json:"state,omitempty"`
	Amount string    `json:"amount,omitempty"`
	Text   string    `json:"text,omitempty"`
}
