package provider_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
)

func TestEnrolledPalmPays(t *testing.T) {
	d := newDesk(t, nil)
	if e := d.enrol(wang, "wang"); e.Name != "W*** M***" || e.Replaced {
		t.Fatalf("%+v", e)
	}
	a := d.pay(wang, "wang")
	if a.Outcome != provider.Matched || a.Credential.Len() != 18 || a.Name != "W*** M***" || !a.Expires.After(time.Now()) {
		t.Fatalf("%+v", a)
	}
	if got := d.pay(wang, "stranger").Outcome; got != provider.NotMatched {
		t.Errorf("a stranger: %s", got)
	}
	if got := d.pay(li, "li").Outcome; got != provider.NotEnrolled {
		t.Errorf("a member without a template: %s", got)
	}
	if got := d.pay("nobody", "wang").Outcome; got != provider.NotEnrolled {
		t.Errorf("nobody: %s", got)
	}
	if err := d.client.Ready(); err != nil {
		t.Error(err)
	}
}

func TestSameBytesSameCredential(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	ch := d.challenge(payment(wang))
	s := d.seal(ch, "wang")
	first := d.identify(s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			a, err := d.client.Identify(d.ctx(), s)
			if err != nil || !a.Credential.Equal(first.Credential) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	wg.Wait()
	if n := d.provider.Counts()["issued"]; n != 1 {
		t.Errorf("%d credentials for one Sealed", n)
	}
	// The same person presents again for the same challenge: other bytes.
	if a := d.identify(d.seal(ch, "wang")); a.Outcome != provider.Expired || a.Credential != nil {
		t.Errorf("other bytes for a used nonce: %s", a.Outcome)
	}
	if n := d.provider.Counts()["issued"]; n != 1 {
		t.Errorf("%d credentials for one nonce", n)
	}
	// An unmatched answer is repeated as well.
	ch = d.challenge(payment(wang))
	s = d.seal(ch, "stranger")
	for range 2 {
		if a := d.identify(s); a.Outcome != provider.NotMatched {
			t.Errorf("%s", a.Outcome)
		}
	}
	if a := d.identify(d.seal(ch, "wang")); a.Outcome != provider.Expired {
		t.Errorf("a second palm for one nonce: %s", a.Outcome)
	}
}

// TestCredentialsEnd sends the same bytes when the nonce is over and the credential is not,
// and when both are.
func TestCredentialsEnd(t *testing.T) {
	d := newDesk(t, func(o *providertest.Options) {
		o.Issue = func(context.Context, providertest.Credit) ([]byte, time.Time, error) {
			return []byte("130061098828009406"), o.Clock().Add(90 * time.Second), nil
		}
	})
	d.enrol(wang, "wang")
	s := d.seal(d.challenge(payment(wang)), "wang")
	d.identify(s)
	d.clock.step(89 * time.Second)
	if a := d.raw("/v1/identify", presented(t, s)); !strings.Contains(a.body, `"130061098828009406","life_ms":1000`) {
		t.Errorf("a second before: %s", a.body)
	}
	d.clock.step(time.Second)
	if a := d.raw("/v1/identify", presented(t, s)); a.body != `{"outcome":"expired"}` {
		t.Errorf("when it is over: %s", a.body)
	}
}

func TestNonceExpires(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	s := d.seal(d.challenge(payment(wang)), "wang")
	d.clock.step(60 * time.Second)
	if a := d.identify(s); a.Outcome != provider.Expired {
		t.Errorf("%s", a.Outcome)
	}
	// The client knows it, too.
	d = newDesk(t, func(o *providertest.Options) { o.NonceLife = time.Millisecond })
	ch := d.challenge(payment(wang))
	for time.Now().Before(ch.Expires) {
		runtime.Gosched()
	}
	_, err := d.client.Identify(d.ctx(), d.seal(ch, "wang"))
	if e := d.fault(err, provider.Denied, ""); e.Outcome != provider.Expired {
		t.Errorf("%+v", e)
	}
}

// TestReplayForAnotherPayment has a probe that was sealed for one payment sent for another, by
// somebody who holds the terminal's key.
func TestReplayForAnotherPayment(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	for name, change := range map[string]func(b *biometric.Binding){
		"amount":   func(b *biometric.Binding) { b.Minor = 1 },
		"currency": func(b *biometric.Binding) { b.Currency = "JPY" },
		"payment":  func(b *biometric.Binding) { b.Payment = "P-2" },
		"merchant": func(b *biometric.Binding) { b.Merchant = "M-2" },
		"terminal": func(b *biometric.Binding) { b.Terminal = "000158000000002" },
		"claim":    func(b *biometric.Binding) { b.Claim = li },
		"modality": func(b *biometric.Binding) { b.Modality = biometric.Face },
		"provider": func(b *biometric.Binding) { b.Provider = "other.example" },
	} {
		ch := d.challenge(payment(wang))
		s := d.seal(ch, "wang")
		// As it is: the signature does not cover it.
		forged := s
		change(&forged.Binding)
		d.refused(name+", bytes changed", forged)
		// Signed anew by a terminal that lies: the provider knows what it challenged for.
		ch = d.challenge(payment(wang))
		if name == "modality" {
			continue // no palm can be sealed as a face
		}
		lied := ch
		change(&lied.Binding)
		d.refused(name+", sealed anew", d.sealWith(lied, d.template(ch, "wang", nil), d.verdict()))
	}
	// The ciphertext of one challenge under the nonce of another, signed by the terminal.
	one, two := d.challenge(payment(wang)), d.challenge(payment(wang))
	s, other := d.seal(one, "wang"), d.seal(two, "wang")
	other.Enc, other.Ciphertext = s.Enc, s.Ciphertext
	digest, err := other.Digest()
	d.must(err)
	other.Signature, err = d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	d.must(err)
	d.refused("another challenge's ciphertext", other)
	// Signed by somebody else, and otherwise as it should be.
	s = d.seal(d.challenge(payment(wang)), "wang")
	digest, err = s.Digest()
	d.must(err)
	s.Signature, err = newKey(t).Sign(rand.Reader, digest[:], crypto.SHA256)
	d.must(err)
	d.refused("another's signature", s)
	if n := d.provider.Counts()["issued"]; n != 0 {
		t.Errorf("%d credentials were issued", n)
	}
}

// refused presents s past the client's own checks.
func (d *desk) refused(what string, s biometric.Sealed) {
	d.t.Helper()
	a := d.raw("/v1/identify", presented(d.t, s))
	if a.status == 200 && !strings.Contains(a.body, `"refused"`) && !strings.Contains(a.body, `"expired"`) {
		d.t.Errorf("%s: %d %s", what, a.status, a.body)
	}
	if strings.Contains(a.body, "credential") {
		d.t.Errorf("%s: a credential came", what)
	}
}

func TestVerdictIsJudged(t *testing.T) {
	d := newDesk(t, func(o *providertest.Options) {
		o.Levels = []biometric.KeyLevel{biometric.LevelTPM, biometric.LevelFile}
	})
	d.enrol(wang, "wang")
	for name, change := range map[string]func(v *biometric.Verdict){
		"not of payment grade":       func(v *biometric.Verdict) { v.PaymentGrade = false },
		"the lamp order was guessed": func(v *biometric.Verdict) { v.Lamps = 7 },
		"a level it does not have":   func(v *biometric.Verdict) { v.Level = biometric.LevelTPM },
		"a level nobody trusts":      func(v *biometric.Verdict) { v.Level = biometric.LevelElement },
		"a simulated camera":         func(v *biometric.Verdict) { v.Simulated = true },
	} {
		v := d.verdict()
		change(&v)
		ch := d.challenge(payment(wang))
		if a := d.identify(d.sealWith(ch, d.template(ch, "wang", nil), v)); a.Outcome != provider.Refused {
			t.Errorf("%s: %s", name, a.Outcome)
		}
	}
	// An attack cannot even be sealed; signed by a terminal that was broken into it is refused.
	for _, decision := range []biometric.Decision{biometric.Attack, biometric.Undetermined} {
		v := d.verdict()
		v.Decision = decision
		s := d.seal(d.challenge(payment(wang)), "wang")
		var err error
		s.Verdict, err = biometric.EncodeVerdict(v)
		d.must(err)
		digest, err := s.Digest()
		d.must(err)
		s.Signature, err = d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
		d.must(err)
		d.refused("verdict "+string(decision), s)
	}
	// A verdict of another time belongs to another presentation.
	ch := d.challenge(payment(wang))
	p, v := d.template(ch, "wang", func(h *biometric.Header) { h.At = h.At.Add(-10 * time.Minute) }), d.verdict()
	v.At = v.At.Add(-10 * time.Minute)
	if a := d.identify(d.sealWith(ch, p, v)); a.Outcome != provider.Refused {
		t.Errorf("a verdict of ten minutes ago: %s", a.Outcome)
	}
	whys := map[string]bool{}
	for _, e := range d.provider.Audit() {
		if e.Outcome == provider.Refused {
			whys[e.Why] = true
		}
		if err := e.Record.Verify(&d.key.PublicKey); err != nil {
			t.Errorf("the record of a presentation that ended as %s does not verify: %v", e.Outcome, err)
		}
	}
	if len(whys) != 7 {
		t.Errorf("refusals are explained by %d reasons: %v", len(whys), whys)
	}
}

func TestWrongHand(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	ch := d.challenge(payment(wang))
	left := func(h *biometric.Header) { h.Hand = biometric.LeftHand }
	if a := d.identify(d.sealWith(ch, d.template(ch, "wang's other hand", left), d.verdict())); a.Outcome != provider.WrongHand {
		t.Errorf("%s", a.Outcome)
	}
	// The hand is a guess from the picture: a palm that matches is no other hand.
	ch = d.challenge(payment(wang))
	if a := d.identify(d.sealWith(ch, d.template(ch, "wang", left), d.verdict())); a.Outcome != provider.Matched {
		t.Errorf("%s", a.Outcome)
	}
}

func TestLockOut(t *testing.T) {
	d := newDesk(t, func(o *providertest.Options) { o.Lock = providertest.Lock{Member: 3, Terminal: 6} })
	d.enrol(wang, "wang")
	for range 3 {
		d.pay(wang, "stranger")
	}
	_, err := d.client.Challenge(d.ctx(), payment(wang))
	if e := d.fault(err, provider.Denied, "locked-out"); e.Outcome != provider.LockedOut || e.Retry != 15*time.Minute {
		t.Errorf("%+v", e)
	}
	// Nobody's code is locked like a member's.
	for range 2 {
		d.pay("nobody", "stranger")
	}
	s := d.seal(d.challenge(payment(li)), "li") // asked for before the sixth failure
	d.pay("nobody", "stranger")
	if _, err := d.client.Challenge(d.ctx(), payment("nobody")); err == nil {
		t.Error("a code of nobody is not locked")
	}
	if a := d.identify(s); a.Outcome != provider.LockedOut || a.Retry == 0 {
		t.Errorf("the terminal after six failures: %+v", a)
	}
	d.clock.step(15*time.Minute + time.Second)
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched {
		t.Errorf("after the lock: %s", a.Outcome)
	}
	for range 2 {
		d.pay(wang, "stranger")
	}
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched {
		t.Errorf("after two failures: %s", a.Outcome)
	}
	for range 2 { // the match wiped the slate
		if a := d.pay(wang, "stranger"); a.Outcome != provider.NotMatched {
			t.Errorf("%s", a.Outcome)
		}
	}
}

// TestLockOutAtOnce has presentations of one claim opened before any of them is compared.
func TestLockOutAtOnce(t *testing.T) {
	const all, allowed = 4, 2
	var mu sync.Mutex
	waiting := 0
	var together chan struct{} // nil while presentations need not wait
	d := newDesk(t, func(o *providertest.Options) {
		o.Lock = providertest.Lock{Member: allowed}
		o.Opened = func([]byte) {
			mu.Lock()
			gate := together
			if waiting++; gate != nil && waiting == all {
				close(gate)
			}
			mu.Unlock()
			if gate != nil {
				<-gate
			}
		}
	})
	d.enrol(wang, "wang")
	code := d.code(li)
	var probes, references []biometric.Sealed
	for range all {
		probes = append(probes, d.seal(d.challenge(payment(wang)), "stranger"))
		ch := d.challenge(d.enrolment(code))
		p, other := d.template(ch, "li", nil), d.template(ch, "stranger", nil)
		copy(p.Sample(2), other.Sample(2))
		references = append(references, d.sealWith(ch, p, d.verdict()))
	}
	identify := func(s biometric.Sealed) (provider.Outcome, error) {
		a, err := d.client.Identify(d.ctx(), s)
		return a.Outcome, err
	}
	enrol := func(s biometric.Sealed) (provider.Outcome, error) {
		e, err := d.client.Enrol(d.ctx(), s)
		return e.Outcome, err
	}
	for name, present := range map[string]func(i int) (provider.Outcome, error){
		"identify": func(i int) (provider.Outcome, error) { return identify(probes[i]) },
		"enrol":    func(i int) (provider.Outcome, error) { return enrol(references[i]) },
	} {
		mu.Lock()
		waiting, together = 0, make(chan struct{})
		mu.Unlock()
		outcomes := make(chan provider.Outcome, all)
		for i := range all {
			go func() {
				o, err := present(i)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				outcomes <- o
			}()
		}
		got := map[provider.Outcome]int{}
		for range all {
			got[<-outcomes]++
		}
		if got[provider.NotMatched] != allowed || got[provider.LockedOut] != all-allowed {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSaltsTellNothing asks for challenges about members and others.
func TestSaltsTellNothing(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	salts := map[string]string{}
	for _, claim := range []string{wang, li, "nobody", "somebody"} {
		one, two := d.challenge(payment(claim)), d.challenge(payment(claim))
		if !bytes.Equal(one.Transform.Salt, two.Transform.Salt) || len(one.Transform.Salt) != 16 || one.Transform.Epoch != two.Transform.Epoch {
			t.Errorf("%s: the salt changes", claim)
		}
		salts[string(one.Transform.Salt)] = claim
		if bytes.Equal(one.Nonce, two.Nonce) {
			t.Error("a nonce twice")
		}
	}
	if len(salts) != 4 {
		t.Error("two claims have one salt")
	}
}

// TestEpochsTellNothing has members in two epochs, and strangers who must not all be in the
// newest one.
func TestEpochsTellNothing(t *testing.T) {
	d := newDesk(t, nil)
	strangers := make([]string, 24)
	for i := range strangers {
		strangers[i] = "stranger-" + strconv.Itoa(i)
	}
	epochs := func() map[uint32]int {
		found := map[uint32]int{}
		for _, claim := range strangers {
			one, two := d.challenge(payment(claim)).Transform, d.challenge(payment(claim)).Transform
			if one.Epoch != two.Epoch || !bytes.Equal(one.Salt, two.Salt) {
				t.Errorf("%s: epochs %d and %d", claim, one.Epoch, two.Epoch)
			}
			found[one.Epoch]++
		}
		return found
	}
	d.enrol(wang, "wang")
	d.must(d.provider.NewEpoch(biometric.Standard))
	if n := epochs(); n[1] != len(strangers) {
		t.Errorf("nobody is enrolled in epoch 2: %v", n)
	}
	d.enrol(li, "li")
	if n := epochs(); n[1] == 0 || n[2] == 0 {
		t.Errorf("somebody is enrolled in each: %v", n)
	}
	d.must(d.provider.EndEpoch(1))
	if n := epochs(); n[2] != len(strangers) {
		t.Errorf("epoch 1 ended: %v", n)
	}
}

func TestVoid(t *testing.T) {
	var voided []providertest.Credit
	spent := false
	d := newDesk(t, func(o *providertest.Options) {
		o.Void = func(_ context.Context, c providertest.Credit, code []byte) error {
			if spent {
				return providertest.ErrSpent
			}
			voided = append(voided, c)
			return nil
		}
	})
	d.enrol(wang, "wang")
	ch := d.challenge(payment(wang))
	s := d.seal(ch, "wang")
	d.identify(s)
	d.must(d.client.Void(d.ctx(), ch.Binding))
	d.must(d.client.Void(d.ctx(), ch.Binding))
	want := providertest.Credit{Member: wang, Merchant: merchant, Terminal: serial, Payment: "P-1", Minor: 1200, Currency: "CNY"}
	if len(voided) != 1 || voided[0] != want {
		t.Errorf("%+v", voided)
	}
	if a := d.identify(s); a.Outcome != provider.Expired || a.Credential != nil {
		t.Errorf("after it was voided: %+v", a)
	}
	// Voided before the probe comes: it comes too late.
	ch = d.challenge(payment(wang))
	d.must(d.client.Void(d.ctx(), ch.Binding))
	if a := d.identify(d.seal(ch, "wang")); a.Outcome != provider.Expired {
		t.Errorf("a probe after its void: %s", a.Outcome)
	}
	spent = true
	ch = d.challenge(payment(wang))
	d.identify(d.seal(ch, "wang"))
	d.fault(d.client.Void(d.ctx(), ch.Binding), provider.Denied, "spent")
}

func TestIssueFailsAndComesBack(t *testing.T) {
	var calls atomic.Int32
	d := newDesk(t, func(o *providertest.Options) {
		o.Issue = func(context.Context, providertest.Credit) ([]byte, time.Time, error) {
			if calls.Add(1) == 1 {
				return nil, time.Time{}, errors.New("the wallet is away")
			}
			return []byte("130061098828009406"), time.Now().Add(time.Minute), nil
		}
	})
	d.enrol(wang, "wang")
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched || string(a.Credential.Reveal()) != "130061098828009406" {
		t.Errorf("%+v", a)
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}
