package wechatpay

import (
	"regexp"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Name is the wallet's name in a configuration and in a sale.ContractRef.
const Name = "wechatpay"

// Schemes lists the payment codes that this wallet can charge.
func Schemes() []string { return []string{"wechatpay"} }

// Clock is WeChat Pay's table of times: first query after 5 s, then every 5 s until 45 s;
// no reverse before 15 s; reverse for 7 days; refunds for one year.
func Clock() sale.Clock {
	return sale.Clock{
		Answer:        10 * time.Second,
		FirstQuery:    5 * time.Second,
		QueryEvery:    5 * time.Second,
		PayerDeadline: 45 * time.Second,
		ReverseAfter:  15 * time.Second,
		CodeLife:      60 * time.Second,
		OfferLife:     90 * time.Second,
		NetworkDelay:  60 * time.Second,
		RetryFirst:    time.Second,
		RetryMost:     60 * time.Second,
		RetryFor:      30 * time.Minute,
		RetrySlow:     15 * time.Minute,
		Window:        7 * 24 * time.Hour,
		WindowMargin:  time.Hour,
		RefundWindow:  365 * 24 * time.Hour,
	}
}

// Settings is the table [contract.wechatpay] of a configuration.
type Settings struct {
	// AppID is the app or official account bound to the merchant: "wxd678efh567hg6787".
	AppID string `toml:"app_id"`
	// MerchantID is the merchant's number, or the service provider's when there is a
	// SubMerchantID.
	MerchantID    string `toml:"merchant_id"`
	SubMerchantID string `toml:"sub_merchant_id"`
	// NotifyURL is where WeChat Pay announces payments of codes that the till shows. It must be
	// given with every such order, and reachable; the till itself never relies on it.
	NotifyURL string `toml:"notify_url"`
}

var (
	appIDForm    = regexp.MustCompile(`^[A-Za-z0-9_]{2,32}$`)
	merchantForm = regexp.MustCompile(`^[0-9]{5,32}$`)
	notifyForm   = regexp.MustCompile(`^https://[!-~]{1,247}$`)
)

// Check lists every mistake.
func (s Settings) Check() []wallet.Fault {
	var faults []wallet.Fault
	if !appIDForm.MatchString(s.AppID) {
		faults = append(faults, wallet.Fault{Key: "app_id", Text: "must be 2 to 32 letters or digits, such as wxd678efh567hg6787"})
	}
	if !merchantForm.MatchString(s.MerchantID) {
		faults = append(faults, wallet.Fault{Key: "merchant_id", Text: "must be 5 to 32 digits"})
	}
	if s.SubMerchantID != "" && !merchantForm.MatchString(s.SubMerchantID) {
		faults = append(faults, wallet.Fault{Key: "sub_merchant_id", Text: "must be 5 to 32 digits, or empty"})
	}
	if s.NotifyURL != "" && (!notifyForm.MatchString(s.NotifyURL) || strings.ContainsAny(s.NotifyURL, "?#")) {
		faults = append(faults, wallet.Fault{Key: "notify_url", Text: "must be https:// and a path of at most 255 characters, without parameters, or empty"})
	}
	return faults
}

// Merchant is what answers echo: mchid, or sp_mchid and sub_mchid.
func (s Settings) Merchant() (merchant, sub string) { return s.MerchantID, s.SubMerchantID }
