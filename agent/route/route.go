// Package route decides which contract a code goes to. A prefix cannot route (Alipay's
// codes at home, in Hong Kong and abroad overlap): the classifier names candidates, and the
// contracts decide among them: a direct one first, in the order of the configuration, then
// an aggregator, and among both those that can be reached now and are not resting.
package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/sale"
)

// Row is what routing needs to know of one contract.
type Row struct {
	Slot       int
	Name       string
	Wallet     string          // "wechatpay"
	Schemes    []string        // "alipay-cn", in the order of preference
	Currencies []sale.Currency // empty: all
	// SaleIDs are the points of sale that sell for this contract's merchant: several shops or
	// brands on one till. Empty: all.
	SaleIDs []string
	// Aggregator passes codes on to several wallets. A direct contract goes first.
	Aggregator bool
	// Offers says that a code of this contract can be shown to the customer.
	Offers bool
}

// Table is the contracts in the order of the configuration.
type Table []Row

// Health is what is known of a contract now.
type Health int

const (
	Ready   Health = iota
	Down           // its host cannot be reached
	Resting        // its payments bring no answers; see Breaker
)

// Request is what a way is looked for.
type Request struct {
	Candidates []string // schemes that the code may be of
	Currency   sale.Currency
	// Brands are the wallets or schemes that the point of sale allows; empty: all.
	Brands []string
	// SaleID is the point of sale that asks; empty matches every row.
	SaleID string
	// Contract is the only row to look at, by its name; empty: all. It sells then for whoever
	// asks: this is how a contract is tried out.
	Contract string
}

// Way is one contract that could take the code.
type Way struct {
	Slot   int
	Name   string
	Scheme string // what the code is taken for there
	Health Health
}

// Decision is where a code goes, or why nowhere.
type Decision struct {
	OK bool
	Way
	// Resting is set when the code goes nowhere only because what takes it rests.
	Resting bool
	// Further are the ways to try next, in order, when it is certain that nothing was sent
	// the first way.
	Further []Way
	Why     string   // one line for people: the rule that decided
	Passed  []string // the rows that were passed over, each with its reason
}

// Pick chooses the way of a code: among the rows that take one of the candidates, in the
// currency, for the point of sale and within the brands, the first that is ready; direct
// rows before aggregators. When none is ready the first one that is merely out of reach is
// taken all the same: the attempt says truthfully that nothing was sent. A resting one is
// not. health may be nil: all are ready.
func (t Table) Pick(r Request, health func(slot int) Health) Decision {
	var d Decision
	var ready, down []Way
	resting := 0
	for _, row := range t.ordered() {
		w, why := row.way(r)
		if why != "" {
			d.Passed = append(d.Passed, row.Name+": "+why)
			continue
		}
		if health != nil {
			w.Health = health(row.Slot)
		}
		switch w.Health {
		case Ready:
			ready = append(ready, w)
		case Down:
			down = append(down, w)
			d.Passed = append(d.Passed, row.Name+": cannot be reached now")
		case Resting:
			resting++
			d.Passed = append(d.Passed, row.Name+": its last payments brought no answer; it is left alone for a while")
		}
	}
	ways := append(ready, down...)
	if len(ways) == 0 {
		d.Why = fmt.Sprintf("no contract takes %s in %s", strings.Join(r.Candidates, " or "), r.Currency)
		if d.Resting = resting > 0; d.Resting {
			d.Why += " now: the last payments there brought no answer"
		}
		return d
	}
	d.OK, d.Way, d.Further = true, ways[0], ways[1:]
	d.Why = d.why(t, r)
	return d
}

func (d *Decision) why(t Table, r Request) string {
	i := slices.IndexFunc(t, func(row Row) bool { return row.Slot == d.Slot })
	kind := "contract"
	if t[i].Aggregator {
		kind = "aggregator, for want of a direct contract,"
	}
	text := fmt.Sprintf("%s is the first %s that takes %s in %s", d.Name, kind, d.Scheme, r.Currency)
	if d.Health == Down {
		text += ", though it cannot be reached now"
	}
	return text
}

// ordered is the rows with the direct ones first.
func (t Table) ordered() []Row {
	rows := slices.Clone(t)
	slices.SortStableFunc(rows, func(a, b Row) int {
		switch {
		case a.Aggregator == b.Aggregator:
			return 0
		case b.Aggregator:
			return -1
		}
		return 1
	})
	return rows
}

// way is the row's way for a request, or why it has none.
func (row *Row) way(r Request) (w Way, why string) {
	i := slices.IndexFunc(row.Schemes, func(s string) bool { return slices.Contains(r.Candidates, s) })
	switch {
	case r.Contract != "" && row.Name != r.Contract:
		return w, "not the contract that is asked for"
	case i < 0:
		return w, "takes " + strings.Join(row.Schemes, ", ")
	case len(row.Currencies) > 0 && !slices.Contains(row.Currencies, r.Currency):
		return w, fmt.Sprintf("no contract for %s", r.Currency)
	case r.Contract == "" && r.SaleID != "" && len(row.SaleIDs) > 0 && !slices.Contains(row.SaleIDs, r.SaleID):
		return w, "sells for " + strings.Join(row.SaleIDs, ", ")
	case len(r.Brands) > 0 && !allowed(r.Brands, row.Wallet, row.Schemes[i]):
		return w, "not among the brands the point of sale allows"
	}
	return Way{Slot: row.Slot, Name: row.Name, Scheme: row.Schemes[i]}, ""
}

func allowed(brands []string, wallet, scheme string) bool {
	return slices.ContainsFunc(brands, func(b string) bool {
		return strings.EqualFold(b, wallet) || strings.EqualFold(b, scheme)
	})
}
