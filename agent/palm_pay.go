package agent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

const (
	// maxCaptures is how often the camera goes on for one payment.
	maxCaptures = 3
	// maxVisits is how often a presentation may be begun for one payment.
	maxVisits = 2 * maxCaptures
	// askFor is how long the provider may take for a challenge.
	askFor = 10 * time.Second
)

// voucher is a credential's origin: until a request with it has left it can be given back.
type voucher struct {
	r       *Recogniser
	binding biometric.Binding
}

// recognise is one presentation that the person asked for. It reports whether the payment is
// over; otherwise w says how it goes on: w.ready holds the credential, or the code that was
// shown instead.
func (pm *payment) recognise(ctx context.Context, w *waiting) (over bool, err error) {
	t := pm.t
	r := t.recogniser(w.wish)
	w.wish = ""
	v := t.newVisit(r, pm.p.ID, string(r.Modality))
	v.pm, v.w, v.ctx = pm, w, ctx
	t.mu.Lock()
	t.visit = v
	t.mu.Unlock()
	v.arm()
	stopWarming := t.keepWarm(ctx)
	v.tell("chosen", "")
	err = v.pay()
	stopWarming()
	v.disarm()
	t.mu.Lock()
	t.visit = nil
	t.mu.Unlock()
	w.reason = ""
	var back *setback
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, errCodeShown):
		v.tell("left", "a payment code was shown")
		return false, nil
	case errors.Is(err, errOver):
		return true, err
	case errors.Is(err, errAborted):
		return true, pm.finishUnsent(ctx, sale.EndAborted, endingText(sale.EndAborted))
	case errors.Is(err, errTooLate):
		return true, pm.finishUnsent(ctx, sale.EndCancelled, endingText(sale.EndCancelled))
	case errors.Is(err, errStopped):
		v.tell("left", "the person chose another way")
		return false, nil
	case errors.Is(err, errStepOver):
		w.reason = string(PalmLate)
	case errors.As(err, &back):
		w.reason = string(back.reason)
	default:
		t.o.Log.Error("a presentation failed", "payment", pm.p.ID, "err", err)
		w.reason = string(PalmOff)
	}
	v.tell("nothing", w.reason)
	return false, nil
}

// pay goes through the steps of a presentation that pays. It returns nil with the credential
// in w.ready.
func (v *visit) pay() error {
	reason := PalmReason("")
	for must := !v.oneOfMany(); ; must = true {
		claim, err := v.claim(must, reason)
		if err != nil {
			return err
		}
		err = v.payAs(claim)
		claim.Wipe()
		var back *setback
		if must || !errors.As(err, &back) || back.reason != PalmMember {
			return err
		}
		reason = PalmMember
	}
}

// payAs is a presentation of whoever the claim names; nil is one of many.
func (v *visit) payAs(claim *secret.Bytes) error {
	if v.w.captures >= maxCaptures {
		return setbackOf(PalmUnusable)
	}
	ch, err := v.challenge(claim)
	if err != nil {
		return err
	}
	defer wipeChallenge(ch)
	v.w.captures++
	v.extend(v.t.o.CodeWait)
	sealed, err := v.capture(ch, 1)
	if err != nil {
		return err
	}
	from := &voucher{v.r, ch.Binding}
	ans, err := v.identify(ch, sealed)
	if err == nil {
		err = v.agree(ans)
	}
	if err != nil {
		ans.Credential.Wipe()
		if mayHoldCredential(ans, err) {
			v.tell("void", "the credential is not used")
			v.t.void(from)
		}
		return err
	}
	v.w.wipe()
	v.w.ready = &scanner.Scan{At: time.Now(), Text: ans.Credential, Source: string(v.r.Modality)}
	v.w.from = from
	return nil
}

// mayHoldCredential reports whether the provider may have made a credential: all but when it
// said that it did not.
func mayHoldCredential(ans provider.Answer, err error) bool {
	return err != nil && (ans.Outcome == "" || ans.Outcome == provider.Matched)
}

// extend lets the payment's time not end within d from now.
func (v *visit) extend(d time.Duration) {
	if until := time.Now().Add(d); v.w.deadline.Before(until) {
		v.w.deadline = until
	}
}

// challenge asks the provider for one, for this payment and nothing else.
func (v *visit) challenge(claim *secret.Bytes) (biometric.Challenge, error) {
	p := v.pm.record()
	return v.askChallenge(provider.Ask{Purpose: biometric.Pay, Modality: v.r.Modality, Merchant: v.r.Merchant, Terminal: v.r.Terminal,
		Payment: p.ID, Minor: p.Amount.Minor, Currency: string(p.Amount.Currency), Claim: claim})
}

func (v *visit) askChallenge(ask provider.Ask) (biometric.Challenge, error) {
	of := 0
	if ask.Purpose == biometric.Enrol {
		of = enrolSamples
	}
	if err := v.enter(Screen{Kind: ScreenPresent, Of: of}); err != nil {
		return biometric.Challenge{}, err
	}
	type reply struct {
		ch  biometric.Challenge
		err error
	}
	got, err := beside(v, askFor, func(ctx context.Context) reply {
		ch, err := v.r.Provider.Challenge(ctx, ask)
		return reply{ch, err}
	}, func(r reply) { wipeChallenge(r.ch) })
	switch {
	case err != nil:
		return biometric.Challenge{}, err
	case got.err != nil:
		v.tell("no-challenge", got.err.Error())
		return biometric.Challenge{}, setbackOf(reasonOfError(got.err))
	}
	want := biometric.Binding{Purpose: ask.Purpose, Modality: ask.Modality, Provider: v.r.Name, Merchant: ask.Merchant, Terminal: ask.Terminal,
		Payment: ask.Payment, Minor: ask.Minor, Currency: ask.Currency, Claim: string(ask.Claim.Reveal()), Nonce: got.ch.Nonce}
	if !sameBinding(got.ch.Binding, want) || !time.Now().Before(got.ch.Expires) {
		wipeChallenge(got.ch)
		v.tell("no-challenge", "the provider's challenge is for something else, or over")
		return biometric.Challenge{}, setbackOf(PalmOff)
	}
	return got.ch, nil
}

// reasonOfError is what the person is told when the provider did not do what it was asked.
func reasonOfError(err error) PalmReason {
	var e *provider.Error
	if !errors.As(err, &e) {
		return PalmOff
	}
	return reasonOfOutcome(e.Outcome)
}

func reasonOfOutcome(o provider.Outcome) PalmReason {
	switch o {
	case provider.NotMatched, provider.NotEnrolled:
		return PalmUnknown
	case provider.WrongHand:
		return PalmHand
	case provider.SecondFactor:
		return PalmMember
	case provider.Refused:
		return PalmRefused
	case provider.Expired:
		return PalmLate
	case provider.LockedOut:
		return PalmLocked
	}
	return PalmOff
}

// identify asks the provider who it is.
func (v *visit) identify(ch biometric.Challenge, sealed biometric.Sealed) (provider.Answer, error) {
	if err := v.enter(Screen{Kind: ScreenMatching}); err != nil {
		return provider.Answer{Outcome: provider.Refused}, err
	}
	type reply struct {
		ans provider.Answer
		err error
	}
	limit := min(time.Until(ch.Expires), steps[ScreenMatching].limit)
	got, err := beside(v, limit, func(ctx context.Context) reply {
		ans, err := v.r.Provider.Identify(ctx, sealed)
		return reply{ans, err}
	}, func(r reply) { r.ans.Credential.Wipe() })
	switch {
	case err != nil:
		return provider.Answer{}, err
	case got.err != nil:
		got.ans.Credential.Wipe()
		v.tell("no-answer", got.err.Error())
		return provider.Answer{}, setbackOf(PalmOff)
	case got.ans.Outcome != provider.Matched:
		got.ans.Credential.Wipe()
		v.tell("no-match", string(got.ans.Outcome))
		return got.ans, setbackOf(reasonOfOutcome(got.ans.Outcome))
	case got.ans.Credential.Len() == 0 || got.ans.Name == "":
		v.tell("no-answer", "the provider names nobody, or gives no credential")
		return got.ans, setbackOf(PalmOff)
	}
	return got.ans, nil
}

// reserve is how long a credential must live on, for the request that it pays with.
const reserve = 2 * time.Second

// agree shows who pays what, and waits for the person's yes.
func (v *visit) agree(ans provider.Answer) error {
	limit := steps[ScreenAgree].limit
	if !ans.Expires.IsZero() {
		limit = min(limit, time.Until(ans.Expires)-reserve)
	}
	v.extend(limit)
	v.tell("matched", "")
	s := Screen{Kind: ScreenAgree, Name: ans.Name, Ends: time.Now().Add(limit)}
	if err := v.enter(s); err != nil {
		return err
	}
	x, err := v.await(nil, limit)
	switch {
	case errors.Is(err, errStopped):
		v.tell("not-confirmed", "the person says that it is not them, or does not pay")
		return setbackOf(PalmStopped)
	case errors.Is(err, errStepOver):
		v.tell("not-confirmed", "nobody confirmed in time")
		return setbackOf(PalmLate)
	case err != nil:
		return err
	case x.Deed != DeedYes:
		return setbackOf(PalmStopped)
	}
	v.tell("confirmed", "")
	return nil
}

// takeCredential does with a credential what takeCode does with a code, and gives it back
// when no request with it has left.
func (pm *payment) takeCredential(ctx context.Context, w *waiting, scan scanner.Scan) (over bool, err error) {
	t, from := pm.t, w.from
	w.from = nil
	mac := t.o.Journal.CodeMAC(scan.Text.Reveal())
	out, err := pm.judgeCode(scan, &w.document)
	if err != nil || out.refused != "" || out.ending != sale.Undecided {
		scan.Text.Wipe()
		out.factor.Wipe()
		t.emit(Event{Kind: string(from.r.Modality), Payment: pm.record().ID, State: "refused",
			Text: "the provider's credential cannot be charged here: " + cmp.Or(out.told, out.refused, out.why)})
		t.void(from)
		w.reason, w.captures = string(PalmOff), maxCaptures
		return false, err
	}
	again, err := pm.attempt(ctx, out, scan)
	if !pm.left(mac) {
		t.void(from)
	}
	w.reason, w.bad = again, w.bad+1
	return again == "", err
}

// left reports whether a request with this code may have left.
func (pm *payment) left(mac []byte) bool {
	p := pm.record()
	for i := range p.Attempts {
		a := &p.Attempts[i]
		if string(a.CodeMAC) == string(mac) && !(a.State == sale.Declined && a.Why == sale.EvNotSent) {
			return true
		}
	}
	return false
}

// How often, and how long, the till tries to give an unused credential back. One that is not
// given back dies within a minute.
const (
	voidTries = 3
	voidFor   = 5 * time.Second
)

// void gives a credential back, beside everything else.
func (t *Till) void(from *voucher) {
	t.mu.Lock()
	run := t.ctx
	t.mu.Unlock()
	if run == nil {
		return
	}
	t.inBackground(func() {
		var err error
		for try := range voidTries {
			if try > 0 {
				select {
				case <-run.Done():
					return
				case <-time.After(time.Duration(try) * time.Second):
				}
			}
			ctx, cancel := context.WithTimeout(run, voidFor)
			err = from.r.Provider.Void(ctx, from.binding)
			cancel()
			if err == nil {
				t.emit(Event{Kind: string(from.r.Modality), Payment: from.binding.Payment, State: "voided"})
				return
			}
		}
		t.emit(Event{Kind: string(from.r.Modality), Payment: from.binding.Payment, State: "not-voided", Text: err.Error()})
	})
}
