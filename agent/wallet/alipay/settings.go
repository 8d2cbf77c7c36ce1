package alipay

import (
	"regexp"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Name is the wallet's name in a configuration and in a sale.ContractRef.
const Name = "alipay"

// currency is what every amount of this gateway is in.
const currency = "CNY"

// Schemes lists the payment codes that this wallet can charge.
func Schemes() []string { return []string{"alipay-cn", "alipay-hk"} }

// Clock is Alipay's table of times: first query after 5 s, then every 3 s until 60 s; cancel
// at once; 24 hours to cancel.
func Clock() sale.Clock {
	return sale.Clock{
		Answer:        5 * time.Second,
		FirstQuery:    5 * time.Second,
		QueryEvery:    3 * time.Second,
		PayerDeadline: 60 * time.Second,
		ReverseAfter:  0,
		CodeLife:      60 * time.Second,
		OfferLife:     90 * time.Second,
		NetworkDelay:  60 * time.Second,
		RetryFirst:    time.Second,
		RetryMost:     60 * time.Second,
		RetryFor:      30 * time.Minute,
		RetrySlow:     15 * time.Minute,
		Window:        24 * time.Hour,
		WindowMargin:  time.Hour,
	}
}

// Settings is the table [contract.alipay] of a configuration.
type Settings struct {
	AppID string `toml:"app_id"`
	// SellerID is the account that is paid (2088...); empty means the app's own, or that of
	// the merchant who gave the app_auth_token.
	SellerID string `toml:"seller_id"`
	// ServiceProviderID is the account of the service provider (2088...) whose software this
	// is, for its commission; empty where there is none.
	ServiceProviderID string `toml:"sys_service_provider_id"`
}

var (
	appIDForm  = regexp.MustCompile(`^[0-9]{10,32}$`)
	sellerForm = regexp.MustCompile(`^2088[0-9]{12}$`)
)

// Check lists every mistake.
func (s Settings) Check() []wallet.Fault {
	var faults []wallet.Fault
	if !appIDForm.MatchString(s.AppID) {
		faults = append(faults, wallet.Fault{Key: "app_id", Text: "must be 10 to 32 digits, such as 2021000000000001"})
	}
	if s.SellerID != "" && !sellerForm.MatchString(s.SellerID) {
		faults = append(faults, wallet.Fault{Key: "seller_id", Text: "must be 2088 and 12 more digits, or empty"})
	}
	if s.ServiceProviderID != "" && !sellerForm.MatchString(s.ServiceProviderID) {
		faults = append(faults, wallet.Fault{Key: "sys_service_provider_id", Text: "must be 2088 and 12 more digits, or empty"})
	}
	return faults
}

// Merchant names the app and the account. Answers never name the app, and the account only at
// times: they are bound to both by the key and the token of the request.
func (s Settings) Merchant() (merchant, sub string) { return s.AppID, s.SellerID }
