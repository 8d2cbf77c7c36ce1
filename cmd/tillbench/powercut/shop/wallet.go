package shop

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Wallet is agent.Wallet and agent.Refunder on a Bank, with the bad luck of a network.
type Wallet struct {
	ref  sale.ContractRef
	bank Bank
	luck bool

	mu    sync.Mutex // guards asked
	asked map[string]int
}

// NewWallet is a wallet that stands on bank. With luck, requests and answers are lost, payers
// hesitate and wallets decline, each order by the luck of its number.
func NewWallet(ref sale.ContractRef, bank Bank, luck bool) *Wallet {
	return &Wallet{ref: ref, bank: bank, luck: luck, asked: map[string]int{}}
}

// fate is what happens to a request.
type fate int

const (
	arrives fate = iota
	answerLost
	requestLost
	slow
	waits // for a payer who confirms
	never // for one who does not
	declines
)

// fateOf is the fate of the request of this kind with this number about an order.
func (w *Wallet) fateOf(op Op, order string) fate {
	if !w.luck {
		return arrives
	}
	w.mu.Lock()
	key := string(op) + order
	n := w.asked[key]
	w.asked[key]++
	w.mu.Unlock()
	h := fnv.New64a()
	h.Write([]byte(key))
	p := rand.New(rand.NewPCG(h.Sum64(), uint64(n))).IntN(100)
	switch op {
	case Pay:
		return [...]fate{answerLost, requestLost, slow, waits, never, declines, arrives}[rank(p, 8, 12, 16, 24, 27, 31)]
	default:
		return [...]fate{answerLost, requestLost, arrives}[rank(p, 20, 30)]
	}
}

// rank is how many limits p has reached.
func rank(p int, limits ...int) int {
	for i, l := range limits {
		if p < l {
			return i
		}
	}
	return len(limits)
}

func lost(cause string) sale.Answer { return sale.Answer{Cause: cause} }

func (w *Wallet) answer(a sale.Attempt, out sale.Outcome) sale.Answer {
	return sale.Answer{Outcome: out, Signed: true, Order: a.ID, Merchant: w.ref.Merchant, Total: a.Amount, HasTotal: true,
		Code: string(out), WalletTransaction: "tx" + a.ID}
}

// says is the answer that a standing is worth.
func (w *Wallet) says(a sale.Attempt, s Standing) sale.Answer {
	switch {
	case s.Charged > 0 && s.Returned >= s.Charged:
		return w.answer(a, sale.OutRefunded)
	case s.Charged > 0:
		return w.answer(a, sale.OutPaid)
	case s.Closed:
		return w.answer(a, sale.OutClosed)
	case s.Exists:
		return w.answer(a, sale.OutPaying)
	}
	return w.answer(a, sale.OutNotFound)
}

// Pay implements agent.Wallet.
func (w *Wallet) Pay(ctx context.Context, a sale.Attempt, _ sale.Credential) (sale.Answer, error) {
	if err := ctx.Err(); err != nil {
		return sale.Answer{}, err
	}
	m := Message{Op: Pay, Order: a.ID, Minor: a.Amount.Minor}
	f := w.fateOf(Pay, a.ID)
	switch f {
	case requestLost:
		return lost("the request was lost"), nil
	case waits, never:
		m.Op = Accept
	case declines:
		m.Op = Decline
	}
	s, err := w.bank.Do(ctx, m)
	if err != nil {
		return lost(err.Error()), nil
	}
	switch f {
	case answerLost:
		return lost("the answer was lost"), nil
	case declines:
		return w.answer(a, sale.OutDeclined), nil
	case slow:
		pause(ctx, 60*time.Millisecond)
	}
	return w.says(a, s), nil
}

// Query implements agent.Wallet.
func (w *Wallet) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	f := w.fateOf(Query, a.ID)
	if f == requestLost {
		return lost("the request was lost"), nil
	}
	m := Message{Op: Query, Order: a.ID}
	w.mu.Lock()
	if w.asked[string(Query)+a.ID] >= 2 && w.asked["payer"+a.ID] == 0 && w.luck && w.confirms(a.ID) {
		w.asked["payer"+a.ID] = 1
		m.Op = Confirm
	}
	w.mu.Unlock()
	s, err := w.bank.Do(ctx, m)
	if err != nil {
		return lost(err.Error()), nil
	}
	if f == answerLost {
		return lost("the answer was lost"), nil
	}
	return w.says(a, s), nil
}

// confirms reports whether the payer of an order that waits confirms it. The caller holds mu.
func (w *Wallet) confirms(order string) bool {
	h := fnv.New64a()
	h.Write([]byte("payer" + order))
	return h.Sum64()%10 < 7
}

// Reverse implements agent.Wallet.
func (w *Wallet) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	f := w.fateOf(Reverse, a.ID)
	if f == requestLost {
		return lost("the request was lost"), nil
	}
	if _, err := w.bank.Do(ctx, Message{Op: Reverse, Order: a.ID}); err != nil {
		return lost(err.Error()), nil
	}
	if f == answerLost {
		return lost("the answer was lost"), nil
	}
	return w.answer(a, sale.OutAccepted), nil
}

// Refund implements agent.Refunder.
func (w *Wallet) Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	return w.giveBack(ctx, a, r, Message{Op: Refund, Order: a.ID, Refund: r.ID, Minor: r.Amount.Minor})
}

// QueryRefund implements agent.Refunder.
func (w *Wallet) QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error) {
	return w.giveBack(ctx, a, r, Message{Op: Query, Order: a.ID})
}

func (w *Wallet) giveBack(ctx context.Context, a sale.Attempt, r sale.Refund, m Message) (sale.RefundAnswer, error) {
	f := w.fateOf(m.Op+"refund", r.ID)
	if f == requestLost {
		return sale.RefundAnswer{Cause: "the request was lost"}, nil
	}
	s, err := w.bank.Do(ctx, m)
	if err != nil {
		return sale.RefundAnswer{Cause: err.Error()}, nil
	}
	if f == answerLost {
		return sale.RefundAnswer{Cause: "the answer was lost"}, nil
	}
	ans := sale.RefundAnswer{Outcome: sale.RefOutDone, Signed: true, Order: a.ID, Merchant: w.ref.Merchant, ID: r.ID,
		Amount: r.Amount, HasAmount: true, WalletRefund: "rf" + r.ID}
	if _, done := s.Refunds[r.ID]; !done {
		ans.Outcome = sale.RefOutRefused
		if m.Op == Query {
			ans.Outcome = sale.RefOutNotFound
		}
	}
	return ans, nil
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
