package main

import (
	"testing"
	"time"

	"github.com/tilld/tilld/scanner/paycode"
)

func TestOnlyGoodsArePassedOn(t *testing.T) {
	shop, err := paycode.New("default")
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGoodsPasser(shop, func() bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, text, aim string
		want            bool
	}{
		{"EAN-13", "6901234567892", "]E0", true},
		{"EAN-13 without AIM", "6901234567892", "", true},
		{"EAN-8", "96385074", "]E4", true},
		{"GS1 DataMatrix with a separator", "010950600013435210ABC\x1d17270101", "]d2", true},
		{"WeChat Pay", "134567890123456789", "]C0", false},
		{"WeChat Pay in a GS1 symbology", "134567890123456789", "]C1", false},
		{"Alipay in DataMatrix", "284567890123456789", "]d1", false},
		{"card number in a goods symbology", "4111111111111111", "]C1", false},
		{"citizen's number", "11010519491231002X", "]C1", false},
		{"EMVCo consumer-presented", "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MQ==", "]d1", false},
		{"a link", "https://example.org/pay", "]Q1", false},
		{"a member's card", "M-004711", "]C0", false},
	} {
		if got := isGoods(g.codes, []byte(c.text), c.aim, now); got != c.want {
			t.Errorf("%s: goods %v", c.name, got)
		}
	}
}
