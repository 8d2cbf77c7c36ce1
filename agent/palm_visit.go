package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// visit is one person's dealings with a recogniser at the customer's screen: a presentation
// that pays, an enrolment or a withdrawal. Its goroutine is the payment's owner, or one of
// its own. Nothing of it is durable.
type visit struct {
	t       *Till
	r       *Recogniser
	pm      *payment        // nil where nobody pays
	w       *waiting        // of that payment
	id      string          // of the payment, or the enrolment's own
	verb    string          // of its events: "palm", "enrol", "withdraw"
	ctx     context.Context // ends with the visit
	run     context.Context // ends with the till; of a visit that is no payment
	cancel  context.CancelFunc
	touches chan Touch // room for one

	armed bool                    // the scanner is
	read  func(scanner.Scan) bool // does with a scan what the step says; true ends the step

	// Guarded by Till.mu.
	kind    ScreenKind // of the step that is shown
	step    uint64
	touched bool          // the step has had its deed
	skip    bool          // DeedSkip is allowed
	screen  Screen        // of a visit that is no payment
	left    chan struct{} // closed once the visit, which is no payment, uses the scanner no more
}

// Why a step ended without a deed. What the person is told a reason of is a *setback.
var (
	errCodeShown = errors.New("a payment code was shown")
	errAborted   = errors.New("the payment was aborted")
	errTooLate   = errors.New("the payment's time is over")
	errStepOver  = errors.New("nothing was done in time")
	errStopped   = errors.New("the person stopped it")
	errReadOff   = errors.New("the step's code was read") // visit.read kept it
)

// setback is a presentation that came to nothing; another way to pay is offered.
type setback struct{ reason PalmReason }

func (s *setback) Error() string { return string(s.reason) }

func setbackOf(r PalmReason) error { return &setback{r} }

func (t *Till) newVisit(r *Recogniser, id, verb string) *visit {
	return &visit{t: t, r: r, id: id, verb: verb, touches: make(chan Touch, 1), left: make(chan struct{})}
}

// enter shows a step. It fails where no step of that kind may follow the one before.
func (v *visit) enter(s Screen) error {
	t := v.t
	t.mu.Lock()
	if !mayFollow(v.kind, s.Kind) {
		t.mu.Unlock()
		return fmt.Errorf("show %q after %q: not a legal step", s.Kind, v.kind)
	}
	t.steps++
	v.kind, v.step, v.touched, v.skip = s.Kind, t.steps, false, s.Skip
	select {
	case x := <-v.touches:
		x.Code.Wipe()
	default:
	}
	s.Step, s.Modality, s.Provider = v.step, v.r.Modality, v.r.title()
	v.put(s)
	t.mu.Unlock()
	t.showLane()
	return nil
}

// put sets the visit's screen. The caller holds mu, and calls showLane after it.
func (v *visit) put(s Screen) {
	if v.pm != nil {
		v.pm.screen = v.t.priced(v.pm, s)
		return
	}
	s.Payment = v.id
	v.screen = s
}

// shown is the visit's screen. The caller holds mu.
func (v *visit) shown() Screen {
	if v.pm != nil {
		return v.pm.screen
	}
	return v.screen
}

// repaint changes what the step with this number shows; a step that is over stays over.
func (v *visit) repaint(step uint64, edit func(*Screen)) {
	v.t.mu.Lock()
	if s := v.shown(); v.step == step && s.Step == step {
		edit(&s)
		v.put(s)
	}
	v.t.mu.Unlock()
	v.t.showLane()
}

// ask shows a step and waits for its deed, at most for its time.
func (v *visit) ask(s Screen) (Touch, error) {
	limit := steps[s.Kind].limit
	s.Ends = time.Now().Add(limit)
	if err := v.enter(s); err != nil {
		return Touch{}, err
	}
	return v.await(nil, limit)
}

// await hears whoever speaks first: the work that is under way, the person, the scanner, the
// point of sale, the clock. A deed that stops the visit is errStopped.
func (v *visit) await(done <-chan struct{}, limit time.Duration) (Touch, error) {
	over := time.NewTimer(limit)
	defer over.Stop()
	var aborts <-chan abortAsk
	var late <-chan time.Time
	if v.pm != nil {
		aborts = v.pm.aborts
		timer := time.NewTimer(time.Until(v.w.deadline))
		defer timer.Stop()
		late = timer.C
	}
	for {
		var scans <-chan scanner.Scan
		if v.armed {
			scans = v.t.o.Scanner.Scans()
		}
		select {
		case <-v.ctx.Done():
			v.leaveScanner()
			return Touch{}, errOver
		case ask := <-aborts:
			ask.ack <- nil // void: nothing was sent, and nothing will be
			return Touch{}, errAborted
		case scan := <-scans:
			if v.pm != nil && v.codeShown(scan) {
				return Touch{}, errCodeShown
			}
			if v.read != nil && v.read(scan) {
				return Touch{}, errReadOff
			}
			scan.Text.Wipe()
		case x := <-v.touches:
			if x.Deed == DeedStop || x.Deed == DeedNo {
				return x, errStopped
			}
			return x, nil
		case <-done:
			return Touch{}, nil
		case <-late:
			return Touch{}, errTooLate
		case <-over.C:
			return Touch{}, errStepOver
		}
	}
}

// codeShown keeps a scan that can be charged: it wins over whatever the visit was at.
func (v *visit) codeShown(scan scanner.Scan) bool {
	out, err := v.pm.judgeCode(scan, &v.w.document)
	out.factor.Wipe()
	if err != nil || out.refused != "" || out.ending != "" {
		return false
	}
	v.w.wipe()
	v.w.ready = &scan
	return true
}

// patience is how long a visit waits for work that was told to stop.
const patience = 3 * time.Second

// beside runs f while the visit hears everybody else, at most for limit. When somebody ends
// the visit meanwhile, f's context is over, and beside waits for f: camera and lamps are off
// when it returns. What f brought all the same goes to drop, also when f comes only after
// the till's patience.
func beside[T any](v *visit, limit time.Duration, f func(context.Context) T, drop func(T)) (T, error) {
	ctx, cancel := context.WithTimeout(v.ctx, limit)
	defer cancel()
	var out, none T
	done := make(chan struct{})
	v.t.wg.Go(func() {
		defer close(done)
		out = f(ctx)
	})
	_, err := v.await(done, limit+patience)
	if err == nil {
		return out, nil
	}
	cancel()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-done:
		drop(out)
	case <-wait.C:
		v.t.o.Log.Error("a presentation does not stop", "modality", v.r.Modality, "after", patience)
		v.t.wg.Go(func() { <-done; drop(out) })
	}
	return none, err
}

// arm opens the gate beside a step; without a scanner codes are typed.
func (v *visit) arm() { v.armed = v.t.o.Scanner.Arm(v.ctx) == nil }

func (v *visit) disarm() {
	if v.armed {
		v.t.o.Scanner.Disarm()
	}
	v.armed = false
	select {
	case x := <-v.touches: // typed, and nobody reads it any more
		x.Code.Wipe()
	default:
	}
}

// leaveScanner lets the next one use the scanner: this visit does not any more.
func (v *visit) leaveScanner() {
	v.disarm()
	v.t.mu.Lock()
	closeOnce(v.left)
	v.t.mu.Unlock()
}

// tell tells the people behind the counter. No code and no name is in it.
func (v *visit) tell(state, text string) {
	e := Event{Kind: v.verb, State: state, Text: text}
	if v.pm != nil {
		p := v.pm.record()
		e.Payment, e.Amount = p.ID, p.Amount.String()
	}
	v.t.emit(e)
}

// wipeChallenge clears what a challenge holds of a provider's secrets.
func wipeChallenge(ch biometric.Challenge) {
	ch.Transform.Key.Wipe()
	secret.Zero(ch.Transform.Salt)
}

// sameBinding reports whether what came back is bound to what was asked for.
func sameBinding(a, b biometric.Binding) bool {
	return a.Purpose == b.Purpose && a.Modality == b.Modality && a.Provider == b.Provider && a.Merchant == b.Merchant &&
		a.Terminal == b.Terminal && a.Payment == b.Payment && a.Minor == b.Minor && a.Currency == b.Currency &&
		a.Claim == b.Claim && slices.Equal(a.Nonce, b.Nonce)
}
