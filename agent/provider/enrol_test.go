package provider_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

func TestConsentIsRecorded(t *testing.T) {
	d := newDesk(t, nil)
	asked := d.clock.Now()
	d.enrol(wang, "wang")
	all := d.provider.Consents()
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	c, want := all[0], *d.consent()
	want.At = asked
	if c.Member != wang || c.Terminal != serial || !c.Withdrawn.IsZero() || !c.At.Equal(want.At) {
		t.Errorf("%+v", c)
	}
	if c.Consent.At = want.At; c.Consent != want {
		t.Errorf("%+v, want %+v", c.Consent, want)
	}
}

func TestConsentIsRefused(t *testing.T) {
	d := newDesk(t, nil)
	code, err := d.provider.AccountCode(wang)
	d.must(err)
	for name, change := range map[string]func(c *provider.Consent){
		"a box open":            func(c *provider.Consent) { c.Biometric = false },
		"the other box open":    func(c *provider.Consent) { c.Transfer = false },
		"another provider":      func(c *provider.Consent) { c.Provider = "other.example" },
		"no text":               func(c *provider.Consent) { c.Text = "" },
		"no language":           func(c *provider.Consent) { c.Language = "" },
		"no time":               func(c *provider.Consent) { c.At = time.Time{} },
		"* thirteen years":      func(c *provider.Consent) { c.AgeAtLeast = 13 },
		"* an old version":      func(c *provider.Consent) { c.Version = "0" },
		"* yesterday":           func(c *provider.Consent) { c.At = c.At.Add(-24 * time.Hour) },
		"* tomorrow":            func(c *provider.Consent) { c.At = c.At.Add(24 * time.Hour) },
		"* a language too long": func(c *provider.Consent) { c.Language = string(make([]byte, 36)) },
	} {
		a := d.enrolment(code)
		change(a.Consent)
		_, err := d.client.Challenge(d.ctx(), a)
		if name[0] == '*' { // only the provider can tell
			d.fault(err, provider.Denied, "consent")
			continue
		}
		d.fault(err, provider.Misused, "")
	}
	a := d.enrolment(code)
	a.Consent = nil
	_, err = d.client.Challenge(d.ctx(), a)
	d.fault(err, provider.Misused, "")
	if len(d.provider.Consents()) != 0 || d.provider.Enrolled(wang) {
		t.Error("something is on record")
	}
	// The code is still good.
	if _, err := d.client.Challenge(d.ctx(), d.enrolment(code)); err != nil {
		t.Error(err)
	}
}

func TestAccountCode(t *testing.T) {
	d := newDesk(t, nil)
	_, err := d.client.Challenge(d.ctx(), d.enrolment("123456789012"))
	d.fault(err, provider.Denied, "claim")
	_, err = d.provider.AccountCode("nobody")
	if err == nil {
		t.Error("a code for nobody")
	}
	code, err := d.provider.AccountCode(wang)
	d.must(err)
	one, two := d.challenge(d.enrolment(code)), d.challenge(d.enrolment(code))
	e, err := d.client.Enrol(d.ctx(), d.seal(one, "wang"))
	d.must(err)
	if e.Outcome != provider.Enrolled {
		t.Fatal(e.Outcome)
	}
	if e, err := d.client.Enrol(d.ctx(), d.seal(two, "li")); err != nil || e.Outcome != provider.Expired {
		t.Errorf("the code a second time: %+v, %v", e, err)
	}
	_, err = d.client.Challenge(d.ctx(), d.enrolment(code))
	d.fault(err, provider.Denied, "claim")
	if code, err = d.provider.AccountCode(wang); err != nil {
		t.Fatal(err)
	}
	d.clock.step(10 * time.Minute)
	_, err = d.client.Challenge(d.ctx(), d.enrolment(code))
	d.fault(err, provider.Denied, "claim")
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched {
		t.Errorf("%s", a.Outcome)
	}
}

// TestAccountCodeStaysAtOneTerminal has a second terminal use a code that it overheard.
func TestAccountCodeStaysAtOneTerminal(t *testing.T) {
	d := newDesk(t, nil)
	code, err := d.provider.AccountCode(wang)
	d.must(err)
	d.challenge(d.enrolment(code))
	o := d.options
	thief := newKey(t)
	o.Terminal, o.Signer = "000158000000002", thief
	d.must(d.provider.Register(providertest.Terminal{Serial: o.Terminal, Key: &thief.PublicKey, Seal: o.HPKE.PublicKey(),
		Level: biometric.LevelFile, Merchants: []string{merchant}}))
	c := d.open(o)
	a := d.enrolment(code)
	a.Terminal = o.Terminal
	_, err = c.Challenge(d.ctx(), a)
	d.fault(err, provider.Denied, "claim")
	d.fault(c.Revoke(d.ctx(), secret.Copy([]byte(code))), provider.Denied, "claim")
}

func TestEnrolAgain(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	before := d.challenge(payment(wang)).Transform.Salt
	if e := d.enrol(wang, "wang's other hand"); !e.Replaced {
		t.Errorf("%+v", e)
	}
	if bytes.Equal(before, d.challenge(payment(wang)).Transform.Salt) {
		t.Error("the salt is the old one")
	}
	if a := d.pay(wang, "wang"); a.Outcome != provider.NotMatched {
		t.Errorf("the old hand: %s", a.Outcome)
	}
	if a := d.pay(wang, "wang's other hand"); a.Outcome != provider.Matched {
		t.Errorf("the new hand: %s", a.Outcome)
	}
}

func TestEnrolSamplesOfTwoPalms(t *testing.T) {
	d := newDesk(t, nil)
	code, err := d.provider.AccountCode(wang)
	d.must(err)
	ch := d.challenge(d.enrolment(code))
	p, other := d.template(ch, "wang", nil), d.template(ch, "li", nil)
	copy(p.Sample(2), other.Sample(2))
	e, err := d.client.Enrol(d.ctx(), d.sealWith(ch, p, d.verdict()))
	if err != nil || e.Outcome != provider.NotMatched || d.provider.Enrolled(wang) {
		t.Errorf("%+v, %v", e, err)
	}
	// The person tries again with the code they have.
	ch = d.challenge(d.enrolment(code))
	if e, err := d.client.Enrol(d.ctx(), d.seal(ch, "wang")); err != nil || e.Outcome != provider.Enrolled {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestPurposesDoNotMix(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	probe := d.seal(d.challenge(payment(wang)), "wang")
	code, err := d.provider.AccountCode(wang)
	d.must(err)
	references := d.seal(d.challenge(d.enrolment(code)), "stranger")
	_, err = d.client.Enrol(d.ctx(), probe)
	d.fault(err, provider.Misused, "")
	_, err = d.client.Identify(d.ctx(), references)
	d.fault(err, provider.Misused, "")
	for path, s := range map[string]biometric.Sealed{"/v1/enrol": probe, "/v1/identify": references} {
		if a := d.raw(path, presented(t, s)); a.status != 200 || a.body != `{"outcome":"expired"}` {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched {
		t.Errorf("%s", a.Outcome)
	}
}

func TestWithdraw(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	salt := d.challenge(payment(wang)).Transform.Salt
	code, err := d.provider.AccountCode(wang)
	d.must(err)
	s := d.seal(d.challenge(payment(wang)), "wang") // under way while consent is withdrawn
	d.must(d.client.Revoke(d.ctx(), secret.Copy([]byte(code))))
	if d.provider.Enrolled(wang) {
		t.Error("there is still a template")
	}
	if c := d.provider.Consents(); len(c) != 1 || !c[0].Withdrawn.Equal(d.clock.Now()) {
		t.Errorf("%+v", c)
	}
	if a := d.identify(s); a.Outcome != provider.NotEnrolled {
		t.Errorf("a palm that was under way: %s", a.Outcome)
	}
	if a := d.pay(wang, "wang"); a.Outcome != provider.NotEnrolled {
		t.Errorf("a palm afterwards: %s", a.Outcome)
	}
	if bytes.Equal(salt, d.challenge(payment(wang)).Transform.Salt) {
		t.Error("the salt is still there")
	}
	d.fault(d.client.Revoke(d.ctx(), secret.Copy([]byte(code))), provider.Denied, "claim")
	if code, err = d.provider.AccountCode(wang); err != nil {
		t.Fatal(err)
	}
	d.must(d.client.Revoke(d.ctx(), secret.Copy([]byte(code)))) // nothing left to withdraw
	d.enrol(wang, "wang")
	if !d.provider.Withdraw(wang) || d.provider.Withdraw(wang) || d.provider.Counts()["withdrawn"] != 3 {
		t.Errorf("in the app: %v", d.provider.Counts())
	}
}

// TestNoEnrolmentAfterWithdrawal withdraws while an enrolment is under way.
func TestNoEnrolmentAfterWithdrawal(t *testing.T) {
	for name, withdraw := range map[string]func(d *desk){
		"in the app":      func(d *desk) { d.provider.Withdraw(wang) },
		"at the terminal": func(d *desk) { d.must(d.client.Revoke(d.ctx(), secret.Copy([]byte(d.code(wang))))) },
	} {
		var d *desk
		var opened func() // runs after the challenge was found and before anything is kept
		d = newDesk(t, func(o *providertest.Options) {
			o.Opened = func([]byte) {
				if opened != nil {
					opened()
				}
			}
		})
		code, unused, other := d.code(wang), d.code(wang), d.code(li)
		early, late := d.seal(d.challenge(d.enrolment(code)), "wang"), d.seal(d.challenge(d.enrolment(code)), "wang")
		others := d.seal(d.challenge(d.enrolment(other)), "li")
		opened = func() { opened = nil; withdraw(d) }
		for when, s := range map[string]biometric.Sealed{"meanwhile": early, "afterwards": late} {
			if e, err := d.client.Enrol(d.ctx(), s); err != nil || e.Outcome != provider.Expired {
				t.Errorf("%s, %s: %+v, %v", name, when, e, err)
			}
		}
		if d.provider.Enrolled(wang) || len(d.provider.Consents()) != 0 {
			t.Errorf("%s: enrolled all the same", name)
		}
		for _, c := range []string{code, unused} {
			_, err := d.client.Challenge(d.ctx(), d.enrolment(c))
			d.fault(err, provider.Denied, "claim")
		}
		if e, err := d.client.Enrol(d.ctx(), others); err != nil || e.Outcome != provider.Enrolled {
			t.Errorf("%s, somebody else: %+v, %v", name, e, err)
		}
		d.enrol(wang, "wang") // by a code and a consent of later
	}
}

// measured is a policy that allows one of three people to be told.
func measured(o *providertest.Options) {
	o.Identification = provider.Identification{N: 3, FPIRUpper95: 9e-6}
}

func TestOneOfMany(t *testing.T) {
	d := newDesk(t, measured)
	d.must(d.provider.AddMember(providertest.Member{ID: wang, Name: "Wang Ming", Shard: "canteen"}))
	d.must(d.provider.AddMember(providertest.Member{ID: li, Name: "Li", Shard: "canteen"}))
	d.must(d.provider.AddMember(providertest.Member{ID: "3", Name: "Zhao", Shard: "tail:1234"}))
	d.enrol(wang, "wang")
	d.enrol(li, "li")
	d.enrol("3", "zhao")
	if a := d.pay("", "li"); a.Outcome != provider.Matched || a.Name != "L*" {
		t.Errorf("%+v", a)
	}
	if a := d.pay("", "zhao"); a.Outcome != provider.NotMatched {
		t.Errorf("of another shard: %s", a.Outcome)
	}
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched {
		t.Errorf("with a claim: %s", a.Outcome)
	}
	tail := payment("")
	tail.Claim = provider.Tail("1234")
	if a := d.identify(d.seal(d.challenge(tail), "zhao")); a.Outcome != provider.Matched {
		t.Errorf("by tail: %s", a.Outcome)
	}
	tail.Claim = provider.Tail("12345")
	_, err := d.client.Challenge(d.ctx(), tail)
	d.fault(err, provider.Denied, "claim")
	tail.Claim = provider.Tail("9999")
	_, err = d.client.Challenge(d.ctx(), tail)
	d.fault(err, provider.Denied, "second-factor")
	// Two who cannot be told apart.
	d.must(d.provider.AddMember(providertest.Member{ID: "4", Name: "Twin", Shard: "canteen"}))
	d.enrol("4", "li")
	if a := d.pay("", "li"); a.Outcome != provider.SecondFactor {
		t.Errorf("twins: %s", a.Outcome)
	}
	// One more than was measured, between the challenge and the palm, and before a challenge.
	ch := d.challenge(payment(""))
	d.must(d.provider.AddMember(providertest.Member{ID: "5", Name: "Fourth", Shard: "canteen"}))
	d.enrol("5", "fourth")
	if a := d.identify(d.seal(ch, "fourth")); a.Outcome != provider.SecondFactor {
		t.Errorf("one too many: %s", a.Outcome)
	}
	_, err = d.client.Challenge(d.ctx(), payment(""))
	if e := d.fault(err, provider.Denied, "second-factor"); e.Outcome != provider.SecondFactor {
		t.Errorf("%+v", e)
	}
}

func TestOneOfManyIsForbidden(t *testing.T) {
	for name, i := range map[string]provider.Identification{
		"nothing measured": {},
		"bound too high":   {N: 300, FPIRUpper95: 1.1e-5},
		"no bound":         {N: 300},
	} {
		d := newDesk(t, func(o *providertest.Options) { o.Identification = i })
		d.must(d.provider.AddMember(providertest.Member{ID: wang, Name: "Wang", Shard: "canteen"}))
		d.enrol(wang, "wang")
		before := d.provider.Counts()["challenge"]
		_, err := d.client.Challenge(d.ctx(), payment(""))
		if e := d.fault(err, provider.Denied, "second-factor"); e.Outcome != provider.SecondFactor {
			t.Errorf("%s: %+v", name, e)
		}
		body := []byte(`{"purpose":"pay","modality":"palm","merchant":"M-1","terminal":"` + serial + `","payment":"P","minor":1,"currency":"CNY","claim":""}`)
		if a := d.raw("/v1/challenge", body); a.status != 422 {
			t.Errorf("%s: a terminal that asks all the same: %d %s", name, a.status, a.body)
		}
		if d.provider.Counts()["challenge"] != before {
			t.Errorf("%s: a challenge was made", name)
		}
	}
}
