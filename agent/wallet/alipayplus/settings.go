package alipayplus

import (
	"regexp"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Name is the wallet's name in a configuration and in a sale.ContractRef.
const Name = "alipayplus"

// Hosts are the production hosts of the documents, the accelerated ones last.
func Hosts() []string {
	return []string{"open-sea.alipayplus.com", "open-na.alipayplus.com", "open-sea-global.alipayplus.com", "open-na-global.alipayplus.com"}
}

// Schemes lists the payment codes that this wallet can charge.
func Schemes() []string { return []string{"alipayplus", "alipay-cn", "alipay-hk"} }

// Clock is Alipay+'s table of times: an inquiry every 3 s until 60 s, then cancel at once; a
// code lives a minute. The window counts the refund that takes cancel's place after 00:15.
func Clock() sale.Clock {
	return sale.Clock{
		Answer:        10 * time.Second,
		FirstQuery:    3 * time.Second,
		QueryEvery:    3 * time.Second,
		PayerDeadline: 60 * time.Second,
		ReverseAfter:  0,
		CodeLife:      60 * time.Second,
		NetworkDelay:  60 * time.Second,
		RetryFirst:    time.Second,
		RetryMost:     60 * time.Second,
		RetryFor:      30 * time.Minute,
		RetrySlow:     15 * time.Minute,
		Window:        24 * time.Hour,
		WindowMargin:  time.Hour,
	}
}

// Settings is the table [contract.alipayplus] of a configuration.
type Settings struct {
	// ClientID names the acquirer's application: SANDBOX_5YC47N2ZQHJ004124.
	ClientID string
	// AcquirerID is what answers must name as theirs (acquirerId); empty: it is not compared.
	AcquirerID string
	// MerchantID, MerchantName and MerchantCategory (MCC) are the merchant as registered.
	MerchantID, MerchantName, MerchantCategory string
	// SettlementCurrency is what the merchant is paid in, where the contract leaves a choice.
	SettlementCurrency string
}

// Keys are the settings' names in a configuration.
func Keys() []string {
	return []string{"client_id", "acquirer_id", "merchant_id", "merchant_name", "merchant_category", "settlement_currency"}
}

// Read reads the settings of a configuration.
func Read(m map[string]string) Settings {
	return Settings{ClientID: m["client_id"], AcquirerID: m["acquirer_id"], MerchantID: m["merchant_id"],
		MerchantName: m["merchant_name"], MerchantCategory: m["merchant_category"], SettlementCurrency: m["settlement_currency"]}
}

var (
	idForm       = regexp.MustCompile(`^[0-9A-Za-z_.@-]{1,64}$`)
	categoryForm = regexp.MustCompile(`^[0-9]{4}$`)
)

// Check lists every mistake.
func (s Settings) Check() (faults []wallet.Fault) {
	fault := func(bad bool, key, text string) {
		if bad {
			faults = append(faults, wallet.Fault{Key: key, Text: text})
		}
	}
	fault(!idForm.MatchString(s.ClientID), "client_id", "must be the application's Client-Id, such as SANDBOX_5YC47N2ZQHJ004124")
	fault(s.AcquirerID != "" && !idForm.MatchString(s.AcquirerID), "acquirer_id", "must be the acquirerId of the answers, or empty")
	fault(!idForm.MatchString(s.MerchantID), "merchant_id", "must be the merchant's number, at most 64 letters, digits and _.@-")
	fault(s.MerchantName == "" || len(s.MerchantName) > 128, "merchant_name", "must be the merchant's name, at most 128 bytes")
	fault(!categoryForm.MatchString(s.MerchantCategory), "merchant_category", "must be a merchant category code of 4 digits")
	if s.SettlementCurrency != "" {
		_, known := sale.Currency(s.SettlementCurrency).Exponent()
		fault(!known, "settlement_currency", "must be an ISO 4217 code in capitals, or empty")
	}
	return faults
}

// Merchant names the acquirer and its merchant. Answers name the acquirer alone.
func (s Settings) Merchant() (merchant, sub string) {
	if s.AcquirerID != "" {
		return s.AcquirerID, s.MerchantID
	}
	return s.ClientID, s.MerchantID
}
