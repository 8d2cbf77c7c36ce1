package rig

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/cmd/tillsim/counter"
)

// until waits for what tells nobody when it happens.
func until(ctx context.Context, t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func pressPalm(t *testing.T, c *Counter, name string) {
	t.Helper()
	if err := c.Palm(name); err != nil {
		t.Fatal(err)
	}
}

// palmAtCounter chooses to pay by palm, holds a phone over the camera, and pays by code.
func palmAtCounter(ctx context.Context, t *testing.T, r *Rig, c *Counter) {
	if err := c.Palm("hand:nobody"); err == nil {
		t.Error("the hand of somebody who is no member was held")
	}
	if err := c.Palm("withdraw:" + Members()[0].ID); err == nil || !strings.Contains(err.Error(), "not enrolled") {
		t.Errorf("somebody withdrew who never enrolled: %v", err)
	}
	look := r.Watch.Mark()
	screen := func(kind agent.ScreenKind) agent.Screen {
		t.Helper()
		h, next, err := r.Watch.Await(ctx, look, string(kind), func(h Happening) bool {
			return h.Screen != nil && h.Screen.Kind == kind && (kind != agent.ScreenPresent || h.Screen.Guide == biometric.SensorReady)
		})
		if err != nil {
			t.Fatal(err)
		}
		look = next
		return *h.Screen
	}
	done := sell(ctx, t, r, c, "4.40", "B-P")
	until(ctx, t, "palms are offered", func() bool { return r.Watch.Screen().Palm })
	if c.Lit() {
		t.Error("a lamp shines before somebody chose palm")
	}
	if err := r.ChoosePalm(ctx, r.Watch.Screen().Payment); err != nil {
		t.Fatal(err)
	}
	screen(agent.ScreenClaim)
	pressPalm(t, c, "member:"+Members()[0].ID)
	s := screen(agent.ScreenPresent)
	until(ctx, t, "a lamp shines", c.Lit)
	mark := r.Watch.Mark()
	pressPalm(t, c, "fake:phone-screen")
	for _, p := range c.Palms() {
		if p.On != (p.Name == "fake:phone-screen") {
			t.Errorf("held: %+v", p)
		}
	}
	// It may be refused in this very moment.
	_ = r.Touch(ctx, Touch{Payment: s.Payment, Step: s.Step, Deed: agent.DeedStop})
	h, _, err := r.Watch.Await(ctx, look, "the screen to ask for a code", func(h Happening) bool {
		return h.Screen != nil && (h.Screen.Kind == agent.ScreenPay || h.Screen.Kind == agent.ScreenFresh)
	})
	if err != nil || h.Screen.Amount != "4.40" {
		t.Fatalf("%+v, %v", h.Screen, err)
	}
	if _, err := r.Watch.AwaitEvent(ctx, mark, "armed"); err != nil {
		t.Fatal(err)
	}
	pressPalm(t, c, "nobody:")
	until(ctx, t, "all lamps are off", func() bool { return !c.Lit() })
	show(t, c, "fresh-alipay")
	select {
	case a := <-done:
		if a.err != nil || a.Result != "Success" {
			t.Fatalf("told %+v", a)
		}
	case <-ctx.Done():
		t.Fatal("no answer")
	}
	for _, on := range []bool{true, false} {
		for _, name := range []string{counter.FaultPalmDown, counter.FaultPalmSlow} {
			if err := c.SetFault(name, on); err != nil {
				t.Error(err)
			}
		}
	}
}
