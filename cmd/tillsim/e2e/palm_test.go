package e2e

import (
	"context"
	"os"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// palmTill is a till with a palm reader, and whoever stands before it.
type palmTill struct {
	*till
	look  int // where in the till's happenings the next screen is looked for
	shown int // how many palms were held over the camera
	mark  int // where in them the last palm was held
}

// heldFor is how long a hand is held before it is held in another way.
const heldFor = 4 * time.Second

// seen waits for a screen, and does again whenever it takes long.
func (l *palmTill) seen(what string, again func(), want func(agent.Screen) bool) agent.Screen {
	l.t.Helper()
	for limit := time.Now().Add(patience); ; again() {
		ctx, cancel := context.WithTimeout(l.ctx, heldFor)
		h, next, err := l.Watch.Await(ctx, l.look, what, func(h rig.Happening) bool { return h.Screen != nil && want(*h.Screen) })
		cancel()
		if err == nil {
			l.look = next
			return *h.Screen
		}
		if time.Now().After(limit) {
			s := l.Watch.Screen()
			l.t.Fatalf("%v; the screen shows %q %q", err, s.Kind, s.Reason)
		}
	}
}

func (l *palmTill) screen(kind agent.ScreenKind) agent.Screen {
	l.t.Helper()
	return l.seen(string(kind), func() {}, func(s agent.Screen) bool { return s.Kind == kind })
}

func (l *palmTill) touch(s agent.Screen, deed agent.Deed, boxes *rig.Boxes) {
	l.t.Helper()
	if err := l.Touch(l.ctx, rig.Touch{Payment: s.Payment, Step: s.Step, Deed: deed, Boxes: boxes}); err != nil {
		l.t.Fatal(err)
	}
}

// hold holds a palm over the camera until the screen says what is waited for.
func (l *palmTill) hold(person uint64, what string, want func(agent.Screen) bool) agent.Screen {
	l.t.Helper()
	defer l.Palm.Take()
	l.seen("the till to look for a palm", func() {}, func(s agent.Screen) bool {
		return s.Kind == agent.ScreenPresent && s.Guide == biometric.SensorReady || s.Kind == agent.ScreenNotEnrolled
	})
	l.shown++
	l.mark = l.Watch.Mark()
	l.Palm.Hold(person)
	return l.seen(what, func() { l.shown++; l.Palm.Hold(person) }, want)
}

// enrol enrols a member, with the account code that is given.
func (l *palmTill) enrol(m rig.Member, account func() string) {
	l.t.Helper()
	for range 3 {
		l.eventually("the till is idle, with a palm reader", func() bool {
			s := l.Watch.Screen()
			return s.Kind == agent.ScreenIdle && s.Palm
		})
		l.look = l.Watch.Mark()
		if err := l.EnrolPalm(l.ctx); err != nil {
			l.t.Fatal(err)
		}
		l.touch(l.screen(agent.ScreenConsent), agent.DeedAgree, &rig.Boxes{Age: true, Biometric: true, Transfer: true})
		l.screen(agent.ScreenAccount)
		l.show(account())
		over := func(s agent.Screen) bool { return s.Kind == agent.ScreenEnrolled || s.Kind == agent.ScreenNotEnrolled }
		var s agent.Screen
		for i := 0; i < 3 && !over(s); i++ {
			s = l.hold(m.Person, "a palm to be taken", func(s agent.Screen) bool { return over(s) || s.Kind != agent.ScreenPresent || s.Taken > i })
		}
		if !over(s) {
			s = l.seen("the enrolment to be over", func() {}, over)
		}
		if s.Kind == agent.ScreenEnrolled {
			return
		}
	}
	l.t.Fatal("the enrolment failed three times")
}

// present sells a basket and holds a palm over the camera, until the till asks for a yes or
// has refused three times.
func (l *palmTill) present(m rig.Member, amount string) (<-chan told, agent.Screen) {
	l.t.Helper()
	l.look = l.Watch.Mark()
	done := l.sell(amount)
	var s agent.Screen
	for range 3 {
		button := func(s agent.Screen) bool { return s.Palm && s.Amount == amount }
		l.eventually("the button for palms", func() bool { return button(l.Watch.Screen()) })
		l.look = l.Watch.Mark()
		if err := l.ChoosePalm(l.ctx, l.Watch.Screen().Payment); err != nil {
			l.t.Fatal(err)
		}
		l.screen(agent.ScreenClaim)
		l.show(m.ID)
		s = l.hold(m.Person, "the palm to be judged", func(s agent.Screen) bool {
			return s.Kind == agent.ScreenAgree || s.Kind == agent.ScreenPay || s.Kind == agent.ScreenFresh
		})
		if s.Kind == agent.ScreenAgree {
			break
		}
	}
	return done, s
}

// palms is how often the canaries present a palm: a thousand times with TILLD_TEST_LONG=1 in
// the environment.
func palms() int {
	if os.Getenv("TILLD_TEST_LONG") == "1" {
		return 1000
	}
	return 6
}
