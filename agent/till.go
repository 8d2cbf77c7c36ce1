package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// Journal is what a till needs of its queue; *queue.Queue is one.
type Journal interface {
	Commit(ctx context.Context, puts ...queue.Put) error
	Later(puts ...queue.Put)
	// Each calls f for every live record of a kind, in no order, until f returns an error.
	Each(kind queue.Kind, f func(key string, value []byte) error) error
	// Get returns a copy of a record's value, or queue.ErrNotFound.
	Get(kind queue.Kind, key string) ([]byte, error)
	// Room reports whether a new sale may begin; queue.ErrSpace or queue.ErrStopped if not.
	Room() error
	// CodeMAC is the HMAC-SHA256 of a code under a key that outlives midnight and restarts.
	CodeMAC(code []byte) []byte
}

// Options is what a till is made of. All fields are needed unless they say otherwise.
type Options struct {
	Journal   Journal
	Recovery  queue.Recovery
	Contracts []Contract
	Scanner   scanner.Source
	Classify  *paycode.Table
	Health    *health.Board
	Log       *slog.Logger
	// Render writes the answer to the point of sale. It is pure: the same payment and
	// request give the same bytes.
	Render func(asked sale.Asked, r Reply) []byte
	// RenderReverse writes the answer to a Reversal, likewise.
	RenderReverse func(asked sale.Asked, r Reply) []byte
	Serial        string // of the hardware: the first part of every order id
	Boot          string // the kernel's boot id
	Test          bool   // the test environment
	// TimeTrusted says whether the wall clock may be believed, and why not.
	TimeTrusted func() (ok bool, why string)
	// Ceiling is the amount above which an operator must confirm, per currency, in minor
	// units. A currency without one has no ceiling; may be nil.
	Ceiling map[sale.Currency]int64
	// CodeWait is how long a customer may take to show a code. Zero means 90 s.
	CodeWait time.Duration
	// PerTry are SaleIDs that use a new TransactionID for every try of one basket; may be nil.
	PerTry map[string]bool
}

// New makes a till from what the journal holds: payments in doubt are taken up again by Run.
func New(o Options) (*Till, error) { return &Till{}, nil }

// Till takes payments, one lane at a time, and finishes those in doubt. All methods are
// safe for concurrent use.
type Till struct{}

// Run owns every payment until ctx ends. It returns when the last goroutine has ended, and
// an error when the journal failed: the daemon then exits and starts again.
func (t *Till) Run(ctx context.Context) error { return nil }

// Pay carries out a payment, or attaches to the one that this request means, and waits for
// its end. When ctx ends first the payment goes on and the error is ErrUndecided.
func (t *Till) Pay(ctx context.Context, r PayRequest) (Reply, error) { return Reply{}, ErrUndecided }

// Delivered notes that the reply to the request was written to a live connection.
func (t *Till) Delivered(k sale.MessageKey) {}

// Status says what is known of the request named by ref (a Payment or a Reversal). A request
// that is not on record is from now on refused, for 48 h, if it arrives late.
func (t *Till) Status(ctx context.Context, ref sale.MessageKey) (StatusOf, Reply, error) {
	return StatusNotFound, Reply{}, nil
}

// Abort turns the payment named by ref to undo, if it is of the same SaleID and open. It
// returns once that is durable where it must be; the payment's own answer follows. A
// request not seen yet is from now on refused, for 48 h.
func (t *Till) Abort(ctx context.Context, ref sale.MessageKey, reason string) error { return nil }

// Reverse gives a paid payment back in full and waits for the end of it, like Pay.
func (t *Till) Reverse(ctx context.Context, r ReverseRequest) (Reply, error) {
	return Reply{}, ErrUndecided
}

// Confirm is the operator's decision about a payment that waits for one (above the ceiling).
func (t *Till) Confirm(c Confirmation) error { return nil }

// Settle closes a MANUAL attempt by an operator's word: paid or not.
func (t *Till) Settle(ctx context.Context, payment string, paid bool) error { return nil }

// Payments lists copies of the payments on record, newest first; open only, if asked.
func (t *Till) Payments(openOnly bool) []sale.Payment { return nil }

// Payment returns a copy of one payment by its id or one of its order ids.
func (t *Till) Payment(id string) (sale.Payment, bool) { return sale.Payment{}, false }

// Busy reports whether a payment occupies the lane.
func (t *Till) Busy() bool { return false }

// Screen is what the customer's screen shows now.
func (t *Till) Screen() Screen { return Screen{} }

// Watch delivers every screen and event from now on, the current screen first, until ctx
// ends. A watcher that does not keep up loses events, never the latest screen.
func (t *Till) Watch(ctx context.Context) (<-chan Screen, <-chan Event) { return nil, nil }
