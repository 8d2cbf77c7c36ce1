package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// chaosStory is a story with a kill at a named point, and a network that is cut for a while.
type chaosStory struct {
	story
	at     point
	cut    time.Duration // -1: never
	cutFor time.Duration

	offers  bool               // the customer is to scan a code of ours
	scan    scanOf             // and does it then
	scanAt  time.Duration      // of scanLate and scanOwn, after the code is shown
	parts   int                // how many parts of what was paid are given back
	further []wallettest.Fault // what goes wrong with all that
	down    bool               // the direct contract cannot be reached
}

// scanOf is when the customer scans our code.
type scanOf string

const (
	scanEarly   scanOf = "early"   // as soon as it is shown
	scanLate    scanOf = "late"    // when it may be off the screen already
	scanClosing scanOf = "closing" // in the moment in which it is closed
	scanNever   scanOf = "never"
	scanOwn     scanOf = "own" // shows a code as well
)

// onOffer and onRefund are what may go wrong with a code of ours, and with a refund.
var (
	onOffer = []wallettest.Fault{
		{}, {}, {}, {Kind: wallettest.DropAnswer, On: sale.OpOffer}, {Kind: wallettest.DropRequest, On: sale.OpOffer}, {Kind: wallettest.Silent, On: sale.OpOffer},
		{Kind: wallettest.Declined, On: sale.OpOffer}, {Kind: wallettest.BadSignature, On: sale.OpOffer}, {Kind: wallettest.OtherOrder, On: sale.OpOffer},
		{Kind: wallettest.LateCharge, On: sale.OpOffer, Delay: 900 * time.Millisecond}, {Kind: wallettest.DropAnswer, On: sale.OpClose},
		{Kind: wallettest.Silent, On: sale.OpClose}, {Kind: wallettest.SystemError, On: sale.OpClose}, {Kind: wallettest.Hold, On: sale.OpClose},
	}
	onRefund = []wallettest.Fault{
		{}, {}, {}, {Kind: wallettest.DropAnswer, On: sale.OpRefund}, {Kind: wallettest.DropRequest, On: sale.OpRefund}, {Kind: wallettest.Silent, On: sale.OpRefund},
		{Kind: wallettest.SystemError, On: sale.OpRefund}, {Kind: wallettest.BadSignature, On: sale.OpRefund}, {Kind: wallettest.OtherOrder, On: sale.OpRefund},
		{Kind: wallettest.RefundProcessing, Delay: 800 * time.Millisecond}, {Kind: wallettest.RefundRefused}, {Kind: wallettest.Hold, On: sale.OpRefund},
		{Kind: wallettest.BadSignature, On: sale.OpQueryRefund}, {Kind: wallettest.LateCharge, On: sale.OpRefund, Delay: 700 * time.Millisecond},
	}
)

// chaos makes n stories on as many tills. Each named point has its turn.
func chaos(n, tills int, seed uint64) []lane {
	all := make([]lane, tills)
	for i := range all {
		all[i].name = fmt.Sprintf("chaos-%d", i+1)
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	at := points()
	for i := range n {
		st := newChaosStory(rnd, at[i%len(at)])
		l := &all[i%tills]
		l.scenarios = append(l.scenarios, scenario{fmt.Sprintf("%05d %s", i+1, st), st.play})
	}
	return all
}

func newChaosStory(rnd *rand.Rand, at point) chaosStory {
	s := chaosStory{story: newStory(rnd), at: at, cut: -1, cutFor: time.Duration(rnd.IntN(1500)) * time.Millisecond}
	s.kill = -1
	if rnd.IntN(5) == 0 {
		s.cut = time.Duration(rnd.IntN(1200)) * time.Millisecond
	}
	if rnd.IntN(4) == 0 {
		s.wallet = wallettest.Aggregator
	}
	s.scan = []scanOf{scanEarly, scanEarly, scanLate, scanClosing, scanNever, scanOwn}[rnd.IntN(6)]
	s.scanAt = time.Duration(rnd.IntN(3000)) * time.Millisecond
	s.offers = rnd.IntN(4) == 0 || at.needs == needOffer || at.needs == needClosing
	if at.needs == needClosing && s.scan == scanEarly {
		s.scan = []scanOf{scanClosing, scanNever, scanOwn}[rnd.IntN(3)]
	}
	if s.parts = rnd.IntN(6) - 3; s.parts < 0 {
		s.parts = 0
	}
	if at.needs == needRefund {
		s.parts, s.pay, s.abort, s.again = 1+rnd.IntN(2), wallettest.Fault{}, -1, -1
		s.offers = s.offers && s.scan == scanEarly
	}
	if s.down = at.needs == needFallback || rnd.IntN(12) == 0; s.down {
		s.wallet, s.offers, s.pay = wallettest.UnionPay, false, wallettest.Fault{}
	}
	if s.offers {
		s.wallet = []string{wallettest.WeChatPay, wallettest.Alipay, wallettest.Aggregator}[rnd.IntN(3)]
		s.further = append(s.further, onOffer[rnd.IntN(len(onOffer))])
	}
	if s.parts > 0 {
		s.further = append(s.further, onRefund[rnd.IntN(len(onRefund))])
	}
	return s
}

func (s chaosStory) String() string {
	text := s.story.String()
	for _, f := range s.further {
		if f.Kind != "" {
			text += ", " + string(f.Kind) + " on " + string(f.On)
		}
	}
	if s.offers {
		text += ", our code scanned " + string(s.scan)
	}
	if s.parts > 0 {
		text += fmt.Sprintf(", %d refunds", s.parts)
	}
	if s.down {
		text += ", out of reach"
	}
	text += ", kill at " + s.at.name
	if s.cut >= 0 {
		text += fmt.Sprintf(", network cut at %s for %s", s.cut, s.cutFor)
	}
	return text
}

func (s chaosStory) play(p *play) {
	for _, f := range append([]wallettest.Fault{s.pay, s.rest[0], s.rest[1]}, s.further...) {
		if f.Kind != "" {
			p.inject(s.wallet, f, 1)
		}
	}
	b := p.basket()
	if s.offers {
		b.brands = []string{s.wallet}
	}
	blow := p.strikeAt(s.at)
	r := p.ask(b, wanted{})
	asked := []*request{r}
	p.armedOrOver(b, r)
	armed := p.mark
	s.customer(p, b)
	asked = s.people(p, b, asked)
	r = asked[len(asked)-1]
	if s.down && p.err == nil {
		p.until(r, time.Now().Add(downFor))
		p.bringBack(s.wallet)
	}
	if s.pay.Kind == wallettest.CodeExpired && !s.offers && p.err == nil {
		p.freshCode(r, b, s.wallet, armed)
	}
	p.settle(asked)
	if p.err == nil && r.answer.Result == verdict.Success {
		s.after(p, b, r)
	}
	if p.finish(blow) {
		p.record.struck(s.at.name)
	}
	if p.err == nil {
		p.do("clear the faults", func(context.Context) error { return p.rig.World.Clear(s.wallet) })
	}
}

// downFor is how long a contract stays out of reach: until the code has long been sent.
const downFor = 1500 * time.Millisecond

// customer shows a code, or asks for ours and scans it.
func (s chaosStory) customer(p *play, b basket) {
	if s.down {
		p.inject(s.wallet, wallettest.Fault{Kind: wallettest.Down}, 1)
	}
	if !s.offers {
		p.showFresh(s.wallet)
		return
	}
	if p.err != nil {
		return
	}
	mark := p.rig.Watch.Mark()
	// The till may be dying, or have no code: the customer then goes without having paid.
	_ = p.rig.Offer(p.ctx, "")
	ctx, cancel := context.WithCancel(p.ctx)
	gone := make(chan struct{})
	p.later = append(p.later, func() { cancel(); <-gone })
	go func() {
		defer close(gone)
		s.scanOurs(ctx, p, b, mark)
	}()
}

// scanOurs is the customer in front of a code of ours. One that cannot be paid any more is
// part of the story.
func (s chaosStory) scanOurs(ctx context.Context, p *play, b basket, mark int) {
	h, _, err := p.rig.Watch.Await(ctx, mark, "our code", func(h rig.Happening) bool {
		return h.Screen != nil && h.Screen.Code != "" && h.Screen.Amount == b.amount.Decimal()
	})
	if err != nil {
		return
	}
	code := h.Screen.Code
	switch s.scan {
	case scanEarly:
		_ = p.rig.World.Scan(code)
	case scanClosing:
		off := p.rig.World.OnEvent(func(e wallettest.Event) {
			if (e.Op == sale.OpClose || e.Op == sale.OpReverse) && e.Phase == "seen" {
				_ = p.rig.World.Scan(code)
			}
		})
		<-ctx.Done()
		off()
	case scanLate, scanOwn:
		select {
		case <-time.After(s.scanAt):
		case <-ctx.Done():
			return
		}
		if s.scan == scanOwn {
			_ = p.rig.Scan("]Q1" + p.rig.World.NewCode(s.wallet))
			return
		}
		_ = p.rig.World.Scan(code)
	}
}

// after gives parts of what was paid back, and perhaps the rest of it.
func (s chaosStory) after(p *play, b basket, r *request) {
	payment := r.answer.POITransactionID
	for range s.parts {
		p.record.refunded(b)
		part := p.part(r, 30)
		back := p.refund(part, payment, wanted{})
		if p.err == nil && back.answer.Result == "" && p.reconcile(back, wanted{}) == verdict.NotFound {
			p.refund(part, payment, wanted{}) // it never began: again, under a new number
		}
	}
	if !s.giveBack || p.err != nil {
		return
	}
	p.record.reversed(b)
	back := p.cashier.reverse(p.ctx, r, wanted{})
	p.told(back)
	if p.err == nil && back.answer.Result == "" && p.reconcile(back, wanted{}) == verdict.NotFound {
		p.told(p.cashier.reverse(p.ctx, r, wanted{}))
	}
}
