package pos

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// desk is a till in memory whose shopper and wallet the test plays. It follows the rules
// that a point of sale can notice, and no others.
type desk struct {
	mu        sync.Mutex
	known     map[sale.MessageKey]*asking
	payments  map[string]*paying
	tombs     map[sale.MessageKey]bool
	delivered map[sale.MessageKey]int
	lane      *paying
	seq       uint64
	armed     chan string // ServiceIDs whose payment waits for a code
	attached  chan string // ServiceIDs that wait for another's payment
	gone      chan string // ServiceIDs whose wait was given up
	codes     []string    // codes that points of sale sent
	slowAbort chan string // when set, an Abort says so here and waits for a word
	now       time.Time
	refunds   []agent.RefundRequest
	slow      bool // refunds are taken and worked on
}

// asking is one request and the reply it got.
type asking struct {
	asked sale.Asked
	pay   *paying
	reply *agent.Reply
}

type paying struct {
	sale.Payment
	ended chan struct{}
}

func newDesk() *desk {
	return &desk{
		known: map[sale.MessageKey]*asking{}, payments: map[string]*paying{},
		tombs: map[sale.MessageKey]bool{}, delivered: map[sale.MessageKey]int{},
		armed: make(chan string, 16), attached: make(chan string, 16), gone: make(chan string, 16),
		now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
	}
}

func (d *desk) refuse(asked sale.Asked, ending sale.Ending, why string) (agent.Reply, error) {
	r := agent.Reply{Ending: ending, Why: why}
	r.Bytes = Render(asked, r)
	return r, nil
}

func (d *desk) Pay(ctx context.Context, r agent.PayRequest) (agent.Reply, error) {
	d.mu.Lock()
	if r.Code != nil {
		d.codes = append(d.codes, string(r.Code.Reveal()))
		r.Code.Wipe()
	}
	a, repeat := d.known[r.Asked.Key()]
	switch {
	case d.tombs[r.Asked.Key()]:
		d.mu.Unlock()
		return d.refuse(r.Asked, sale.EndAborted, "aborted before it arrived")
	case repeat && !bytes.Equal(a.asked.Hash, r.Asked.Hash):
		d.mu.Unlock()
		return d.refuse(r.Asked, sale.EndNotAllowed, "this ServiceID was used for another request")
	case repeat:
	case d.lane != nil && d.lane.Asked.TransactionID == r.Asked.TransactionID && d.lane.Asked.SaleID == r.Asked.SaleID:
		a = &asking{asked: r.Asked, pay: d.lane}
		d.known[r.Asked.Key()] = a
		d.attached <- r.Asked.ServiceID
	case d.lane != nil:
		d.mu.Unlock()
		return d.refuse(r.Asked, sale.EndBusy, "another payment is running")
	default:
		a = d.begin(r)
	}
	d.mu.Unlock()
	return d.wait(ctx, a, Render)
}

func (d *desk) begin(r agent.PayRequest) *asking {
	d.seq++
	p := &paying{ended: make(chan struct{}), Payment: sale.Payment{
		Version: 1, ID: sale.PaymentID(sale.TerminalCode("1"), "TOKEN1", d.seq), Seq: d.seq,
		Asked: r.Asked, Amount: r.Amount, Intent: sale.Keep, Begun: d.now,
	}}
	a := &asking{asked: r.Asked, pay: p}
	d.known[r.Asked.Key()], d.payments[p.ID], d.lane = a, p, p
	d.armed <- r.Asked.ServiceID
	return a
}

func (d *desk) wait(ctx context.Context, a *asking, render func(sale.Asked, agent.Reply) []byte) (agent.Reply, error) {
	select {
	case <-a.pay.ended:
	case <-ctx.Done():
		d.gone <- a.asked.ServiceID
		return agent.Reply{}, agent.ErrUndecided
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.reply == nil {
		a.reply = &agent.Reply{Payment: a.pay.Payment, Ending: a.pay.Ending}
		a.reply.Bytes = render(a.asked, *a.reply)
	}
	return *a.reply, nil
}

// shows lets the shopper show a code, which the wallet answers with what.
func (d *desk) shows(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.lane
	n := len(p.Attempts) + 1
	p.Attempts = append(p.Attempts, sale.Attempt{
		ID: sale.OrderID(p.ID, n, 1), N: n, Amount: p.Amount, Scheme: "wechatpay", State: sale.Sending,
		Contract: sale.ContractRef{Slot: 1, Name: "wechat-main", Wallet: "wechatpay", Merchant: "1900000001"},
	})
	d.says(what)
}

// wallet lets the wallet say something about the payment that is open.
func (d *desk) wallet(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.says(what)
}

func (d *desk) says(what string) {
	p := d.lane
	a := p.Current()
	switch what {
	case "success":
		if p.Intent == sale.Undo {
			a.State = sale.Reversing
			return
		}
		a.State, a.WalletTransaction = sale.Paid, "4200000001"
		d.end(sale.EndPaid)
	case "declined":
		a.State = sale.Declined
		d.end(sale.EndDeclined)
	case "code-expired":
		a.State = sale.Declined
	case "user-paying", "silence":
		a.State = sale.Unknown
	case "reverse-done":
		a.State = sale.ReversedRefunded
		d.end(sale.EndAborted)
	default:
		panic("desk: the wallet cannot say " + what)
	}
}

func (d *desk) end(e sale.Ending) {
	p := d.lane
	p.Ending, p.EndedAt = e, d.now.Add(3*time.Second)
	d.lane = nil
	close(p.ended)
}

func (d *desk) Reverse(ctx context.Context, r agent.ReverseRequest) (agent.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.payments[r.Payment]
	reply := agent.Reply{}
	switch {
	case p == nil:
		reply.Ending = sale.EndNotFound
	case r.Major != "" && !same(r.Major, p.Amount):
		a, err := sale.ParseAmount(r.Major, p.Amount.Currency)
		if err != nil {
			reply.Ending, reply.Why = sale.EndBadMessage, err.Error()
			break
		}
		if a.Minor > p.Amount.Minor {
			reply.Ending, reply.Why = sale.EndNotAllowed, "more than was paid"
			break
		}
		reply.Ending, reply.Payment = sale.EndRefunded, p.Payment
		reply.Refund = &sale.Refund{ID: "r", Amount: a, Asked: r.Asked, State: sale.RefundDone}
	case p.Current() == nil || p.Current().State != sale.Paid:
		reply.Ending, reply.Why = sale.EndNotAllowed, "this payment was not paid"
	default:
		p.Intent, p.Current().State, p.Refunded = sale.Undo, sale.ReversedRefunded, p.Amount.Minor
		reply.Ending, reply.Payment = sale.EndReversed, p.Payment
	}
	reply.Bytes = RenderReverse(r.Asked, reply)
	return reply, nil
}

// Refund gives back at once, or takes the refund and works on it when slow is set; without a
// payment the customer shows the bill of the last one.
func (d *desk) Refund(_ context.Context, r agent.RefundRequest) (agent.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refunds = append(d.refunds, r)
	p := d.payments[r.Payment]
	if r.Payment == "" {
		for _, last := range d.payments {
			p = last
		}
	}
	reply := agent.Reply{}
	switch {
	case p == nil:
		reply.Ending = sale.EndNotFound
	case r.Amount.Minor > p.Amount.Minor-p.Refunded:
		reply.Ending, reply.Why = sale.EndNotAllowed, "more than is left"
	default:
		ref := sale.Refund{ID: sale.RefundID(p.Current().ID, r.Asked.SaleID, r.Asked.TransactionID, *r.Amount, 0), Amount: *r.Amount,
			Asked: r.Asked, State: sale.RefundDone, WalletRefund: "5030000001", EndedAt: d.now}
		if d.slow {
			ref.State = sale.RefundPending
		} else {
			p.Refunded += r.Amount.Minor
		}
		reply.Ending, reply.Payment, reply.Refund = sale.EndRefunded, p.Payment, &ref
	}
	reply.Bytes = Render(r.Asked, reply)
	return reply, nil
}

func (d *desk) Status(_ context.Context, ref sale.MessageKey) (agent.StatusOf, agent.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.known[ref]
	switch {
	case a == nil:
		d.tombs[ref] = true
		return agent.StatusNotFound, agent.Reply{}, nil
	case a.pay.Ending == sale.Undecided:
		return agent.StatusInProgress, agent.Reply{}, nil
	}
	reply := agent.Reply{Payment: a.pay.Payment, Ending: a.pay.Ending}
	reply.Bytes = Render(a.asked, reply)
	return agent.StatusKnown, reply, nil
}

func (d *desk) Abort(ctx context.Context, ref sale.MessageKey, _ string) error {
	if d.slowAbort != nil {
		d.slowAbort <- ref.ServiceID
		select {
		case <-d.slowAbort:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.known[ref]
	switch {
	case a == nil:
		d.tombs[ref] = true
	case a.pay.Ending != sale.Undecided:
	case a.pay.Current() == nil:
		d.end(sale.EndAborted)
	default:
		a.pay.Turn("abort")
	}
	return nil
}

func (d *desk) Delivered(k sale.MessageKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delivered[k]++
}

func (d *desk) deliveries(serviceID string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.delivered[sale.MessageKey{SaleID: saleID, POIID: poiID, ServiceID: serviceID}]
}

func (d *desk) Payment(id string) (sale.Payment, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.payments[id]
	if !ok {
		return sale.Payment{}, false
	}
	return p.Payment, true
}

func (d *desk) Busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lane != nil
}

func replyOf(p sale.Payment, e sale.Ending) agent.Reply {
	p.Ending = e
	return agent.Reply{Payment: p, Ending: e}
}

func same(major string, a sale.Amount) bool {
	b, err := sale.ParseAmount(major, a.Currency)
	return err == nil && b.Same(a)
}
