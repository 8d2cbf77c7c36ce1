package route

import (
	"fmt"
	"slices"
	"strings"
)

// PickOffer chooses the contract whose code we show: among the rows that can show one, in the
// currency, for the point of sale and within the brands, the first that is ready; direct
// rows before aggregators, and the one named prefer before all. A code cannot be shown
// without its wallet, so one that is out of reach is passed over. Candidates are not looked
// at. A row whose code several wallets may pay is within the brands only if all of them are.
func (t Table) PickOffer(r Request, prefer string, health func(slot int) Health) Decision {
	var d Decision
	rows := t.ordered()
	slices.SortStableFunc(rows, func(a, b Row) int {
		switch {
		case (a.Name == prefer) == (b.Name == prefer):
			return 0
		case a.Name == prefer:
			return -1
		}
		return 1
	})
	for _, row := range rows {
		why := row.offers(r)
		if why == "" && health != nil {
			switch health(row.Slot) {
			case Down:
				why = "cannot be reached now"
			case Resting:
				why = "its last payments brought no answer; it is left alone for a while"
			}
		}
		if why != "" {
			d.Passed = append(d.Passed, row.Name+": "+why)
			continue
		}
		d.OK, d.Way = true, Way{Slot: row.Slot, Name: row.Name, Scheme: row.single()}
		d.Why = fmt.Sprintf("%s is the first contract whose code can be shown for %s", row.Name, r.Currency)
		return d
	}
	d.Why = fmt.Sprintf("no contract has a code to show for %s", r.Currency)
	return d
}

// offers says why the row cannot show a code for a request; empty if it can.
func (row *Row) offers(r Request) string {
	switch {
	case r.Contract != "" && row.Name != r.Contract:
		return "not the contract that is asked for"
	case !row.Offers:
		return "shows no codes"
	case len(row.Currencies) > 0 && !slices.Contains(row.Currencies, r.Currency):
		return fmt.Sprintf("no contract for %s", r.Currency)
	case r.Contract == "" && r.SaleID != "" && len(row.SaleIDs) > 0 && !slices.Contains(row.SaleIDs, r.SaleID):
		return "sells for " + strings.Join(row.SaleIDs, ", ")
	case len(r.Brands) > 0 && slices.ContainsFunc(row.Schemes, func(s string) bool { return !allowed(r.Brands, row.Wallet, s) }):
		return "its code can be paid by wallets that the point of sale does not allow"
	}
	return ""
}

// single is the scheme of the row's code, empty where several wallets may pay it.
func (row *Row) single() string {
	if len(row.Schemes) != 1 {
		return ""
	}
	return row.Schemes[0]
}
