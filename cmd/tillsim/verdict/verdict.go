package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/sale"
)

// Kinds of difference. The names never change: they are what --json shows.
const (
	DiffLost          = "lost-sale"         // told Success, nothing is held
	DiffTaken         = "charged-untold"    // told Failure or given back, yet money is held
	DiffTwice         = "double-charge"     // one basket, more than one charge held
	DiffAmount        = "wrong-amount"      // the charge or the answer is of another amount
	DiffCurrency      = "wrong-currency"    // the charge is in another currency
	DiffStray         = "stray-charge"      // money is held under an order that no answer names
	DiffOverRefund    = "refunded-too-much" // more given back than taken
	DiffContradiction = "contradiction"     // one payment told Success and Failure
	DiffUnnamed       = "success-unnamed"   // a Success that names no payment
	DiffShared        = "payment-shared"    // one payment told to two baskets
	DiffSilent        = "never-told"        // neither a final answer nor "in progress"
	DiffRepeat        = "repeat-differs"    // one ServiceID, two different answers
	DiffLedger        = "ledger-twice"      // one order in two lines of a ledger
	DiffExpect        = "unexpected-answer" // not what the scenario expects the answer to be
	DiffExpectWallet  = "unexpected-ledger" // not what the scenario expects of the ledger
	DiffSum           = "sum"               // the sums of both sides differ
)

// Difference is one line that says what is wrong.
type Difference struct {
	Kind    string `json:"kind"`
	Basket  string `json:"basket,omitempty"` // SaleID and TransactionID
	Payment string `json:"payment,omitempty"`
	Order   string `json:"order,omitempty"`
	Text    string `json:"text"`
}

// Row is one payment, both sides beside each other.
type Row struct {
	Scenario string      `json:"scenario,omitempty"`
	POIID    string      `json:"poi_id"`
	Basket   string      `json:"basket"`
	Payment  string      `json:"payment,omitempty"`
	Amount   sale.Amount `json:"amount"`
	// Told is the last word of the points of sale; Undecided when it is not final.
	Told      string   `json:"told"`
	Undecided bool     `json:"undecided,omitempty"`
	Wallet    string   `json:"wallet,omitempty"`
	Ledger    Standing `json:"ledger"`
	Net       int64    `json:"net"` // held by the wallets, in minor units
	OK        bool     `json:"ok"`
}

// Verdict is the outcome of a comparison.
type Verdict struct {
	Sales       int          `json:"sales"` // payments asked for: the rows
	Rows        []Row        `json:"rows"`
	Undecided   int          `json:"undecided"`
	Differences []Difference `json:"differences"`
	Sums        []Sum        `json:"sums"`
}

// Sum holds both sides of one currency, in minor units, undecided payments left out.
type Sum struct {
	Currency sale.Currency `json:"currency"`
	Told     int64         `json:"told"`
	Held     int64         `json:"held"`
}

// Compare holds both sides against each other.
func Compare(told []Told, ledger []Entry) Verdict {
	c := &comparison{orders: map[string][]Entry{}, told: map[sale.Currency]int64{}, held: map[sale.Currency]int64{}, named: map[string]string{}}
	told = slices.Clone(told)
	slices.SortStableFunc(told, func(a, b Told) int { return a.At.Compare(b.At) })
	c.readLedger(ledger)
	groups := group(told)
	for _, g := range groups {
		c.judge(g)
	}
	c.baskets(groups)
	c.repeats(told)
	c.strays()
	c.sums()
	c.v.Sales = len(c.v.Rows)
	if c.v.Differences == nil {
		c.v.Differences = []Difference{}
	}
	return c.v
}

// payment is all that was said about one payment: the unit of the law.
type payment struct {
	id    string // POITransactionID; empty when no answer ever named one
	lines []Told
}

// group sorts the lines by payment. A line that names no payment belongs to the one that
// its ServiceID or its basket got elsewhere, and else stands for itself: a request that was
// refused, or got no answer.
func group(told []Told) []*payment {
	byID := map[string]*payment{}
	byService := map[string]*payment{}
	byBasket := map[string]*payment{}
	var out []*payment
	add := func(id string) *payment {
		p := &payment{id: id}
		out = append(out, p)
		return p
	}
	for _, t := range told {
		if t.Payment == "" {
			continue
		}
		p := byID[t.Payment]
		if p == nil {
			p = add(t.Payment)
			byID[t.Payment] = p
		}
		if t.Kind == KindRefund {
			continue
		}
		byBasket[t.basket()] = p
		if t.Kind != KindReversal {
			byService[t.service()] = p
		}
	}
	for _, t := range told {
		p := byID[t.Payment]
		if p == nil {
			p = byService[t.service()]
		}
		// No answer at all: whatever its basket got is the answer.
		if p == nil && !t.final() {
			if p = byBasket[t.basket()]; p != nil && p.id == "" {
				byService[t.service()] = p
			}
		}
		if p == nil {
			p = add("")
			byService[t.service()] = p
			if byBasket[t.basket()] == nil {
				byBasket[t.basket()] = p
			}
		}
		p.lines = append(p.lines, t)
	}
	// Till by till, in the order in which they began, which is not that in which they were named.
	slices.SortStableFunc(out, func(a, b *payment) int {
		return cmp.Or(cmp.Compare(a.lines[0].POIID, b.lines[0].POIID), a.lines[0].At.Compare(b.lines[0].At))
	})
	return out
}

func (t Told) service() string { return t.SaleID + "\x1f" + t.POIID + "\x1f" + t.ServiceID }

type comparison struct {
	v          Verdict
	orders     map[string][]Entry // by payment id; orders that are none of ours under ""
	named      map[string]string  // payment id: its basket
	told, held map[sale.Currency]int64
}

func (c *comparison) differ(kind string, g *payment, order, format string, args ...any) {
	d := Difference{Kind: kind, Order: order, Text: fmt.Sprintf(format, args...)}
	if g != nil {
		d.Payment, d.Basket = g.id, g.lines[0].basket()
		d.Text = g.name() + ": " + d.Text
	}
	c.v.Differences = append(c.v.Differences, d)
}

func (p *payment) name() string {
	t := p.lines[0]
	s := "basket " + t.basket()
	if t.Scenario != "" {
		s = t.Scenario + ", " + s
	}
	if p.id != "" {
		s += ", payment " + p.id
	}
	return s
}

func (c *comparison) readLedger(ledger []Entry) {
	seen := map[string]bool{}
	for _, e := range ledger {
		key := e.Wallet + "\x1f" + e.Merchant + "\x1f" + e.Order
		if seen[key] {
			c.differ(DiffLedger, nil, e.Order, "order %s at %s stands in two lines of the ledger", e.Order, e.Wallet)
			continue
		}
		seen[key] = true
		if e.Net() < 0 {
			c.differ(DiffOverRefund, nil, e.Order, "order %s at %s: %s given back, only %s taken", e.Order, e.Wallet, e.money(e.Refunded), e.money(e.Charged))
		}
		id, _, _, err := sale.ParseOrderID(e.Order)
		if err != nil {
			id = ""
		}
		c.orders[id] = append(c.orders[id], e)
	}
}

func (e Entry) money(minor int64) string { return amount(minor, e.Currency) }

func amount(minor int64, cur sale.Currency) string {
	exp, _ := cur.Exponent()
	return sale.Amount{Minor: minor, Currency: cur, Exponent: exp}.String()
}

// strays finds money under orders of payments that no answer names.
func (c *comparison) strays() {
	ids := make([]string, 0, len(c.orders))
	for id := range c.orders {
		if id == "" || c.named[id] == "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, e := range c.orders[id] {
			if e.Net() == 0 {
				continue
			}
			c.held[e.Currency] += e.Net()
			c.differ(DiffStray, nil, e.Order, "order %s at %s holds %s, and no answer to any point of sale names it", e.Order, e.Wallet, e.money(e.Net()))
		}
	}
}

// baskets holds the law that spans payments: at most one charge held per basket.
func (c *comparison) baskets(groups []*payment) {
	held := map[string][]string{}
	var order []string
	for _, g := range groups {
		if g.id == "" {
			continue
		}
		b := c.named[g.id]
		if held[b] == nil {
			order = append(order, b)
		}
		for _, e := range c.orders[g.id] {
			if e.Net() > 0 {
				held[b] = append(held[b], e.Order+" "+e.money(e.Net())+" at "+e.Wallet)
			}
		}
	}
	for _, b := range order {
		if len(held[b]) > 1 {
			c.v.Differences = append(c.v.Differences, Difference{Kind: DiffTwice, Basket: b,
				Text: fmt.Sprintf("basket %s: %d charges are held: %s", b, len(held[b]), strings.Join(held[b], ", "))})
			for i := range c.v.Rows {
				if c.v.Rows[i].Basket == b {
					c.v.Rows[i].OK = false
				}
			}
		}
	}
}

// repeats finds a request that got two different answers.
func (c *comparison) repeats(told []Told) {
	first := map[string]Told{}
	for _, t := range told {
		if t.Digest == "" || t.Result == "" {
			continue
		}
		key := string(t.Kind) + "\x1f" + t.service()
		f, seen := first[key]
		if !seen {
			first[key] = t
			continue
		}
		if f.Digest != t.Digest {
			c.v.Differences = append(c.v.Differences, Difference{Kind: DiffRepeat, Basket: t.basket(), Payment: t.Payment,
				Text: fmt.Sprintf("basket %s: ServiceID %s was answered twice, and not with the same bytes (%s, then %s)", t.basket(), t.ServiceID, f.Answer(), t.Answer())})
		}
	}
}

func (c *comparison) sums() {
	curs := map[sale.Currency]bool{}
	for k := range c.told {
		curs[k] = true
	}
	for k := range c.held {
		curs[k] = true
	}
	for k := range curs {
		c.v.Sums = append(c.v.Sums, Sum{Currency: k, Told: c.told[k], Held: c.held[k]})
	}
	slices.SortFunc(c.v.Sums, func(a, b Sum) int { return cmp.Compare(a.Currency, b.Currency) })
	for _, s := range c.v.Sums {
		if s.Told != s.Held {
			c.differ(DiffSum, nil, "", "in sum, the wallets hold %s and the points of sale were told %s", amount(s.Held, s.Currency), amount(s.Told, s.Currency))
		}
	}
}
