package agent

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// endShown is how long "paid" or "not paid" stays on the customer's screen.
const endShown = 8 * time.Second

// screens is what people see, guarded by Till.mu.
type screens struct {
	now      Screen
	ended    Screen // the last ending, shown until endedTo
	endedTo  time.Time
	endTimer *time.Timer
	seq      uint64 // of events
	watchers map[*watcher]struct{}
}

type watcher struct {
	screens chan Screen // capacity 1: the latest
	events  chan Event
}

func (s *screens) init(test bool) {
	s.now = Screen{Kind: ScreenStarting, Test: test}
	s.watchers = map[*watcher]struct{}{}
}

// Screen is what the customer's screen shows now.
func (t *Till) Screen() Screen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screens.now
}

// Watch delivers every screen and event from now on, the current screen first, until ctx
// ends. A watcher that does not keep up loses events, never the latest screen.
func (t *Till) Watch(ctx context.Context) (<-chan Screen, <-chan Event) {
	w := &watcher{screens: make(chan Screen, 1), events: make(chan Event, 256)}
	t.mu.Lock()
	w.screens <- t.screens.now
	t.screens.watchers[w] = struct{}{}
	t.mu.Unlock()
	context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.screens.watchers, w)
		close(w.screens)
		close(w.events)
	})
	return w.screens, w.events
}

// emit tells the watchers and the log what happened, in order and soon. The caller does not
// hold mu.
func (t *Till) emit(e Event) {
	e.At = t.o.Wall().Round(0)
	select {
	case t.told <- e:
	case <-t.stopped:
		select {
		case t.told <- e:
		default: // nobody listens any more
		}
	}
}

// tell passes events on until Run ends and nothing is left. It is a goroutine of its own:
// a payment does not wait for a slow log or a watcher.
func (t *Till) tell(over <-chan struct{}) {
	for {
		select {
		case e := <-t.told:
			t.pass(e)
			continue
		default:
		}
		select {
		case e := <-t.told:
			t.pass(e)
		case <-over:
			return
		}
	}
}

func (t *Till) pass(e Event) {
	t.mu.Lock()
	t.screens.seq++
	e.Seq = t.screens.seq
	for w := range t.screens.watchers {
		select {
		case w.events <- e:
		default:
		}
	}
	t.mu.Unlock()
	t.o.Log.Info(e.Kind, "payment", e.Payment, "order", e.Order, "state", e.State, "amount", e.Amount, "text", e.Text)
}

// show sets the screen of the payment in the lane.
func (t *Till) show(pm *payment, s Screen) {
	t.mu.Lock()
	pm.screen = t.priced(pm, s)
	t.mu.Unlock()
	t.showLane()
}

// endLane frees the lane and shows how the payment ended, for a while, unless the next one
// has the lane already. The caller holds mu, and calls showLane after it.
func (t *Till) endLane(pm *payment) {
	shown := t.screens.now.Payment
	if t.lane != pm && (t.lane != nil || shown != "" && shown != pm.p.ID && time.Now().Before(t.screens.endedTo)) {
		return // the screen is another customer's
	}
	s := Screen{Kind: ScreenNotPaid, Reason: string(pm.p.Ending)}
	if pm.p.Ending == sale.EndPaid {
		s = Screen{Kind: ScreenPaid}
	}
	t.screens.ended, t.screens.endedTo = t.priced(pm, s), time.Now().Add(endShown)
	if t.lane == pm {
		t.lane = nil
	}
	if t.screens.endTimer != nil {
		t.screens.endTimer.Stop()
	}
	t.screens.endTimer = time.AfterFunc(endShown, t.showLane)
}

// priced adds what every screen of a payment carries. The caller holds mu.
func (t *Till) priced(pm *payment, s Screen) Screen {
	s.Payment = pm.p.ID
	if pm.p.Amount.Currency != "" { // a return desk may not know it yet
		s.Amount, s.Currency = pm.p.Amount.Decimal(), pm.p.Amount.Currency
	}
	if a := pm.p.Current(); a != nil && s.Scheme == "" {
		s.Scheme = a.Scheme
	}
	return s
}

// showDoubt shows what the customer of a payment in doubt must know.
func (pm *payment) showDoubt(p sale.Payment, u *sale.Pursuit) {
	kind := ScreenDoubt
	switch {
	case p.Intent == sale.Undo:
		kind = ScreenUndoing
	case u.Word == sale.EvPaying:
		kind = ScreenConfirm
	}
	pm.t.mu.Lock()
	changed := pm.screen.Kind != kind
	pm.t.mu.Unlock()
	if changed {
		pm.t.show(pm, Screen{Kind: kind})
	}
}

// showLane computes the customer's screen and tells the watchers if it changed.
func (t *Till) showLane() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		return
	}
	next := t.screenNow()
	next.Test = t.o.Test
	next.Seq = t.screens.now.Seq
	if next == t.screens.now {
		return
	}
	next.Seq++
	t.screens.now = next
	for w := range t.screens.watchers {
		select {
		case <-w.screens:
		default:
		}
		w.screens <- next
	}
}

// screenNow: the payment in the lane; how the last one ended; a payment in doubt; why no
// sale is possible; idle. The caller holds mu.
func (t *Till) screenNow() Screen {
	if t.lane != nil && t.lane.screen.Kind != "" {
		s := t.lane.screen
		s.Palm = t.lane.presents && mayPresent(s) && t.able[biometric.Palm].present
		return s
	}
	if v := t.visit; v != nil && v.pm == nil && t.lane == nil && v.screen.Kind != "" {
		return v.screen
	}
	if time.Now().Before(t.screens.endedTo) {
		return t.screens.ended
	}
	var doubt *payment
	for pm := range t.doubts {
		if doubt == nil || pm.p.Intent == sale.Keep && doubt.p.Intent == sale.Undo || pm.p.Intent == doubt.p.Intent && pm.p.Seq > doubt.p.Seq {
			doubt = pm
		}
		if len(t.doubts) > 100 {
			break // any will do
		}
	}
	if doubt != nil {
		kind := ScreenDoubt
		if doubt.p.Intent == sale.Undo {
			kind = ScreenUndoing
		}
		return t.priced(doubt, Screen{Kind: kind})
	}
	palm := t.able[biometric.Palm]
	if cause, closed := t.o.Health.Closing(); closed {
		return Screen{Kind: ScreenClosed, Reason: cause.Code, Withdraw: palm.withdraw}
	}
	return Screen{Kind: ScreenIdle, Palm: palm.present, Withdraw: palm.withdraw}
}

// alarm tells the operator about an order that a person should look at.
func (t *Till) alarm(code, order, text string) {
	t.o.Health.Set(health.Cause{Code: code, Subject: order, Severity: health.Warning, Text: text,
		Hint: "tilld queue show " + order})
	t.emit(Event{Kind: "alarm", Order: order, State: code, Text: text})
}

// stopTrading forbids new sales until an operator has settled what happened to the order.
func (t *Till) stopTrading(order string) {
	text := "order number " + order + " was used before"
	t.mu.Lock()
	t.collisions[order] = struct{}{}
	t.mu.Unlock()
	t.o.Health.Set(health.Cause{Code: "stopped", Severity: health.Closed, Text: text,
		Hint: "find out which terminal used this number, then: tilld queue settle PAYMENT --paid or --not-paid"})
	t.emit(Event{Kind: "alarm", Order: order, State: "stopped", Text: text})
}

// resumeTrading takes an order off the list of those that forbid new sales.
func (t *Till) resumeTrading(order string) {
	t.mu.Lock()
	delete(t.collisions, order)
	left := len(t.collisions)
	t.mu.Unlock()
	if left == 0 {
		t.o.Health.Clear("stopped", "")
	}
}
