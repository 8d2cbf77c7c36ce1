package shop

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/tilld/tilld/agent/sale"
)

// Op is something that a till tells or asks the world outside.
type Op string

const (
	Pay     Op = "pay"     // charge Minor for Order
	Accept  Op = "accept"  // take Order, which its payer has to confirm
	Decline Op = "decline" // refuse Order for good
	Confirm Op = "confirm" // the payer confirms
	Query   Op = "query"   // how Order stands
	Reverse Op = "reverse" // close Order, and give back what it was charged
	Refund  Op = "refund"  // give back Minor of Order, once for one Refund

	Put  Op = "put"  // Commit hands these Records to the journal, which may become durable
	Done Op = "done" // the journal has acknowledged Commit
	Asks Op = "asks" // the point of sale asks for a payment, or for its money back
	Told Op = "told" // the point of sale got its answer
	Say  Op = "say"  // for people
)

// Message is one line of the wire between a till and the world outside.
type Message struct {
	// N numbers what waits for an answer; 0 for what does not.
	N       uint64      `json:"n,omitempty"`
	Op      Op          `json:"op"`
	Order   string      `json:"order,omitempty"`
	Refund  string      `json:"refund,omitempty"`
	Minor   int64       `json:"minor,omitempty"`
	Commit  uint64      `json:"commit,omitempty"`
	Records []Record    `json:"records,omitempty"`
	Asked   *sale.Asked `json:"asked,omitempty"`
	// Payment and Ending are what the point of sale was told; Reply is the hash of the answer.
	Payment string      `json:"payment,omitempty"`
	Ending  sale.Ending `json:"ending,omitempty"`
	Reply   string      `json:"reply,omitempty"`
	Text    string      `json:"text,omitempty"`
}

// Effect reports whether the message may change a ledger.
func (m *Message) Effect() bool {
	switch m.Op {
	case Pay, Accept, Decline, Confirm, Reverse, Refund:
		return true
	}
	return false
}

// Record is a record of the journal, by the hashes of its name and of its value. Value is
// empty for a deletion.
type Record struct {
	Name  string `json:"n"`
	Value string `json:"v,omitempty"`
}

// Standing is how a wallet has an order.
type Standing struct {
	N        uint64           `json:"n,omitempty"`
	Exists   bool             `json:"exists,omitempty"`
	Closed   bool             `json:"closed,omitempty"`
	Charged  int64            `json:"charged,omitempty"`
	Returned int64            `json:"returned,omitempty"`
	Refunds  map[string]int64 `json:"refunds,omitempty"`
	Twice    bool             `json:"twice,omitempty"` // it was to be charged twice
	Minor    int64            `json:"minor,omitempty"`
}

// Net is what the customer has paid.
func (s Standing) Net() int64 { return s.Charged - s.Returned }

// Bank is the wallets' side of the wire.
type Bank interface {
	Do(ctx context.Context, m Message) (Standing, error)
}

// Ledger is what the wallets have, of all orders. It is safe for concurrent use.
type Ledger struct {
	mu     sync.Mutex
	orders map[string]Standing
}

// NewLedger has no orders.
func NewLedger() *Ledger { return &Ledger{orders: map[string]Standing{}} }

// Clone is a ledger of its own that stands as this one does now.
func (l *Ledger) Clone() *Ledger {
	return &Ledger{orders: l.Orders()}
}

// Orders is a copy of all orders.
func (l *Ledger) Orders() map[string]Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.orders)
}

// Order is how one order stands.
func (l *Ledger) Order(id string) Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.orders[id]
}

var errOp = errors.New("not a thing that wallets do")

// Do implements Bank.
func (l *Ledger) Do(_ context.Context, m Message) (Standing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.orders[m.Order]
	switch m.Op {
	case Query:
		return s, nil
	case Pay:
		s.Twice = s.Twice || s.Charged > 0
		s.Exists, s.Minor = true, m.Minor
		if !s.Closed {
			s.Charged += m.Minor
		}
	case Accept:
		s.Exists, s.Minor = true, m.Minor
	case Decline:
		s.Exists, s.Closed = true, true
	case Confirm:
		if s.Exists && !s.Closed && s.Charged == 0 {
			s.Charged = s.Minor
		}
	case Reverse:
		s.Closed, s.Returned = true, s.Charged
	case Refund:
		if _, is := s.Refunds[m.Refund]; !is && s.Net() >= m.Minor {
			s.Refunds = maps.Clone(s.Refunds) // copies of the ledger share it
			if s.Refunds == nil {
				s.Refunds = map[string]int64{}
			}
			s.Refunds[m.Refund] = m.Minor
			s.Returned += m.Minor
		}
	default:
		return s, errOp
	}
	l.orders[m.Order] = s
	return s, nil
}
