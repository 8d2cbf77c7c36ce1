package main

import (
	"fmt"
	"slices"

	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// differences compares what the points of sale were told with the ledgers: a success is one order
// charged once and kept, anything else is nothing charged.
func differences(sales []outcome, ledger []wallettest.Entry) []string {
	paid := map[string]bool{} // payment ids told as paid
	var found []string
	for _, o := range sales {
		if o.err == nil && o.answer.Result == "Success" {
			paid[o.answer.POITransactionID] = true
		}
	}
	held := map[string]int{}
	for _, e := range ledger {
		if len(e.Order) < idLength {
			found = append(found, "an order with the number "+e.Order)
			continue
		}
		id := e.Order[:idLength]
		switch kept := e.ChargedMinor - e.RefundedMinor; {
		case kept == 0:
		case kept != e.TotalMinor || e.Charges != 1:
			found = append(found, fmt.Sprintf("%s: charged %d times, %d of %d kept", id, e.Charges, kept, e.TotalMinor))
		default:
			held[id]++
			if held[id] > 1 {
				found = append(found, id+": two orders are charged")
			}
			if !paid[id] {
				found = append(found, id+": charged, and the point of sale was not told")
			}
		}
	}
	for id := range paid {
		if held[id] == 0 {
			found = append(found, id+": told as paid, and nothing is charged")
		}
	}
	slices.Sort(found)
	return found
}

// idLength is the length of a payment's id at the front of its order ids.
const idLength = 22
