package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// storm makes n stories nobody thought of, on three tills: wallets that fail in several
// ways at once, a cashier who aborts and asks again at odd moments, and a till that is
// killed meanwhile. A story says nothing of how it should end: only the law must hold, that
// both sides agree. The same seed makes the same stories, if not the same interleavings.
func storm(n int, seed uint64) []lane {
	all := []lane{{name: "storm-1"}, {name: "storm-2"}, {name: "storm-3"}}
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		l := &all[i%len(all)]
		st := newStory(rnd)
		l.scenarios = append(l.scenarios, scenario{fmt.Sprintf("%03d %s", i+1, st), st.play})
	}
	return all
}

// stormWait is how long a till waits for a code in a storm: some customers lose theirs with
// the till's power, and show no other.
const stormWait = 5 * time.Second

// onPay, onRest are what may go wrong with the payment, and with what follows it.
var (
	onPay = []wallettest.Fault{
		{}, {}, {}, {Kind: wallettest.DropAnswer}, {Kind: wallettest.DropRequest}, {Kind: wallettest.Silent},
		{Kind: wallettest.SilentNoOrder}, {Kind: wallettest.Slow, Delay: 200 * time.Millisecond}, {Kind: wallettest.Confirm},
		{Kind: wallettest.ConfirmAfter, Delay: 700 * time.Millisecond}, {Kind: wallettest.SystemError},
		{Kind: wallettest.SystemError, Paid: true}, {Kind: wallettest.OtherOrder}, {Kind: wallettest.WrongTotal},
		{Kind: wallettest.HTML200, Paid: true}, {Kind: wallettest.BadGateway}, {Kind: wallettest.TooMany, Paid: true},
		{Kind: wallettest.Redirect307, Paid: true}, {Kind: wallettest.BadSignature}, {Kind: wallettest.NoSignature},
		{Kind: wallettest.LateCharge, Delay: 900 * time.Millisecond}, {Kind: wallettest.LateCharge, Delay: 2500 * time.Millisecond},
		{Kind: wallettest.Declined}, {Kind: wallettest.CodeExpired}, {Kind: wallettest.Hold}, {Kind: wallettest.Trickle},
	}
	onRest = []wallettest.Fault{
		{}, {}, {}, {Kind: wallettest.ReverseFails}, {Kind: wallettest.ReverseAnswerLost}, {Kind: wallettest.ReverseLies},
		{Kind: wallettest.NotFoundOnQuery}, {Kind: wallettest.DropAnswer, On: sale.OpQuery}, {Kind: wallettest.BadSignature, On: sale.OpQuery},
		{Kind: wallettest.OtherOrder, On: sale.OpQuery}, {Kind: wallettest.HTML200, On: sale.OpReverse}, {Kind: wallettest.Hold, On: sale.OpReverse},
		{Kind: wallettest.Silent, On: sale.OpQuery},
	}
)

// story is one payment and what befalls it. Moments are counted from the scan; -1 is never.
type story struct {
	wallet   string
	pay      wallettest.Fault
	rest     [2]wallettest.Fault
	abort    time.Duration // the cashier aborts
	again    time.Duration // the cashier hangs up and asks again under a new ServiceID
	kill     time.Duration // the till loses its power
	kills    int           // and again, at once
	giveBack bool          // what was paid is reversed,
	killBack time.Duration // and the till dies meanwhile
}

func newStory(rnd *rand.Rand) story {
	moment := func(oneIn int) time.Duration {
		switch rnd.IntN(2 * oneIn) {
		case 0: // while the request is on its way
			return time.Duration(rnd.IntN(40)) * time.Millisecond
		case 1:
			return time.Duration(rnd.IntN(2500)) * time.Millisecond
		}
		return -1
	}
	return story{
		wallet: wallettest.Wallets()[rnd.IntN(3)],
		pay:    onPay[rnd.IntN(len(onPay))],
		rest:   [2]wallettest.Fault{onRest[rnd.IntN(len(onRest))], onRest[rnd.IntN(len(onRest))]},
		abort:  moment(3), again: moment(5), kill: moment(3), kills: 1 + rnd.IntN(2), giveBack: rnd.IntN(3) == 0,
		killBack: moment(2),
	}
}

// String is the story in a line.
func (s story) String() string {
	text := s.wallet
	for _, f := range []wallettest.Fault{s.pay, s.rest[0], s.rest[1]} {
		if f.Kind != "" {
			text += ", " + string(f.Kind)
		}
		if f.Paid {
			text += " (paid)"
		}
		if f.On != "" {
			text += " on " + string(f.On)
		}
	}
	for _, m := range []struct {
		what string
		at   time.Duration
	}{{"abort", s.abort}, {"ask again", s.again}, {"kill", s.kill}} {
		if m.at >= 0 {
			text += fmt.Sprintf(", %s at %s", m.what, m.at)
		}
	}
	if s.giveBack {
		text += ", reversal"
		if s.killBack >= 0 {
			text += fmt.Sprintf(" killed at %s", s.killBack)
		}
	}
	return text
}

func (s story) play(p *play) {
	for _, f := range []wallettest.Fault{s.pay, s.rest[0], s.rest[1]} {
		if f.Kind != "" {
			p.inject(s.wallet, f, 1)
		}
	}
	b := p.basket()
	r := p.sell(b, wanted{})
	asked := []*request{r}
	armed := p.mark
	p.showFresh(s.wallet)
	begun := time.Now()
	for p.err == nil {
		what, at := s.next()
		if at < 0 || !p.until(r, begun.Add(at)) {
			break
		}
		switch what {
		case &s.abort:
			// The till may be down or busy dying: an abort that fails is part of the story.
			_ = p.cashier.abort(p.ctx, r)
		case &s.again:
			p.hangUp(r)
			r = p.ask(b, wanted{})
			asked = append(asked, r)
		case &s.kill:
			for range s.kills {
				p.killAndRestart()
			}
		}
		*what = -1
	}
	if s.pay.Kind == wallettest.CodeExpired && p.err == nil {
		p.freshCode(r, b, s.wallet, armed)
	}
	p.settle(asked)
	if s.giveBack && p.err == nil && r.answer.Result == verdict.Success {
		s.reverse(p, r)
	}
	if p.err == nil {
		p.do("clear the faults", func(context.Context) error { return p.rig.World.Clear(s.wallet) })
	}
}

// reverse gives the payment back, and lets the till die meanwhile.
func (s story) reverse(p *play, r *request) {
	back := p.cashier.reverse(p.ctx, r, wanted{})
	if s.killBack >= 0 && p.until(back, time.Now().Add(s.killBack)) {
		p.killAndRestart()
	}
	p.told(back)
	if p.err == nil && back.answer.Result == "" && p.reconcile(back, wanted{}) == verdict.NotFound {
		p.told(p.cashier.reverse(p.ctx, r, wanted{})) // it never began: again, under a new number
	}
}

// next is the earliest moment that is still to come.
func (s *story) next() (what *time.Duration, at time.Duration) {
	at = -1
	for _, m := range []*time.Duration{&s.abort, &s.again, &s.kill} {
		if *m >= 0 && (at < 0 || *m < at) {
			what, at = m, *m
		}
	}
	return what, at
}

// until waits for a moment; false means that the answer came before.
func (p *play) until(r *request, moment time.Time) bool {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-r.done:
		return false
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		p.fail("%w", context.Cause(p.ctx))
		return false
	}
}

// freshCode shows another code if the till asks for one, after a mark, before it answers.
func (p *play) freshCode(r *request, b basket, wallet string, armed int) {
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	again := make(chan struct{})
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	go func() {
		defer close(again)
		_, _, err := p.rig.Watch.Await(ctx, armed, "a fresh code to be wanted", armedFor(b))
		if err == nil {
			p.showFresh(wallet)
		}
	}()
	select {
	case <-again:
	case <-r.done:
	case <-timer.C:
	}
	cancel()
	<-again
}

// settle waits for the answer to the last of a basket's requests, and asks for it if the
// connection was lost. A number that the till never saw proves nothing about the basket: the
// one before it may have been taken.
func (p *play) settle(asked []*request) {
	last := asked[len(asked)-1]
	p.told(last)
	if p.err == nil && last.answer.Result == "" && p.reconcile(last, wanted{}) == verdict.NotFound {
		for _, r := range asked[:len(asked)-1] {
			p.reconcile(r, wanted{})
		}
	}
}
