package sale

import (
	"errors"
	"testing"
	"time"
)

var allStates = []State{Unknown, Sending, Paid, Declined, Reversing, Reversed, ReversedRefunded, Manual, Offered, Closed}
var allEvents = []Event{EvNone, EvPaid, EvDeclined, EvBadCode, EvNotSent, EvNoAnswer, EvPaying, EvNotFound, EvFailed, EvClosed, EvRefunded,
	EvAccepted, EvWrongTotal, EvForeign, EvCollision, EvRestart, EvUndo, EvProven, EvWindow, EvLost, EvOperator, EvBill}

// TestLaw states the law of an attempt in words and tries every (from, to, event, intent).
func TestLaw(t *testing.T) {
	legal := 0
	for _, from := range allStates {
		for _, to := range allStates {
			for _, why := range allEvents {
				for _, intent := range []Intent{Keep, Undo} {
					a := Attempt{ID: "x", State: from}
					err := a.Move(to, why, intent)
					if err == nil {
						legal++
						checkLaw(t, from, to, why, intent)
						continue
					}
					var illegal *MoveError
					if !errors.As(err, &illegal) || a.State != from {
						t.Fatalf("%s to %s on %s: %v, state %s", from, to, why, err, a.State)
					}
				}
			}
		}
	}
	if legal == 0 {
		t.Fatal("nothing is legal")
	}
	for e := range moves {
		if e.from == Sending && e.to == Sending {
			t.Error("a code would be sent twice")
		}
	}
}

func checkLaw(t *testing.T, from, to State, why Event, intent Intent) {
	t.Helper()
	law := func(ok bool, text string) {
		if !ok {
			t.Errorf("%s to %s on %q with intent %s: %s", from, to, why, intent, text)
		}
	}
	law(to != Sending, "nothing leads back to SENDING")
	law(to != Offered, "nothing leads back to OFFERED")
	law(to != Paid || why == EvPaid || why == EvOperator || why == EvBill, "PAID needs a signed word, the bill or a person")
	law(to != Reversing || intent == Undo, "a reverse needs undo")
	law(to != Reversing || from == Unknown || from == Paid || from == Offered, "only an open or paid attempt is reversed")
	law(to != Closed || from == Offered, "only an offered code is taken away")
	law(to != Reversed || why != EvNotFound, "not found alone proves nothing")
	law(to != Reversed || why != EvAccepted, "a reverse's answer alone proves nothing")
	law(to != Declined || why != EvNotFound, "not found is not declined")
	law(to != Declined || from == Sending || from == Unknown, "only what is open is declined")
	law(why != EvForeign || to == Unknown, "an answer about another order decides nothing")
	law(why != EvNoAnswer || to == Unknown, "silence decides nothing")
	law(why != EvWrongTotal || to == Unknown, "a wrong total decides nothing")
	law(from != Declined && from != Reversed && from != ReversedRefunded && from != Closed, "final is final")
	law(from != Paid || to == Reversing || to == Manual, "PAID is left only to give the money back")
}

// TestOpen: whatever has something left to do keeps its record.
func TestOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Payment
		want bool
	}{
		{"paid", Payment{Ending: EndPaid, Intent: Keep, Attempts: []Attempt{{State: Paid}}}, false},
		{"paid, to be given back", Payment{Ending: EndPaid, Intent: Undo, Attempts: []Attempt{{State: Paid}}}, true},
		{"paid, and a person decided that it stays so", Payment{Ending: EndPaid, Intent: Undo, Kept: true, Attempts: []Attempt{{State: Paid}}}, false},
		{"given back", Payment{Ending: EndPaid, Intent: Undo, Attempts: []Attempt{{State: ReversedRefunded}}}, false},
		{"in doubt", Payment{Ending: EndPaid, Intent: Undo, Attempts: []Attempt{{State: Reversing}}}, true},
		{"waits for a person", Payment{Ending: EndPaid, Intent: Undo, Attempts: []Attempt{{State: Manual}}}, true},
		{"not decided", Payment{Intent: Keep}, true},
		{"nothing sent", Payment{Ending: EndAborted, Intent: Keep}, false},
	} {
		if got := c.p.Open(); got != c.want {
			t.Errorf("%s: open %t", c.name, got)
		}
	}
}

func TestJudge(t *testing.T) {
	a := Attempt{ID: "O1", Amount: Amount{100, "CNY", 2}, Contract: ContractRef{Merchant: "M", SubMerchant: "S"}}
	good := func(out Outcome) Answer {
		return Answer{Outcome: out, Signed: true, Order: "O1", Merchant: "M", SubMerchant: "S", Total: a.Amount, HasTotal: true}
	}
	with := func(ans Answer, change func(*Answer)) Answer { change(&ans); return ans }
	for _, c := range []struct {
		name string
		op   Op
		ans  Answer
		want Event
	}{
		{"paid", OpPay, good(OutPaid), EvPaid},
		{"paid, unsigned", OpPay, with(good(OutPaid), func(a *Answer) { a.Signed = false }), EvNoAnswer},
		{"declined, unsigned", OpPay, with(good(OutDeclined), func(a *Answer) { a.Signed = false }), EvNoAnswer},
		{"paid, another order", OpPay, with(good(OutPaid), func(a *Answer) { a.Order = "O2" }), EvForeign},
		{"paid, no order named", OpPay, with(good(OutPaid), func(a *Answer) { a.Order = "" }), EvForeign},
		{"paid, another merchant", OpQuery, with(good(OutPaid), func(a *Answer) { a.Merchant = "N" }), EvForeign},
		{"paid, another sub-merchant", OpQuery, with(good(OutPaid), func(a *Answer) { a.SubMerchant = "T" }), EvForeign},
		{"paid, a fen less", OpPay, with(good(OutPaid), func(a *Answer) { a.Total.Minor-- }), EvWrongTotal},
		{"paid, another currency", OpPay, with(good(OutPaid), func(a *Answer) { a.Total.Currency = "HKD" }), EvWrongTotal},
		{"paid, no total", OpPay, with(good(OutPaid), func(a *Answer) { a.HasTotal = false }), EvWrongTotal},
		{"declined for another order", OpPay, with(good(OutDeclined), func(a *Answer) { a.Order = "O2" }), EvForeign},
		{"not sent", OpPay, Answer{NotSent: true}, EvNotSent},
		{"nothing", OpPay, Answer{}, EvNoAnswer},
		{"number used", OpPay, good(OutDuplicate), EvCollision},
		{"number used, on a query", OpQuery, good(OutDuplicate), EvNoAnswer},
		{"bad code, on a query", OpQuery, good(OutBadCode), EvNoAnswer},
		{"reverse accepted", OpReverse, good(OutAccepted), EvAccepted},
		{"accepted, but it was no reverse", OpQuery, good(OutAccepted), EvNoAnswer},
		{"declined, but it was a reverse", OpReverse, good(OutDeclined), EvNoAnswer},
		{"refunded", OpQuery, good(OutRefunded), EvRefunded},
		{"not found", OpQuery, good(OutNotFound), EvNotFound},
		{"an outcome from the future", OpQuery, good("teleported"), EvNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := a.Judge(c.op, c.ans); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestPursuitTimes holds the schedule against the wallet's table, second by second.
func TestPursuitTimes(t *testing.T) {
	c := Clock{FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second, PayerDeadline: 45 * time.Second, ReverseAfter: 15 * time.Second,
		CodeLife: time.Minute, NetworkDelay: time.Minute, RetryFirst: time.Second, RetryMost: time.Minute, RetryFor: time.Hour,
		RetrySlow: 15 * time.Minute, Window: 24 * time.Hour, WindowMargin: time.Hour}
	t0 := time.Unix(1_800_000_000, 0)
	after := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	for _, x := range []struct {
		name   string
		u      Pursuit
		state  State
		intent Intent
		now    int
		want   Action
		at     int
	}{
		{"first query waits", Pursuit{}, Unknown, Keep, 1, DoWait, 5},
		{"first query", Pursuit{}, Unknown, Keep, 5, DoQuery, 0},
		{"after a restart at once", Pursuit{Recovered: true}, Unknown, Keep, 0, DoQuery, 0},
		{"spacing", Pursuit{LastQuery: after(6), Word: EvPaying, Said: after(5)}, Unknown, Keep, 7, DoWait, 11},
		{"a query on the deadline", Pursuit{LastQuery: after(43), Word: EvPaying, Said: after(43)}, Unknown, Keep, 44, DoWait, 45},
		{"turn after the last query", Pursuit{LastQuery: after(45), Word: EvPaying, Said: after(45)}, Unknown, Keep, 45, DoTurn, 0},
		{"a word from before the deadline does not turn", Pursuit{LastQuery: after(46), Word: EvPaying, Said: after(44), Failures: 1}, Unknown, Keep, 46, DoWait, -1},
		{"silence never turns", Pursuit{LastQuery: after(500), Failures: 9}, Unknown, Keep, 4000, DoQuery, 0},
		{"PAYERROR turns early", Pursuit{LastQuery: after(6), Word: EvFailed, Said: after(5)}, Unknown, Keep, 6, DoTurn, 0},
		{"undo: not before the earliest time", Pursuit{LastQuery: after(6), Word: EvPaying, Said: after(6)}, Unknown, Undo, 6, DoWait, 15},
		{"undo: ask once after the turn", Pursuit{LastQuery: after(6), Word: EvPaying, Said: after(6), TurnedAt: after(7)}, Unknown, Undo, 7, DoQuery, 0},
		{"undo: then reverse", Pursuit{LastQuery: after(16), Word: EvPaying, Said: after(16), TurnedAt: after(7)}, Unknown, Undo, 16, DoReversal, 0},
		{"paid and undo", Pursuit{}, Paid, Undo, 14, DoWait, 15},
		{"paid and keep is final", Pursuit{}, Paid, Keep, 14, DoNothing, 0},
		{"reversing begins", Pursuit{}, Reversing, Undo, 15, DoReverse, 0},
		{"reversing after a restart asks first", Pursuit{Recovered: true}, Reversing, Undo, 1, DoQuery, 0},
		{"reversing after a restart waits in full", Pursuit{Recovered: true, LastQuery: after(1)}, Reversing, Undo, 1, DoWait, 15},
		{"a reverse that did not take is repeated", Pursuit{LastReverse: after(16), ReverseAccepted: after(16), Reverses: 1, LastQuery: after(16), Word: EvPaid, Said: after(16)}, Reversing, Undo, 17, DoReverse, 0},
		{"and again less often", Pursuit{LastReverse: after(16), ReverseAccepted: after(16), Reverses: 9, LastQuery: after(16), Word: EvPaid, Said: after(16)}, Reversing, Undo, 17, DoWait, 22},
		{"an accepted reverse is proven by a query", Pursuit{LastReverse: after(16), ReverseAccepted: after(16)}, Reversing, Undo, 16, DoQuery, 0},
		{"not found before the quiet time", Pursuit{LastReverse: after(16), ReverseAccepted: after(16), LastQuery: after(17), Word: EvNotFound, Said: after(17)}, Reversing, Undo, 17, DoWait, 120},
		{"not found asked in the quiet time, read after it", Pursuit{LastReverse: after(16), ReverseAccepted: after(16), LastQuery: after(121), Word: EvNotFound, Said: after(119)}, Reversing, Undo, 121, DoQuery, 0},
		{"not found after the quiet time", Pursuit{LastReverse: after(16), ReverseAccepted: after(16), LastQuery: after(121), Word: EvNotFound, Said: after(120)}, Reversing, Undo, 121, DoProve, 0},
		{"manual waits for a person", Pursuit{}, Manual, Undo, 1, DoNothing, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.u.From = t0
			got := x.u.Next(&Attempt{State: x.state}, x.intent, c, after(x.now), 0)
			if got.Do != x.want || x.want == DoWait && x.at >= 0 && !got.At.Equal(after(x.at)) {
				t.Errorf("got %s at +%s, want %s at +%ds", got.Do, got.At.Sub(t0), x.want, x.at)
			}
		})
	}
	if got := (&Pursuit{From: t0}).Next(&Attempt{State: Unknown}, Keep, c, after(1), 23*time.Hour+time.Second); got.Do != DoManual {
		t.Errorf("past the window: %s, want manual", got.Do)
	}
}

func TestOrderID(t *testing.T) {
	p := PaymentID(TerminalCode("000158000000000"), StartToken([4]byte{1, 2, 3, 4}), 42)
	id := OrderID(p, 2, 7)
	if len(id) != IDLen {
		t.Fatalf("%q has %d characters", id, len(id))
	}
	payment, n, slot, err := ParseOrderID(id)
	if err != nil || payment != p || n != 2 || slot != 7 {
		t.Fatalf("%s %d %d %v", payment, n, slot, err)
	}
	for i := range id {
		for _, c := range []byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ") {
			wrong := []byte(id)
			if wrong[i] == c {
				continue
			}
			wrong[i] = c
			if _, _, _, err := ParseOrderID(string(wrong)); err == nil {
				t.Errorf("%q is taken for an order id of ours, %q is one", wrong, id)
			}
		}
	}
	seen := map[string]bool{}
	for _, serial := range []string{"1", "2", "000158000000000"} {
		for seq := range uint64(50) {
			for n := 1; n <= MaxAttempts; n++ {
				id := OrderID(PaymentID(TerminalCode(serial), "ABCDEF", seq), n, 1)
				if seen[id] {
					t.Fatalf("%q minted twice", id)
				}
				seen[id] = true
			}
		}
	}
}

func FuzzOrderID(f *testing.F) {
	f.Add("")
	f.Add(OrderID(PaymentID("ABCDEFGH", "ABCDEF", 1), 1, 1))
	f.Fuzz(func(t *testing.T, s string) {
		p, n, slot, err := ParseOrderID(s)
		if err == nil && OrderID(p, n, slot) != s {
			t.Fatalf("%q parsed as %q %d %d", s, p, n, slot)
		}
	})
}
