package agent_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// TestOfferByChance lets customers, cashiers, the network and the power do what they like
// with codes of ours, and compares what the point of sale is told with what was charged.
// OFFER_SEED repeats one of them.
func TestOfferByChance(t *testing.T) {
	from, to := uint64(1), uint64(150)
	if testing.Short() {
		to = 50
	}
	if s := os.Getenv("OFFER_SEED"); s != "" {
		one, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		from, to = one, one
	}
	saw := map[string]int{}
	for seed := from; seed <= to; seed++ {
		synctest.Test(t, func(t *testing.T) {
			c := &chance{t: t, r: rand.New(rand.NewPCG(seed, 7)), seed: seed}
			c.run()
			saw[string(c.ending)]++
			for what := range c.saw {
				saw[what]++
			}
		})
	}
	t.Logf("seen: %v", saw)
	if from == to || testing.Short() {
		return
	}
	for _, what := range []string{"paid", "aborted", "cancelled", "restart", "own code paid", "our code paid", "late payment"} {
		if saw[what] == 0 {
			t.Errorf("never seen: %s", what)
		}
	}
}

// chance is one payment with everything around it.
type chance struct {
	t      *testing.T
	mu     sync.Mutex // guards r and codes: the wallet's goroutines use them too
	r      *rand.Rand
	seed   uint64
	d      *desk
	end    time.Time // of the faults
	ending sale.Ending
	saw    map[string]bool
	codes  []string // of ours that were seen
}

func (c *chance) often(p float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.Float64() < p
}

func (c *chance) intN(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.IntN(n)
}

// noteCode keeps a code of ours that somebody saw.
func (c *chance) noteCode(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes = append(c.codes, code)
}

// anyCode is one of them, or empty.
func (c *chance) anyCode() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.codes) == 0 {
		return ""
	}
	return c.codes[c.r.IntN(len(c.codes))]
}

func (c *chance) run() {
	wait := time.Duration(20+c.intN(200)) * time.Second
	c.saw = map[string]bool{}
	c.d = newDesk(c.t, func(o *agent.Options) {
		o.Contracts[0].Offers, o.CodeWait = true, wait
		o.Jitter = func() float64 { return 0.5 }
	})
	defer func() { c.d.stop() }()
	w := c.d.wechat
	w.lazy = c.often(0.3)
	c.faults(w)
	c.end = time.Now().Add(5 * time.Minute)
	c.d.ask("1", "A", 100)
	for time.Now().Before(c.end) {
		time.Sleep(time.Duration(c.intN(8000)) * time.Millisecond)
		synctest.Wait()
		c.act(w)
	}
	w.set(func() {
		w.onQuery, w.onReverse, w.onClose, w.onOffer, w.down, w.lost = nil, nil, nil, nil, false, false
	})
	time.Sleep(3 * time.Hour)
	c.check(w)
}

// act is one thing that happens.
func (c *chance) act(w *wallet) {
	if s := c.d.till.Screen(); s.Code != "" {
		c.noteCode(s.Code)
	}
	switch n := c.intN(20); {
	case n < 5:
		if s := c.d.till.Screen(); s.Offer {
			_ = c.d.till.Offer(s.Payment) // it may be too late
		}
	case n < 9:
		undone := c.undone()
		if w.scanned(c.anyCode()) && undone {
			c.saw["late payment"] = true
		}
	case n < 11:
		c.d.scan(c.d.wechatCode())
	case n == 11 && c.often(0.3):
		till := c.d.till
		go till.Abort(context.Background(), asked("1", "").Key(), "")
	case n == 12 && c.often(0.3):
		c.saw["restart"] = true
		c.d.restart()
	case n == 13:
		w.set(func() { w.down = !w.down && c.often(0.5) })
	case n == 14:
		w.set(func() { w.lost = !w.lost && c.often(0.5) })
	}
	synctest.Wait()
}

func (c *chance) undone() bool {
	for _, p := range c.d.till.Payments(false) {
		if p.Intent == sale.Undo {
			return true
		}
	}
	return false
}

// faults makes the wallet slow and forgetful, and looks at every code that is sent.
func (c *chance) faults(w *wallet) {
	bad := func(o *order) (sale.Answer, bool) {
		switch {
		case c.often(0.15):
			return sale.Answer{Cause: "no answer"}, true
		case c.often(0.1):
			w.await(func() { time.Sleep(time.Duration(c.intN(9000)) * time.Millisecond) })
		}
		return sale.Answer{}, false
	}
	w.onQuery = bad
	w.onClose = func(o *order) (sale.Answer, bool) {
		ans, handled := bad(o)
		if !handled && c.often(0.2) { // accepted, and nothing done
			return w.answer(o, sale.OutAccepted), true
		}
		return ans, handled
	}
	w.onReverse = w.onClose
	w.onOffer = func(o *order) (sale.Offer, bool) {
		if c.often(0.2) {
			time.Sleep(time.Duration(c.intN(9000)) * time.Millisecond)
		}
		if c.often(0.15) { // made, and the answer lost
			w.set(func() { o.exists, o.ends = !w.lazy, time.Now().Add(90*time.Second) })
			c.noteCode(codePrefix + o.id)
			return sale.Offer{Answer: sale.Answer{Cause: "no answer"}}, true
		}
		return sale.Offer{}, false
	}
	w.onPay = func(o *order) (sale.Answer, bool) {
		w.set(func() {
			for _, other := range w.orders {
				if other != o && other.payable() {
					c.t.Errorf("seed %d: a code was sent while ours of order %s could be paid", c.seed, other.id)
				}
			}
			if c.often(0.2) {
				o.exists, o.charged = true, o.amount.Minor
			}
		})
		if o.charged > 0 {
			return sale.Answer{Cause: "no answer"}, true
		}
		return sale.Answer{}, false
	}
}

// check compares the books.
func (c *chance) check(w *wallet) {
	all := c.d.till.Payments(false)
	if len(all) == 0 { // the power went before anything was durable
		if w.net() != 0 || len(w.orders) != 0 {
			c.t.Fatalf("seed %d: the wallet knows orders that are not on record", c.seed)
		}
		return
	}
	p := all[0]
	c.ending = p.Ending
	story := func() string {
		return fmt.Sprintf("seed %d: ended %q, undone by %q\n%s", c.seed, p.Ending, p.UndoneBy, strings.Join(c.d.journal.log, "\n"))
	}
	if p.Open() || p.Ending == sale.Undecided {
		c.t.Fatalf("open three hours after the last fault: %s", story())
	}
	told := int64(0)
	if p.Ending == sale.EndPaid {
		told = 100
		if a := p.Current(); a.Offered() {
			c.saw["our code paid"] = true
		} else {
			c.saw["own code paid"] = true
		}
	}
	if got := w.net(); got != told {
		c.t.Fatalf("charged %d, told %d: %s", got, told, story())
	}
	if _, r, err := c.d.till.Status(c.t.Context(), asked("1", "").Key()); err != nil || r.Ending != p.Ending {
		c.t.Fatalf("the point of sale is told %q, %v: %s", r.Ending, err, story())
	}
}
