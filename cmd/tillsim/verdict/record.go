package verdict

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Kind is what the point of sale had asked.
type Kind string

// The requests that tell a point of sale something about money.
const (
	KindPayment  Kind = "payment"  // a Payment and its own answer
	KindStatus   Kind = "status"   // a TransactionStatus about a Payment
	KindReversal Kind = "reversal" // a Reversal of Payment, of all that is left
	KindRefund   Kind = "refund"   // a part given back: a refund, or a Reversal with an amount
)

// Results and conditions in nexo's spelling.
const (
	Success    = "Success"
	Failure    = "Failure"
	InProgress = "InProgress"
	NotFound   = "NotFound" // of a status: the request was never seen, and will be refused
)

// Told is one line of the points of sale's file: one request and what it brought.
type Told struct {
	At       time.Time `json:"at"`
	Scenario string    `json:"scenario,omitempty"`
	Kind     Kind      `json:"kind"`
	SaleID   string    `json:"sale_id"`
	POIID    string    `json:"poi_id"`
	// ServiceID is that of the Payment or Reversal meant; a status line carries the one it
	// asked about.
	ServiceID     string      `json:"service_id"`
	TransactionID string      `json:"transaction_id"` // the basket, or the refund's own
	Amount        sale.Amount `json:"amount"`         // as asked
	// Result is nexo's Result; empty when no answer came.
	Result    string `json:"result"`
	Condition string `json:"condition,omitempty"`
	// Payment is the POITransactionID: of the answer, or of the original for a Reversal or a
	// refund.
	Payment string `json:"payment,omitempty"`
	// Authorized is the amount of a Success as the answer states it.
	Authorized *sale.Amount `json:"authorized,omitempty"`
	// Refund is the till's number of a refund: two requests may have been the same one.
	Refund string `json:"refund,omitempty"`
	// Digest is the SHA-256 of the answer's bytes in hex, to tell whether a repeat got the
	// stored answer. Only answers to the request itself have one.
	Digest string `json:"digest,omitempty"`
	// Expect is what the scenario expects, "Failure/Refusal"; empty expects nothing.
	// ExpectWallet is what it expects of the ledger: one of the words of Standing.
	Expect       string   `json:"expect,omitempty"`
	ExpectWallet Standing `json:"expect_wallet,omitempty"`
}

// Answer is the result and condition in one word: "Failure/Refusal", "Success", "no answer".
func (t Told) Answer() string {
	switch {
	case t.Result == "":
		return "no answer"
	case t.Condition == "":
		return t.Result
	}
	return t.Result + "/" + t.Condition
}

// basket is what may be charged once.
func (t Told) basket() string { return t.SaleID + " " + t.TransactionID }

// final reports whether the line decides what the point of sale knows.
func (t Told) final() bool { return t.Result != "" && t.Condition != InProgress }

// Entry is one line of the wallets' file: one order as its ledger has it.
type Entry struct {
	Wallet   string        `json:"wallet"`
	Merchant string        `json:"merchant"`
	Order    string        `json:"order"`
	Currency sale.Currency `json:"currency"`
	Total    int64         `json:"total"`    // the order's total, in minor units
	Charges  int           `json:"charges"`  // how often the payer was charged
	Charged  int64         `json:"charged"`  // taken from the payer in all, in minor units
	Refunded int64         `json:"refunded"` // given back in all, in minor units
	State    string        `json:"state"`    // the wallet's own word
}

// Net is what the wallet holds of the payer's money.
func (e Entry) Net() int64 { return e.Charged - e.Refunded }

// Standing is what the ledgers say about one payment, in a word.
type Standing string

// The words, from nothing to too much.
const (
	Nothing  Standing = "nothing"  // no wallet knows an order of it
	Unpaid   Standing = "unpaid"   // orders, but never a charge
	Refunded Standing = "refunded" // charged and given back in full
	InPart   Standing = "in part"  // one charge, and a part of it given back
	Charged  Standing = "charged"  // one charge is held
	Tangled  Standing = "tangled"  // anything else
)

func standing(orders []Entry) Standing {
	var held, charges int
	part := false
	for _, e := range orders {
		charges += e.Charges
		switch {
		case e.Net() < 0:
			return Tangled
		case e.Net() > 0:
			held++
			part = part || e.Refunded != 0
		}
	}
	switch {
	case len(orders) == 0:
		return Nothing
	case charges == 0 && held == 0:
		return Unpaid
	case held == 0:
		return Refunded
	case held == 1 && charges == 1 && part:
		return InPart
	case held == 1 && charges == 1:
		return Charged
	}
	return Tangled
}

// ReadTold reads a file of points of sale's lines.
func ReadTold(r io.Reader) ([]Told, error) { return readLines[Told](r) }

// ReadLedger reads a file of wallets' lines.
func ReadLedger(r io.Reader) ([]Entry, error) { return readLines[Entry](r) }

// readLines decodes one JSON object a line. An unknown key is an error: a file with other
// names must not pass for an empty one.
func readLines[T any](r io.Reader) ([]T, error) {
	var out []T
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		var v T
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("read line %d: %w", n, err)
		}
		if dec.More() {
			return nil, fmt.Errorf("read line %d: more than one value", n)
		}
		out = append(out, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read line %d: %w", len(out)+1, err)
	}
	return out, nil
}

// WriteLines writes one JSON object a line.
func WriteLines[T any](w io.Writer, rows []T) error {
	enc := json.NewEncoder(w)
	for _, v := range rows {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
