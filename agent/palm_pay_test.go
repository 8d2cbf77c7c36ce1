package agent_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// toAgree brings a payment to the question whether it is the person.
func (c *clinic) toAgree() agent.Screen {
	c.t.Helper()
	c.press()
	c.wantKind(agent.ScreenClaim)
	c.enter(member)
	return c.wantKind(agent.ScreenAgree)
}

func TestPalmPays(t *testing.T) {
	palming(t, "a typed member code, a palm, a yes: one charge, two commits", func(t *testing.T, c *clinic) {
		heard := c.events()
		reply := c.ask("1", "A", 1280)
		c.press()
		if s := c.wantKind(agent.ScreenClaim); s.Skip || !s.Letters || s.Step == 0 || s.Provider != "Palm Example" || s.Amount != "12.80" {
			t.Errorf("screen %+v", s)
		}
		if c.hand.presented() != 0 {
			t.Error("the camera was on before a claim")
		}
		open := c.hand.wait()
		c.hand.set(func() { c.hand.guidance = []biometric.Guidance{biometric.SensorReady, biometric.MoveCloser} })
		c.enter(member)
		if s := c.wantKind(agent.ScreenPresent); s.Guide != biometric.MoveCloser || !c.hand.isOn() {
			t.Errorf("screen %+v, camera on: %v", s, c.hand.isOn())
		}
		open()
		synctest.Wait()
		s := c.wantKind(agent.ScreenAgree)
		if s.Name != "W** M**" || s.Amount != "12.80" || c.hand.isOn() {
			t.Errorf("screen %+v, camera on: %v", s, c.hand.isOn())
		}
		c.wantUnsent()
		c.do(agent.DeedYes)
		r := c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 1280)
		if c.journal.commits != 2 || len(r.Payment.Attempts) != 1 {
			t.Errorf("%d commits, attempts %+v", c.journal.commits, r.Payment.Attempts)
		}
		want := provider.Ask{Purpose: biometric.Pay, Modality: biometric.Palm, Merchant: "shop-7", Terminal: "000158000000000", Payment: r.Payment.ID, Minor: 1280, Currency: "CNY"}
		got := c.house.last()
		if string(got.Claim.Reveal()) != member {
			t.Errorf("claimed %q", got.Claim.Reveal())
		}
		if got.Claim = nil; got != want {
			t.Errorf("asked %+v, want %+v", got, want)
		}
		if len(c.hand.last.Transform.Key.Reveal()) != 0 {
			t.Error("the transform's key was not wiped")
		}
		c.wantVoids(0)
		events := heard()
		if got := states(events, "palm"); !slices.Equal(got, []string{"chosen", "claimed", "captured", "matched", "confirmed"}) {
			t.Errorf("told %q", got)
		}
		for _, e := range events {
			for _, bad := range []string{member, "W**", "135500"} {
				if strings.Contains(e.Text+e.State, bad) {
					t.Errorf("event %+v holds %q", e, bad)
				}
			}
		}
	})
	palming(t, "a member code at the scanner", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.press()
		c.mustScan("6901234567892")
		c.wantReason(agent.ScreenClaim, agent.PalmNoMember)
		c.mustScan(member)
		c.wantKind(agent.ScreenAgree)
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
	})
	palming(t, "typed wrongly, then rightly", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.press()
		for _, bad := range []string{"M-204170", "xM-20417", "110101199003070003", c.wechatCode(), strings.Repeat("9", 600), "M-2\\41"} {
			c.enter(bad)
			c.wantReason(agent.ScreenClaim, agent.PalmNoMember)
		}
		if len(c.house.asks) != 0 {
			t.Fatalf("the provider was asked %+v", c.house.asks)
		}
		c.enter(member)
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
	})
	palmingWith(t, "one of many, where it is allowed", func(c *clinic, o *agent.Options) {
		o.Recognisers[0].OneOfMany = true
		c.house.policy.Identification = provider.Identification{N: 300, FPIRUpper95: 9e-6}
	}, func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.press()
		if s := c.wantKind(agent.ScreenClaim); !s.Skip {
			t.Fatalf("screen %+v", s)
		}
		c.do(agent.DeedSkip)
		c.wantKind(agent.ScreenAgree)
		if n := c.house.last().Claim.Len(); n != 0 {
			t.Errorf("claimed %d bytes", n)
		}
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
	})
	palmingWith(t, "one of many is not certain enough: the member code, and no skipping", func(c *clinic, o *agent.Options) {
		o.Recognisers[0].OneOfMany = true
		c.house.policy.Identification = provider.Identification{N: 300, FPIRUpper95: 9e-6}
		c.house.answer.Outcome = provider.SecondFactor
	}, func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.press()
		c.enter("4711")
		if s := c.wantReason(agent.ScreenClaim, agent.PalmMember); s.Skip {
			t.Fatalf("screen %+v", s)
		}
		if got := string(c.house.last().Claim.Reveal()); got != "tail:4711" {
			t.Errorf("claimed %q", got)
		}
		c.house.set(func() { c.house.answer.Outcome = provider.Matched })
		c.enter(member)
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
		c.wantVoids(0)
	})
	palmingWith(t, "one of many is what the shop wants and the provider did not measure", func(c *clinic, o *agent.Options) {
		o.Recognisers[0].OneOfMany = true
		c.house.policy.Identification = provider.Identification{N: 300, FPIRUpper95: 2e-5}
	}, func(t *testing.T, c *clinic) {
		c.ask("1", "A", 100)
		c.press()
		s := c.wantKind(agent.ScreenClaim)
		if err := c.till.Touch(agent.Touch{Payment: s.Payment, Step: s.Step, Deed: agent.DeedSkip}); err == nil || s.Skip {
			t.Errorf("skipped: %v, screen %+v", err, s)
		}
	})
}

func TestPalmRefused(t *testing.T) {
	for _, x := range []struct {
		name   string
		set    func(*clinic)
		reason agent.PalmReason
		state  string
		voids  int
	}{
		{"a stranger", func(c *clinic) { c.house.answer.Outcome = provider.NotMatched }, agent.PalmUnknown, "no-match", 0},
		{"a member who is not enrolled", func(c *clinic) { c.house.answer.Outcome = provider.NotEnrolled }, agent.PalmUnknown, "no-match", 0},
		{"the other hand", func(c *clinic) { c.house.answer.Outcome = provider.WrongHand }, agent.PalmHand, "no-match", 0},
		{"locked out", func(c *clinic) { c.house.answer.Outcome = provider.LockedOut }, agent.PalmLocked, "no-match", 0},
		{"a print", func(c *clinic) { c.hand.verdict.Decision = biometric.Attack }, agent.PalmUnusable, "attack", 0},
		{"not certain", func(c *clinic) { c.hand.verdict.Decision = biometric.Undetermined }, agent.PalmUnsure, "undetermined", 0},
		{"a cue is missing", func(c *clinic) { c.hand.verdict.PaymentGrade = false }, agent.PalmUnsure, "undetermined", 0},
		{"nobody", func(c *clinic) { c.hand.fault = &biometric.Error{Fault: biometric.FaultNobody} }, agent.PalmNobody, "not-captured", 0},
		{"two hands", func(c *clinic) { c.hand.fault = &biometric.Error{Fault: biometric.FaultMany} }, agent.PalmMany, "not-captured", 0},
		{"the camera fails", func(c *clinic) { c.hand.fault = &biometric.Error{Fault: biometric.FaultDevice} }, agent.PalmOff, "not-captured", 0},
		{"an attack and a fault", func(c *clinic) {
			c.hand.verdict.Decision, c.hand.fault = biometric.Attack, &biometric.Error{Fault: biometric.FaultQuality}
		}, agent.PalmUnusable, "attack", 0},
		{"sealed for another amount", func(c *clinic) { c.hand.rebind = func(b *biometric.Binding) { b.Minor++ } }, agent.PalmOff, "not-captured", 0},
		{"a challenge for another payment", func(c *clinic) { c.house.rebind = func(b *biometric.Binding) { b.Payment = "P0" } }, agent.PalmOff, "no-challenge", 0},
		{"a challenge for another claim", func(c *clinic) { c.house.rebind = func(b *biometric.Binding) { b.Claim = "M-00001" } }, agent.PalmOff, "no-challenge", 0},
		{"no challenge", func(c *clinic) { c.house.refuses = errNoProvider }, agent.PalmOff, "no-challenge", 0},
		{"no challenge: locked", func(c *clinic) { c.house.refuses = &provider.Error{Outcome: provider.LockedOut} }, agent.PalmLocked, "no-challenge", 0},
		{"no answer: it may have made a credential", func(c *clinic) { c.house.fails = errNoProvider }, agent.PalmOff, "no-answer", 1},
		{"no name to show", func(c *clinic) { c.house.answer.Name = "" }, agent.PalmOff, "no-answer", 1},
		{"no credential", func(c *clinic) { c.house.codes = func() string { return "-" } }, agent.PalmOff, "no-answer", 1},
	} {
		palming(t, x.name+": neutral words, and a code pays", func(t *testing.T, c *clinic) {
			x.set(c)
			heard := c.events()
			reply := c.ask("1", "A", 100)
			c.press()
			c.enter(member)
			c.wantReason(agent.ScreenPay, x.reason)
			c.wantVoids(x.voids)
			c.wantUnsent()
			c.mustScan(c.wechatCode())
			c.want(reply, sale.EndPaid, time.Second)
			c.wantNet(c.wechat, 100)
			if got := states(heard(), "palm"); !slices.Contains(got, x.state) {
				t.Errorf("told %q, want %q among it", got, x.state)
			}
		})
	}
	palming(t, "three tries, the operator is told the cues, and then palms are off for this payment", func(t *testing.T, c *clinic) {
		c.hand.verdict = biometric.Verdict{Decision: biometric.Attack, Cues: []biometric.Cue{{Name: "vein-contrast", Decision: biometric.Attack}, {Name: "focus", Decision: biometric.BonaFide}}}
		reply := c.ask("1", "A", 100)
		for range 3 {
			c.press()
			c.enter(member)
			c.wantReason(agent.ScreenPay, agent.PalmUnusable)
		}
		if s := c.till.Screen(); s.Palm || c.till.Present(s.Payment, biometric.Palm) == nil {
			t.Error("a fourth try")
		}
		causes := c.health.Causes()
		if len(causes) != 1 || causes[0].Code != "palm-attack" || !strings.Contains(causes[0].Text, "3, the last one by vein-contrast") || strings.Contains(causes[0].Text, "focus") {
			t.Errorf("causes %+v", causes)
		}
		c.mustScan(c.wechatCode())
		c.want(reply, sale.EndPaid, time.Second)
		time.Sleep(2 * time.Hour)
		if causes := c.health.Causes(); len(causes) != 0 {
			t.Errorf("causes two hours later %+v", causes)
		}
		c.ask("2", "B", 100)
		if !c.till.Screen().Palm {
			t.Error("palms are off for the next payment")
		}
	})
}

func TestPalmNotConfirmed(t *testing.T) {
	palming(t, "no: voided, nothing sent", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.do(agent.DeedNo)
		c.wantReason(agent.ScreenPay, agent.PalmStopped)
		c.wantVoids(1)
		c.wantUnsent()
		c.mustScan(c.alipayCode())
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 0)
	})
	palming(t, "nobody presses: 20 s, voided, nothing sent", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.toAgree()
		time.Sleep(19 * time.Second)
		c.wantKind(agent.ScreenAgree)
		time.Sleep(1100 * time.Millisecond)
		c.wantReason(agent.ScreenPay, agent.PalmLate)
		c.wantVoids(1)
		c.wantUnsent()
		c.want(reply, sale.EndCancelled, 2*time.Minute)
	})
	palming(t, "the credential dies first", func(t *testing.T, c *clinic) {
		c.house.expires = 10 * time.Second
		c.ask("1", "A", 100)
		c.toAgree()
		time.Sleep(9 * time.Second)
		c.wantReason(agent.ScreenPay, agent.PalmLate)
		c.wantVoids(1)
	})
	palming(t, "pressed for another step, another payment, twice", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.press()
		old := c.wantKind(agent.ScreenClaim)
		c.enter(member)
		s := c.wantKind(agent.ScreenAgree)
		for _, x := range []agent.Touch{
			{Payment: s.Payment, Step: old.Step, Deed: agent.DeedYes},
			{Payment: "P0", Step: s.Step, Deed: agent.DeedYes},
			{Payment: s.Payment, Step: s.Step, Deed: agent.DeedAgree, Biometric: true},
			{Payment: s.Payment, Step: s.Step, Deed: agent.DeedType, Code: secret.Copy([]byte(member))},
			{Payment: s.Payment, Step: s.Step + 1, Deed: agent.DeedYes},
		} {
			if err := c.till.Touch(x); err == nil {
				t.Errorf("taken: %+v", x)
			}
		}
		c.wantUnsent()
		yes := agent.Touch{Payment: s.Payment, Step: s.Step, Deed: agent.DeedYes}
		if first, second := c.till.Touch(yes), c.till.Touch(yes); first != nil || second == nil {
			t.Errorf("pressed twice: %v, %v", first, second)
		}
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
		if len(c.wechat.pays) != 1 {
			t.Errorf("sent %q", c.wechat.pays)
		}
	})
}

// A person who chooses a palm and stops, over and over, does not hold a payment open for ever.
func TestPalmOnlyTried(t *testing.T) {
	palming(t, "chosen and stopped again and again", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 1280)
		tries := 0
		for ; c.till.Screen().Palm && tries < 50; tries++ {
			c.press()
			c.wantKind(agent.ScreenClaim)
			time.Sleep(50 * time.Second)
			c.do(agent.DeedStop)
			synctest.Wait()
		}
		if tries > 6 {
			t.Errorf("a palm was offered %d times", tries)
		}
		c.want(reply, sale.EndCancelled, 5*time.Minute)
		c.wantUnsent()
	})
}
