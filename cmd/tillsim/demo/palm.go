package demo

import (
	"context"
	"slices"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// enrolled is whose palm the provider knows, after the first scenario.
func enrolled() rig.Member { return rig.Members()[0] }

// palm is a scenario at a till with a palm reader. In the end nothing is held over the camera
// and no lamp shines.
func palm(f func(*play)) func(*play) {
	return func(p *play) {
		p.later = append(p.later, p.rig.Palm.Take)
		f(p)
		p.rig.Palm.Take()
		p.dark()
	}
}

// seen waits for a screen, after the last one that was waited for.
func (p *play) seen(what string, want func(agent.Screen) bool) agent.Screen {
	if p.err != nil {
		return agent.Screen{}
	}
	ctx, cancel := p.within()
	defer cancel()
	h, next, err := p.rig.Watch.Await(ctx, p.look, what, func(h rig.Happening) bool { return h.Screen != nil && want(*h.Screen) })
	if err != nil {
		p.fail("%w; it shows %q %q", err, p.rig.Watch.Screen().Kind, p.rig.Watch.Screen().Reason)
		return agent.Screen{}
	}
	p.look = next
	return *h.Screen
}

// screen waits for a screen of a kind.
func (p *play) screen(kind agent.ScreenKind) agent.Screen {
	return p.seen("the customer's screen to show "+string(kind), func(s agent.Screen) bool { return s.Kind == kind })
}

// touch does something on the step that a screen shows.
func (p *play) touch(s agent.Screen, deed agent.Deed, boxes *rig.Boxes) {
	p.do("touch "+string(deed), func(ctx context.Context) error {
		return p.rig.Touch(ctx, rig.Touch{Payment: s.Payment, Step: s.Step, Deed: deed, Boxes: boxes})
	})
}

// idle waits until nobody is served, and palms can be enrolled.
func (p *play) idle() {
	if p.err != nil {
		return
	}
	idle := func(s agent.Screen) bool { return s.Kind == agent.ScreenIdle && s.Palm && s.Withdraw }
	p.look = p.rig.Watch.Mark()
	if !idle(p.rig.Watch.Screen()) {
		p.seen("the till to be idle, with a palm reader", idle)
	}
}

// enrol takes a member's consent and three looks at their palm.
func (p *play) enrol(m rig.Member) {
	for try := 1; p.err == nil; try++ {
		s := p.enrolOnce(m)
		if s.Kind == agent.ScreenEnrolled && s.Name == providertest.Mask(m.Name) {
			return
		}
		if try == mostTries {
			p.fail("enrol %s: the screen shows %q %q %q", m.ID, s.Kind, s.Name, s.Reason)
		}
	}
}

func (p *play) enrolOnce(m rig.Member) agent.Screen {
	p.idle()
	p.do("enrol", p.rig.EnrolPalm)
	p.touch(p.screen(agent.ScreenConsent), agent.DeedAgree, &rig.Boxes{Age: true, Biometric: true})
	s := p.seen("the screen to ask for every box", func(s agent.Screen) bool {
		return s.Kind == agent.ScreenConsent && s.Reason == string(agent.PalmBoxes)
	})
	p.touch(s, agent.DeedAgree, &rig.Boxes{Age: true, Biometric: true, Transfer: true})
	p.account(m)
	for i := 0; p.err == nil && i < 3; i++ {
		s := p.seen("the screen to ask for a palm", func(s agent.Screen) bool {
			return s.Kind == agent.ScreenPresent && s.Guide == biometric.SensorReady && s.Taken == i || s.Kind == agent.ScreenNotEnrolled
		})
		if s.Kind == agent.ScreenNotEnrolled {
			return s
		}
		s = p.holdUntil(m.Person, "the palm to be taken", func(s agent.Screen) bool { return s.Kind != agent.ScreenPresent || s.Taken > i })
		if s.Kind == agent.ScreenNotEnrolled || s.Kind == agent.ScreenEnrolled {
			return s
		}
	}
	return p.seen("the enrolment to be over", func(s agent.Screen) bool {
		return s.Kind == agent.ScreenEnrolled || s.Kind == agent.ScreenNotEnrolled
	})
}

// account shows the code of the provider's app.
func (p *play) account(m rig.Member) {
	p.screen(agent.ScreenAccount)
	p.do("show the code of the app", func(context.Context) error {
		code, err := p.rig.Palm.Provider.AccountCode(m.ID)
		if err == nil {
			p.show(code)
		}
		return err
	})
}

// claim presses the button and shows a member code. It returns once the till looks for a palm.
func (p *play) claim(m rig.Member) {
	button := func(s agent.Screen) bool { return s.Palm && s.Payment == p.payment }
	mark := p.rig.Watch.Mark()
	s := p.rig.Watch.Screen()
	if p.look = max(p.look, mark); !button(s) {
		s = p.seen("the button for palms", button)
	}
	p.do("choose palm", func(ctx context.Context) error { return p.rig.ChoosePalm(ctx, s.Payment) })
	p.screen(agent.ScreenClaim)
	p.show(m.ID)
}

// ready waits until the till looks for a palm.
func (p *play) ready() {
	p.seen("the screen to ask for a palm", func(s agent.Screen) bool {
		return s.Kind == agent.ScreenPresent && s.Guide == biometric.SensorReady
	})
}

// heldFor is how long a hand is held before it is held in another way: some hands shake.
const heldFor = 4 * time.Second

// holdUntil holds a hand over the camera until the screen shows what is waited for.
func (p *play) holdUntil(person uint64, what string, want func(agent.Screen) bool) (s agent.Screen) {
	p.do("hold a hand until "+what, func(ctx context.Context) error {
		defer p.rig.Palm.Take()
		for {
			p.rig.Palm.Hold(person)
			held, cancel := context.WithTimeout(ctx, heldFor)
			h, next, err := p.rig.Watch.Await(held, p.look, what, func(h rig.Happening) bool { return h.Screen != nil && want(*h.Screen) })
			cancel()
			if err == nil {
				s, p.look = *h.Screen, next
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
		}
	})
	return s
}

// unclear are the reasons for which people try again: a live hand is taken for none now and
// then.
func unclear() []agent.PalmReason {
	return []agent.PalmReason{agent.PalmOff, agent.PalmUnsure, agent.PalmUnusable, agent.PalmQuality, agent.PalmNobody}
}

// mostTries is how often somebody tries for one payment.
const mostTries = 3

// presents claims to be a member and holds somebody's palm over the camera; where the till
// could not see enough of it once more, as people do: here a machine may be too slow for 30
// frames a second. It returns the screen that follows.
func (p *play) presents(m rig.Member, person uint64) (s agent.Screen) {
	for try := 1; p.err == nil; try++ {
		p.claim(m)
		p.ready()
		s = p.holdUntil(person, "the palm to be judged", judged)
		p.afterPalm(s)
		if try == mostTries || s.Kind == agent.ScreenAgree || !slices.Contains(unclear(), agent.PalmReason(s.Reason)) {
			break
		}
	}
	return s
}

// over waits until the till looks for no palm any more, and takes away what is held there.
func (p *play) over() agent.Screen {
	s := p.seen("the palm to be judged", judged)
	p.rig.Palm.Take()
	p.afterPalm(s)
	return s
}

func judged(s agent.Screen) bool {
	return s.Kind == agent.ScreenAgree || s.Kind == agent.ScreenPay || s.Kind == agent.ScreenFresh
}

// afterPalm waits until codes are taken again, where a screen says that palms are not.
func (p *play) afterPalm(s agent.Screen) {
	if s.Kind != agent.ScreenAgree {
		p.left()
	}
}

// left waits until the till has left off palms, and takes codes again.
func (p *play) left() {
	p.await("the till to leave off palms", func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == string(biometric.Palm) && (h.Event.State == "nothing" || h.Event.State == "left")
	})
}

// known presents the palm of somebody who is enrolled, and returns the screen that asks for
// their yes.
func (p *play) known(b basket) agent.Screen {
	m := enrolled()
	s := p.presents(m, m.Person)
	if p.err == nil && (s.Kind != agent.ScreenAgree || s.Name != providertest.Mask(m.Name) || s.Amount != b.amount.Decimal()) {
		p.fail("%s before the camera: the screen shows %q, %q, %s, %q", m.Name, s.Kind, s.Name, s.Amount, s.Reason)
	}
	return s
}

// wantReason checks why the till asks for a code instead.
func (p *play) wantReason(s agent.Screen, reasons ...agent.PalmReason) {
	if p.err == nil && (s.Kind == agent.ScreenAgree || !slices.Contains(reasons, agent.PalmReason(s.Reason))) {
		p.fail("the screen shows %q %q, want one of %q", s.Kind, s.Reason, reasons)
	}
}

// paysWithPalm is a whole payment of somebody who is known.
func (p *play) paysWithPalm(b basket) *request {
	r := p.sell(b, success)
	p.touch(p.known(b), agent.DeedYes, nil)
	p.told(r)
	return r
}

// counted checks how often something happened at the provider since counts were taken.
func (p *play) counted(before map[string]int, what string, n int) {
	if got := p.rig.Palm.Provider.Counts()[what] - before[what]; p.err == nil && got != n {
		p.fail("the provider counts %d more %q, want %d", got, what, n)
	}
}

// lookEvery is how often a lamp is looked at.
const lookEvery = 10 * time.Millisecond

// dark waits until no lamp shines.
func (p *play) dark() {
	p.eventually("all lamps to be off", func() bool { return !p.rig.Palm.Lit() })
}

// eventually waits for what tells nobody when it happens.
func (p *play) eventually(what string, f func() bool) {
	p.do("wait for "+what, func(ctx context.Context) error {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for !f() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
}
