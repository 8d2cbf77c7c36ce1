package lakala

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Name is the wallet's name in a configuration and in a sale.ContractRef.
const Name = "lakala"

// currency is the only one the platform settles in.
const currency = "CNY"

// accounts says which wallet paid, as account_type and pay_mode name it.
var accounts = map[string]string{
	"WECHAT":     "wechatpay",
	"ALIPAY":     "alipay-cn",
	"UQRCODEPAY": "unionpay",
	"DCPAY":      "ecny",
	"BESTPAY":    "bestpay",
	"SUNING":     "suning",
	"LKLACC":     "lakala",
}

// Schemes lists the payment codes that this aggregator can charge.
func Schemes() []string { return []string{"wechatpay", "alipay-cn", "unionpay", "ecny", "bestpay"} }

// Clock is the table of times: first query after 5 s, then every 5 s for a minute, as the
// platform advises. No reverse before 15 s: WeChat Pay may stand behind it.
func Clock() sale.Clock {
	return sale.Clock{
		Answer:        10 * time.Second,
		FirstQuery:    5 * time.Second,
		QueryEvery:    5 * time.Second,
		PayerDeadline: 60 * time.Second,
		ReverseAfter:  15 * time.Second,
		CodeLife:      60 * time.Second,
		OfferLife:     90 * time.Second,
		NetworkDelay:  60 * time.Second,
		RetryFirst:    time.Second,
		RetryMost:     60 * time.Second,
		RetryFor:      30 * time.Minute,
		RetrySlow:     15 * time.Minute,
		Window:        24 * time.Hour, // unconfirmed; a refund does it later
		WindowMargin:  time.Hour,
	}
}

// Settings is the table [contract.lakala] of a configuration.
type Settings struct {
	// AppID is the platform's number of whoever integrates: "OP00000003". It is the
	// out_org_code too.
	AppID string `toml:"app_id"`
	// MerchantNo and TermNo are the shop's and the terminal's numbers at the platform.
	MerchantNo string `toml:"merchant_no"`
	TermNo     string `toml:"term_no"`
	// NotFoundCodes are the codes that a query answers for an order it does not know, with
	// commas between them; may be empty.
	NotFoundCodes string `toml:"not_found_codes"`
}

var (
	numberForm = regexp.MustCompile(`^[0-9A-Za-z]{4,32}$`)
	codesForm  = regexp.MustCompile(`^([0-9A-Za-z]{4,16}(,[0-9A-Za-z]{4,16})*)?$`)
)

// Check lists every mistake.
func (s Settings) Check() []wallet.Fault {
	var faults []wallet.Fault
	for _, f := range []struct{ key, value string }{{"app_id", s.AppID}, {"merchant_no", s.MerchantNo}, {"term_no", s.TermNo}} {
		if !numberForm.MatchString(f.value) {
			faults = append(faults, wallet.Fault{Key: f.key, Text: "must be 4 to 32 letters or digits, as the platform gave it out"})
		}
	}
	if !codesForm.MatchString(s.NotFoundCodes) {
		faults = append(faults, wallet.Fault{Key: "not_found_codes", Text: "must be codes with commas between them, or empty"})
	}
	return faults
}

// Merchant is what answers echo.
func (s Settings) Merchant() (merchant, sub string) { return s.MerchantNo, "" }

func (s Settings) notFound(code string) bool {
	return code != "" && slices.Contains(strings.Split(s.NotFoundCodes, ","), code)
}
