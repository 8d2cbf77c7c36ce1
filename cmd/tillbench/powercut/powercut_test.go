package powercut

import (
	"math/rand/v2"
	"testing"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tillbench/powercut/shop"
)

// told is a board's life: record r is written three times, the second is acknowledged after
// ten writes and the third never.
func told() []event {
	put := func(at int, n uint64, value string) event {
		return event{at, 1, shop.Message{Op: shop.Put, Commit: n, Records: []shop.Record{{Name: "r", Value: value}}}}
	}
	return []event{
		put(5, 1, "one"), {6, 1, shop.Message{Op: shop.Done, Commit: 1}},
		{7, 1, shop.Message{Op: shop.Asks, Asked: shop.Asked("s1", "b1"), Minor: 100}},
		{8, 1, shop.Message{N: 1, Op: shop.Pay, Order: "o1", Minor: 100}},
		put(9, 2, "two"), {10, 1, shop.Message{Op: shop.Done, Commit: 2}},
		{11, 1, shop.Message{Op: shop.Told, Asked: shop.Asked("s1", "b1"), Payment: "p1", Ending: sale.EndPaid}},
		put(12, 3, "three"),
	}
}

func TestHistory(t *testing.T) {
	h := newHistory(told())
	older := func(value string) bool { return h.older("r", value) }
	if h.advance(5); older("") || older("one") {
		t.Error("a record that was never acknowledged is missed")
	}
	if h.advance(8); !older("") || older("one") || older("three") || !older("never written") || len(h.open) != 1 || h.ledger.Order("o1").Net() != 100 {
		t.Errorf("%+v", h)
	}
	if h.advance(12); !older("one") || older("two") || older("three") || len(h.open) != 0 || len(h.told) != 1 {
		t.Errorf("%+v", h)
	}
}

func TestPick(t *testing.T) {
	list := pick(rand.New(rand.NewPCG(1, 1)), 100, 50, []int{7})
	sevens := 0
	for i, c := range list {
		if c.After < 1 || c.After > 50 || i > 0 && c.After < list[i-1].After {
			t.Fatalf("%+v", list)
		}
		if c.After == 7 {
			sevens++
		}
	}
	hands := deal(list, 3)
	if sevens < 50 || len(hands[0]) != 34 || len(hands[1]) != 33 {
		t.Errorf("%d at the moment that was told, %d, %d and %d dealt", sevens, len(hands[0]), len(hands[1]), len(hands[2]))
	}
}
