package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// payment is one Payment and the goroutine that owns it. Only the owner moves it; others
// ask through the channels. The record p is read and replaced under Till.mu.
type payment struct {
	t *Till
	p sale.Payment

	// writing serialises marshal-and-commit, so that an older version of the record is
	// never written after a newer one. It is held across the commit; mu is not.
	writing gate

	aborts    chan abortAsk
	confirms  chan bool
	offers    chan struct{}           // the customer asks for a code of ours; room for one
	wishes    chan biometric.Modality // the person asks to present something; room for one
	reversals chan struct{}

	ended    chan struct{} // closed once the ending is durable
	reversed chan struct{} // closed once a reversal after the ending is durable

	// attached are further requests that wait for this payment, guarded by Till.mu.
	attached []sale.Asked

	brands   []string
	contract string    // the only one to pay at, by its name; empty: any
	sentAt   time.Time // monotonic moment of the last SENDING of this run; zero after a restart
	screen   Screen    // what the customer of this payment sees, guarded by Till.mu
	presents bool      // it waits for a code, or for a presentation; guarded by Till.mu
	late     bool      // it was told that an undone code of ours was paid, guarded by Till.mu
	// givingBack is set while a paid payment is being reversed; owner is the number of the
	// goroutine that hears aborts, 0 if there is none; touched is when the record changed
	// last. All guarded by Till.mu.
	givingBack bool
	owner      uint64
	touched    time.Time
	// op is the refund that is being made, nil if there is none; guarded by Till.mu. While
	// there is one, or givingBack is set, no other operation gives money back.
	op *refundOp
	// back is closed when the network came back since the last request left.
	back <-chan struct{}
}

// gate is a lock that may be held while time passes: who waits for it waits on a channel,
// which simulated time knows.
type gate chan struct{}

func (g gate) Lock()   { g <- struct{}{} }
func (g gate) Unlock() { <-g }

type abortAsk struct {
	reason string
	ack    chan error // nil once the undo is durable, or needs not be; room for one
}

func (t *Till) newPayment(p sale.Payment) *payment {
	return &payment{
		t: t, p: p,
		writing:   make(gate, 1),
		aborts:    make(chan abortAsk),
		confirms:  make(chan bool, 1),
		offers:    make(chan struct{}, 1),
		wishes:    make(chan biometric.Modality, 1),
		reversals: make(chan struct{}, 1),
		ended:     make(chan struct{}),
		reversed:  make(chan struct{}),
	}
}

func clone(p sale.Payment) sale.Payment {
	p.Attempts, p.Refunds = slices.Clone(p.Attempts), slices.Clone(p.Refunds)
	return p
}

// last is a copy of the last attempt; there is one.
func (pm *payment) last() sale.Attempt {
	p := pm.record()
	return *p.Current()
}

// record returns a copy of the payment as it stands.
func (pm *payment) record() sale.Payment {
	pm.t.mu.Lock()
	defer pm.t.mu.Unlock()
	return clone(pm.p)
}

// change edits a copy of a record and names further records to commit with it.
type change func(*sale.Payment) ([]queue.Put, error)

// move is a change of the last attempt's state alone.
func move(to sale.State, why sale.Event, note func(*sale.Attempt)) change {
	return func(p *sale.Payment) ([]queue.Put, error) {
		a := p.Current()
		if note != nil {
			note(a)
		}
		return nil, a.Move(to, why, p.Intent)
	}
}

// save applies a change to a copy of the record, makes it durable, and only then lets
// anybody see it. queue.ErrSpace means that nothing was written; any other failed commit
// stops the till.
func (pm *payment) save(ctx context.Context, edit change) error {
	pm.writing.Lock()
	defer pm.writing.Unlock()
	next := pm.record()
	extra, err := edit(&next)
	if err != nil {
		return err
	}
	put, err := paymentPut(next)
	if err != nil {
		return err
	}
	if err := pm.t.commit(ctx, append([]queue.Put{put}, extra...)...); err != nil {
		return err
	}
	pm.publish(next)
	return nil
}

// mustSave is save for states that have to follow what already happened: out of space it
// waits and tries again, for the record may not be lost and nothing else may go on.
func (pm *payment) mustSave(ctx context.Context, edit change) error {
	for {
		err := pm.save(ctx, edit)
		if !errors.Is(err, queue.ErrSpace) {
			return err
		}
		select {
		case <-ctx.Done():
			return errOver
		case <-time.After(time.Second):
		}
	}
}

// publish lets everybody see a durable record.
func (pm *payment) publish(next sale.Payment) {
	t := pm.t
	t.mu.Lock()
	was := pm.p.Current()
	pm.p, pm.touched = next, t.o.Wall()
	t.payments[next.ID] = pm
	for _, a := range next.Attempts {
		t.byOrder[a.ID] = pm
		if a.State == sale.Paid && a.WalletTransaction != "" {
			t.settled[settledKey(&a)] = a.ID
		}
	}
	if next.InDoubt() || next.Undoing() {
		t.doubts[pm] = struct{}{}
	} else {
		delete(t.doubts, pm)
	}
	t.mu.Unlock()
	if a := next.Current(); a != nil && (was == nil || was.ID != a.ID || was.State != a.State) {
		t.emit(Event{Kind: "state", Payment: next.ID, Order: a.ID, State: a.State.String(), Amount: next.Amount.String(), Text: stateText(a)})
	}
}

func stateText(a *sale.Attempt) string {
	text := string(a.Why)
	if a.WalletCode != "" {
		text += " (" + a.WalletCode + ")"
	}
	return text
}

// commit makes puts durable. ErrSpace and ErrTooLarge are the caller's to handle: nothing
// was written. Any other failure stops the till.
func (t *Till) commit(ctx context.Context, puts ...queue.Put) error {
	err := t.o.Journal.Commit(context.WithoutCancel(ctx), puts...)
	if err != nil && !errors.Is(err, queue.ErrSpace) && !errors.Is(err, queue.ErrTooLarge) {
		t.fail(err)
	}
	return err
}

// saveIfRoom is save for the end of a payment of which nothing is in doubt: out of space it
// is told all the same, and a crash forgets only that nothing happened.
func (pm *payment) saveIfRoom(ctx context.Context, edit change) error {
	err := pm.save(ctx, edit)
	if !errors.Is(err, queue.ErrSpace) {
		return err
	}
	pm.writing.Lock()
	defer pm.writing.Unlock()
	next := pm.record()
	if _, err := edit(&next); err != nil {
		return err
	}
	pm.publish(next)
	return nil
}

// paymentPut encodes a payment's record.
func paymentPut(p sale.Payment) (queue.Put, error) {
	value, err := json.Marshal(p)
	if err != nil {
		return queue.Put{}, fmt.Errorf("encode payment %s: %w", p.ID, err)
	}
	put := queue.Put{Kind: queue.Payment, Key: p.ID, Value: value, Open: stays(&p), PaymentSeq: p.Seq}
	for _, a := range p.Attempts {
		if p.Found {
			break // nothing of it may be undone: it was not begun here
		}
		put.Orders = append(put.Orders, a.ID)
	}
	if a := p.Current(); a != nil {
		put.Summary = &queue.Summary{Order: a.ID, Payment: p.ID, Amount: p.Amount, Contract: a.Contract, State: a.State,
			Refunded: p.Refunded, RefundIDs: p.DoneRefunds(), Found: p.Found, At: a.SentAt}
	}
	return put, nil
}

// storedReply is a request's answer, or a tombstone, under its message key.
type storedReply struct {
	Hash      []byte      `json:"hash,omitempty"`
	Payment   string      `json:"payment,omitempty"`
	Reversal  bool        `json:"reversal,omitempty"`
	Refund    string      `json:"refund,omitempty"` // the refund it is about, by its id
	Ending    sale.Ending `json:"ending,omitempty"`
	Why       string      `json:"why,omitempty"`
	Reply     []byte      `json:"reply,omitempty"`
	Tombstone string      `json:"tombstone,omitempty"` // "abort" or "status"
	// Asked is the request itself while it waits for its reply.
	Asked *sale.Asked `json:"asked,omitempty"`
	At    time.Time   `json:"at"`
}

func replyPut(k sale.MessageKey, r storedReply) (queue.Put, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return queue.Put{}, fmt.Errorf("encode reply: %w", err)
	}
	return queue.Put{Kind: queue.Reply, Key: k.String(), Value: value}, nil
}

// finish ends the payment for the point of sale: the ending, the rendered reply, and the
// replies of all attached requests become durable together with the move that decided it.
// An ending that was given before stays: only the move is made.
func (pm *payment) finish(ctx context.Context, ending sale.Ending, why string, decide change) error {
	t := pm.t
	at := t.o.Wall().Round(0)
	replies := map[sale.MessageKey][]byte{}
	first := false
	save := pm.mustSave
	if p := pm.record(); decide == nil && (p.Current() == nil || p.Current().State == sale.Declined || p.Current().State == sale.Closed) {
		save = pm.saveIfRoom
	}
	err := save(ctx, func(p *sale.Payment) (puts []queue.Put, err error) {
		if decide != nil {
			if puts, err = decide(p); err != nil {
				return nil, err
			}
		}
		if first = p.Ending == sale.Undecided; !first {
			return puts, nil
		}
		// A clock that fell back meanwhile must not make the basket look long settled.
		p.Ending, p.EndedAt = ending, later(at, p.Begun)
		p.Reply = t.o.Render(p.Asked, Reply{Payment: clone(*p), Ending: ending, Why: why})
		replies[p.Asked.Key()] = p.Reply
		t.mu.Lock()
		attached := slices.Clone(pm.attached[max(0, len(pm.attached)-maxAttached):])
		t.mu.Unlock()
		for _, asked := range attached {
			bytes := t.o.Render(asked, Reply{Payment: clone(*p), Ending: ending, Why: why})
			put, err := replyPut(asked.Key(), storedReply{Hash: asked.Hash, Payment: p.ID, Ending: ending, Why: why, Reply: bytes, At: at})
			if err != nil {
				return nil, err
			}
			replies[asked.Key()] = bytes
			puts = append(puts, put)
		}
		return puts, nil
	})
	if err != nil || !first {
		return err
	}
	p := pm.record()
	if a := p.Current(); a != nil && a.State != sale.Manual {
		t.o.Health.Clear("foreign-answer", a.ID)
		t.o.Health.Clear("wrong-total", a.ID)
		t.o.Health.Clear("part-refunded", a.ID)
	}
	t.mu.Lock()
	for k, bytes := range replies {
		if e := t.byKey[k]; e != nil {
			e.reply, e.ending, e.why = bytes, ending, why
		}
	}
	// The lane is free before anybody is told: the next request may follow at once.
	t.endLane(pm)
	pm.owner = 0
	t.mu.Unlock()
	close(pm.ended)
	t.showLane()
	t.emit(Event{Kind: "ended", Payment: p.ID, State: string(ending), Amount: p.Amount.String(), Text: why})
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// maxAttached is how many attached requests get their reply written with the end of the
// payment, the newest first in line: a bound on the size of that commit. The replies of
// older ones, whose senders have long hung up, are rendered when somebody asks.
const maxAttached = 16

// leaveLane lets the next payment in.
func (pm *payment) leaveLane() {
	t := pm.t
	t.mu.Lock()
	if t.lane == pm {
		t.lane = nil
	}
	t.mu.Unlock()
}
