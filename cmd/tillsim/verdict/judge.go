package verdict

import (
	"cmp"
	"maps"
	"strings"

	"github.com/tilld/tilld/agent/sale"
)

// judge applies the law to one payment and adds its row.
func (c *comparison) judge(g *payment) {
	before := len(c.v.Differences)
	orders := c.claim(g)
	k := g.known()
	c.contradictions(g)
	switch {
	case k.undecided:
		c.judgeUndecided(g, k, orders)
	case k.holds:
		c.judgePaid(g, k, orders)
	default:
		c.judgeUnpaid(g, k, orders)
	}
	c.expectations(g, standing(orders))

	row := Row{Scenario: g.lines[0].Scenario, POIID: g.lines[0].POIID, Basket: g.lines[0].basket(), Payment: g.id,
		Amount: k.amount, Told: k.words, Undecided: k.undecided, Ledger: standing(orders)}
	var wallets []string
	for _, e := range orders {
		row.Net += e.Net()
		if !strings.Contains(strings.Join(wallets, "+"), e.Wallet) {
			wallets = append(wallets, e.Wallet)
		}
	}
	row.Wallet = strings.Join(wallets, "+")
	row.OK = len(c.v.Differences) == before
	if k.undecided {
		c.v.Undecided++
	}
	c.v.Rows = append(c.v.Rows, row)
}

// claim takes the ledger's orders of the payment for its basket.
func (c *comparison) claim(g *payment) []Entry {
	if g.id == "" {
		return nil
	}
	for _, t := range g.lines {
		if t.Kind == KindRefund {
			continue
		}
		b, taken := c.named[g.id]
		if !taken {
			c.named[g.id] = t.basket()
		} else if b != t.basket() {
			c.differ(DiffShared, g, "", "told to basket %s as well", t.basket())
			break
		}
	}
	return c.orders[g.id]
}

// knowledge is what the points of sale know of a payment in the end.
type knowledge struct {
	holds     bool // told Success, and not told that all of it was given back
	undecided bool
	progress  bool // "in progress" was heard
	amount    sale.Amount
	refunded  int64 // told to have been given back in parts, in minor units
	open      int64 // may have been given back: nobody was told yet
	words     string
}

// net is what the points of sale were told that the wallets hold.
func (k knowledge) net() int64 { return k.amount.Minor - k.refunded }

// known folds the lines in their order: a final word outlives "in progress" and silence,
// a Reversal's word outlives the payment's.
func (p *payment) known() knowledge {
	k := knowledge{undecided: true}
	var back, backAsked bool // a Reversal's final word, and whether one is still open
	reversal := ""
	parts := refunds{done: map[string]int64{}, open: map[string]Told{}}
	for _, t := range p.lines {
		switch t.Kind {
		case KindReversal:
			backAsked = !t.final()
			back = back || t.Result == Success
			k.progress = k.progress || t.Condition == InProgress
			reversal = ", reversal " + t.Answer()
			continue
		case KindRefund:
			k.progress = k.progress || t.Condition == InProgress
			parts.hear(t)
			continue
		}
		if k.amount.Minor == 0 {
			k.amount = t.Amount
		}
		switch {
		case t.final():
			k.undecided = false
			k.holds = k.holds || t.Result == Success
			if k.words == "" || k.words == "no answer" || strings.HasSuffix(k.words, "/"+InProgress) {
				k.words = t.Answer()
			}
		case t.Condition == InProgress:
			k.progress = true
			if k.undecided {
				k.words = t.Answer()
			}
		case k.words == "":
			k.words = t.Answer()
		}
	}
	k.refunded, k.open = parts.sums()
	k.words += parts.words() + reversal
	switch {
	case back:
		k.holds = false
	case backAsked:
		k.undecided, k.open = true, k.net()
	case k.open > 0:
		k.undecided = true
	case k.holds && k.net() == 0:
		k.holds = false
	}
	return k
}

// refunds is what the points of sale heard of the parts given back of one payment. A refund
// that is asked for again, under the same TransactionID, is the same one.
type refunds struct {
	done  map[string]int64 // by the till's number
	open  map[string]Told  // by ServiceID
	heard []string
}

func (r *refunds) hear(t Told) {
	r.heard = append(r.heard, t.Answer())
	switch {
	case t.Result == Success:
		id, minor := cmp.Or(t.Refund, t.service()), t.Amount.Minor
		if t.Authorized != nil {
			minor = t.Authorized.Minor
		}
		r.done[id] = minor
		maps.DeleteFunc(r.open, func(_ string, o Told) bool { return o.basket() == t.basket() })
	case t.final():
		delete(r.open, t.service())
	default:
		r.open[t.service()] = t
	}
}

func (r *refunds) sums() (done, open int64) {
	for _, minor := range r.done {
		done += minor
	}
	same := map[string]int64{}
	for _, t := range r.open {
		same[t.basket()] = t.Amount.Minor
	}
	for _, minor := range same {
		open += minor
	}
	return done, open
}

func (r *refunds) words() string {
	if len(r.heard) == 0 {
		return ""
	}
	return ", refund " + strings.Join(r.heard, " ")
}

// contradictions finds a payment that was told both ways, or that is told without a name.
func (c *comparison) contradictions(g *payment) {
	var yes, no bool
	for _, t := range g.lines {
		if t.Kind == KindReversal || !t.final() {
			continue
		}
		if t.Kind == KindRefund {
			c.statedRefund(g, t)
			continue
		}
		yes = yes || t.Result == Success
		no = no || t.Result != Success
		if t.Result == Success && (t.Authorized == nil || !t.Authorized.Same(t.Amount)) {
			got := "no amount"
			if t.Authorized != nil {
				got = t.Authorized.String()
			}
			c.differ(DiffAmount, g, "", "asked for %s, and the Success states %s", t.Amount, got)
		}
	}
	if yes && no {
		c.differ(DiffContradiction, g, "", "told Success and Failure")
	}
	if yes && g.id == "" {
		c.differ(DiffUnnamed, g, "", "told Success, but the answer names no payment")
	}
}

// statedRefund: a refund that was done states what was asked for.
func (c *comparison) statedRefund(g *payment, t Told) {
	if t.Result == Success && (t.Authorized == nil || !t.Authorized.Same(t.Amount)) {
		c.differ(DiffAmount, g, "", "asked to give back %s, and the Success does not state that", t.Amount)
	}
}

// judgePaid: exactly one charge of exactly the amount, less what was told to be given back.
func (c *comparison) judgePaid(g *payment, k knowledge, orders []Entry) {
	c.told[k.amount.Currency] += k.net()
	var held int
	for _, e := range orders {
		c.held[e.Currency] += e.Net()
		if e.Net() <= 0 {
			continue
		}
		held++
		c.judgeCharge(g, k, e)
	}
	if held == 0 {
		c.differ(DiffLost, g, "", "told Success for %s, and no wallet holds anything", k.amount)
	}
}

// judgeCharge: what is held is what the points of sale know, less what may have been given
// back meanwhile.
func (c *comparison) judgeCharge(g *payment, k knowledge, e Entry) {
	want := sale.Amount{Minor: k.net(), Currency: k.amount.Currency, Exponent: k.amount.Exponent}
	switch {
	case e.Currency != k.amount.Currency:
		c.differ(DiffCurrency, g, e.Order, "order %s at %s holds %s instead of %s", e.Order, e.Wallet, e.money(e.Net()), want)
	case e.Charges > 1 && e.Net() > k.amount.Minor:
		c.differ(DiffTwice, g, e.Order, "order %s at %s was charged %d times and holds %s instead of %s", e.Order, e.Wallet, e.Charges, e.money(e.Net()), want)
	case e.Net() > want.Minor || e.Net() < want.Minor-k.open:
		c.differ(DiffAmount, g, e.Order, "order %s at %s holds %s instead of %s", e.Order, e.Wallet, e.money(e.Net()), want)
	}
}

// judgeUnpaid: nothing is held.
func (c *comparison) judgeUnpaid(g *payment, k knowledge, orders []Entry) {
	for _, e := range orders {
		c.held[e.Currency] += e.Net()
		if e.Net() > 0 {
			c.differ(DiffTaken, g, e.Order, "told %q, and order %s at %s holds %s", k.words, e.Order, e.Wallet, e.money(e.Net()))
		}
	}
}

// judgeUndecided: the point of sale knows that it is open, and no more is held than could
// still be right. Such rows stand outside the sums.
func (c *comparison) judgeUndecided(g *payment, k knowledge, orders []Entry) {
	if !k.progress {
		c.differ(DiffSilent, g, "", "neither a final answer nor %q was ever given", InProgress)
	}
	for _, e := range orders {
		if e.Net() > 0 {
			c.judgeCharge(g, k, e)
		}
	}
}

// expectations holds the lines against what their scenario expects.
func (c *comparison) expectations(g *payment, s Standing) {
	for _, t := range g.lines {
		if t.Expect != "" && t.Expect != t.Answer() {
			c.differ(DiffExpect, g, "", "%s with ServiceID %s: told %q, expected %q", t.Kind, t.ServiceID, t.Answer(), t.Expect)
		}
		if t.ExpectWallet != "" && t.ExpectWallet != s {
			c.differ(DiffExpectWallet, g, "", "the ledgers say %q, expected %q", s, t.ExpectWallet)
		}
	}
}
