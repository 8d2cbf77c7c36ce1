package route

import (
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
			d := table.Pick(c.candidates, c.currency, c.brands)
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
