// Package route decides which contract a code goes to. A prefix cannot route (Alipay's
// codes at home, in Hong Kong and abroad overlap): the classifier names candidates, and the
// order of the contracts in the configuration decides among them.
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
}

// Table is the contracts in the order in which they are tried.
type Table []Row

// Decision is where a code goes, or why nowhere.
type Decision struct {
	OK     bool
	Slot   int
	Scheme string   // what the code is taken for at this contract
	Why    string   // one line for people: the rule that decided
	Passed []string // the rows that were passed over, each with its reason
}

// Pick chooses the first row that takes one of the candidates, in the currency, within the
// brands the point of sale allows (wallet or scheme names; empty allows all).
func (t Table) Pick(candidates []string, currency sale.Currency, brands []string) Decision {
	var d Decision
	for _, row := range t {
		i := slices.IndexFunc(row.Schemes, func(s string) bool { return slices.Contains(candidates, s) })
		switch {
		case i < 0:
			d.Passed = append(d.Passed, fmt.Sprintf("%s: takes %s", row.Name, strings.Join(row.Schemes, ", ")))
		case len(row.Currencies) > 0 && !slices.Contains(row.Currencies, currency):
			d.Passed = append(d.Passed, fmt.Sprintf("%s: no contract for %s", row.Name, currency))
		case len(brands) > 0 && !allowed(brands, row.Wallet, row.Schemes[i]):
			d.Passed = append(d.Passed, row.Name+": not among the brands the point of sale allows")
		default:
			d.OK, d.Slot, d.Scheme = true, row.Slot, row.Schemes[i]
			d.Why = fmt.Sprintf("%s is the first contract that takes %s in %s", row.Name, row.Schemes[i], currency)
			return d
		}
	}
	d.Why = fmt.Sprintf("no contract takes %s in %s", strings.Join(candidates, " or "), currency)
	return d
}

func allowed(brands []string, wallet, scheme string) bool {
	return slices.ContainsFunc(brands, func(b string) bool {
		return strings.EqualFold(b, wallet) || strings.EqualFold(b, scheme)
	})
}
