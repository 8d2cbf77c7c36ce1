package verdict

import (
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
	holds     bool // told Success, and not told that it was given back
	undecided bool
	progress  bool // "in progress" was heard
	amount    sale.Amount
	words     string
}

// known folds the lines in their order: a final word outlives "in progress" and silence,
// a Reversal's word outlives the payment's.
func (p *payment) known() knowledge {
	k := knowledge{undecided: true}
	var back, backAsked bool // a Reversal's final word, and whether one is still open
	reversal := ""
	for _, t := range p.lines {
		if t.Kind == KindReversal {
			backAsked = !t.final()
			back = back || t.Result == Success
			k.progress = k.progress || t.Condition == InProgress
			reversal = ", reversal " + t.Answer()
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
	k.words += reversal
	if back {
		k.holds = false
	} else if backAsked {
		k.undecided = true
	}
	return k
}

// contradictions finds a payment that was told both ways, or that is told without a name.
func (c *comparison) contradictions(g *payment) {
	var yes, no bool
	for _, t := range g.lines {
		if t.Kind == KindReversal || !t.final() {
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

// judgePaid: exactly one charge of exactly the amount.
func (c *comparison) judgePaid(g *payment, k knowledge, orders []Entry) {
	c.told[k.amount.Currency] += k.amount.Minor
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

func (c *comparison) judgeCharge(g *payment, k knowledge, e Entry) {
	switch {
	case e.Currency != k.amount.Currency:
		c.differ(DiffCurrency, g, e.Order, "order %s at %s holds %s instead of %s", e.Order, e.Wallet, e.money(e.Net()), k.amount)
	case e.Charges > 1 && e.Net() > k.amount.Minor:
		c.differ(DiffTwice, g, e.Order, "order %s at %s was charged %d times and holds %s instead of %s", e.Order, e.Wallet, e.Charges, e.money(e.Net()), k.amount)
	case e.Net() != k.amount.Minor:
		c.differ(DiffAmount, g, e.Order, "order %s at %s holds %s instead of %s", e.Order, e.Wallet, e.money(e.Net()), k.amount)
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
