package counter

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/tilld/tilld/agent/sale"
)

// Verdict says whether both books agree about an order.
type Verdict string

const (
	Agree  Verdict = "agree"  // both say the same about the money
	Open   Verdict = "open"   // the till does not claim to know yet
	Differ Verdict = "differ" // one of them is wrong about the money
)

// Pair is one order in both books; the side that does not know it is nil.
type Pair struct {
	Order   string     `json:"order"`
	Till    *TillRow   `json:"till,omitempty"`
	Wallet  *WalletRow `json:"wallet,omitempty"`
	Verdict Verdict    `json:"verdict"`
}

// Match pairs both books by order id: the till's order first, then what only wallets
// know. An order that two wallets know is paired with the first and differs for the second.
func Match(till []TillRow, wallets []WalletRow) []Pair {
	pairs := make([]Pair, 0, len(till))
	at := map[string]int{}
	for i := range till {
		at[till[i].Order] = len(pairs)
		pairs = append(pairs, Pair{Order: till[i].Order, Till: &till[i]})
	}
	for i := range wallets {
		w := &wallets[i]
		if n, ok := at[w.Order]; ok && pairs[n].Wallet == nil {
			pairs[n].Wallet = w
			continue
		}
		pairs = append(pairs, Pair{Order: w.Order, Wallet: w})
	}
	for i := range pairs {
		pairs[i].Verdict = judge(pairs[i].Till, pairs[i].Wallet)
	}
	return pairs
}

func judge(t *TillRow, w *WalletRow) Verdict {
	var held int64
	if w != nil {
		held = w.Held
	}
	if t == nil {
		if held != 0 {
			return Differ
		}
		return Agree
	}
	switch t.State {
	case sale.Paid:
		if w != nil && held == t.Amount.Minor-t.Refunded && w.Amount.Currency == t.Amount.Currency {
			return Agree
		}
		return Differ
	case sale.Declined, sale.Reversed, sale.ReversedRefunded, sale.Closed:
		if held == 0 {
			return Agree
		}
		return Differ
	}
	return Open
}

// mostPairs bounds what a page is sent; differences come first and are never left out.
const mostPairs = 60

func (s *Server) ledgers(w http.ResponseWriter, r *http.Request) {
	pairs := Match(s.o.Rig.Ledgers())
	sums := map[Verdict]int{Agree: 0, Open: 0, Differ: 0}
	for _, p := range pairs {
		sums[p.Verdict]++
	}
	rank := map[Verdict]int{Differ: 0, Open: 1, Agree: 2}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(rank[a.Verdict], rank[b.Verdict]) })
	if most := max(mostPairs, sums[Differ]); len(pairs) > most {
		pairs = pairs[:most]
	}
	reply(w, http.StatusOK, map[string]any{"pairs": pairs, "sums": sums})
}
