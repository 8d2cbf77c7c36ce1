package sale

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestParseAmount(t *testing.T) {
	for _, c := range []struct {
		text     string
		currency Currency
		minor    int64 // 0: an error
		err      error
	}{
		{"12.80", "CNY", 1280, nil},
		{"0.01", "CNY", 1, nil},
		{"100", "JPY", 100, nil},
		{"1.234", "KWD", 1234, nil},
		{"0.30000000000000004", "CNY", 30, nil},
		{"100.49999999999999", "CNY", 10050, nil},
		{"1e2", "CNY", 10000, nil},
		{"92233720368547758.07", "CNY", math.MaxInt64, nil},
		{"92233720368547758.08", "CNY", 0, ErrAmount},
		{"1e21", "CNY", 0, ErrAmount},
		{"1e+21", "CNY", 0, ErrAmount},
		{"1e999999999", "CNY", 0, ErrAmount},
		{"0", "CNY", 0, ErrAmount},
		{"-5", "CNY", 0, ErrAmount},
		{"0.000000001", "CNY", 0, ErrAmount},
		{"1.005", "CNY", 0, ErrAmount},
		{"100.5", "JPY", 0, ErrAmount},
		{"NaN", "CNY", 0, ErrAmount},
		{"Infinity", "CNY", 0, ErrAmount},
		{"0x10", "CNY", 0, ErrAmount},
		{"1/3", "CNY", 0, ErrAmount},
		{"1_000", "CNY", 0, ErrAmount},
		{" 1", "CNY", 0, ErrAmount},
		{"", "CNY", 0, ErrAmount},
		{"１２", "CNY", 0, ErrAmount},
		{strings.Repeat("9", 100000), "CNY", 0, ErrAmount},
		{"1", "cny", 0, ErrCurrency},
		{"1", "RMB", 0, ErrCurrency},
		{"1", "", 0, ErrCurrency},
	} {
		a, err := ParseAmount(c.text, c.currency)
		if !errors.Is(err, c.err) || a.Minor != c.minor {
			t.Errorf("ParseAmount(%.40q, %s) = %d, %v; want %d, %v", c.text, c.currency, a.Minor, err, c.minor, c.err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("error of %d bytes", len(err.Error()))
		}
	}
}

func TestDecimal(t *testing.T) {
	for want, a := range map[string]Amount{
		"12.80": {1280, "CNY", 2}, "0.01": {1, "CNY", 2}, "0.10": {10, "CNY", 2}, "100": {100, "JPY", 0}, "-0.05": {-5, "CNY", 2}, "1.234": {1234, "KWD", 3},
	} {
		if got := a.Decimal(); got != want {
			t.Errorf("%+v.Decimal() = %q, want %q", a, got, want)
		}
	}
}

// FuzzAmount: what is accepted is within 10⁻⁶ minor units of the text, and is written back
// and read again as the same.
func FuzzAmount(f *testing.F) {
	for _, s := range []string{"12.80", "0.30000000000000004", "1e2", "1e-2", "-1", "92233720368547758.07", "1.005", "NaN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []Currency{"CNY", "JPY", "KWD"} {
			a, err := ParseAmount(s, c)
			if err != nil {
				continue
			}
			if a.Minor <= 0 {
				t.Fatalf("%q gave %d", s, a.Minor)
			}
			exact, ok := new(big.Rat).SetString(s)
			if !ok {
				t.Fatalf("%q was accepted", s)
			}
			exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(a.Exponent)), nil)))
			if off := exact.Sub(exact, new(big.Rat).SetInt64(a.Minor)); off.Abs(off).Cmp(big.NewRat(1, 1_000_000)) > 0 {
				t.Fatalf("%q gave %d", s, a.Minor)
			}
			if b, err := ParseAmount(a.Decimal(), c); err != nil || !b.Same(a) {
				t.Fatalf("%q -> %q -> %+v, %v", s, a.Decimal(), b, err)
			}
		}
	})
}
