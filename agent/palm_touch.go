package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/internal/secret"
)

// Deed is what a person can do at the customer's screen.
type Deed string

const (
	DeedStop  Deed = "stop"  // another way, please
	DeedType  Deed = "type"  // Touch.Code was typed
	DeedSkip  Deed = "skip"  // without a member code; only where Screen.Skip is set
	DeedYes   Deed = "yes"   // it is me, and I pay this; or: withdraw
	DeedNo    Deed = "no"    // it is not
	DeedAgree Deed = "agree" // the boxes stand as Touch says
)

// Touch is one deed on one step.
type Touch struct {
	Payment string // Screen.Payment
	Step    uint64 // Screen.Step
	Deed    Deed
	Code    *secret.Bytes // with DeedType
	// With DeedAgree: the boxes as they stand, and the language that the text was shown in.
	Biometric, Transfer, Age bool
	Language                 string
}

// step is one row of the table of legal steps.
type step struct {
	after []ScreenKind  // what it may follow; "" is the beginning
	deeds []Deed        // what the person can do on it
	limit time.Duration // after which it is over by itself
}

// steps is the table. From the moment when an enrolment or a withdrawal is with the provider
// nobody can stop it: what the screen said of the outcome would not be certain.
var steps = map[ScreenKind]step{
	ScreenClaim:    {[]ScreenKind{"", ScreenClaim, ScreenPresent, ScreenMatching}, []Deed{DeedType, DeedSkip, DeedStop}, time.Minute},
	ScreenPresent:  {[]ScreenKind{ScreenClaim, ScreenAccount}, []Deed{DeedStop}, time.Minute},
	ScreenMatching: {[]ScreenKind{ScreenPresent}, []Deed{DeedStop}, 20 * time.Second},
	ScreenAgree:    {[]ScreenKind{ScreenMatching}, []Deed{DeedYes, DeedNo}, 20 * time.Second},
	ScreenConsent:  {[]ScreenKind{"", ScreenConsent}, []Deed{DeedAgree, DeedStop}, 5 * time.Minute},
	ScreenAccount:  {[]ScreenKind{"", ScreenConsent, ScreenAccount}, []Deed{DeedType, DeedStop}, 2 * time.Minute},
	ScreenWithdraw: {[]ScreenKind{ScreenAccount}, []Deed{DeedYes, DeedNo}, time.Minute},
	ScreenSaving:   {[]ScreenKind{ScreenPresent, ScreenWithdraw}, nil, 20 * time.Second},
}

func mayFollow(before, next ScreenKind) bool { return slices.Contains(steps[next].after, before) }

// Touch is what the person did at the customer's screen. The till takes it only while the
// step it was done on is the one shown, once, and only where the step allows it. It owns
// and wipes x.Code. The error is queue.ErrNotFound or wraps ErrNoPalm with the reason.
func (t *Till) Touch(x Touch) error {
	why, known := t.touch(x)
	if why == "" {
		return nil
	}
	x.Code.Wipe()
	if !known {
		return fmt.Errorf("%s at step %d of %.32s: %w", x.Deed, x.Step, x.Payment, queue.ErrNotFound)
	}
	return fmt.Errorf("%s at step %d of %.32s: %w: %s", x.Deed, x.Step, x.Payment, ErrNoPalm, why)
}

func (t *Till) touch(x Touch) (why string, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.visit
	switch {
	case v == nil || v.id != x.Payment:
		return "nobody is asked anything", false
	case v.step != x.Step:
		return "another step is shown", true
	case !slices.Contains(steps[v.kind].deeds, x.Deed) || x.Deed == DeedSkip && !v.skip || x.Deed == DeedType && x.Code.Len() == 0:
		return "this step does not allow it", true
	case v.touched:
		return "this step was answered already", true
	}
	v.touched = true
	v.touches <- x // there is room: enter empties it, and a step is touched once
	return "", true
}
