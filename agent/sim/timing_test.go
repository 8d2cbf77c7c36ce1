package sim

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// still is a world at its true speed in which one till sells one basket at one wallet, and
// nothing goes wrong but what a test asks for.
type still struct {
	w *world
	b *box
	p *provider
	k *basket
	a *ask
}

func newStill(wallet string, offers bool, plan ...fault) *still {
	w := newWorld(1, newCoverage(), &focus{done: true})
	w.speed, w.instant = 1, true
	w.providers, w.boxes = nil, nil
	if w.offers = offers; offers {
		w.offersOnly = wallet
	}
	for i, c := range clocks {
		w.newProvider(i+1, c.wallet, c.clock, c.scheme)
	}
	w.newBox(0)
	b := w.boxes[0]
	b.fulls, b.jumps, b.disk.slow = nil, nil, false
	b.desks = b.desks[:1]
	d := b.desks[0]
	d.saleID = "POS-0"
	s := &still{w: w, b: b, k: d.newBasket(0)}
	for _, p := range w.providers {
		if p.ref.Wallet == wallet {
			s.p = p
		}
	}
	s.k.plan, s.k.via = 0, s.p
	for _, f := range plan {
		s.k.plan.add(f)
	}
	s.a = d.newAsk(s.k, "")
	b.power.Go(b.run)
	synctest.Wait()
	return s
}

// pay asks for the money and returns the order once the code is sent, and its end.
func (s *still) pay() (*order, <-chan agent.Reply) {
	told := make(chan agent.Reply, 1)
	inc := s.b.live()
	go func() {
		r, _ := inc.till.Pay(context.Background(), agent.PayRequest{Asked: s.a.asked, Amount: sale.Amount{Minor: s.k.bill, Currency: "CNY", Exponent: 2}})
		told <- r
	}()
	for {
		time.Sleep(time.Millisecond)
		s.w.mu.Lock()
		n := len(s.k.orders)
		s.w.mu.Unlock()
		if n > 0 {
			return s.k.orders[0], told
		}
	}
}

// want holds what left the till to a list like "query 5s".
func (s *still) want(t *testing.T, o *order, from time.Time, want ...string) {
	t.Helper()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	var got []string
	for _, r := range o.log {
		got = append(got, fmt.Sprintf("%s %s", r.op, r.at.Sub(from)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the till asked\n\t%v, want\n\t%v", got, want)
	}
	for _, v := range s.w.violations {
		t.Error(v)
	}
}

// every lists a query at first, then every so often until the deadline, and on it.
func every(c sale.Clock) (asks []string) {
	at := c.FirstQuery
	for ; at < c.PayerDeadline; at += c.QueryEvery {
		asks = append(asks, fmt.Sprintf("query %s", at))
	}
	return append(asks, fmt.Sprintf("query %s", c.PayerDeadline))
}

// TestTimes holds the till to the wallets' tables, to the nanosecond.
func TestTimes(t *testing.T) {
	for _, c := range clocks {
		quiet := func(name string, plan []fault, f func(*testing.T, *still)) {
			t.Run(c.wallet+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStill(c.wallet, false, plan...)
					f(t, s)
					s.b.shutDown()
				})
			})
		}
		deadline := fmt.Sprint(c.clock.PayerDeadline)
		quiet("nobody confirms: spaced queries, the last on the deadline, and taken back directly after it", []fault{confirmAfterLast}, func(t *testing.T, s *still) {
			o, told := s.pay()
			if r := <-told; r.Ending != sale.EndCancelled {
				t.Errorf("told %s", r.Ending)
			}
			s.want(t, o, o.sentAt, append(every(c.clock), "reverse "+deadline, "query "+deadline)...)
			if o.in == 0 || o.net() != 0 {
				t.Errorf("the late confirmation: charged %d, given back %d", o.in, o.out)
			}
		})
		quiet("aborted at once: no reverse before its time", []fault{confirmAfterLast}, func(t *testing.T, s *still) {
			o, told := s.pay()
			time.Sleep(time.Second - time.Since(o.sentAt))
			s.b.desks[0].abort(s.a)
			if r := <-told; r.Ending != sale.EndAborted {
				t.Errorf("told %s", r.Ending)
			}
			at := max(time.Second, c.clock.ReverseAfter)
			s.want(t, o, o.sentAt, "query 1s", fmt.Sprint("reverse ", at), fmt.Sprint("query ", at))
		})
		quiet("aborted and restarted: the wait counts in full again", []fault{confirmAfterLast}, func(t *testing.T, s *still) {
			o, _ := s.pay()
			time.Sleep(time.Second - time.Since(o.sentAt))
			s.b.desks[0].abort(s.a)
			time.Sleep(time.Millisecond)
			s.w.mu.Lock()
			if c.clock.ReverseAfter == 0 { // too late, it is taken back already
				s.w.mu.Unlock()
				return
			}
			s.w.crash(s.b.inc)
			s.w.mu.Unlock()
			synctest.Wait()
			<-s.b.powered()
			start := s.b.live().start
			time.Sleep(time.Minute)
			s.w.mu.Lock()
			first := o.log[0].at.Sub(start)
			s.w.mu.Unlock()
			s.want(t, o, start, fmt.Sprint("query ", first), "query 0s", fmt.Sprint("reverse ", c.clock.ReverseAfter), fmt.Sprint("query ", c.clock.ReverseAfter))
		})
		quiet("silence is no reason to take anything back", []fault{dropAnswer}, func(t *testing.T, s *still) {
			s.w.mute = true
			o, _ := s.pay()
			time.Sleep(3 * time.Hour)
			s.w.mu.Lock()
			if slices.ContainsFunc(o.log, func(r request) bool { return r.op == sale.OpReverse }) {
				t.Error("reversed without a word")
			}
			if len(o.log) < 20 || len(o.log) > 250 {
				t.Errorf("asked %d times in three hours", len(o.log))
			}
			s.w.mu.Unlock()
			s.w.checkSpacing(t, o)
		})
		quiet("a payment error is taken back at once", []fault{payFails, confirmAfterLast}, func(t *testing.T, s *still) {
			o, told := s.pay()
			if r := <-told; r.Ending != sale.EndDeclined {
				t.Errorf("told %s", r.Ending)
			}
			at := max(c.clock.FirstQuery, c.clock.ReverseAfter)
			s.want(t, o, o.sentAt, fmt.Sprint("query ", c.clock.FirstQuery), fmt.Sprint("reverse ", at), fmt.Sprint("query ", at))
		})
		quiet("restarted: asked at once", []fault{confirmAfterLast}, func(t *testing.T, s *still) {
			o, _ := s.pay()
			s.w.mu.Lock()
			s.w.crash(s.b.inc)
			s.w.mu.Unlock()
			synctest.Wait()
			<-s.b.powered()
			start := s.b.live().start
			time.Sleep(c.clock.QueryEvery + time.Millisecond)
			s.want(t, o, start, "query 0s", fmt.Sprint("query ", c.clock.QueryEvery))
		})
		quiet("silence does not hold an undone payment's reverse back", nil, func(t *testing.T, s *still) {
			s.w.mute = true
			o, _ := s.pay()
			s.b.desks[0].abort(s.a)
			time.Sleep(time.Minute)
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			if !slices.ContainsFunc(o.log, func(r request) bool { return r.op == sale.OpReverse }) {
				t.Errorf("not reversed within a minute: %v", o.log)
			}
		})
		quiet("a reverse that never takes is repeated less and less often", []fault{confirmAfterLast}, func(t *testing.T, s *still) {
			o, _ := s.pay()
			s.w.mu.Lock()
			o.hollow = 1 << 30
			s.w.mu.Unlock()
			time.Sleep(time.Second)
			s.b.desks[0].abort(s.a)
			time.Sleep(3 * time.Hour)
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			if n := len(o.log); n < 20 || n > 250 {
				t.Errorf("asked %d times in three hours", n)
			}
		})
		quiet("it was paid and does not exist any more: not taken for given back", nil, func(t *testing.T, s *still) {
			o, told := s.pay()
			r := <-told
			s.w.mu.Lock()
			o.hollow, o.denied = 1<<30, true
			s.w.mu.Unlock()
			go s.b.live().till.Reverse(context.Background(), agent.ReverseRequest{
				Asked: sale.Asked{SaleID: "POS-0", POIID: "TILLD-1", ServiceID: "R", Hash: []byte("r")}, Payment: r.Payment.ID})
			time.Sleep(3 * time.Hour)
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			if at := s.b.disk.places[r.Payment.ID]; at != reversing || o.net() == 0 {
				t.Errorf("the payment is %s, and %d is charged", at, o.net())
			}
		})
		quiet("it does not exist: undone only after the quiet time", nil, func(t *testing.T, s *still) {
			s.w.lostPays = true
			o, told := s.pay()
			o.tombstone = false
			<-told
			last := o.log[len(o.log)-1]
			if last.op != sale.OpQuery || last.at.Sub(o.sentAt) != c.clock.Quiet() {
				t.Errorf("proven by a %s after %s, want a query after %s", last.op, last.at.Sub(o.sentAt), c.clock.Quiet())
			}
		})
	}
}

// TestOfferTimes holds a code on the screen to the wallets' tables.
func TestOfferTimes(t *testing.T) {
	for _, c := range clocks {
		offer := func(name string, f func(*testing.T, *still, *order, <-chan agent.Reply)) {
			t.Run(c.wallet+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStill(c.wallet, true)
					o, told := s.pay()
					s.w.mu.Lock()
					o.confirmAt, o.atClosing = time.Time{}, false // nobody scans it
					s.w.mu.Unlock()
					f(t, s, o, told)
					s.b.shutDown()
				})
			})
		}
		offer("asked about at the wallet's spacing while it is shown, and closed when it is over", func(t *testing.T, s *still, o *order, told <-chan agent.Reply) {
			if r := <-told; r.Ending != sale.EndCancelled {
				t.Errorf("told %s", r.Ending)
			}
			var want []string
			over := min(90*time.Second, o.p.clock.OfferLife) // the customer's time, or the code's life
			for at := c.clock.FirstQuery; at < over; at += c.clock.QueryEvery {
				want = append(want, fmt.Sprintf("query %s", at))
			}
			s.w.mu.Lock()
			if n := len(want); len(o.log) < n {
				t.Errorf("asked %d times, want %d at least", len(o.log), n)
			} else {
				o.log = o.log[:n]
			}
			s.w.mu.Unlock()
			s.want(t, o, o.sentAt, want...)
			if o.state != closed {
				t.Error("the order is not closed")
			}
		})
		offer("a close that never takes proves nothing before its life and the delay are over", func(t *testing.T, s *still, o *order, told <-chan agent.Reply) {
			s.w.mu.Lock()
			o.hollow = 1 << 30
			s.w.mu.Unlock()
			<-told
			last := o.log[len(o.log)-1]
			if least := o.p.clock.OfferLife + c.clock.NetworkDelay; last.op != sale.OpQuery || last.at.Sub(o.sentAt) < least {
				t.Errorf("ended by a %s after %s, want a query after %s", last.op, last.at.Sub(o.sentAt), least)
			}
		})
	}
}
