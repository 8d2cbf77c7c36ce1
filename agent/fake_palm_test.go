package agent_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// hand is a pipeline that sees what the test shows it.
type hand struct {
	mu       sync.Mutex
	on       bool // the camera
	shots    int  // how often it went on
	broken   error
	guidance []biometric.Guidance
	hold     chan struct{} // not nil: nothing is seen before it is closed
	deaf     chan struct{} // not nil: it does not stop before it is closed
	verdict  biometric.Verdict
	fault    error
	rebind   func(*biometric.Binding)
	last     biometric.Challenge
}

func live() biometric.Verdict {
	return biometric.Verdict{Decision: biometric.BonaFide, Modality: biometric.Palm, PaymentGrade: true,
		Cues: []biometric.Cue{{Name: "reflectance", Decision: biometric.BonaFide}}}
}

func (h *hand) Ready() error { h.mu.Lock(); defer h.mu.Unlock(); return h.broken }

func (h *hand) Present(ctx context.Context, ch biometric.Challenge, guide func(biometric.Guidance)) (biometric.Sealed, biometric.Verdict, error) {
	h.mu.Lock()
	if h.on {
		h.mu.Unlock()
		return biometric.Sealed{}, biometric.Verdict{}, &biometric.Error{Op: "present a palm", Fault: biometric.FaultBusy}
	}
	h.on, h.last = true, ch
	h.shots++
	hold, deaf, guidance := h.hold, h.deaf, h.guidance
	h.mu.Unlock()
	defer func() { h.mu.Lock(); h.on = false; h.mu.Unlock() }()
	if len(ch.Transform.Key.Reveal()) == 0 {
		panic("the transform's key was wiped before it was used")
	}
	for _, g := range guidance {
		guide(g)
	}
	if deaf != nil {
		<-deaf
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return biometric.Sealed{}, biometric.Verdict{}, ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault != nil || h.verdict.Decision != biometric.BonaFide {
		return biometric.Sealed{}, h.verdict, h.fault
	}
	s := biometric.Sealed{Binding: ch.Binding, Ciphertext: []byte("sealed")}
	if h.rebind != nil {
		h.rebind(&s.Binding)
	}
	return s, h.verdict, nil
}

func (h *hand) isOn() bool     { h.mu.Lock(); defer h.mu.Unlock(); return h.on }
func (h *hand) set(f func())   { h.mu.Lock(); defer h.mu.Unlock(); f() }
func (h *hand) presented() int { h.mu.Lock(); defer h.mu.Unlock(); return h.shots }
func (h *hand) wait() (open func()) {
	c := make(chan struct{})
	h.set(func() { h.hold = c })
	return sync.OnceFunc(func() { close(c) })
}

// house is a provider without a wire, that knows who is enrolled.
type house struct {
	mu       sync.Mutex
	down     error
	policy   provider.Policy
	asks     []provider.Ask
	codes    func() string // makes credentials
	given    map[string]string
	voided   []biometric.Binding
	enrolled []provider.Consent
	revoked  []string
	answer   provider.Answer
	expires  time.Duration // of credentials; 0: they say nothing
	fails    error         // what identify returns
	refuses  error         // what challenge returns
	holds    map[string]chan struct{}
	rebind   func(*biometric.Binding)
	outlives bool // identify answers although its context is over
}

func newHouse(codes func() string) *house {
	return &house{codes: codes, given: map[string]string{}, holds: map[string]chan struct{}{},
		policy: provider.Policy{MinAge: 14}, answer: provider.Answer{Outcome: provider.Matched, Name: "W** M**"}}
}

func (h *house) set(f func()) { h.mu.Lock(); defer h.mu.Unlock(); f() }

// wait lets a call hang until open is called or its context ends.
func (h *house) wait(call string) (open func()) {
	c := make(chan struct{})
	h.set(func() { h.holds[call] = c })
	return sync.OnceFunc(func() { close(c); h.set(func() { delete(h.holds, call) }) })
}

func (h *house) hang(ctx context.Context, call string) error {
	h.mu.Lock()
	c := h.holds[call]
	h.mu.Unlock()
	if c == nil {
		return nil
	}
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return &provider.Error{Op: call, Kind: provider.Unreachable, Err: ctx.Err()}
	}
}

func (h *house) Ready() error { h.mu.Lock(); defer h.mu.Unlock(); return h.down }

func (h *house) Policy() (provider.Policy, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.policy, h.down == nil
}

func (h *house) Challenge(ctx context.Context, a provider.Ask) (biometric.Challenge, error) {
	if err := h.hang(ctx, "challenge"); err != nil {
		return biometric.Challenge{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a.Claim = secret.Copy(a.Claim.Reveal())
	h.asks = append(h.asks, a)
	switch {
	case h.down != nil:
		return biometric.Challenge{}, h.down
	case h.refuses != nil:
		return biometric.Challenge{}, h.refuses
	}
	b := biometric.Binding{Purpose: a.Purpose, Modality: a.Modality, Provider: "palm.example", Merchant: a.Merchant, Terminal: a.Terminal,
		Payment: a.Payment, Minor: a.Minor, Currency: a.Currency, Claim: string(a.Claim.Reveal()), Nonce: fmt.Appendf(nil, "nonce %d", len(h.asks))}
	if h.rebind != nil {
		h.rebind(&b)
	}
	return biometric.Challenge{Binding: b, Expires: time.Now().Add(time.Minute),
		Transform: biometric.Transform{Key: secret.New(make([]byte, 32)), Salt: make([]byte, 16)}}, nil
}

func (h *house) Identify(ctx context.Context, s biometric.Sealed) (provider.Answer, error) {
	h.mu.Lock()
	outlives := h.outlives
	h.mu.Unlock()
	if outlives {
		ctx = context.WithoutCancel(ctx)
	}
	if err := h.hang(ctx, "identify"); err != nil {
		return provider.Answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.down != nil:
		return provider.Answer{}, h.down
	case h.fails != nil:
		return provider.Answer{}, h.fails
	}
	ans := h.answer
	if ans.Outcome != provider.Matched {
		return provider.Answer{Outcome: ans.Outcome}, nil
	}
	key := string(s.Binding.Nonce)
	if h.given[key] == "" {
		h.given[key] = h.codes()
	}
	if h.given[key] != "-" {
		ans.Credential = secret.Copy([]byte(h.given[key]))
	}
	if h.expires != 0 {
		ans.Expires = time.Now().Add(h.expires)
	}
	return ans, nil
}

func (h *house) Enrol(ctx context.Context, s biometric.Sealed) (provider.Enrolment, error) {
	if err := h.hang(ctx, "enrol"); err != nil {
		return provider.Enrolment{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answer.Outcome != provider.Matched {
		return provider.Enrolment{Outcome: h.answer.Outcome}, nil
	}
	h.enrolled = append(h.enrolled, *h.asks[len(h.asks)-1].Consent)
	return provider.Enrolment{Outcome: provider.Enrolled, Name: h.answer.Name}, nil
}

func (h *house) Revoke(ctx context.Context, code *secret.Bytes) error {
	if err := h.hang(ctx, "revoke"); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails != nil {
		return h.fails
	}
	h.revoked = append(h.revoked, string(code.Reveal()))
	return nil
}

func (h *house) Void(_ context.Context, b biometric.Binding) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.voided = append(h.voided, b)
	return nil
}

func (h *house) voids() int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.voided) }

func (h *house) last() provider.Ask {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asks[len(h.asks)-1]
}

var errNoProvider = errors.New("connection refused")

const member = "M-20417"

// clinic is a desk with a recogniser of palms.
type clinic struct {
	*desk
	hand  *hand
	house *house
}

// palming runs f with a desk at which palms pay.
func palming(t *testing.T, name string, f func(*testing.T, *clinic)) {
	t.Helper()
	palmingWith(t, name, nil, f)
}

func palmingWith(t *testing.T, name string, adjust func(*clinic, *agent.Options), f func(*testing.T, *clinic)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := &clinic{hand: &hand{verdict: live()}}
			codes := int64(0)
			c.house = newHouse(func() string { codes++; return fmt.Sprintf("13%016d", 5_500_000_000_000+codes) })
			c.desk = newDesk(t, func(o *agent.Options) {
				o.Recognisers = []agent.Recogniser{{Modality: biometric.Palm, Pipeline: c.hand, Provider: c.house, Name: "palm.example",
					Title: "Palm Example", Merchant: "shop-7", Terminal: "000158000000000", Claim: regexp.MustCompile(`M-[0-9]{5}`)}}
				if adjust != nil {
					adjust(c, o)
				}
			})
			defer func() { c.stop() }()
			f(t, c)
			c.stop()
			if c.hand.isOn() {
				t.Error("the camera is still on")
			}
		})
	})
}

// press presses the button for palms on the payment that is shown.
func (c *clinic) press() {
	c.t.Helper()
	s := c.till.Screen()
	if !s.Palm {
		c.t.Fatalf("no button for palms: %+v", s)
	}
	if err := c.till.Present(s.Payment, biometric.Palm); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
}

// do does something on the step that is shown, and must be allowed to.
func (c *clinic) do(d agent.Deed) { c.t.Helper(); c.touch(agent.Touch{Deed: d}) }

func (c *clinic) touch(x agent.Touch) {
	c.t.Helper()
	s := c.till.Screen()
	x.Payment, x.Step = s.Payment, s.Step
	if err := c.till.Touch(x); err != nil {
		c.t.Fatalf("%v; the screen shows %+v", err, s)
	}
	synctest.Wait()
}

func (c *clinic) enter(code string) {
	c.t.Helper()
	c.touch(agent.Touch{Deed: agent.DeedType, Code: secret.Copy([]byte(code))})
}

func (c *clinic) wantKind(k agent.ScreenKind) agent.Screen {
	c.t.Helper()
	s := c.till.Screen()
	if s.Kind != k {
		c.t.Fatalf("screen %+v, want %q", s, k)
	}
	return s
}

func (c *clinic) wantReason(k agent.ScreenKind, r agent.PalmReason) agent.Screen {
	c.t.Helper()
	s := c.wantKind(k)
	if s.Reason != string(r) {
		c.t.Fatalf("screen %+v, want the reason %q", s, r)
	}
	return s
}

// wantVoids waits for credentials to be given back.
func (c *clinic) wantVoids(n int) {
	c.t.Helper()
	synctest.Wait()
	if got := c.house.voids(); got != n {
		c.t.Fatalf("%d credentials were given back, want %d", got, n)
	}
}

// wantUnsent checks that nothing went to a wallet.
func (c *clinic) wantUnsent() {
	c.t.Helper()
	if n := len(c.wechat.pays) + len(c.alipay.pays); n != 0 {
		c.t.Fatalf("%d requests went to wallets", n)
	}
}

// events collects what is told from now on.
func (c *clinic) events() func() []agent.Event {
	ctx, cancel := context.WithCancel(context.Background())
	_, in := c.till.Watch(ctx)
	var out []agent.Event
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range in {
			out = append(out, e)
		}
	}()
	return func() []agent.Event { synctest.Wait(); cancel(); <-done; return out }
}

func states(events []agent.Event, kind string) (out []string) {
	for _, e := range events {
		if e.Kind == kind {
			out = append(out, e.State)
		}
	}
	return out
}
