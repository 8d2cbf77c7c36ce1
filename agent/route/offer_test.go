package route

import (
	"testing"

	"github.com/tilld/tilld/agent/sale"
)

func TestPickOffer(t *testing.T) {
	table := Table{
		{Slot: 1, Name: "agg", Wallet: "aggregator", Schemes: []string{"wechatpay", "alipay-cn"}, Aggregator: true, Offers: true},
		{Slot: 2, Name: "silent", Wallet: "unionpay", Schemes: []string{"unionpay"}},
		{Slot: 3, Name: "wechat", Wallet: "wechatpay", Schemes: []string{"wechatpay"}, Offers: true, Currencies: []sale.Currency{"CNY"}, SaleIDs: []string{"T1"}},
		{Slot: 4, Name: "alipay", Wallet: "alipay", Schemes: []string{"alipay-cn"}, Offers: true, Currencies: []sale.Currency{"CNY"}},
	}
	for _, c := range []struct {
		name     string
		currency sale.Currency
		brands   []string
		saleID   string
		prefer   string
		health   map[int]Health
		slot     int // 0: none
		scheme   string
	}{
		{"direct first, in order", "CNY", nil, "T1", "", nil, 3, "wechatpay"},
		{"of this point of sale", "CNY", nil, "T2", "", nil, 4, "alipay-cn"},
		{"the named one", "CNY", nil, "T1", "agg", nil, 1, ""},
		{"a name that shows none", "CNY", nil, "T1", "silent", nil, 3, "wechatpay"},
		{"the named one is out of reach", "CNY", nil, "T1", "agg", map[int]Health{1: Down}, 3, "wechatpay"},
		{"one rests, one is out of reach", "CNY", nil, "T1", "", map[int]Health{3: Resting, 4: Down}, 1, ""},
		{"none is left", "CNY", nil, "T1", "", map[int]Health{1: Down, 3: Down, 4: Down}, 0, ""},
		{"a currency of one alone", "HKD", nil, "T1", "", nil, 1, ""},
		{"a brand", "CNY", []string{"Alipay"}, "T1", "", nil, 4, "alipay-cn"},
		{"a brand keeps a code that others can pay away", "CNY", []string{"wechatpay"}, "T2", "agg", nil, 0, ""},
		{"all of its brands", "CNY", []string{"wechatpay", "alipay-cn"}, "T2", "agg", nil, 1, ""},
		{"a brand that shows none", "CNY", []string{"unionpay"}, "T1", "", nil, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := table.PickOffer(Request{Currency: c.currency, Brands: c.brands, SaleID: c.saleID}, c.prefer, func(s int) Health { return c.health[s] })
			if d.OK != (c.slot != 0) || d.Slot != c.slot || d.Scheme != c.scheme || d.Why == "" {
				t.Errorf("got %+v", d)
			}
		})
	}
}
