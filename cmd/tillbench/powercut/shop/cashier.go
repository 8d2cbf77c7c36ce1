package shop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// Cashier sells without a break, aborts some sales and gives the money of others back. What
// comes after a sale goes on beside the next ones, so that commits meet in groups.
type Cashier struct {
	counter *Counter
	to      Teller
	name    string // tells this run's requests from those of other runs
	n       int
	r       *rand.Rand
	beside  sync.WaitGroup
	room    chan struct{} // bounds what goes on beside
}

// NewCashier works at a counter. Run is different for every start of the till.
func NewCashier(c *Counter, to Teller, run string) *Cashier {
	return &Cashier{counter: c, to: to, name: run, r: rand.New(rand.NewPCG(1, 2)), room: make(chan struct{}, 6)}
}

// Asked is the request with this ServiceID for this basket.
func Asked(service, basket string) *sale.Asked {
	return &sale.Asked{SaleID: "POS-1", POIID: "TILL-1", ServiceID: service, TransactionID: basket, Hash: []byte(basket)}
}

// Yuan is an amount of fen.
func Yuan(minor int64) sale.Amount { return sale.Amount{Minor: minor, Currency: "CNY", Exponent: 2} }

// Code is a payment code, the n-th of a run that has the number run.
func Code(run, n int) string {
	if n%3 == 0 {
		return fmt.Sprintf("28%04d%012d", 7000+run, n)
	}
	return fmt.Sprintf("13%04d%012d", 9000+run, n)
}

// Work sells until ctx ends, or the till cannot go on.
func (c *Cashier) Work(ctx context.Context, run int) {
	defer c.beside.Wait()
	for ctx.Err() == nil {
		c.n++
		c.counter.Gate.Hold(Code(run, c.n))
		c.sell(ctx, fmt.Sprintf("%s-%d", c.name, c.n))
	}
}

func (c *Cashier) sell(ctx context.Context, basket string) {
	asked, minor := Asked(basket, basket), 100+int64(c.n%900)
	c.to.Tell(Message{Op: Asks, Asked: asked, Minor: minor})
	patience, stop := context.WithTimeout(ctx, 400*time.Millisecond)
	defer stop()
	if c.r.IntN(10) == 0 {
		after := time.Duration(c.r.IntN(60)) * time.Millisecond
		c.besides(func() {
			pause(ctx, after)
			_ = c.counter.Till.Abort(ctx, asked.Key(), "abort") // the sale's own answer says what came of it
		})
	}
	reply, err := c.counter.Till.Pay(patience, agent.PayRequest{Asked: *asked, Amount: Yuan(minor)})
	if errors.Is(err, agent.ErrUndecided) {
		c.besides(func() { c.giveUp(ctx, asked) })
		return
	}
	if err != nil {
		return
	}
	if reply.Ending == sale.EndBusy { // the one before is in doubt
		pause(ctx, 30*time.Millisecond)
	}
	c.told(asked, reply)
	back := c.r.IntN(100)
	if reply.Ending != sale.EndPaid || back >= 30 {
		return
	}
	part := minor / 3
	c.besides(func() { c.takeBack(ctx, basket, reply.Payment.ID, back < 15, part) })
}

// giveUp aborts a sale that takes too long, and waits for its end.
func (c *Cashier) giveUp(ctx context.Context, asked *sale.Asked) {
	if c.counter.Till.Abort(ctx, asked.Key(), "abort") != nil {
		return
	}
	if reply, err := c.counter.Till.Pay(ctx, agent.PayRequest{Asked: *asked}); err == nil {
		c.told(asked, reply)
	}
}

// takeBack has a paid sale given back, in full or in part.
func (c *Cashier) takeBack(ctx context.Context, basket, payment string, whole bool, part int64) {
	asked := Asked("back-"+basket, "back-"+basket)
	c.to.Tell(Message{Op: Asks, Asked: asked, Payment: payment})
	var reply agent.Reply
	var err error
	if whole {
		reply, err = c.counter.Till.Reverse(ctx, agent.ReverseRequest{Asked: *asked, Payment: payment})
	} else {
		amount := Yuan(part)
		reply, err = c.counter.Till.Refund(ctx, agent.RefundRequest{Asked: *asked, Payment: payment, Amount: &amount})
	}
	if err == nil {
		c.told(asked, reply)
	}
}

func (c *Cashier) told(asked *sale.Asked, r agent.Reply) {
	m := Message{Op: Told, Asked: asked, Payment: r.Payment.ID, Ending: r.Ending, Minor: r.Payment.Amount.Minor, Reply: Hash(r.Bytes)}
	if r.Refund != nil {
		m.Refund = r.Refund.ID
	}
	c.to.Tell(m)
	c.counter.Till.Delivered(asked.Key())
}

// besides goes on with f beside the next sales.
func (c *Cashier) besides(f func()) {
	c.room <- struct{}{}
	c.beside.Go(func() {
		defer func() { <-c.room }()
		f()
	})
}

// PayAgain is the request of m once more, under a ServiceID, with a customer who holds a code.
func PayAgain(c *Counter, m Message, service string, run, n int) agent.PayRequest {
	asked := *m.Asked
	asked.ServiceID = service
	c.Gate.Hold(Code(run, n))
	return agent.PayRequest{Asked: asked, Amount: Yuan(m.Minor)}
}
