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
)

// appCode is what the provider's app shows to its signed-in user.
const appCode = "PX7-K2M9-QX1"

func (c *clinic) enrol() {
	c.t.Helper()
	if s := c.wantKind(agent.ScreenIdle); !s.Palm {
		c.t.Fatalf("no button to enrol: %+v", s)
	}
	if err := c.till.Enrol(biometric.Palm); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
}

func (c *clinic) withdraw() {
	c.t.Helper()
	if err := c.till.Withdraw(biometric.Palm); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
}

func (c *clinic) agree(language string) {
	c.t.Helper()
	c.wantKind(agent.ScreenConsent)
	c.touch(agent.Touch{Deed: agent.DeedAgree, Age: true, Biometric: true, Transfer: true, Language: language})
}

func TestEnrol(t *testing.T) {
	palming(t, "consent, code, three presentations, done; nothing of it is durable", func(t *testing.T, c *clinic) {
		heard := c.events()
		c.enrol()
		s := c.wantKind(agent.ScreenConsent)
		if s.MinAge != 14 || s.Provider != "Palm Example" || s.Palm {
			t.Errorf("screen %+v", s)
		}
		at := time.Now()
		c.agree("ja")
		c.wantKind(agent.ScreenAccount)
		open := c.hand.wait()
		c.hand.set(func() {
			c.hand.guidance = []biometric.Guidance{biometric.SensorReady, biometric.SensorComplete, biometric.SensorReady, biometric.SensorComplete, biometric.SensorComplete, biometric.MoveAway}
		})
		c.mustScan(appCode)
		if c.gate.isArmed() {
			t.Error("the scanner is armed while the camera is on")
		}
		if s := c.wantKind(agent.ScreenPresent); s.Of != 3 || s.Taken != 2 || s.Guide != biometric.MoveAway || !c.hand.isOn() {
			t.Errorf("screen %+v", s)
		}
		if c.hand.last.Samples != 3 || c.hand.last.Purpose != biometric.Enrol {
			t.Errorf("challenge %+v", c.hand.last.Binding)
		}
		open()
		synctest.Wait()
		if s := c.wantKind(agent.ScreenEnrolled); s.Name != "W** M**" || s.Test != true {
			t.Errorf("screen %+v", s)
		}
		text, _ := agent.Consent("ja", "Palm Example", 14)
		want := provider.Consent{Text: text.Sum(), Version: agent.ConsentVersion, Language: "ja", Provider: "palm.example", At: at, AgeAtLeast: 14, Biometric: true, Transfer: true}
		if got := c.house.enrolled; len(got) != 1 || got[0] != want {
			t.Errorf("enrolled with %+v, want %+v", got, want)
		}
		a := c.house.last()
		if string(a.Claim.Reveal()) != appCode || a.Purpose != biometric.Enrol || a.Minor != 0 || a.Currency != "" || a.Payment != s.Payment {
			t.Errorf("asked %+v", a)
		}
		if len(c.journal.snapshot()) != 0 {
			t.Error("something is durable")
		}
		time.Sleep(10 * time.Second)
		c.wantKind(agent.ScreenIdle)
		events := heard()
		if got := states(events, "enrol"); !slices.Equal(got, []string{"begun", "consented", "captured", "kept", "enrolled"}) {
			t.Errorf("told %q", got)
		}
		for _, e := range events {
			if strings.Contains(e.Text, "PX7") || strings.Contains(e.Text, "W**") {
				t.Errorf("event %+v", e)
			}
		}
	})
	for _, x := range []struct {
		name  string
		touch agent.Touch
	}{
		{"no box", agent.Touch{Language: "en"}},
		{"age alone", agent.Touch{Language: "en", Age: true}},
		{"no age", agent.Touch{Language: "en", Biometric: true, Transfer: true}},
		{"no transfer", agent.Touch{Language: "en", Biometric: true, Age: true}},
		{"no biometric", agent.Touch{Language: "en", Transfer: true, Age: true}},
		{"a language without a text", agent.Touch{Language: "fr", Biometric: true, Transfer: true, Age: true}},
	} {
		palming(t, "asked again: "+x.name, func(t *testing.T, c *clinic) {
			c.enrol()
			x.touch.Deed = agent.DeedAgree
			c.touch(x.touch)
			c.wantReason(agent.ScreenConsent, agent.PalmBoxes)
			c.agree("en")
			c.wantKind(agent.ScreenAccount)
			c.do(agent.DeedStop)
			c.wantKind(agent.ScreenIdle)
			if len(c.house.asks) != 0 || c.hand.presented() != 0 {
				t.Error("the provider was asked, or the camera on")
			}
		})
	}
	palming(t, "the page cannot leave the consent out", func(t *testing.T, c *clinic) {
		c.enrol()
		s := c.wantKind(agent.ScreenConsent)
		for _, d := range []agent.Deed{agent.DeedType, agent.DeedYes, agent.DeedSkip} {
			if err := c.till.Touch(agent.Touch{Payment: s.Payment, Step: s.Step, Deed: d}); err == nil {
				t.Errorf("%s at the consent", d)
			}
		}
		c.wantKind(agent.ScreenConsent)
	})
	palming(t, "an older age, by the provider's policy", func(t *testing.T, c *clinic) {
		c.house.policy.MinAge = 18
		c.enrol()
		if s := c.wantKind(agent.ScreenConsent); s.MinAge != 18 {
			t.Errorf("screen %+v", s)
		}
		c.agree("zh")
		c.enter(appCode)
		if got := c.house.enrolled; len(got) != 1 || got[0].AgeAtLeast != 18 {
			t.Errorf("enrolled with %+v", got)
		}
	})
	palming(t, "the provider wants another text", func(t *testing.T, c *clinic) {
		c.house.policy.Consent = "1999-1"
		if err := c.till.Enrol(biometric.Palm); err == nil || !strings.Contains(err.Error(), "1999-1") {
			t.Errorf("enrolled: %v", err)
		}
		c.house.policy.Consent = agent.ConsentVersion
		c.enrol()
		c.wantKind(agent.ScreenConsent)
	})
	palming(t, "a payment code is not for the provider", func(t *testing.T, c *clinic) {
		c.enrol()
		c.agree("zh")
		for _, bad := range []string{c.wechatCode(), "110101199003070003", "6217000000000000005"} {
			c.mustScan(bad)
			c.wantReason(agent.ScreenAccount, agent.PalmNoApp)
		}
		c.enter("281234567890123456")
		c.wantReason(agent.ScreenAccount, agent.PalmNoApp)
		if len(c.house.asks) != 0 {
			t.Error("the provider was asked")
		}
	})
	for _, x := range []struct {
		name   string
		set    func(*clinic)
		reason agent.PalmReason
	}{
		{"not one palm", func(c *clinic) { c.house.answer.Outcome = provider.NotMatched }, agent.PalmQuality},
		{"refused", func(c *clinic) { c.house.answer.Outcome = provider.Refused }, agent.PalmRefused},
		{"an attack", func(c *clinic) { c.hand.verdict.Decision = biometric.Attack }, agent.PalmUnusable},
		{"not certain", func(c *clinic) { c.hand.verdict.Decision = biometric.Undetermined }, agent.PalmUnsure},
		{"no challenge", func(c *clinic) { c.house.refuses = errNoProvider }, agent.PalmOff},
		{"no camera", func(c *clinic) { c.hand.fault = &biometric.Error{Fault: biometric.FaultDevice} }, agent.PalmOff},
	} {
		palming(t, x.name, func(t *testing.T, c *clinic) {
			x.set(c)
			c.enrol()
			c.agree("zh")
			c.enter(appCode)
			c.wantReason(agent.ScreenNotEnrolled, x.reason)
			if len(c.house.enrolled) != 0 {
				t.Error("enrolled all the same")
			}
			time.Sleep(10 * time.Second)
			c.wantKind(agent.ScreenIdle)
		})
	}
}

func TestWithdraw(t *testing.T) {
	palming(t, "a code, a yes, done", func(t *testing.T, c *clinic) {
		c.withdraw()
		c.wantKind(agent.ScreenAccount)
		c.mustScan(appCode)
		c.wantKind(agent.ScreenWithdraw)
		if len(c.house.revoked) != 0 {
			t.Error("withdrawn before the yes")
		}
		c.do(agent.DeedYes)
		c.wantKind(agent.ScreenWithdrawn)
		if !slices.Equal(c.house.revoked, []string{appCode}) || c.hand.presented() != 0 {
			t.Errorf("revoked %q", c.house.revoked)
		}
	})
	palming(t, "not after all", func(t *testing.T, c *clinic) {
		c.withdraw()
		c.mustScan(appCode)
		c.do(agent.DeedNo)
		c.wantKind(agent.ScreenIdle)
		if len(c.house.revoked) != 0 {
			t.Error("withdrawn")
		}
	})
	palming(t, "without a camera, without a scanner", func(t *testing.T, c *clinic) {
		c.hand.set(func() { c.hand.broken = &biometric.Error{Fault: biometric.FaultDevice} })
		c.gate.unplug()
		time.Sleep(2 * time.Second)
		if s := c.wantKind(agent.ScreenClosed); s.Palm || !s.Withdraw {
			t.Errorf("screen %+v", s)
		}
		if err := c.till.Enrol(biometric.Palm); err == nil {
			t.Error("enrols without a camera")
		}
		c.withdraw()
		c.enter(appCode)
		c.do(agent.DeedYes)
		c.wantKind(agent.ScreenWithdrawn)
	})
	palming(t, "the provider fails", func(t *testing.T, c *clinic) {
		c.house.fails = &provider.Error{Op: "revoke", Kind: provider.Unreachable}
		c.withdraw()
		c.enter(appCode)
		c.do(agent.DeedYes)
		c.wantReason(agent.ScreenNotWithdrawn, agent.PalmOff)
	})
}

// stages bring an enrolment or a withdrawal to each of its moments; cannotStop says that the
// provider is at it.
var stages = []struct {
	name       string
	to         func(*clinic) (open func())
	cannotStop bool
}{
	{"at the consent", func(c *clinic) func() { c.enrol(); return func() {} }, false},
	{"at the code", func(c *clinic) func() { c.enrol(); c.agree("en"); return func() {} }, false},
	{"at the challenge", func(c *clinic) func() {
		open := c.house.wait("challenge")
		c.enrol()
		c.agree("en")
		c.enter(appCode)
		return open
	}, false},
	{"before the camera", func(c *clinic) func() {
		open := c.hand.wait()
		c.enrol()
		c.agree("en")
		c.enter(appCode)
		return open
	}, false},
	{"at the provider", func(c *clinic) func() {
		open := c.house.wait("enrol")
		c.enrol()
		c.agree("en")
		c.enter(appCode)
		return open
	}, true},
	{"withdrawing, at the code", func(c *clinic) func() { c.withdraw(); return func() {} }, false},
	{"withdrawing, at the question", func(c *clinic) func() { c.withdraw(); c.enter(appCode); return func() {} }, false},
	{"withdrawing, at the provider", func(c *clinic) func() {
		open := c.house.wait("revoke")
		c.withdraw()
		c.enter(appCode)
		c.do(agent.DeedYes)
		return open
	}, true},
}

func TestVisitEnds(t *testing.T) {
	for _, stage := range stages {
		palming(t, "somebody pays "+stage.name, func(t *testing.T, c *clinic) {
			open := stage.to(c)
			reply := c.ask("1", "A", 100)
			c.wantKind(agent.ScreenPay)
			if c.hand.isOn() {
				t.Error("the camera is still on")
			}
			c.mustScan(c.wechatCode())
			c.want(reply, sale.EndPaid, time.Second)
			c.wantNet(c.wechat, 100)
			open()
			synctest.Wait()
			c.wantKind(agent.ScreenPaid)
			time.Sleep(10 * time.Second)
			c.wantKind(agent.ScreenIdle)
			if done := len(c.house.enrolled) + len(c.house.revoked); stage.cannotStop != (done == 1) {
				t.Errorf("%d enrolled or revoked", done)
			}
		})
		palming(t, "somebody pays by palm "+stage.name, func(t *testing.T, c *clinic) {
			open := stage.to(c)
			open()
			synctest.Wait()
			c.hand.set(func() { c.hand.hold = nil })
			reply := c.ask("1", "A", 100)
			c.toAgree()
			c.do(agent.DeedYes)
			c.want(reply, sale.EndPaid, time.Second)
			c.wantNet(c.wechat, 100)
		})
		palming(t, "stopped "+stage.name, func(t *testing.T, c *clinic) {
			open := stage.to(c)
			defer open()
			s := c.till.Screen()
			deed := agent.DeedStop
			if s.Kind == agent.ScreenWithdraw {
				deed = agent.DeedNo
			}
			err := c.till.Touch(agent.Touch{Payment: s.Payment, Step: s.Step, Deed: deed})
			synctest.Wait()
			if stage.cannotStop {
				if err == nil {
					t.Error("stopped")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.wantKind(agent.ScreenIdle)
		})
		palming(t, "nobody does anything more "+stage.name, func(t *testing.T, c *clinic) {
			defer stage.to(c)()
			time.Sleep(10 * time.Minute)
			c.wantKind(agent.ScreenIdle)
			if c.gate.isArmed() {
				t.Error("the scanner is armed")
			}
		})
		palming(t, "the till stops "+stage.name, func(t *testing.T, c *clinic) {
			defer stage.to(c)()
			c.restart()
			c.wantKind(agent.ScreenIdle)
		})
		palming(t, "a return desk opens "+stage.name, func(t *testing.T, c *clinic) {
			defer stage.to(c)()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = c.till.Refund(t.Context(), agent.RefundRequest{Asked: asked("9", "R")})
			}()
			synctest.Wait()
			c.wantKind(agent.ScreenReturn)
			c.mustScan("6901234567892")
			time.Sleep(5 * time.Minute)
			<-done
		})
	}
	palming(t, "one at a time", func(t *testing.T, c *clinic) {
		c.enrol()
		if c.till.Enrol(biometric.Palm) == nil || c.till.Withdraw(biometric.Palm) == nil {
			t.Error("two visits")
		}
	})
	palming(t, "not while somebody pays", func(t *testing.T, c *clinic) {
		c.ask("1", "A", 100)
		if c.till.Enrol(biometric.Palm) == nil || c.till.Withdraw(biometric.Palm) == nil {
			t.Error("a visit beside a payment")
		}
	})
}
