package powercut

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tillbench/powercut/shop"
)

// Finding is what is left after one cut.
type Finding struct {
	Cut   int `json:"cut"`   // its number
	After int `json:"after"` // writes that were begun before
	// Lost are acknowledged records that are gone or older than acknowledged, answers that do
	// not hold any more, and orders that were sent and are not on record.
	Lost []string `json:"lost,omitempty"`
	// Doubled are customers who paid twice, or for nothing.
	Doubled []string `json:"doubled,omitempty"`
	// Broken is why the till could not be started again, or not do its duties.
	Broken string `json:"broken,omitempty"`
	// Noticed is set when the journal said that something is missing; Notes are its words.
	Noticed bool     `json:"noticed,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	// Acknowledged is how many records had been acknowledged.
	Acknowledged int `json:"acknowledged"`
	// Died is set by the parent: the check itself ended with the cut.
	Died bool `json:"died,omitempty"`
}

func (f *Finding) lost(format string, args ...any) {
	f.Lost = append(f.Lost, fmt.Sprintf(format, args...))
}

func (f *Finding) doubled(format string, args ...any) {
	f.Doubled = append(f.Doubled, fmt.Sprintf(format, args...))
}

// bad reports whether anything is not as it has to be.
func (f *Finding) bad() bool { return len(f.Lost)+len(f.Doubled) > 0 || f.Broken != "" || f.Died }

// dutiesWithin bounds the duties of a till that was started again.
const dutiesWithin = 20 * time.Second

// judge opens the journal in dir as the next start would, lets the till do its duties at the
// wallets as they stood when the power failed, and holds what comes of it against h.
func judge(ctx context.Context, f *Finding, dir string, h *history) {
	ctx, cancel := context.WithTimeout(ctx, dutiesWithin)
	defer cancel()
	f.Acknowledged = len(h.acked)
	q, found, err := queue.Open(ctx, shop.QueueOptions(dir))
	if err != nil {
		f.Broken, f.Noticed = err.Error(), true
		return
	}
	defer func() {
		if err := q.Close(context.WithoutCancel(ctx)); err != nil && f.Broken == "" {
			f.Broken = err.Error()
		}
	}()
	f.Noticed = found.Lost || len(found.Doubt) > 0 || found.Quarantined != "" || found.Fresh && len(h.acked) > 0
	f.Notes = found.Notes
	judgeRecords(f, q, h)
	ledger := h.ledger.Clone()
	counter, err := shop.NewCounter(q, found, ledger, shop.Hasty(), false)
	if err != nil {
		f.Broken = err.Error()
		return
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- counter.Till.Run(running) }()
	err = finish(ctx, counter)
	if err == nil {
		judgeAnswers(f, counter, h)
		err = sellAgain(ctx, counter, h, f)
	}
	stop()
	if e := <-ended; err == nil {
		err = e
	}
	if err != nil {
		f.Broken = err.Error()
		return
	}
	judgeMoney(f, counter, ledger)
}

// judgeRecords looks for every acknowledged record.
func judgeRecords(f *Finding, q *queue.Queue, h *history) {
	here := map[string]string{}
	for _, k := range []queue.Kind{queue.Payment, queue.Reply, queue.Code, queue.Outbox} {
		err := q.Each(k, func(key string, value []byte) error {
			here[shop.Name(k, key)] = shop.Hash(value)
			return nil
		})
		if err != nil {
			f.lost("records cannot be read: %v", err)
		}
	}
	gone, old := 0, 0
	for name := range h.acked {
		switch value := here[name]; {
		case !h.older(name, value):
		case value == "":
			gone++
		default:
			old++
		}
	}
	if gone+old > 0 {
		f.lost("of %d acknowledged records %d are gone and %d are older than acknowledged", len(h.acked), gone, old)
	}
}

// finish waits until nothing is left to do.
func finish(ctx context.Context, k *shop.Counter) error {
	if err := k.Ready(ctx); err != nil {
		return fmt.Errorf("the till does not start: %w", err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		open := k.Till.Payments(true)
		if len(open) == 0 {
			return nil
		}
		if settled(open) {
			return errors.New("payments are left to a person: " + describe(open))
		}
		select {
		case <-ctx.Done():
			return errors.New("duties are not done: " + describe(open))
		case <-tick.C:
		}
	}
}

// settled reports whether nothing goes on by itself any more.
func settled(open []sale.Payment) bool {
	for _, p := range open {
		if a := p.Current(); a == nil || a.State != sale.Manual {
			return false
		}
	}
	return true
}

func describe(list []sale.Payment) string {
	var b strings.Builder
	for i, p := range list {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more", len(list)-i)
			break
		}
		state := "no attempt"
		if a := p.Current(); a != nil {
			state = a.State.String()
		}
		fmt.Fprintf(&b, " %s (%s, %s, %q)", p.ID, state, p.Intent, p.Ending)
	}
	return strings.TrimSpace(b.String())
}

// judgeAnswers holds the till to what the point of sale was told.
func judgeAnswers(f *Finding, k *shop.Counter, h *history) {
	for _, m := range h.told {
		if m.Payment == "" {
			continue // a refusal: there is no payment
		}
		p, known := k.Till.Payment(m.Payment)
		switch {
		case !known && m.Ending == sale.EndPaid:
			f.lost("payment %s was told paid and is not on record", m.Payment)
		case !known:
			// Nothing was sent, and nothing is charged.
		case m.Ending == sale.EndPaid && (p.Ending != sale.EndPaid || p.Intent != sale.Keep && !h.back[m.Payment]):
			f.lost("payment %s was told paid and is %q, to %s", m.Payment, p.Ending, p.Intent)
		case m.Ending == sale.EndReversed && p.Current().State != sale.Reversed && p.Current().State != sale.ReversedRefunded:
			f.lost("payment %s was told reversed and is %s", m.Payment, p.Current().State)
		case m.Ending == sale.EndRefunded:
			if r := p.FindRefund(m.Refund); r == nil || r.State != sale.RefundDone {
				f.lost("refund %s was told done and is not", m.Refund)
			}
		case m.Ending != sale.EndPaid && m.Ending != sale.EndReversed && p.Ending == sale.EndPaid && m.Refund == "" && !h.back[m.Payment]:
			f.lost("payment %s was told %s and is paid", m.Payment, m.Ending)
		}
	}
}

// sellAgain does what a cashier does after a power cut: asks again for what got no answer,
// and where that says that nothing is charged, sells the basket anew.
func sellAgain(ctx context.Context, k *shop.Counter, h *history, f *Finding) error {
	n := 0
	for service, m := range h.open {
		n++
		reply, err := k.Till.Pay(ctx, shop.PayAgain(k, m, service, 900, n))
		if err == nil && reply.Ending != sale.EndPaid {
			reply, err = k.Till.Pay(ctx, shop.PayAgain(k, m, "again-"+service, 900, 1000+n))
		}
		k.Gate.Nobody()
		if err != nil {
			return fmt.Errorf("sell basket %s again: %w", m.Asked.TransactionID, err)
		}
		if reply.Ending != sale.EndPaid {
			return fmt.Errorf("basket %s cannot be sold again: %s %s", m.Asked.TransactionID, reply.Ending, reply.Why)
		}
		f.soldOnce(k, m.Asked.TransactionID)
	}
	return nil
}

// soldOnce looks at all payments of a basket: exactly one of them is paid.
func (f *Finding) soldOnce(k *shop.Counter, basket string) {
	paid := 0
	for _, p := range k.Till.Payments(false) {
		if p.Asked.TransactionID == basket && p.Ending == sale.EndPaid && p.Intent == sale.Keep {
			paid++
		}
	}
	if paid != 1 {
		f.doubled("basket %s is paid %d times", basket, paid)
	}
}

// judgeMoney holds the wallets' books against the till's.
func judgeMoney(f *Finding, k *shop.Counter, ledger *shop.Ledger) {
	for order, s := range ledger.Orders() {
		if s.Twice {
			f.doubled("order %s was sent to be charged twice", order)
		}
		p, known := k.Till.Payment(order)
		if !known {
			f.lost("order %s was sent and is not on record; %d are charged", order, s.Net())
			continue
		}
		want := int64(0)
		if a := p.Current(); a.ID == order && a.State == sale.Paid {
			want = p.Amount.Minor - p.Refunded
		}
		if s.Net() != want {
			f.doubled("order %s: %d are charged, %d should be (%s, %q, to %s)", order, s.Net(), want, p.Current().State, p.Ending, p.Intent)
		}
	}
}
