package display

import (
	"strings"

	"github.com/tilld/tilld/agent/sale"
)

// currencyNames are the words a language puts after an amount. A currency without one is
// written by its ISO 4217 code before the amount, which is also how English writes all.
var currencyNames = map[string]map[sale.Currency]string{
	"zh": {
		"CNY": " 元", "HKD": " 港元", "MOP": " 澳门元", "TWD": " 新台币", "JPY": " 日元", "USD": " 美元",
		"EUR": " 欧元", "GBP": " 英镑", "KRW": " 韩元", "SGD": " 新加坡元", "THB": " 泰铢", "MYR": " 林吉特",
	},
	"ja": {
		"CNY": "元", "HKD": "香港ドル", "MOP": "マカオパタカ", "TWD": "台湾ドル", "JPY": "円", "USD": "ドル",
		"EUR": "ユーロ", "GBP": "ポンド", "KRW": "ウォン", "SGD": "シンガポールドル", "THB": "バーツ", "MYR": "リンギット",
	},
}

// writeAmount writes a decimal amount ("1280.50") the way people who read lang do:
// "1,280.50 元", "CNY 1,280.50", "1,280.50元".
func writeAmount(decimal string, c sale.Currency, lang string) string {
	if decimal == "" {
		return ""
	}
	if name, ok := currencyNames[lang][c]; ok {
		return grouped(decimal) + name
	}
	if c == "" {
		return grouped(decimal)
	}
	// A no-break space keeps the code and the figure on one line.
	return string(c) + "\u00a0" + grouped(decimal)
}

// grouped puts a comma between every three digits before the decimal point.
func grouped(decimal string) string {
	whole, rest, dot := strings.Cut(decimal, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if dot {
		b.WriteString("." + rest)
	}
	return sign + b.String()
}
