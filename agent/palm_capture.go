package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/biometric"
)

// capture lets the pipeline look at the person: camera and lamps are on while it runs, and
// at no other time.
func (v *visit) capture(ch biometric.Challenge, samples int) (biometric.Sealed, error) {
	v.t.mu.Lock()
	step := v.step // that of the challenge: ScreenPresent
	v.t.mu.Unlock()
	limit := min(time.Until(ch.Expires), steps[ScreenPresent].limit)
	ch.Samples = samples
	v.repaint(step, func(s *Screen) { s.Ends = time.Now().Add(limit) })
	type result struct {
		sealed  biometric.Sealed
		verdict biometric.Verdict
		err     error
	}
	got, err := beside(v, limit, func(ctx context.Context) result {
		sealed, verdict, err := v.r.Pipeline.Present(ctx, ch, func(g biometric.Guidance) {
			v.repaint(step, func(s *Screen) { s.guide(g) })
		})
		return result{sealed, verdict, err}
	}, func(result) {})
	if err != nil {
		return biometric.Sealed{}, err
	}
	return got.sealed, v.judge(ch, got.sealed, got.verdict, got.err)
}

// guide shows a word of guidance, and counts what was taken.
func (s *Screen) guide(g biometric.Guidance) {
	if g == biometric.SensorComplete && s.Guide != g && s.Taken < s.Of {
		s.Taken++
	}
	s.Guide = g
}

// judge is nil for a presentation of a live person that is sealed for this challenge.
func (v *visit) judge(ch biometric.Challenge, sealed biometric.Sealed, verdict biometric.Verdict, err error) error {
	var fault *biometric.Error
	switch {
	case verdict.Decision == biometric.Attack:
		v.t.attacked(v, verdict)
		return setbackOf(PalmUnusable)
	case errors.As(err, &fault):
		v.tell("not-captured", text(fault, fault.Hint))
		return setbackOf(reasonOfFault(fault.Fault))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		v.tell("not-captured", "nothing usable was shown in time")
		return setbackOf(PalmNobody)
	case err != nil:
		v.tell("not-captured", err.Error())
		return setbackOf(PalmOff)
	case verdict.Decision != biometric.BonaFide:
		v.tell("undetermined", cuesOf(verdict, biometric.Undetermined))
		return setbackOf(PalmUnsure)
	case ch.Purpose == biometric.Pay && !verdict.PaymentGrade:
		v.tell("undetermined", "a cue that a payment needs is missing: "+strings.Join(verdict.Missing, ", "))
		return setbackOf(PalmUnsure)
	case !sameBinding(sealed.Binding, ch.Binding) || len(sealed.Ciphertext) == 0:
		v.tell("not-captured", "what was sealed is bound to something else")
		return setbackOf(PalmOff)
	}
	v.tell("captured", "")
	return nil
}

func text(err error, hint string) string {
	if hint == "" {
		return err.Error()
	}
	return err.Error() + " (" + hint + ")"
}

func reasonOfFault(f biometric.Fault) PalmReason {
	switch f {
	case biometric.FaultNobody:
		return PalmNobody
	case biometric.FaultMany:
		return PalmMany
	case biometric.FaultQuality:
		return PalmQuality
	case biometric.FaultExpired:
		return PalmLate
	}
	return PalmOff
}

// cuesOf names the cues that decided so, or the word that did.
func cuesOf(v biometric.Verdict, d biometric.Decision) string {
	var names []string
	for _, c := range v.Cues {
		if c.Decision == d {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return v.Reason
	}
	return strings.Join(names, ", ")
}

// attacksShown is how long the operator's console keeps showing that there were attacks.
const attacksShown = time.Hour

// attacked counts a presentation attack and tells the operator, with the cues' names. The
// person is told nothing of it.
func (t *Till) attacked(v *visit, verdict biometric.Verdict) {
	cues := cuesOf(verdict, biometric.Attack)
	v.tell("attack", cues)
	t.mu.Lock()
	t.attacks++
	n := t.attacks
	t.attackedAt = time.Now()
	t.mu.Unlock()
	t.o.Health.Set(health.Cause{Code: "palm-attack", Subject: string(v.r.Modality), Severity: health.Warning,
		Text: fmt.Sprintf("presentations judged an attack since the start: %d, the last one by %s", n, cues),
		Hint: "look at who stands before the till and at the camera's window"})
}
