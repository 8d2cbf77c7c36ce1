package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// showing runs f with a desk that shows a code of its own from the start.
func showing(t *testing.T, name string, f func(*testing.T, *clinic)) {
	palmingWith(t, name, func(_ *clinic, o *agent.Options) {
		o.Offer = agent.OfferAlways
		o.Contracts[0].Offers = true
	}, f)
}

func TestPalmBesideOurCode(t *testing.T) {
	showing(t, "our code is closed before the palm", func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		code := c.wantKind(agent.ScreenPay).Code
		if code == "" {
			t.Fatal("no code of ours")
		}
		c.press()
		c.wantKind(agent.ScreenClaim)
		if c.wechat.scanned(code) {
			t.Error("our code can be paid beside the palm")
		}
		c.enter(member)
		c.do(agent.DeedYes)
		c.want(reply, sale.EndPaid, time.Second)
		c.wantNet(c.wechat, 100)
	})
	showing(t, "paid in the moment of the press: no palm", func(t *testing.T, c *clinic) {
		c.wechat.onClose = func(o *order) (sale.Answer, bool) { c.wechat.pay(o); return sale.Answer{}, false }
		reply := c.ask("1", "A", 100)
		c.press()
		c.want(reply, sale.EndPaid, time.Minute)
		c.wantNet(c.wechat, 100)
		if c.hand.presented() != 0 {
			t.Error("the camera was on")
		}
	})
	showing(t, "our code does not close: the wish lapses, and no camera goes on by itself", func(t *testing.T, c *clinic) {
		c.wechat.onClose = mute
		c.wechat.onQuery = mute
		c.ask("1", "A", 100)
		c.press()
		time.Sleep(30 * time.Second)
		c.wechat.set(func() { c.wechat.onClose, c.wechat.onQuery = nil, nil })
		time.Sleep(20 * time.Second)
		if s := c.till.Screen(); s.Kind == agent.ScreenClaim || c.hand.presented() != 0 {
			t.Errorf("screen %+v", s)
		}
	})
	showing(t, "aborted while our code is being closed", func(t *testing.T, c *clinic) {
		release := make(chan struct{})
		c.wechat.onClose = func(*order) (sale.Answer, bool) { c.wechat.await(func() { <-release }); return sale.Answer{}, false }
		reply := c.ask("1", "A", 100)
		c.press()
		c.wantKind(agent.ScreenClosing)
		c.heard(c.abort(asked("1", "").Key()), time.Second)
		close(release)
		c.want(reply, sale.EndAborted, time.Minute)
		c.wantNet(c.wechat, 0)
		if c.hand.presented() != 0 {
			t.Error("the camera was on")
		}
	})
	palmingWith(t, "both buttons at once: one after the other", func(_ *clinic, o *agent.Options) { o.Contracts[0].Offers = true }, func(t *testing.T, c *clinic) {
		reply := c.ask("1", "A", 100)
		s := c.till.Screen()
		_, _ = c.till.Present(s.Payment, biometric.Palm), c.till.Offer(s.Payment)
		synctest.Wait()
		if s := c.till.Screen(); s.Code != "" && s.Kind == agent.ScreenClaim {
			t.Errorf("screen %+v", s)
		}
		c.heard(c.abort(asked("1", "").Key()), time.Second)
		c.want(reply, sale.EndAborted, time.Minute)
		c.wantNet(c.wechat, 0)
	})
}
