package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// keptFor is how long a closed payment stays in memory: longer than any request about it is
// remembered. The journal keeps the summary of it.
const keptFor = replayFor + 24*time.Hour

// alarmFor is how long a person may take to see an alarm about what is over and needs nothing.
const alarmFor = time.Hour

// retire forgets what is over, so that a till that runs for a year needs no more memory than
// one that runs for three days. Ages count trusted time only.
func (t *Till) retire() {
	if ok, _ := t.o.TimeTrusted(); !ok {
		return
	}
	before := t.o.Wall().Add(-keptFor)
	t.silence(t.o.Wall().Add(-alarmFor))
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, pm := range t.payments {
		if stays(&pm.p) || pm.owner != 0 || !pm.p.EndedAt.Before(before) || pm.touched.After(before) {
			continue
		}
		delete(t.payments, id)
		for _, a := range pm.p.Attempts {
			delete(t.byOrder, a.ID)
			delete(t.settled, settledKey(&a))
		}
	}
	for k, e := range t.byKey {
		gone := e.pm == nil && e.at.Before(before)
		if e.pm != nil && t.payments[e.pm.p.ID] != e.pm {
			gone = true
		}
		if gone {
			delete(t.byKey, k)
		}
	}
	for mac, at := range t.seen {
		if at.Before(before) {
			delete(t.seen, mac)
		}
	}
}

// silence takes alarms down about late payments that were given back before a time.
func (t *Till) silence(before time.Time) {
	var over []string
	t.mu.Lock()
	for _, pm := range t.payments {
		if a := pm.p.Current(); a != nil && pm.late && !pm.p.Open() && pm.touched.Before(before) {
			over, pm.late = append(over, a.ID), false
		}
	}
	t.mu.Unlock()
	for _, order := range over {
		t.o.Health.Clear("late-payment", order)
	}
}

// recallSummary brings a payment back whose day was erased, so that it can be given back:
// nothing of it is left but its orders, its sum and its state.
func (t *Till) recallSummary(id string) error {
	if _, known := t.Payment(id); known || id == "" {
		return nil
	}
	var last *queue.Summary
	err := t.o.Journal.Summaries(func(s queue.Summary) error {
		if s.Payment == id || s.Order == id {
			last = &s
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for payment %s among the erased days: %w", id, err)
	}
	if last == nil {
		return nil
	}
	_, n, _, err := sale.ParseOrderID(last.Order)
	if err != nil {
		return errors.Join(errors.New("a summary with an order id that is none of ours"), err)
	}
	p := sale.Payment{Version: 1, ID: last.Payment, Amount: last.Amount, Intent: sale.Keep, Begun: last.At, EndedAt: last.At,
		Ending: sale.EndPaid, Delivered: true, Refunded: last.Refunded, PastRefunds: last.RefundIDs, Found: last.Found,
		Attempts: []sale.Attempt{{ID: last.Order, N: n, Contract: last.Contract, Amount: last.Amount, SentAt: last.At, State: last.State}}}
	switch last.State {
	case sale.Paid:
	case sale.Reversed, sale.ReversedRefunded:
		p.Intent = sale.Undo
		if last.Refunded == 0 {
			p.Ending = sale.EndAborted
		}
	default:
		p.Ending = sale.EndDeclined
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.payments[p.ID] == nil {
		t.adopt(p)
	}
	return nil
}
