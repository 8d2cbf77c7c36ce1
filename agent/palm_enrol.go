package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

const (
	// enrolSamples is how many presentations an enrolment takes.
	enrolSamples = 3
	// saveFor is how long a provider may take to keep references, or to delete them.
	saveFor = 15 * time.Second
)

// Enrol begins an enrolment at the customer's screen, while nobody pays. It returns at once.
// The error wraps ErrNoPalm.
func (t *Till) Enrol(m biometric.Modality) error {
	return t.receive(m, "enrol", func(r *Recogniser) error {
		if err := r.ready(); err != nil {
			return err
		}
		if policy, ok := r.Provider.Policy(); ok && policy.Consent != "" && policy.Consent != ConsentVersion {
			return fmt.Errorf("the provider accepts version %q of the text of consent, and this is %q", policy.Consent, ConsentVersion)
		}
		return nil
	}, (*visit).enrol, Screen{Kind: ScreenNotEnrolled})
}

// Withdraw begins the withdrawal of a consent, likewise. It takes no camera.
func (t *Till) Withdraw(m biometric.Modality) error {
	return t.receive(m, "withdraw", func(r *Recogniser) error { return r.Provider.Ready() },
		(*visit).withdraw, Screen{Kind: ScreenNotWithdrawn})
}

// receive begins a visit at an idle till: a payment that comes ends it.
func (t *Till) receive(m biometric.Modality, verb string, may func(*Recogniser) error, do func(*visit) (Screen, error), failed Screen) error {
	r := t.recogniser(m)
	refuse := func(why string) error { return fmt.Errorf("%s a %s: %w: %s", verb, m, ErrNoPalm, why) }
	if r == nil {
		return refuse("this till has no such recogniser")
	}
	if err := may(r); err != nil {
		return refuse(err.Error())
	}
	v := t.newVisit(r, rand.Text(), verb)
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.screenNow()
	idle := s.Kind == ScreenIdle || s.Kind == ScreenClosed && verb == "withdraw"
	if t.ctx == nil || !t.started || t.visit != nil || t.occupied() != nil || !idle {
		return refuse("the till is not idle")
	}
	v.run = t.ctx
	v.ctx, v.cancel = context.WithCancel(t.ctx)
	t.visit = v
	t.wg.Go(func() { v.attend(do, failed) })
	return nil
}

// attend is the visit's goroutine.
func (v *visit) attend(do func(*visit) (Screen, error), failed Screen) {
	t := v.t
	v.tell("begun", "")
	s, err := do(v)
	over := v.ctx.Err() != nil
	v.cancel()
	v.leaveScanner()
	if err != nil {
		s = failed
		s.Reason = string(v.whyNot(err))
	}
	s.Modality, s.Provider = v.r.Modality, v.r.title()
	v.tell(string(s.Kind), s.Reason)
	t.mu.Lock()
	if t.visit == v {
		t.visit = nil
	}
	free := t.lane == nil && len(t.doubts) == 0 && !time.Now().Before(t.screens.endedTo)
	if free && (err == nil || !over && !errors.Is(err, errStopped)) {
		t.flash(s, endShown)
	}
	t.mu.Unlock()
	t.showLane()
}

// whyNot is what the person is told of a visit that came to nothing.
func (v *visit) whyNot(err error) PalmReason {
	var back *setback
	switch {
	case errors.As(err, &back):
		return back.reason
	case errors.Is(err, errStopped), errors.Is(err, errOver):
		return PalmStopped
	case errors.Is(err, errStepOver):
		return PalmLate
	}
	v.t.o.Log.Error("a visit failed", "what", v.verb, "err", err)
	return PalmOff
}

// makeWay ends an enrolment or a withdrawal because somebody pays. The caller holds mu, and
// waits with wayFree before it uses the scanner.
func (t *Till) makeWay() {
	if t.visit != nil && t.visit.pm == nil {
		t.visit.cancel()
	}
}

// wayFree waits until no visit uses the scanner.
func (t *Till) wayFree(ctx context.Context) {
	t.mu.Lock()
	v := t.visit
	t.mu.Unlock()
	if v == nil || v.pm != nil {
		return
	}
	select {
	case <-v.left:
	case <-ctx.Done():
	}
}

// enrol goes through the steps of an enrolment.
func (v *visit) enrol() (Screen, error) {
	consent, err := v.consent()
	if err != nil {
		return Screen{}, err
	}
	account, err := v.account()
	if err != nil {
		return Screen{}, err
	}
	defer account.Wipe()
	ch, err := v.askChallenge(provider.Ask{Purpose: biometric.Enrol, Modality: v.r.Modality, Merchant: v.r.Merchant, Terminal: v.r.Terminal,
		Payment: v.id, Claim: account, Consent: &consent})
	if err != nil {
		return Screen{}, err
	}
	defer wipeChallenge(ch)
	sealed, err := v.capture(ch, enrolSamples)
	if err != nil {
		return Screen{}, err
	}
	var kept provider.Enrolment
	err = v.save(func(ctx context.Context) (err error) {
		kept, err = v.r.Provider.Enrol(ctx, sealed)
		if err == nil && kept.Outcome != provider.Enrolled {
			err = setbackOf(reasonOfEnrolment(kept.Outcome))
		}
		return err
	})
	if err != nil {
		return Screen{}, err
	}
	return Screen{Kind: ScreenEnrolled, Name: kept.Name}, nil
}

func reasonOfEnrolment(o provider.Outcome) PalmReason {
	if o == provider.NotMatched { // the samples are not of one palm
		return PalmQuality
	}
	return reasonOfOutcome(o)
}

// consent shows the text and waits until every box is ticked.
func (v *visit) consent() (provider.Consent, error) {
	age := minAge
	if policy, ok := v.r.Provider.Policy(); ok {
		age = max(age, policy.MinAge)
	}
	reason := PalmReason("")
	for {
		x, err := v.ask(Screen{Kind: ScreenConsent, Reason: string(reason), MinAge: age})
		if err != nil {
			return provider.Consent{}, err
		}
		text, known := Consent(x.Language, v.r.title(), age)
		if known && x.Age && x.Biometric && x.Transfer {
			v.tell("consented", "version "+ConsentVersion+" in "+x.Language)
			return provider.Consent{Text: text.Sum(), Version: ConsentVersion, Language: x.Language, Provider: v.r.Name,
				At: v.t.o.Wall(), AgeAtLeast: age, Biometric: true, Transfer: true}, nil
		}
		reason = PalmBoxes
	}
}

// account asks for the one-time code of the provider's app. The caller wipes it.
func (v *visit) account() (*secret.Bytes, error) {
	reason := PalmReason("")
	v.arm()
	defer v.leaveScanner()
	for {
		x, read, err := v.askCode(Screen{Kind: ScreenAccount, Reason: string(reason), Letters: true}, PalmNoApp, v.appCode)
		switch {
		case err != nil:
			return nil, err
		case read != nil:
			return read, nil
		case v.appCode(x.Code.Reveal(), ""):
			return x.Code, nil
		}
		x.Code.Wipe()
		reason = PalmNoApp
	}
}

// withdraw goes through the steps of a withdrawal: as few as there can be.
func (v *visit) withdraw() (Screen, error) {
	account, err := v.account()
	if err != nil {
		return Screen{}, err
	}
	defer account.Wipe()
	if _, err := v.ask(Screen{Kind: ScreenWithdraw}); err != nil {
		return Screen{}, err
	}
	if err := v.save(func(ctx context.Context) error { return v.r.Provider.Revoke(ctx, account) }); err != nil {
		return Screen{}, err
	}
	return Screen{Kind: ScreenWithdrawn}, nil
}

// save lets the provider keep or delete. A payment that comes takes the screen and does not
// stop it; only the end of the till does. It is waited for in any case, and its outcome told
// behind the counter.
func (v *visit) save(f func(context.Context) error) error {
	if err := v.enter(Screen{Kind: ScreenSaving}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.run, saveFor)
	defer cancel()
	err := f(ctx)
	var e *provider.Error
	switch {
	case err == nil:
		v.tell("kept", "")
	case errors.As(err, &e):
		v.tell("failed", err.Error())
		return setbackOf(reasonOfOutcome(e.Outcome))
	}
	return err
}
