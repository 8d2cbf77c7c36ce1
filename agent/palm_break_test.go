package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// phases bring a payment to each moment of a presentation. voids is how many credentials the
// provider may have made by then.
var phases = []struct {
	name  string
	to    func(*clinic) (open func())
	voids int
}{
	{"at the member code", func(c *clinic) func() { c.press(); c.wantKind(agent.ScreenClaim); return func() {} }, 0},
	{"at the challenge", func(c *clinic) func() {
		open := c.house.wait("challenge")
		c.press()
		c.enter(member)
		c.wantKind(agent.ScreenPresent)
		return open
	}, 0},
	{"before the camera", func(c *clinic) func() {
		open := c.hand.wait()
		c.press()
		c.enter(member)
		c.wantKind(agent.ScreenPresent)
		return open
	}, 0},
	{"at the provider", func(c *clinic) func() {
		open := c.house.wait("identify")
		c.press()
		c.enter(member)
		c.wantKind(agent.ScreenMatching)
		return open
	}, 1},
	{"at the provider, who answers late", func(c *clinic) func() {
		c.house.set(func() { c.house.outlives = true })
		open := c.house.wait("identify")
		c.press()
		c.enter(member)
		c.wantKind(agent.ScreenMatching)
		go func() { time.Sleep(time.Second); open() }()
		return func() {}
	}, 1},
	{"at the yes", func(c *clinic) func() { c.toAgree(); return func() {} }, 1},
}

// everyPhase runs f at each moment.
func everyPhase(t *testing.T, name string, f func(t *testing.T, c *clinic, reply <-chan agent.Reply, voids int)) {
	for _, phase := range phases {
		palming(t, name+" "+phase.name, func(t *testing.T, c *clinic) {
			reply := c.ask("1", "A", 100)
			open := phase.to(c)
			defer open()
			f(t, c, reply, phase.voids)
		})
	}
}

func TestPalmInterrupted(t *testing.T) {
	everyPhase(t, "aborted", func(t *testing.T, c *clinic, reply <-chan agent.Reply, voids int) {
		c.heard(c.abort(asked("1", "").Key()), time.Second)
		c.want(reply, sale.EndAborted, 2*time.Second)
		if c.hand.isOn() || c.gate.isArmed() {
			t.Errorf("camera on: %v, scanner armed: %v", c.hand.isOn(), c.gate.isArmed())
		}
		c.wantVoids(voids)
		c.wantUnsent()
		next := c.ask("2", "B", 200)
		c.mustScan(c.wechatCode())
		c.want(next, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 200)
	})
	everyPhase(t, "a payment code is shown", func(t *testing.T, c *clinic, reply <-chan agent.Reply, voids int) {
		c.mustScan("6901234567892") // goods on the counter change nothing
		if k := c.till.Screen().Kind; k == agent.ScreenPay || k == agent.ScreenFresh {
			t.Fatalf("a goods code ended it: %q", k)
		}
		c.mustScan(c.alipayCode())
		c.want(reply, sale.EndPaid, 2*time.Second)
		c.wantNet(c.alipay, 100)
		c.wantNet(c.wechat, 0)
		c.wantVoids(voids)
	})
	everyPhase(t, "the person wants to pay with a code", func(t *testing.T, c *clinic, reply <-chan agent.Reply, voids int) {
		deed := agent.DeedStop
		if c.till.Screen().Kind == agent.ScreenAgree {
			deed = agent.DeedNo
		}
		c.do(deed)
		time.Sleep(2 * time.Second)
		c.wantKind(agent.ScreenPay)
		c.wantVoids(voids)
		c.mustScan(c.wechatCode())
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
	})
	everyPhase(t, "the till stops", func(t *testing.T, c *clinic, reply <-chan agent.Reply, _ int) {
		c.restart()
		c.house.set(func() { clear(c.house.holds) })
		c.hand.set(func() { c.hand.hold = nil })
		c.want(reply, "undecided", time.Second)
		c.wantUnsent()
		if all := c.till.Payments(false); len(all) != 0 || c.hand.isOn() {
			t.Errorf("on record after a restart: %+v, camera on: %v", all, c.hand.isOn())
		}
		again := c.ask("2", "A", 100)
		c.toAgree()
		c.do(agent.DeedYes)
		c.want(again, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
	})
	everyPhase(t, "nobody does anything more", func(t *testing.T, c *clinic, reply <-chan agent.Reply, voids int) {
		start := time.Now()
		c.want(reply, sale.EndCancelled, 10*time.Minute)
		if d := time.Since(start); d > 4*time.Minute {
			t.Errorf("the lane was held for %s", d)
		}
		c.wantUnsent()
		c.wantVoids(min(voids, c.house.voids()))
	})
	everyPhase(t, "the power fails", func(t *testing.T, c *clinic, _ <-chan agent.Reply, _ int) {
		if n := len(c.journal.snapshot()); n != 0 {
			t.Errorf("%d kinds of records are durable before anything was sent", n)
		}
	})
}

func TestPalmCredential(t *testing.T) {
	palming(t, "for a wallet without a contract: given back, and a code pays", func(t *testing.T, c *clinic) {
		c.house.codes = func() string { return "6212345678901234567" }
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.do(agent.DeedYes)
		if s := c.wantReason(agent.ScreenPay, agent.PalmOff); s.Palm {
			t.Error("palms are still offered")
		}
		c.wantVoids(1)
		c.wantUnsent()
		c.mustScan(c.wechatCode())
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
	})
	palming(t, "one that was used before is not sent again", func(t *testing.T, c *clinic) {
		c.house.codes = func() string { return "135550000000000001" }
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
		c.restart()
		c.ask("2", "B", 300)
		c.toAgree()
		c.do(agent.DeedYes)
		c.wantReason(agent.ScreenPay, agent.PalmOff)
		c.wantNet(c.wechat, 100)
	})
	palming(t, "the wallet cannot be reached: nothing was sent, it is given back", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.wechat.set(func() { c.wechat.down = true })
		c.do(agent.DeedYes)
		c.want(reply, sale.EndUnreachable, time.Second)
		c.wantVoids(1)
	})
	palming(t, "the disk is full: nothing was sent, it is given back", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.journal.fill(true)
		c.do(agent.DeedYes)
		c.want(reply, sale.EndNoSpace, time.Second)
		c.wantVoids(1)
		c.wantUnsent()
	})
	palming(t, "in doubt like any code: asked about, paid once, not given back", func(t *testing.T, c *clinic) {
		c.wechat.onPay = silent(true)
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.do(agent.DeedYes)
		c.wantKind(agent.ScreenDoubt)
		c.want(reply, sale.EndPaid, time.Minute)
		c.wantNet(c.wechat, 100)
		c.wantVoids(0)
	})
	palming(t, "the wallet does not take it: a fresh code, or the palm again", func(t *testing.T, c *clinic) {
		times := 1
		c.wechat.onPay = func(o *order) (sale.Answer, bool) {
			if times--; times >= 0 {
				return c.wechat.answer(o, sale.OutBadCode), true
			}
			return sale.Answer{}, false
		}
		reply := c.ask("1", "A", 100)
		c.toAgree()
		c.do(agent.DeedYes)
		c.wantKind(agent.ScreenFresh)
		c.toAgree()
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
	})
	palming(t, "aborted in the moment of the yes", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		s := c.toAgree()
		done := make(chan error, 1)
		c.journal.onCommit = func() {
			c.journal.onCommit = nil
			go func() { done <- c.till.Abort(t.Context(), asked("1", "").Key(), "") }()
			time.Sleep(time.Millisecond)
		}
		if err := c.till.Touch(agent.Touch{Payment: s.Payment, Step: s.Step, Deed: agent.DeedYes}); err != nil {
			t.Fatal(err)
		}
		c.want(reply, sale.EndAborted, time.Second)
		c.heard(done, time.Second)
		c.wantUnsent()
		c.wantVoids(1)
	})
}

func TestPalmAvailable(t *testing.T) {
	wantNone := func(c *clinic, subject string) {
		c.t.Helper()
		s := c.wantKind(agent.ScreenPay)
		if s.Palm || c.till.Present(s.Payment, biometric.Palm) == nil {
			c.t.Errorf("palms are offered: %+v", s)
		}
		causes := c.health.Causes()
		if len(causes) != 1 || causes[0].Code != "palm" || causes[0].Severity != "notice" || causes[0].Hint == "" {
			c.t.Errorf("causes %+v", causes)
		}
	}
	palming(t, "no provider: the button goes, and comes back", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.house.set(func() { c.house.down = errNoProvider })
		time.Sleep(2 * time.Second)
		wantNone(c, "palm")
		c.house.set(func() { c.house.down = nil })
		time.Sleep(2 * time.Second)
		if len(c.health.Causes()) != 0 {
			t.Errorf("causes %+v", c.health.Causes())
		}
		c.toAgree()
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
	})
	palming(t, "no camera", func(t *testing.T, c *clinic) {
		c.hand.set(func() {
			c.hand.broken = &biometric.Error{Op: "open the camera", Fault: biometric.FaultDevice, Hint: "plug it in"}
		})
		time.Sleep(2 * time.Second)
		reply := c.ask("1", "A", 100)
		wantNone(c, "palm")
		c.mustScan(c.wechatCode())
		c.want(reply, sale.EndPaid, time.Second)
	})
	palming(t, "the provider goes in the moment of the press", func(t *testing.T, c *clinic) {
		c.ask("1", "A", 100)
		s := c.till.Screen()
		c.house.set(func() { c.house.down = errNoProvider })
		if err := c.till.Present(s.Payment, biometric.Palm); err == nil {
			t.Error("pressed all the same")
		}
		c.wantKind(agent.ScreenPay)
	})
	palming(t, "the button twice: one presentation", func(t *testing.T, c *clinic) {
		c.ask("1", "A", 100)
		s := c.till.Screen()
		_ = c.till.Present(s.Payment, biometric.Palm)
		_ = c.till.Present(s.Payment, biometric.Palm)
		synctest.Wait()
		c.do(agent.DeedStop)
		c.wantKind(agent.ScreenPay)
		time.Sleep(10 * time.Second)
		c.wantKind(agent.ScreenPay)
	})
	palming(t, "no face", func(t *testing.T, c *clinic) {
		c.ask("1", "A", 100)
		if err := c.till.Present(c.till.Screen().Payment, biometric.Face); err == nil {
			t.Error("a face was taken")
		}
	})
	palming(t, "a camera that does not stop does not hold the payment", func(t *testing.T, c *clinic) {
		deaf := make(chan struct{})
		c.hand.set(func() { c.hand.deaf = deaf })
		reply := c.ask("1", "A", 100)
		c.press()
		c.enter(member)
		c.mustScan(c.wechatCode())
		c.want(reply, sale.EndPaid, 5*time.Second)
		close(deaf)
		synctest.Wait()
	})
	palming(t, "the scanner is gone: the member code is typed", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		c.gate.unplug()
		c.toAgree()
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
	})
	palming(t, "an answer that comes after the next payment began is not used for it", func(t *testing.T, c *clinic) {
		c.house.set(func() { c.house.outlives = true })
		open := c.house.wait("identify")
		reply := c.ask("1", "A", 100)
		c.press()
		c.enter(member)
		c.heard(c.abort(asked("1", "").Key()), time.Second)
		c.want(reply, sale.EndAborted, 5*time.Second)
		next := c.ask("2", "B", 99900)
		open()
		synctest.Wait()
		c.wantKind(agent.ScreenPay)
		c.wantUnsent()
		c.wantVoids(1)
		c.want(next, sale.EndCancelled, 3*time.Minute)
		c.wantUnsent()
	})
}
