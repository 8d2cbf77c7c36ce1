package main

import (
	"math/big"
	"strings"
	"testing"
)

func TestParseAmount(t *testing.T) {
	for _, tc := range []struct {
		text, currency string
		minor          int64 // 0: refused
	}{
		{"12.80", "CNY", 1280}, {"12.8", "CNY", 1280}, {"12", "CNY", 1200}, {"0.01", "CNY", 1}, {"1280", "JPY", 1280},
		{"1.234", "KWD", 1234}, {"999999999999999", "CNY", 99999999999999900},
		{"0", "CNY", 0}, {"0.00", "CNY", 0}, {"-1", "CNY", 0}, {"+1", "CNY", 0}, {"1.", "CNY", 0}, {".5", "CNY", 0},
		{"01", "CNY", 0}, {"1.005", "CNY", 0}, {"1.000", "CNY", 0}, {"1.0", "JPY", 0}, {"NaN", "CNY", 0}, {"Inf", "CNY", 0},
		{"1e21", "CNY", 0}, {"1e2", "CNY", 0}, {"0x10", "CNY", 0}, {"1_000", "CNY", 0}, {"1,000", "CNY", 0}, {" 1", "CNY", 0},
		{"1 ", "CNY", 0}, {"", "CNY", 0}, {"１", "CNY", 0}, {"9999999999999999", "CNY", 0}, {"1", "QQQ", 0}, {"1", "", 0}, {"1", "cny", 0},
		{strings.Repeat("9", 10000), "CNY", 0},
	} {
		a, err := parseAmount(tc.text, tc.currency)
		if (err != nil) != (tc.minor == 0) || a.Minor != tc.minor {
			t.Errorf("%.30q %s: %d, %v; want %d", tc.text, tc.currency, a.Minor, err, tc.minor)
		}
		if err != nil && len(err.Error()) > 150 {
			t.Errorf("the error repeats the nonsense: %d bytes", len(err.Error()))
		}
	}
}

// What is accepted is exactly what was written, and is written back the same.
func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"12.80", "0.01", "1", "-1", "1e5", "NaN", "999999999999999.99", "1.001", "٣"} {
		f.Add(s, "CNY")
		f.Add(s, "JPY")
		f.Add(s, "BHD")
	}
	f.Fuzz(func(t *testing.T, text, currency string) {
		a, err := parseAmount(text, currency)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		got, _ := new(big.Rat).SetString(a.Decimal())
		if !ok || got.Cmp(want) != 0 || a.Minor <= 0 {
			t.Errorf("%q became %s", text, a)
		}
		again, err := parseAmount(a.Decimal(), currency)
		if err != nil || !again.Same(a) {
			t.Errorf("%s reads back as %s, %v", a, again, err)
		}
	})
}
