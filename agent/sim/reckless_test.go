package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/agent/sale"
)

// reckless is a caller of agent/sale that tries every move the table lets it make, with a
// wallet that lies. The till itself never tries most of them: what holds it back here is the
// table and the judgement alone.
type reckless struct {
	r       *rand.Rand
	a       sale.Attempt
	intent  sale.Intent
	sum     int64 // what the wallet charges
	in, out int64
	exists  bool // the order is at the wallet
	dead    bool // and will never be charged (again)
	foreign bool
	taken   bool // a reverse was accepted
	wrong   []string
}

func newReckless(r *rand.Rand) *reckless {
	amount := sale.Amount{Minor: 100, Currency: "CNY", Exponent: 2}
	return &reckless{r: r, intent: sale.Keep, sum: 100, a: sale.Attempt{ID: "O1", N: 1, Amount: amount, State: sale.Sending,
		Contract: sale.ContractRef{Merchant: "M", SubMerchant: "S"}}}
}

func (x *reckless) says(out sale.Outcome) sale.Answer {
	total := x.a.Amount
	total.Minor = x.sum
	return sale.Answer{Outcome: out, Signed: true, Order: "O1", Merchant: "M", SubMerchant: "S", Total: total, HasTotal: true}
}

// serve is what a wallet does with a request, and its honest answer.
func (x *reckless) serve(op sale.Op) sale.Answer {
	switch op {
	case sale.OpPay:
		return x.pay()
	case sale.OpReverse:
		if x.in > 0 && x.r.IntN(4) == 0 {
			return x.says(sale.OutDeclined) // the reverse is refused, and only the reverse
		}
		if x.in > 0 && x.intent == sale.Keep {
			x.wrong = append(x.wrong, "a good payment is reversed, and nobody wants that")
		}
		if x.r.IntN(4) == 0 {
			x.taken = true // accepted, and nothing came of it
			return x.says(sale.OutAccepted)
		}
		x.out, x.dead, x.taken = x.in, true, true
		return x.says(sale.OutAccepted)
	}
	switch {
	case x.out > 0:
		return x.says(sale.OutRefunded)
	case x.in > 0:
		return x.paid()
	case !x.exists:
		return x.says(sale.OutNotFound)
	case x.dead:
		return x.says(sale.OutClosed)
	}
	return x.says([]sale.Outcome{sale.OutPaying, sale.OutFailed}[x.r.IntN(2)])
}

func (x *reckless) pay() sale.Answer {
	x.exists = x.r.IntN(4) > 0
	if !x.exists {
		x.dead = x.r.IntN(2) == 0
		return sale.Answer{NotSent: x.dead}
	}
	switch x.r.IntN(6) {
	case 0:
		x.dead = true
		return x.says(sale.OutDeclined)
	case 1:
		x.dead = true
		return x.says(sale.OutBadCode)
	case 2:
		return x.says(sale.OutPaying)
	case 3:
		x.foreign, x.exists = true, true
		return x.says(sale.OutDuplicate)
	case 4:
		x.sum = 99 + 2*x.r.Int64N(2)
	}
	x.in = x.sum
	return x.paid()
}

// paid is an honest answer; that of a wrong charge may name no total.
func (x *reckless) paid() sale.Answer {
	ans := x.says(sale.OutPaid)
	if x.sum != 100 && x.r.IntN(2) == 0 {
		ans.Total.Minor, ans.HasTotal = 100, false
	}
	return ans
}

// lie is an answer that says the opposite of the truth, and that something in it gives away.
func (x *reckless) lie(op sale.Op) sale.Answer {
	out := sale.OutPaid
	if x.in > 0 {
		out = []sale.Outcome{sale.OutDeclined, sale.OutClosed, sale.OutRefunded, sale.OutPaying, sale.OutNotFound, sale.OutFailed}[x.r.IntN(6)]
		if x.out > 0 {
			out = sale.OutPaid
		}
	}
	ans := x.says(out)
	switch x.r.IntN(7) {
	case 0:
		ans.Signed = false
	case 1:
		ans.Order = "O2"
	case 2:
		ans.Merchant = "N"
	case 3:
		ans.SubMerchant = "T"
	case 4:
		ans.Signed = true
		ans.Outcome = sale.OutUnknown
	case 5: // what no request of this kind is answered with
		switch op {
		case sale.OpQuery:
			ans = x.says([]sale.Outcome{sale.OutBadCode, sale.OutDuplicate, sale.OutAccepted}[x.r.IntN(3)])
		case sale.OpPay:
			ans = x.says(sale.OutAccepted)
		case sale.OpReverse:
			ans = x.says([]sale.Outcome{sale.OutBadCode, sale.OutDuplicate, sale.OutDeclined}[x.r.IntN(3)])
		}
		if x.dead && ans.Outcome != sale.OutAccepted && ans.Outcome != sale.OutDuplicate || x.taken && ans.Outcome == sale.OutAccepted || x.foreign {
			return sale.Answer{} // it would be true
		}
	case 6: // "paid" that names no order
		ans = x.says(sale.OutPaid)
		if x.in == 100 && x.out == 0 {
			return sale.Answer{} // it would be true
		}
		ans.Order, ans.Total.Minor = "", 100
	}
	return ans
}

// believed holds what the judgement makes of an answer to the truth.
func (x *reckless) believed(op sale.Op, ev sale.Event) {
	ok := true
	net := x.in - x.out
	switch ev {
	case sale.EvPaid:
		ok = net == 100
	case sale.EvRefunded:
		ok = x.in > 0 && net == 0
	case sale.EvDeclined, sale.EvBadCode, sale.EvNotSent:
		ok = net == 0 && x.dead
	case sale.EvClosed:
		ok = net == 0 && x.dead
	case sale.EvPaying, sale.EvNotFound, sale.EvFailed:
		ok = net == 0
	case sale.EvAccepted:
		ok = x.taken
	case sale.EvCollision:
		ok = x.foreign
	case sale.EvWrongTotal:
		ok = x.sum != 100
	}
	if !ok {
		x.wrong = append(x.wrong, "an answer to "+string(op)+" was taken for "+string(ev)+", and it is not so")
	}
}

// try proposes a move, and holds a state that was reached to the truth.
func (x *reckless) try(to sale.State, why sale.Event) {
	from := x.a.State
	if err := x.a.Move(to, why, x.intent); err != nil {
		return
	}
	net, ok := x.in-x.out, true
	switch to {
	case sale.Paid:
		ok = net == 100 || x.foreign && why == sale.EvOperator
	case sale.Declined, sale.Reversed, sale.Closed:
		ok = net == 0 && (x.dead || x.foreign)
	case sale.ReversedRefunded:
		ok = net == 0 && x.intent == sale.Undo
	case sale.Reversing:
		ok = x.intent == sale.Undo
	case sale.Manual:
		ok = from != sale.Paid || x.intent == sale.Undo
	case sale.Sending, sale.Offered:
		ok = false
	}
	switch from {
	case sale.Declined, sale.Reversed, sale.ReversedRefunded, sale.Closed:
		ok = false
	}
	if !ok {
		x.wrong = append(x.wrong, "from "+from.String()+" to "+to.String()+" on "+string(why)+" with intent "+string(x.intent))
	}
}

var everyState = []sale.State{sale.Unknown, sale.Sending, sale.Paid, sale.Declined, sale.Reversing, sale.Reversed, sale.ReversedRefunded, sale.Manual, sale.Offered, sale.Closed}

// step lets something happen and tries to go anywhere on it.
func (x *reckless) step(first bool) {
	op := sale.OpQuery
	switch {
	case first:
		op = sale.OpPay
	case x.a.State == sale.Reversing && x.r.IntN(2) == 0:
		op = sale.OpReverse
	}
	ev := sale.EvNone
	switch n := x.r.IntN(8); {
	case first || n < 4:
		ans := x.serve(op)
		if x.r.IntN(2) == 0 {
			ans = x.lie(op)
		}
		ev = x.a.Judge(op, ans)
		x.believed(op, ev)
		if ev == sale.EvNoAnswer && x.foreign {
			return
		}
	case n == 4:
		if x.r.IntN(2) == 0 {
			x.intent = sale.Undo
		}
		return
	case n == 5:
		ev = []sale.Event{sale.EvUndo, sale.EvWindow, sale.EvLost, sale.EvRestart}[x.r.IntN(4)]
	case n == 6:
		// The payer confirms.
		if x.exists && !x.dead && x.in == 0 && !x.foreign {
			x.in = x.sum
		}
		return
	default:
		// Somebody else gives it back.
		if x.in > 0 && x.a.State == sale.Unknown {
			x.out, x.dead = x.in, true
		}
		return
	}
	for _, i := range x.r.Perm(len(everyState)) {
		x.try(everyState[i], ev)
	}
}

// TestRecklessBegin: no attempt begins beside one that may still be charged, or of a payment
// that nobody wants any more.
func TestRecklessBegin(t *testing.T) {
	r := rand.New(rand.NewPCG(*firstSeed, 8))
	begun := 0
	for range 20_000 {
		p := sale.Payment{ID: "P", Intent: sale.Keep}
		if r.IntN(3) == 0 {
			p.Intent = sale.Undo
		}
		if r.IntN(3) == 0 {
			p.Ending = sale.EndAborted
		}
		risky := p.Intent == sale.Undo || p.Ending != sale.Undecided
		for n := range r.IntN(3) {
			state := everyState[r.IntN(len(everyState))]
			p.Attempts = append(p.Attempts, sale.Attempt{N: n + 1, State: state})
			risky = risky || state != sale.Declined && state != sale.Closed
		}
		n := len(p.Attempts) + 1
		err := p.Begin(sale.Attempt{N: n, State: sale.Sending})
		if err == nil && risky {
			t.Fatalf("attempt %d begins: %+v", n, p)
		}
		if err == nil {
			begun++
		}
	}
	if begun == 0 {
		t.Error("nothing begins")
	}
}

// TestReckless: neither the table nor the judgement lets a reckless caller come to a state
// that is not the truth.
func TestReckless(t *testing.T) {
	for n := range uint64(30_000) {
		seed := *firstSeed + n
		x := newReckless(rand.New(rand.NewPCG(seed, 7)))
		if x.r.IntN(4) == 0 { // a code of ours is on the screen
			x.a.State, x.exists = sale.Offered, true
		} else {
			x.step(true)
		}
		for range 12 {
			x.step(false)
		}
		if len(x.wrong) > 0 {
			t.Fatalf("seed %d: %s\nagain: go test ./agent/sim -run TestReckless -seed %d", seed, x.wrong[0], seed)
		}
	}
}
