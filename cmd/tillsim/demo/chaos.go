package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// point is a named moment in the life of a payment at which a till is killed: something that
// the till says of it, or something that a wallet sees of it.
type point struct {
	name string
	till func(rig.Happening) bool
	op   sale.Op // of a wallet's
	seen string  // its phase
}

// points are all named moments. The till's are told the moment they happened, so the kill
// strikes a little later than that; the wallets' are told before the wallet goes on.
func points() []point {
	var all []point
	for _, kind := range []string{"armed", "sending", "doubt", "undo", "query", "reverse", "attached", "ended"} {
		all = append(all, point{name: kind, till: func(h rig.Happening) bool { return h.Event != nil && h.Event.Kind == kind }})
	}
	for _, state := range []sale.State{sale.Sending, sale.Paid, sale.Unknown, sale.Declined, sale.Reversing, sale.Reversed, sale.ReversedRefunded} {
		all = append(all, point{name: state.String(), till: func(h rig.Happening) bool {
			return h.Event != nil && h.Event.Kind == "state" && h.Event.State == state.String()
		}})
	}
	for _, op := range []sale.Op{sale.OpPay, sale.OpQuery, sale.OpReverse} {
		for _, phase := range []string{"seen", "done", "answered"} {
			all = append(all, point{name: "wallet: " + string(op) + " " + phase, op: op, seen: phase})
		}
	}
	return all
}

// strike kills the till at a point, once, and starts it again, whatever goes on meanwhile.
type strike struct {
	cancel context.CancelFunc
	over   chan struct{}
	struck bool // valid after over
	err    error
}

// strikeAt arms a strike from now on.
func (p *play) strikeAt(at point) *strike {
	ctx, cancel := context.WithCancel(p.ctx)
	s := &strike{cancel: cancel, over: make(chan struct{})}
	wait := p.awaitTill
	if at.till == nil {
		wait = p.awaitWalletAt
	}
	came := wait(ctx, at)
	go func() {
		defer close(s.over)
		if !came() {
			return
		}
		s.struck = true
		p.rig.Kill()
		within, done := context.WithTimeout(p.ctx, stepWithin)
		defer done()
		s.err = p.rig.Restart(within)
	}()
	return s
}

func (p *play) awaitTill(ctx context.Context, at point) (came func() bool) {
	mark := p.rig.Watch.Mark()
	return func() bool {
		_, _, err := p.rig.Watch.Await(ctx, mark, at.name, at.till)
		return err == nil
	}
}

func (p *play) awaitWalletAt(ctx context.Context, at point) (came func() bool) {
	now := make(chan struct{}, 1)
	off := p.rig.World.OnEvent(func(e wallettest.Event) {
		if e.Op == at.op && e.Phase == at.seen {
			select {
			case now <- struct{}{}:
			default:
			}
		}
	})
	return func() bool {
		defer off()
		select {
		case <-now:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// finish takes the strike off, or waits until the till is up again, and reports which.
func (p *play) finish(s *strike) bool {
	s.cancel()
	<-s.over
	if s.err != nil {
		p.fail("start tilld again: %w", s.err)
	}
	return s.struck
}

// chaosStory is a story with a kill at a named point, and a network that is cut for a while.
type chaosStory struct {
	story
	at     point
	cut    time.Duration // -1: never
	cutFor time.Duration
}

// chaos makes n stories on as many tills. Each named point has its turn.
func chaos(n, tills int, seed uint64) []lane {
	all := make([]lane, tills)
	for i := range all {
		all[i].name = fmt.Sprintf("chaos-%d", i+1)
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	at := points()
	for i := range n {
		st := chaosStory{story: newStory(rnd), at: at[i%len(at)], cut: -1, cutFor: time.Duration(rnd.IntN(1500)) * time.Millisecond}
		st.kill = -1
		if rnd.IntN(5) == 0 {
			st.cut = time.Duration(rnd.IntN(1200)) * time.Millisecond
		}
		l := &all[i%tills]
		l.scenarios = append(l.scenarios, scenario{fmt.Sprintf("%05d %s", i+1, st), st.play})
	}
	return all
}

func (s chaosStory) String() string {
	text := s.story.String() + ", kill at " + s.at.name
	if s.cut >= 0 {
		text += fmt.Sprintf(", network cut at %s for %s", s.cut, s.cutFor)
	}
	return text
}

func (s chaosStory) play(p *play) {
	for _, f := range []wallettest.Fault{s.pay, s.rest[0], s.rest[1]} {
		if f.Kind != "" {
			p.inject(s.wallet, f, 1)
		}
	}
	b := p.basket()
	blow := p.strikeAt(s.at)
	r := p.ask(b, wanted{})
	asked := []*request{r}
	p.armedOrOver(b, r)
	armed := p.mark
	p.showFresh(s.wallet)
	asked = s.people(p, b, asked)
	r = asked[len(asked)-1]
	if s.pay.Kind == wallettest.CodeExpired && p.err == nil {
		p.freshCode(r, b, s.wallet, armed)
	}
	p.settle(asked)
	if s.giveBack && p.err == nil && r.answer.Result == verdict.Success {
		p.record.reversed(b)
		back := p.cashier.reverse(p.ctx, r, wanted{})
		p.told(back)
		if p.err == nil && back.answer.Result == "" && p.reconcile(back, wanted{}) == verdict.NotFound {
			p.told(p.cashier.reverse(p.ctx, r, wanted{})) // it never began: again, under a new number
		}
	}
	if p.finish(blow) {
		p.record.struck(s.at.name)
	}
	if p.err == nil {
		p.do("clear the faults", func(context.Context) error { return p.rig.World.Clear(s.wallet) })
	}
}

// people do what they do at their moments, until the answer comes. It returns the requests
// of the basket.
func (s chaosStory) people(p *play, b basket, asked []*request) []*request {
	defer p.rig.Silence(false)
	begun, moments := time.Now(), s.moments()
	for p.err == nil && len(moments) > 0 {
		r := asked[len(asked)-1]
		what, at := earliest(moments)
		if !p.until(r, begun.Add(at)) {
			break
		}
		delete(moments, what)
		switch what {
		case "abort":
			p.record.aborted(b)
			// The till may be down: an abort that fails is part of the story.
			_ = p.cashier.abort(p.ctx, r)
		case "again":
			p.hangUp(r)
			asked = append(asked, p.ask(b, wanted{}))
		case "cut":
			p.rig.Silence(true)
		case "back":
			p.rig.Silence(false)
		}
	}
	return asked
}

// moments are what the people and the network do, by their times after the scan.
func (s chaosStory) moments() map[string]time.Duration {
	m := map[string]time.Duration{}
	for what, at := range map[string]time.Duration{"abort": s.abort, "again": s.again, "cut": s.cut} {
		if at >= 0 {
			m[what] = at
		}
	}
	if s.cut >= 0 {
		m["back"] = s.cut + s.cutFor
	}
	return m
}

func earliest(moments map[string]time.Duration) (what string, at time.Duration) {
	at = -1
	for w, t := range moments {
		if at < 0 || t < at || t == at && w < what {
			what, at = w, t
		}
	}
	return what, at
}

// armedOrOver waits until the till takes a code for the basket, or has answered, or its
// connection is lost.
func (p *play) armedOrOver(b basket, r *request) {
	if p.err != nil {
		return
	}
	ctx, cancel := p.within()
	defer cancel()
	go func() {
		select {
		case <-r.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, next, err := p.rig.Watch.Await(ctx, p.mark, "the scanner to be armed for "+b.amount.String(), armedFor(b)); err == nil {
		p.mark = next
		return
	}
	select {
	case <-r.done:
	default:
		p.fail("the scanner was not armed for %s within %s", b.amount, stepWithin)
	}
}

// record is what a chaos remembers beside what was told: why money may have been given back.
type record struct {
	mu      sync.Mutex
	strikes map[string]int
	aborts  map[string]bool // TransactionIDs
	backs   map[string]bool
}

func newRecord() *record {
	return &record{strikes: map[string]int{}, aborts: map[string]bool{}, backs: map[string]bool{}}
}

func (r *record) struck(at string)  { r.mu.Lock(); r.strikes[at]++; r.mu.Unlock() }
func (r *record) aborted(b basket)  { r.mu.Lock(); r.aborts[b.id] = true; r.mu.Unlock() }
func (r *record) reversed(b basket) { r.mu.Lock(); r.backs[b.id] = true; r.mu.Unlock() }
