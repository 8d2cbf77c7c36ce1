package route

import (
	"slices"
	"testing"

	"github.com/tilld/tilld/agent/sale"
)

func TestPick(t *testing.T) {
	table := Table{
		{Slot: 1, Name: "wechat", Wallet: "wechatpay", Schemes: []string{"wechatpay"}, Currencies: []sale.Currency{"CNY"}},
		{Slot: 2, Name: "alipay", Wallet: "alipay", Schemes: []string{"alipay-cn", "alipay-hk"}, Currencies: []sale.Currency{"CNY", "HKD"}},
		{Slot: 7, Name: "alipay+", Wallet: "alipayplus", Schemes: []string{"alipayplus", "alipay-cn"}},
	}
	for _, c := range []struct {
		name       string
		candidates []string
		currency   sale.Currency
		brands     []string
		slot       int // -1: refused
		scheme     string
	}{
		{"one candidate", []string{"wechatpay"}, "CNY", nil, 1, "wechatpay"},
		{"overlap goes to the first row", []string{"alipay-cn", "alipay-hk", "alipayplus"}, "CNY", nil, 2, "alipay-cn"},
		{"overlap, the first row lacks the currency", []string{"alipay-cn", "alipayplus"}, "EUR", nil, 7, "alipayplus"},
		{"no contract", []string{"unionpay"}, "CNY", nil, -1, ""},
		{"no currency", []string{"wechatpay"}, "JPY", nil, -1, ""},
		{"brand allowed, any case", []string{"wechatpay"}, "CNY", []string{"WeChatPay"}, 1, "wechatpay"},
		{"brand not allowed", []string{"wechatpay"}, "CNY", []string{"alipay"}, -1, ""},
		{"no candidates", nil, "CNY", nil, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := table.Pick(Request{Candidates: c.candidates, Currency: c.currency, Brands: c.brands}, nil)
			if c.slot < 0 {
				if d.OK || d.Why == "" {
					t.Fatalf("got %+v, want a refusal with its reason", d)
				}
				return
			}
			if !d.OK || d.Slot != c.slot || d.Scheme != c.scheme {
				t.Fatalf("got %+v, want slot %d scheme %s", d, c.slot, c.scheme)
			}
		})
	}
}

func TestPickByHealth(t *testing.T) {
	table := Table{
		{Slot: 9, Name: "all-in-one", Wallet: "aggregator", Schemes: []string{"wechatpay", "ecny"}, Aggregator: true},
		{Slot: 1, Name: "cafe", Wallet: "wechatpay", Schemes: []string{"wechatpay"}, SaleIDs: []string{"CAFE"}},
		{Slot: 2, Name: "shop", Wallet: "wechatpay", Schemes: []string{"wechatpay"}, SaleIDs: []string{"SHOP"}},
	}
	for _, c := range []struct {
		name   string
		scheme string
		sale   string
		health map[int]Health
		want   []int // the ways in order; none: refused
	}{
		{"a direct contract before an aggregator", "wechatpay", "CAFE", nil, []int{1, 9}},
		{"each shop has its own", "wechatpay", "SHOP", nil, []int{2, 9}},
		{"only the aggregator takes it", "ecny", "SHOP", nil, []int{9}},
		{"another shop's contract is never taken", "wechatpay", "ELSE", nil, []int{9}},
		{"out of reach goes last", "wechatpay", "CAFE", map[int]Health{1: Down}, []int{9, 1}},
		{"resting is left out", "wechatpay", "CAFE", map[int]Health{1: Resting}, []int{9}},
		{"all out of reach", "wechatpay", "CAFE", map[int]Health{1: Down, 9: Down}, []int{1, 9}},
		{"all resting", "wechatpay", "CAFE", map[int]Health{1: Resting, 9: Resting}, nil},
	} {
		d := table.Pick(Request{Candidates: []string{c.scheme}, Currency: "CNY", SaleID: c.sale}, func(slot int) Health { return c.health[slot] })
		var got []int
		if d.OK {
			got = append(got, d.Slot)
		}
		for _, w := range d.Further {
			got = append(got, w.Slot)
		}
		if !slices.Equal(got, c.want) || d.Why == "" {
			t.Errorf("%s: %v, want %v (%s)", c.name, got, c.want, d.Why)
		}
	}
}
