package agent

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// recoveryKey is where it is kept since when records are known to be lost.
const recoveryKey = "recovery"

// load reads the journal into memory.
func (t *Till) load() error {
	err := t.o.Journal.Each(queue.Payment, func(key string, value []byte) error {
		var p sale.Payment
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("read payment %s: %w", key, err)
		}
		t.adopt(p)
		return nil
	})
	if err != nil {
		return err
	}
	err = t.o.Journal.Each(queue.Reply, func(key string, value []byte) error {
		if key == recoveryKey {
			return nil
		}
		var r storedReply
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("read a stored reply: %w", err)
		}
		t.recall(key, r)
		return nil
	})
	if err != nil {
		return err
	}
	return t.o.Journal.Each(queue.Code, func(key string, value []byte) error {
		mac, err := hex.DecodeString(key)
		if err != nil {
			return fmt.Errorf("read a code's mark: %w", err)
		}
		t.seen[string(mac)] = t.o.Wall()
		return nil
	})
}

// adopt takes a payment of the journal into memory.
func (t *Till) adopt(p sale.Payment) *payment {
	pm := t.newPayment(p)
	if p.Ending != sale.Undecided {
		close(pm.ended)
		if a := p.Current(); p.Intent == sale.Undo && a != nil && a.State.Final() && a.State != sale.Paid {
			close(pm.reversed)
		}
	}
	t.payments[p.ID] = pm
	e := &entry{hash: p.Asked.Hash, asked: p.Asked, pm: pm, reply: p.Reply, ending: p.Ending}
	if p.Asked.ServiceID != "" {
		t.byKey[p.Asked.Key()] = e
	}
	t.adoptRefunds(pm)
	for _, a := range p.Attempts {
		t.byOrder[a.ID] = pm
		if a.State == sale.Paid && a.WalletTransaction != "" {
			t.settled[settledKey(&a)] = a.ID
		}
	}
	if p.InDoubt() || p.Undoing() {
		t.doubts[pm] = struct{}{}
	}
	a := p.Current()
	if p.InDoubt() || p.Undoing() || p.Ending == sale.Undecided && (a == nil || a.State != sale.Manual) || p.OpenRefund() != nil {
		t.resume = append(t.resume, pm)
	}
	if a != nil && a.State == sale.Manual {
		t.manual = append(t.manual, a.ID)
		if a.Why == sale.EvCollision {
			t.collisions[a.ID] = struct{}{}
		}
	}
	return pm
}

// recall takes a stored reply or tombstone into memory.
func (t *Till) recall(key string, r storedReply) {
	parts := strings.Split(key, "\x1f")
	if len(parts) != 3 {
		return
	}
	if r.Asked != nil && r.Reply == nil {
		t.recallWaiting(r)
		return
	}
	k := sale.MessageKey{SaleID: parts[0], POIID: parts[1], ServiceID: parts[2]}
	t.byKey[k] = &entry{
		hash: r.Hash, asked: sale.Asked{SaleID: k.SaleID, POIID: k.POIID, ServiceID: k.ServiceID, Hash: r.Hash},
		pm: t.payments[r.Payment], refund: r.Refund, reversal: r.Reversal, tombstone: r.Tombstone, reply: r.Reply, ending: r.Ending, why: r.Why, at: r.At,
	}
}

// beginRecovery takes up everything that a former run left open.
func (t *Till) beginRecovery(ctx context.Context) error {
	if t.o.Recovery.Foreign {
		t.o.Health.Set(health.Cause{Code: "foreign-board", Severity: health.Closed,
			Text: "the state directory was made on another board: what is open is finished, nothing new begins",
			Hint: "when tilld queue ls is empty, start with a new state directory"})
	}
	for _, order := range t.manual {
		t.alarm("manual", order, "the outcome is not known: the wallet's bill or an operator must decide")
	}
	for order := range t.collisions {
		t.stopTrading(order)
	}
	t.alarmBroken()
	all, err := t.rebuildDoubts(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	resume := t.resume
	t.resume = nil
	var begun, waiting []*payment
	for _, pm := range resume {
		if t.o.Recovery.Lost && !pm.p.InDoubt() && !pm.p.Undoing() && pm.op == nil {
			waiting = append(waiting, pm) // it may have sent more than the journal tells
			continue
		}
		pm.owner = starting
		begun = append(begun, pm)
	}
	t.mu.Unlock()
	// Beside the rest: ten thousand of them must not keep the till from being ready.
	t.inBackground(func() {
		for _, pm := range begun {
			t.spawn(pm, pm.takeUp)
		}
	})
	return t.takeUpGaps(ctx, all, waiting)
}

// takeUp goes on with a payment found at start-up. A code is never sent again.
func (pm *payment) takeUp(ctx context.Context) error {
	p := pm.record()
	a := p.Current()
	if p.OpenRefund() != nil {
		return pm.takeUpRefund(ctx)
	}
	if a == nil || a.State == sale.Declined || a.State == sale.Closed {
		return pm.finishUnsent(ctx, sale.EndCancelled, "the terminal restarted while it waited for a code; nothing is charged")
	}
	if a.State == sale.Sending || a.State == sale.Offered {
		if err := pm.mustSave(ctx, move(sale.Unknown, sale.EvRestart, nil)); err != nil {
			return err
		}
	}
	return pm.pursue(ctx)
}

// rebuildDoubts puts every order in doubt on record again. It reports whether all could be.
func (t *Till) rebuildDoubts(ctx context.Context) (all bool, err error) {
	all = true
	for _, order := range t.o.Recovery.Doubt {
		pm, ok := t.rebuildDoubt(order)
		if !ok {
			all = false
			t.o.Health.Set(health.Cause{Code: "contract-dropped", Subject: order, Severity: health.Closed,
				Text: fmt.Sprintf("order %s was begun at a contract that the configuration no longer has", order),
				Hint: "put the contract back in its old slot, with its merchant and keys, until nothing is open in it"})
		}
		if pm == nil {
			continue
		}
		if err := pm.mustSave(ctx, asItIs); err != nil {
			return false, err
		}
	}
	return all, nil
}

// asItIs is the change that makes a record durable without changing it.
func asItIs(*sale.Payment) ([]queue.Put, error) { return nil, nil }

// rebuildDoubt makes a payment of an order id that the witness names and the journal lacks:
// it was in the very batch that was lost, so nobody was told anything about it. It is asked
// about and undone. There is nothing to make where an older version is on record and pursued;
// ok is false where nobody can be asked.
func (t *Till) rebuildDoubt(order string) (pm *payment, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byOrder[order] != nil {
		return nil, true
	}
	id, n, slot, err := sale.ParseOrderID(order)
	if err != nil {
		t.o.Log.Error("an order in doubt is none of ours", "order", order)
		return nil, true
	}
	c := t.contracts[slot]
	if c == nil {
		return nil, false
	}
	now := t.o.Wall().Round(0)
	a := sale.Attempt{ID: order, N: n, Contract: c.Ref, SentAt: now, Boot: t.o.Boot, State: sale.Unknown, Why: sale.EvLost, Lost: true}
	if sale.IsOffered(order) {
		a.OfferLife = c.offerLife()
	}
	if pm := t.payments[id]; pm != nil { // an earlier attempt of it is on record
		a.Amount, a.SentAt = pm.p.Amount, t.sentAt(pm.p)
		pm.p.Attempts = append(pm.p.Attempts, a)
		pm.p.Turn("operator")
		t.byOrder[order], t.doubts[pm] = pm, struct{}{}
		return pm, true
	}
	p := sale.Payment{Version: 1, ID: id, Intent: sale.Undo, UndoneBy: "operator", Begun: now, Amount: sale.Amount{Currency: "CNY", Exponent: 2}}
	a.Amount = p.Amount
	p.Attempts = []sale.Attempt{a}
	return t.adopt(p), true
}

// takeUpGaps asks about every order id that may have been lost. No new sale begins before
// that is done; the journal reports gaps and orders in doubt at every start until then.
func (t *Till) takeUpGaps(ctx context.Context, doubtsDone bool, waiting []*payment) error {
	since, err := t.lostSince(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.recoveringUntil = since.Add(replayFor)
	t.mu.Unlock()
	recovered := func() error {
		if !doubtsDone {
			return nil
		}
		return t.o.Journal.Recovered(ctx)
	}
	if !t.o.Recovery.Lost {
		return recovered()
	}
	t.inBackground(func() {
		if err := t.askAllLost(ctx, waiting); err != nil {
			return
		}
		if err := recovered(); err != nil {
			t.fail(err)
			return
		}
		t.o.Health.Clear("recovery", "")
	})
	return nil
}

// recovering closes the till while the wallets are asked.
func (t *Till) recovering() {
	t.o.Health.Set(health.Cause{Code: "recovery", Severity: health.Closed,
		Text: "records were lost; the wallets are being asked about every order that may have been begun",
		Hint: "wait; orders that are found are MANUAL: compare them with the wallet's bill, then tilld queue settle"})
}

// lostSince is when records were last found to be lost; zero if never.
func (t *Till) lostSince(ctx context.Context) (since time.Time, err error) {
	if t.o.Recovery.Lost {
		since = t.o.Wall().Round(0)
		value, err := json.Marshal(since)
		if err != nil {
			return since, fmt.Errorf("encode the time of the loss: %w", err)
		}
		return since, t.commit(ctx, queue.Put{Kind: queue.Reply, Key: recoveryKey, Value: value})
	}
	value, err := t.o.Journal.Get(queue.Reply, recoveryKey)
	if err != nil {
		return time.Time{}, nil // none was ever lost
	}
	if err := json.Unmarshal(value, &since); err != nil {
		return since, fmt.Errorf("read the time of the loss: %w", err)
	}
	return since, nil
}

// askAllLost asks every contract about attempts 1 to 3 of every lost sequence number, and
// about the attempts that payments on record may have made after the last one known. It
// waits first: until the quiet time is over a request of the last run may still be on its
// way, and "does not exist" proves nothing.
func (t *Till) askAllLost(ctx context.Context, waiting []*payment) error {
	quiet := time.Duration(0)
	for _, c := range t.contracts {
		quiet = max(quiet, c.Clock.For(&sale.Attempt{OfferLife: c.offerLife()}).Quiet())
	}
	select {
	case <-ctx.Done():
		return errOver
	case <-time.After(quiet):
	}
	for _, g := range t.o.Recovery.Gaps {
		for seq := g.From; seq <= g.To; seq++ {
			id := sale.PaymentID(t.terminal, g.Token, seq)
			if _, known := t.Payment(id); known {
				continue
			}
			if _, err := t.askLostPayment(ctx, nil, id, seq); err != nil {
				return err
			}
		}
	}
	for _, pm := range waiting {
		p := pm.record()
		found, err := t.askLostPayment(ctx, pm, p.ID, p.Seq)
		if err != nil {
			return err
		}
		if !found {
			t.spawn(pm, pm.takeUp)
		}
	}
	return nil
}

// askLostPayment asks about every order that a payment may have made beyond those on record.
func (t *Till) askLostPayment(ctx context.Context, pm *payment, id string, seq uint64) (found bool, err error) {
	first := 1
	if pm != nil {
		first = len(pm.record().Attempts) + 1
	}
	for n := first; n <= sale.MaxAttempts; n++ {
		for slot, c := range t.contracts {
			a := sale.Attempt{ID: sale.OrderID(id, n, slot), N: n, Contract: c.Ref, SentAt: t.o.Wall().Round(0), Boot: t.o.Boot, Why: sale.EvLost}
			asked := []sale.Attempt{a}
			if c.Offers {
				a.ID, a.OfferLife = sale.OfferedID(id, n, slot), c.offerLife()
				asked = append(asked, a)
			}
			for _, a := range asked {
				there, err := t.askLost(ctx, &a, c)
				if err != nil {
					return found, err
				}
				if !there {
					continue
				}
				found = true
				if pm, err = t.keepLost(ctx, pm, id, seq, a); err != nil {
					return found, err
				}
			}
		}
	}
	return found, nil
}

// askLost asks until there is an answer, and reports whether money may have moved.
func (t *Till) askLost(ctx context.Context, a *sale.Attempt, c *Contract) (there bool, err error) {
	for {
		ans, err := c.Wallet.Query(ctx, *a)
		if ctx.Err() != nil {
			return false, errOver
		}
		if err == nil && ans.HasTotal {
			a.Amount = ans.Total
		}
		ev := a.Judge(sale.OpQuery, ans)
		if ev == sale.EvNoAnswer && ans.Signed && ans.Order == a.ID && ans.Merchant == a.Contract.Merchant {
			// The wallet knows the order, and its word settles nothing: a part was given back, say.
			noteAnswer(ans)(a)
			return true, nil
		}
		switch ev {
		case sale.EvNoAnswer, sale.EvForeign, sale.EvNotSent:
			select {
			case <-ctx.Done():
				return false, errOver
			case <-time.After(c.Clock.RetryMost):
			}
			continue
		case sale.EvNotFound, sale.EvClosed, sale.EvDeclined, sale.EvRefunded:
			return false, nil
		}
		noteAnswer(ans)(a)
		return true, nil
	}
}

// keepLost puts an order that a wallet knows on record as MANUAL: who was told what about it
// is not known, so it is not reversed by itself.
func (t *Till) keepLost(ctx context.Context, pm *payment, id string, seq uint64, a sale.Attempt) (*payment, error) {
	a.State = sale.Manual
	if pm == nil {
		pm = t.newPayment(sale.Payment{Version: 1, ID: id, Seq: seq, Intent: sale.Keep, Amount: a.Amount, Begun: a.SentAt})
	}
	err := pm.mustSave(ctx, func(p *sale.Payment) ([]queue.Put, error) {
		p.Attempts = append(p.Attempts, a)
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	t.alarm("manual", a.ID, "found at the wallet after records were lost: compare with the bill and decide")
	return pm, nil
}

// codeSeen reports whether a code reached SENDING before.
func (t *Till) codeSeen(mac []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, seen := t.seen[string(mac)]
	return seen
}

func (t *Till) markSeen(mac []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[string(mac)] = t.o.Wall()
}

func settledKey(a *sale.Attempt) string { return a.Contract.Wallet + "\x00" + a.WalletTransaction }
