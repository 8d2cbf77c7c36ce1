package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// readyEvery is how often recognisers are looked at. It asks nobody and costs nothing.
const readyEvery = time.Second

// able is what can be done with a recogniser now.
type able struct{ present, withdraw bool }

// recogniser is the one for a modality; nil if there is none.
func (t *Till) recogniser(m biometric.Modality) *Recogniser {
	for i := range t.o.Recognisers {
		if r := &t.o.Recognisers[i]; r.Modality == m {
			return r
		}
	}
	return nil
}

// checkRecognisers refuses what cannot work.
func (t *Till) checkRecognisers() error {
	seen := map[biometric.Modality]bool{}
	for i := range t.o.Recognisers {
		r := &t.o.Recognisers[i]
		if err := r.check(); err != nil {
			return fmt.Errorf("recogniser %q: %w", r.Modality, err)
		}
		if seen[r.Modality] {
			return fmt.Errorf("recogniser %q: there are two", r.Modality)
		}
		seen[r.Modality] = true
	}
	return nil
}

// keepAble knows what can be done, and tells the people behind the counter what cannot.
func (t *Till) keepAble(ctx context.Context) {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		for i := range t.o.Recognisers {
			t.lookAt(&t.o.Recognisers[i])
		}
		t.mu.Lock()
		old := t.attacks > 0 && time.Since(t.attackedAt) > attacksShown
		t.mu.Unlock()
		if old {
			for i := range t.o.Recognisers {
				t.o.Health.Clear("palm-attack", string(t.o.Recognisers[i].Modality))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (t *Till) lookAt(r *Recogniser) {
	err := r.ready()
	now := able{present: err == nil, withdraw: r.Provider.Ready() == nil}
	t.mu.Lock()
	changed := t.able[r.Modality] != now
	t.able[r.Modality] = now
	busy := t.visit != nil
	t.mu.Unlock()
	switch {
	case err == nil:
		t.o.Health.Clear("palm", string(r.Modality))
	case !busy: // while somebody is before it, a camera that is in use is no news
		t.o.Health.Set(health.Cause{Code: "palm", Subject: string(r.Modality), Severity: health.Notice,
			Text: "nobody can pay by " + string(r.Modality) + ": " + err.Error(), Hint: hintOf(err)})
	}
	if changed {
		t.showLane()
	}
}

func hintOf(err error) string {
	var h interface{ HintText() string }
	if errors.As(err, &h) && h.HintText() != "" {
		return h.HintText()
	}
	return "codes are taken all the same"
}

// ErrNoPalm is why no palm can be presented now.
var ErrNoPalm = errors.New("no palm can be presented")

// Present begins a presentation for the payment that waits for a code: the button on the
// screen. It returns at once; the screen follows. The error is queue.ErrNotFound or wraps
// ErrNoPalm with the reason.
func (t *Till) Present(payment string, m biometric.Modality) error {
	r := t.recogniser(m)
	t.mu.Lock()
	pm := t.payments[payment]
	waits := pm != nil && t.lane == pm && pm.p.Ending == sale.Undecided && pm.presents && mayPresent(pm.screen)
	t.mu.Unlock()
	refuse := func(why string) error {
		return fmt.Errorf("present a %s for %.32s: %w: %s", m, payment, ErrNoPalm, why)
	}
	switch {
	case pm == nil:
		return fmt.Errorf("present a %s for %.32s: %w", m, payment, queue.ErrNotFound)
	case r == nil:
		return refuse("this till has no such recogniser")
	case !waits:
		return refuse("it does not wait for one")
	}
	if err := r.ready(); err != nil {
		return refuse(err.Error())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !pm.presents {
		return refuse("it does not wait for one any more")
	}
	select {
	case pm.wishes <- m:
	default: // asked for already
	}
	return nil
}

// mayPresent reports whether a screen asks for a way to pay.
func mayPresent(s Screen) bool { return s.Kind == ScreenPay || s.Kind == ScreenFresh }

// presentable lets the payment that waits be asked for a presentation, or not any more. Wishes
// of before are void.
func (pm *payment) presentable(on bool) {
	pm.t.mu.Lock()
	defer pm.t.mu.Unlock()
	pm.presents = on
	if on {
		select {
		case <-pm.wishes:
		default:
		}
	}
}
