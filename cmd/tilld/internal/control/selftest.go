package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// SelfTestRequest asks to pay a small sum with a code that somebody shows, and to give it
// back: the go-live test of a contract.
type SelfTestRequest struct {
	Amount    string        `json:"amount"` // decimal, major units
	Currency  sale.Currency `json:"currency"`
	Contract  string        `json:"contract,omitempty"` // the only contract to use; empty: any
	ServiceID string        `json:"service_id"`
}

// TestStep is one thing that a self-test saw. They come one JSON object a line; the last one
// is "done", or has Failed set.
type TestStep struct {
	At      time.Time `json:"at"`
	Step    string    `json:"step"` // "armed", "code-read", "sent", "paid", "refund-asked", "refunded", "done", ...
	Text    string    `json:"text,omitempty"`
	Payment string    `json:"payment,omitempty"`
	Order   string    `json:"order,omitempty"`
	Failed  bool      `json:"failed,omitempty"`
	Hint    string    `json:"hint,omitempty"`
}

// testAnswer bounds the wait for each of the two operations.
const testAnswer = 4 * time.Minute

// selfTest runs one. When the asker goes away the payment is aborted, and given back if it
// was paid all the same.
func (s *Server) selfTest(w http.ResponseWriter, r *http.Request) {
	var q SelfTestRequest
	if !read(w, r, &q) {
		return
	}
	amount, err := sale.ParseAmount(q.Amount, q.Currency)
	if err != nil {
		refuse(w, http.StatusBadRequest, "", "%v", err)
		return
	}
	steps := make(chan TestStep, 256)
	t := &selfTest{s: s, q: q, amount: amount, gone: r.Context().Done(), steps: steps, asked: s.asked(q.ServiceID, "", q)}
	go func() {
		defer close(steps)
		t.run(context.WithoutCancel(r.Context()))
	}()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	for step := range steps {
		if out.Encode(step) == nil {
			_ = flush.Flush() // a reader that is gone ends the test by its context
		}
	}
}

// selfTest is one run.
type selfTest struct {
	s      *Server
	q      SelfTestRequest
	amount sale.Amount
	asked  sale.Asked
	gone   <-chan struct{}
	steps  chan<- TestStep
	order  string
	id     string // the payment
	read   bool   // a code was read and said to be
}

func (t *selfTest) say(step, text string) {
	t.steps <- TestStep{At: time.Now(), Step: step, Text: text, Payment: t.id, Order: t.order}
}

func (t *selfTest) fail(step, text, hint string) {
	t.steps <- TestStep{At: time.Now(), Step: step, Text: text, Payment: t.id, Order: t.order, Failed: true, Hint: hint}
}

func (t *selfTest) run(ctx context.Context) {
	reply, err := t.pay(ctx)
	if reply.Payment.ID != "" {
		t.id = reply.Payment.ID
	}
	switch {
	case errors.Is(err, agent.ErrUndecided):
		t.fail("in-doubt", "the outcome of the payment is not known yet", `it goes on by itself: "tilld queue show `+t.id+`" tells what becomes of it`)
		return
	case err != nil:
		t.fail("failed", err.Error(), "the daemon's log says more")
		return
	}
	t.s.Till.Delivered(t.asked.Key())
	t.codeRead(reply.Payment)
	if reply.Ending != sale.EndPaid {
		t.fail("not-paid", string(reply.Ending)+": "+reply.Why, notPaidHint(reply.Ending))
		return
	}
	t.say("paid", "the wallet's number "+reply.Payment.Current().WalletTransaction)
	t.giveBack(ctx)
}

// pay takes the payment and says what happens on the way.
func (t *selfTest) pay(ctx context.Context) (agent.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, testAnswer)
	defer cancel()
	_, events := t.s.Till.Watch(ctx)
	type result struct {
		reply agent.Reply
		err   error
	}
	done := make(chan result, 1)
	go func() {
		reply, err := t.s.Till.Pay(ctx, agent.PayRequest{Asked: t.asked, Amount: t.amount, Contract: t.q.Contract})
		done <- result{reply, err}
	}()
	gone := t.gone
	for {
		select {
		case r := <-done:
			return r.reply, r.err
		case <-gone:
			gone = nil
			if err := t.s.Till.Abort(ctx, t.asked.Key(), "command line"); err != nil {
				t.say("abort", err.Error())
			}
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			t.watch(e)
		}
	}
}

// watch turns an event of this payment into a step.
func (t *selfTest) watch(e agent.Event) {
	p, ok := t.s.Till.Payment(e.Payment)
	if !ok || p.Asked.Key() != t.asked.Key() {
		return
	}
	t.id = p.ID
	switch e.Kind {
	case "armed":
		t.say("armed", "show a payment code of the wallet: "+t.amount.String())
	case "operator", "refused", "fallback", "doubt":
		t.say(e.Kind, e.Text)
	case "offered":
		t.say("offered", "scan the code on the customer's screen")
	case "sending":
		t.codeRead(p)
	}
}

// codeRead says once that a code was read and sent, and where: its scheme, and nothing of
// the code itself.
func (t *selfTest) codeRead(p sale.Payment) {
	a := p.Current()
	if a == nil || t.read && t.order == a.ID {
		return
	}
	t.read, t.order = true, a.ID
	if !a.Offered() {
		t.say("code-read", "scheme "+a.Scheme)
		t.say("sent", "to "+a.Contract.Name+" ("+a.Contract.Endpoint+")")
	}
}

// giveBack returns the sum: by a refund, which is what is to be tried out; by a reversal
// where the wallet makes none.
func (t *selfTest) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, testAnswer)
	defer cancel()
	t.say("refund-asked", t.amount.String())
	asked := t.s.asked(rand.Text()[:10], "", t.q)
	reply, err := t.s.Till.Refund(ctx, agent.RefundRequest{Asked: asked, Payment: t.id, Amount: &t.amount})
	if err == nil && reply.Ending != sale.EndRefunded {
		t.s.Till.Delivered(asked.Key())
		t.say("refund-refused", string(reply.Ending)+": "+reply.Why+"; reversing the payment instead")
		refused := reply
		asked = t.s.asked(rand.Text()[:10], "", t.q)
		if reply, err = t.s.Till.Reverse(ctx, agent.ReverseRequest{Asked: asked, Payment: t.id}); err == nil && reply.Ending == sale.EndReversed {
			t.s.Till.Delivered(asked.Key())
			t.fail("reversed", "the sum is back, but this contract makes no refund: "+refused.Why,
				"ask the wallet for the right to refund; refused for want of balance, pay something else first")
			return
		}
	}
	left := `the sum is not back: "tilld queue show ` + t.id + `" tells how it stands, "tilld refund ` + t.id + `" tries again`
	switch {
	case err != nil:
		t.fail("refund-open", "the outcome of the refund is not known yet", left)
	case reply.Ending != sale.EndRefunded:
		t.fail("not-refunded", string(reply.Ending)+": "+reply.Why, left)
	default:
		t.s.Till.Delivered(asked.Key())
		text := "refund " + reply.Refund.ID
		if reply.Refund.State != sale.RefundDone {
			text += ": the wallet has taken it and is working on it; \"tilld status\" lists it until it is done"
		}
		t.say("refunded", text)
		t.say("done", "paid and given back")
	}
}

// notPaidHint says what to do about a test that was not paid.
func notPaidHint(e sale.Ending) string {
	switch e {
	case sale.EndNoContract:
		return "show a code of the wallet that is to be tested; the contract's schemes and currencies decide: tilld route SCHEME; tilld status lists the contracts"
	case sale.EndUnreachable:
		return "check the network and the contract's endpoint: tilld status"
	case sale.EndDeclined:
		return "the wallet's code says why: tilld queue ls --all; an account not activated and a wrong key are the usual causes"
	case sale.EndNoScanner:
		return "tilld devices shows what was found"
	case sale.EndCancelled, sale.EndAborted, sale.EndBadCode:
		return "nothing is charged; begin again with a fresh code"
	case sale.EndBusy:
		return "wait until the payment that runs has ended"
	}
	return "tilld status shows what is wrong"
}
