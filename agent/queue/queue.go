// Package queue is the durable journal of a till: payments not yet final, the answers given
// to the point of sale, and the duties that are left (query, reverse, report). It is not a
// store of codes to charge later: no payment code is ever in it.
//
// The contract:
//
//   - Commit returns nil only when every record of the call is durable: synced in Badger and
//     named by the witness. Records of one call are committed together or not at all.
//   - One owner goroutine commits, in groups: what waits while a commit runs goes into the
//     next one. No artificial delay.
//   - After a failed commit nothing is acknowledged any more: the queue is stopped, every
//     later call gets the same error, and the daemon exits and starts again.
//   - Every record carries a sequence number and the hash of the record before it and is
//     sealed with an AEAD; a lost tail, a changed byte, an older copy put back are found at
//     Open and said in Recovery.
//   - Later records ride along with the next commit and cost no flush of their own; a crash
//     may lose them.
//   - Reading does not remove. Records live in a directory of their business day, sealed with
//     that day's key; when nothing in it is open and its time has passed, the key is destroyed
//     and the directory removed. Summaries outlive it.
//
// On disk, below Dir/queue:
//
//	lock           held by the daemon
//	meta.json      format, environment, board, and a check of the root key
//	witness        two sealed slots of 4 KiB: what was committed, and what the last batch held
//	day/000017     one Badger directory a business day: sequence number -> sealed record
//	key/000017     that day's random key, wrapped; destroying it erases the day
//	summary/000009 what outlives an erased day, sealed and chained
//	quarantine/    days that Badger did not open, with their keys, until they are erased too
//	ballast        space held back for a full disk
//
// What it cannot prove: when the whole directory, witness included, is replaced by an older
// copy of itself, nothing in it says so. Only a counter in a secure element, or the wallet's
// answer, can. And on flash the blocks of a destroyed key may live on until the medium needs
// them; they are of use only together with the root key, which is not in this directory.
package queue

import (
	"errors"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Kind separates the records.
type Kind byte

const (
	Payment Kind = 'p' // key: payment id
	Reply   Kind = 'r' // key: sale.MessageKey.String(): stored answers and tombstones
	Code    Kind = 'c' // key: hex of a code's HMAC: codes that reached SENDING
	Outbox  Kind = 'o' // key: payment id + state: receipts and reports to deliver
)

// Put is one record to write.
type Put struct {
	Kind  Kind
	Key   string // at most 200 bytes
	Value []byte // plaintext, at most 64 KiB; sealed by the queue. Nil deletes.
	// Open keeps the record's day from erasure, and carries it over into the next day.
	Open bool
	// PaymentSeq is the payment's sequence number; the witness remembers the highest.
	PaymentSeq uint64
	// Orders are the order ids this record begins or changes; the witness names those of
	// the last batch, so that a lost tail is known by its ids.
	Orders []string
	// Summary is what must outlive the day; nil when there is nothing.
	Summary *Summary
}

// Summary is what is kept of an order after its day was erased: no personal datum.
type Summary struct {
	Order    string           `json:"order"`
	Payment  string           `json:"payment"`
	Amount   sale.Amount      `json:"amount"`
	Contract sale.ContractRef `json:"contract"`
	State    sale.State       `json:"state"`
	Refunded int64            `json:"refunded"`
	// RefundIDs name the refunds that gave something back.
	RefundIDs []string `json:"refund_ids,omitempty"`
	// Found is set for an order of another terminal that was given back here.
	Found bool      `json:"found,omitempty"`
	At    time.Time `json:"at"`
}

// Recovery is what Open found.
type Recovery struct {
	// Token is this start's six characters, durable in the witness before Open returned.
	Token string
	// NextPayment is the first payment sequence number to use.
	NextPayment uint64
	// Doubt are the order ids of the last batch that the witness names and the journal
	// lacks: unknown, to be queried and undone. Each is named at every start until a record
	// with it among its Orders was committed, or Recovered was called.
	Doubt []string
	// Lost is set when more than that is missing: no new sale until every gap was asked. It
	// and the gaps are reported at every start until Recovered is called.
	Lost bool
	Gaps []Gap
	// Fresh is set when there was no journal before: a new terminal, or a new card.
	Fresh bool
	// Foreign is set when the state directory was made on another board: it may only
	// finish what it holds.
	Foreign bool
	// Quarantined is the directory that could not be opened and was moved aside; empty if none.
	Quarantined string
	// Notes are findings for people: "record 17: hash does not match", one line each.
	Notes []string
}

// Gap is a range of payment sequence numbers under one start token that the witness knows
// and the journal does not.
type Gap struct {
	Token    string
	From, To uint64 // inclusive
}

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("no such record")
	ErrSpace    = errors.New("not enough space in the state directory") // new sales only; open ones go on
	ErrStopped  = errors.New("the journal is stopped after a failed write")
	ErrLocked   = errors.New("another tilld uses this state directory")
	ErrNewer    = errors.New("the state directory was written by a newer version")
	ErrKey      = errors.New("the record key does not open this journal")
)
