package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

const (
	somePayment = "7H3KQ2XA4F9T2C00000017"
	otherOrder  = "7H3KQ2XA4F9T2C0000001820142"
	firstOrder  = somePayment + "10142"
	secondOrder = somePayment + "20142"
)

func told(result string) outcome {
	return outcome{answer: posclient.Answer{Result: result, POITransactionID: somePayment}}
}

func charged(order string, times int, kept int64) wallettest.Entry {
	charged := int64(times) * 1280
	return wallettest.Entry{Order: order, TotalMinor: 1280, Charges: times, ChargedMinor: charged, RefundedMinor: charged - kept}
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name   string
		sale   outcome
		ledger []wallettest.Entry
		want   string // empty: none
	}{
		{"paid", told("Success"), []wallettest.Entry{charged(firstOrder, 1, 1280)}, ""},
		{"paid with the second code", told("Success"), []wallettest.Entry{charged(firstOrder, 0, 0), charged(secondOrder, 1, 1280)}, ""},
		{"refused", told("Failure"), []wallettest.Entry{charged(firstOrder, 0, 0)}, ""},
		{"charged and given back", told("Failure"), []wallettest.Entry{charged(firstOrder, 1, 0)}, ""},
		{"told paid, nothing charged", told("Success"), nil, "nothing is charged"},
		{"told paid, given back", told("Success"), []wallettest.Entry{charged(firstOrder, 1, 0)}, "nothing is charged"},
		{"told failed, charged", told("Failure"), []wallettest.Entry{charged(firstOrder, 1, 1280)}, "was not told"},
		{"no answer, charged", outcome{err: errors.New("lost")}, []wallettest.Entry{charged(firstOrder, 1, 1280)}, "was not told"},
		{"charged twice", told("Success"), []wallettest.Entry{charged(firstOrder, 2, 2560)}, "charged 2 times"},
		{"both orders charged", told("Success"), []wallettest.Entry{charged(firstOrder, 1, 1280), charged(secondOrder, 1, 1280)}, "two orders"},
		{"another total kept", told("Success"), []wallettest.Entry{charged(firstOrder, 1, 1000)}, "1000 of 1280 kept"},
		{"an order nobody knows", told("Failure"), []wallettest.Entry{charged(otherOrder, 1, 1280)}, "was not told"},
		{"a strange number", told("Failure"), []wallettest.Entry{charged("17", 0, 0)}, "with the number 17"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := strings.Join(differences([]outcome{c.sale}, c.ledger), "\n")
			if c.want == "" && found != "" || !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}
