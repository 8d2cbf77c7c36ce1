package sale

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 alphabetic code in capital letters.
type Currency string

// exponents holds the ISO 4217 minor unit of every currency a till accepts.
var exponents = map[Currency]int{
	"AED": 2, "AUD": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "CZK": 2,
	"DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "IDR": 2, "ILS": 2, "INR": 2, "ISK": 0,
	"JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "LAK": 2, "MNT": 2, "MOP": 2, "MXN": 2, "MYR": 2,
	"NOK": 2, "NPR": 2, "NZD": 2, "OMR": 3, "PHP": 2, "PKR": 2, "PLN": 2, "QAR": 2, "RUB": 2,
	"SAR": 2, "SEK": 2, "SGD": 2, "THB": 2, "TND": 3, "TRY": 2, "TWD": 2, "USD": 2, "VND": 0,
	"ZAR": 2, "KHR": 2, "LKR": 2, "MMK": 2, "BND": 2, "KZT": 2, "UZS": 2,
}

// Exponent is the number of decimals of the minor unit; ok is false for a currency that is
// not in the table.
func (c Currency) Exponent() (exp int, ok bool) {
	exp, ok = exponents[c]
	return exp, ok
}

// Amount is money in integer minor units (fen, cents, yen). Exponent is stored beside the
// code, so that a record stays readable whatever becomes of the table.
type Amount struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
	Exponent int      `json:"exponent"`
}

// Errors of ParseAmount.
var (
	ErrCurrency = errors.New("unknown currency")
	ErrAmount   = errors.New("bad amount")
)

// amountForm bounds what is given to big.Rat: an exponent of nine digits would cost memory.
var amountForm = regexp.MustCompile(`^-?[0-9]{1,19}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$`)

// ParseAmount reads a decimal number of major units ("12.80"), as JSON writes numbers.
// Text within 10⁻⁶ of an integer number of minor units is that number (floating-point
// point-of-sale programs send 0.30000000000000004); anything else, zero, a negative number
// and what does not fit int64 is ErrAmount. Unknown currencies are ErrCurrency.
func ParseAmount(text string, c Currency) (Amount, error) {
	exp, ok := c.Exponent()
	if !ok {
		return Amount{}, fmt.Errorf("%w %q", ErrCurrency, clip(string(c)))
	}
	if !amountForm.MatchString(text) {
		return Amount{}, fmt.Errorf("%w %q: not a decimal number", ErrAmount, clip(text))
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return Amount{}, fmt.Errorf("%w %q: not a decimal number", ErrAmount, clip(text))
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)))
	near := roundHalfUp(r)
	off := new(big.Rat).Sub(r, new(big.Rat).SetInt(near))
	if off.Abs(off).Cmp(big.NewRat(1, 1_000_000)) > 0 {
		return Amount{}, fmt.Errorf("%w %q: %s has %d decimals", ErrAmount, clip(text), c, exp)
	}
	if near.Sign() <= 0 {
		return Amount{}, fmt.Errorf("%w %q: must be above zero", ErrAmount, clip(text))
	}
	if !near.IsInt64() {
		return Amount{}, fmt.Errorf("%w %q: too large", ErrAmount, clip(text))
	}
	return Amount{Minor: near.Int64(), Currency: c, Exponent: exp}, nil
}

func roundHalfUp(r *big.Rat) *big.Int {
	twice := new(big.Int).Mul(r.Num(), big.NewInt(2))
	twice.Add(twice, r.Denom())
	return twice.Div(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2)))
}

// Decimal writes major units with all decimals of the currency: "12.80", "100".
func (a Amount) Decimal() string {
	s := strconv.FormatInt(a.Minor, 10)
	if a.Exponent == 0 {
		return s
	}
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for len(s) <= a.Exponent {
		s = "0" + s
	}
	return sign + s[:len(s)-a.Exponent] + "." + s[len(s)-a.Exponent:]
}

// String is for people and logs: "12.80 CNY".
func (a Amount) String() string { return a.Decimal() + " " + string(a.Currency) }

// Same reports whether both are the same sum in the same currency.
func (a Amount) Same(b Amount) bool {
	return a.Minor == b.Minor && a.Currency == b.Currency && a.Exponent == b.Exponent
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
