package unionpay

import (
	"regexp"
	"unicode/utf8"

	"github.com/tilld/tilld/agent/wallet"
)

// Name is the wallet's name in a configuration and in a sale.ContractRef.
const Name = "unionpay"

// currency is what every amount of this interface is in.
const currency = "CNY"

// Schemes lists the payment codes that this wallet can charge.
func Schemes() []string { return []string{"unionpay"} }

// Settings is the table [contract.unionpay] of a configuration.
type Settings struct {
	AcquirerCode     string `toml:"acquirer_code"`     // acqCode, 8 digits
	MerchantID       string `toml:"merchant_id"`       // merId, 15 characters
	MerchantCategory string `toml:"merchant_category"` // merCatCode, 4 digits (ISO 18245)
	MerchantName     string `toml:"merchant_name"`     // merName, at most 40 bytes
	TerminalID       string `toml:"terminal_id"`       // termId, 8 characters
}

var forms = []struct {
	key, text string
	form      *regexp.Regexp
	value     func(Settings) string
}{
	{"acquirer_code", "must be 8 digits", regexp.MustCompile(`^[0-9]{8}$`), func(s Settings) string { return s.AcquirerCode }},
	{"merchant_id", "must be 15 letters or digits", regexp.MustCompile(`^[0-9A-Za-z]{15}$`), func(s Settings) string { return s.MerchantID }},
	{"merchant_category", "must be 4 digits (ISO 18245)", regexp.MustCompile(`^[0-9]{4}$`), func(s Settings) string { return s.MerchantCategory }},
	{"merchant_name", "must be 1 to 40 bytes of text without & and =", regexp.MustCompile(`^[^&=\x00-\x1f]{1,40}$`), func(s Settings) string { return s.MerchantName }},
	{"terminal_id", "must be 8 letters or digits", regexp.MustCompile(`^[0-9A-Za-z]{8}$`), func(s Settings) string { return s.TerminalID }},
}

// Check lists every mistake.
func (s Settings) Check() []wallet.Fault {
	var faults []wallet.Fault
	for _, f := range forms {
		v := f.value(s)
		if !f.form.MatchString(v) || len(v) > 40 || !utf8.ValidString(v) {
			faults = append(faults, wallet.Fault{Key: f.key, Text: f.text})
		}
	}
	return faults
}

// Merchant is what answers echo as merId.
func (s Settings) Merchant() (merchant, sub string) { return s.MerchantID, "" }
