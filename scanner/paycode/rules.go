package paycode

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule is one row of the table: which codes a wallet shows, and what is known of them.
type Rule struct {
	Scheme Scheme `json:"scheme"`
	// Form names one of several forms of a scheme's codes: "alipayplus-24".
	Form     string   `json:"form,omitempty"`
	Patterns []string `json:"patterns"` // see compile; empty for emv-cpm
	// AIM lists the identifiers (ISO/IEC 15424) the wallet's code comes with; they say the
	// symbology too. A scanner that sends no identifier matches in any case. Empty in a shop's
	// row means all that can carry a payment.
	AIM        []string      `json:"aim"`
	Validity   time.Duration `json:"validity,omitempty"` // how long a code lives; 0 = not published
	Currencies []string      `json:"currencies"`         // that a till may charge it in; "*" = as the contract says
	Region     string        `json:"region"`             // of the payer, ISO 3166; "*" = more than one
	// Tells: the digits tell the region, so a Result says it. Elsewhere the scheme's name does.
	Tells bool `json:"tells_region,omitempty"`
	// Priority orders rows that match the same code, lower first; such rows must state
	// different ones. Within a scheme the first row decides form and region. Between schemes
	// it orders what is shown to people; a shop's contracts decide where a code goes.
	Priority int  `json:"priority"`
	Routed   bool `json:"routed,omitempty"` // digits 4 to 6 name the issuer
	// Reserved: nobody shows such codes yet. The row makes no candidate: what it alone matches
	// is refused as ReservedLength.
	Reserved bool   `json:"reserved,omitempty"`
	Profile  string `json:"profile,omitempty"` // the smallest that enables the row; empty in a shop's
	Source   string `json:"source"`            // where the row comes from

	// Disable is for a shop's row without patterns: it takes the built-in rows it names out.
	Disable bool `json:"-"`
}

// Anywhere stands for "more than one region" and "any currency" in a Rule.
const Anywhere = "*"

func (r *Rule) takes(aim string) bool {
	return aim == "" || len(r.AIM) == 0 || slices.Contains(r.AIM, aim)
}

// Symbologies names what the AIM identifiers of the row stand for: "code128", "qr".
func (r *Rule) Symbologies() []string {
	var out []string
	for _, s := range Symbologies() {
		if slices.ContainsFunc(r.AIM, func(aim string) bool { return slices.Contains(aimOf[s], aim) }) {
			out = append(out, s)
		}
	}
	return out
}

// Symbologies lists those that can carry a payment.
func Symbologies() []string { return []string{"code128", "qr"} }

// aimOf has the identifiers of each symbology: plain Code 128; QR model 1, model 2, and
// model 2 with ECI. The others of Code 128 and QR are GS1's and FNC1's: goods and industry.
var aimOf = map[string][]string{"code128": {"]C0"}, "qr": {"]Q0", "]Q1", "]Q2"}}

// AIMOf lists the AIM identifiers of a symbology that can carry a payment; nil for any other.
func AIMOf(symbology string) []string { return slices.Clone(aimOf[symbology]) }

// Name is what people call the row: "alipayplus form alipayplus-24", "wechatpay (HK)".
func (r *Rule) Name() string {
	name := string(r.Scheme)
	if r.Form != "" {
		name += " form " + r.Form
	}
	if r.Tells {
		name += " (" + r.Region + ")"
	}
	return name
}

// profiles in the order in which each includes the ones before it.
var profiles = []string{"default", "jp", "all"}

// Profiles lists the profiles, each including the ones before it.
func Profiles() []string { return slices.Clone(profiles) }

const (
	wechatDocs = "WeChat Pay docs, Important Parameters"
	alipayDocs = "Alipay docs, alipay.trade.pay"
	plusCodes  = "Alipay+ docs, Payment codes"
	plusFormat = "Alipay+ docs, Code format"
	jpList     = "prefix list of 2020, ri25r.hatenablog.jp (secondary)"
	noSource   = "(unconfirmed)"
)

// builtin is the table. An unconfirmed row stands in profile "all" only.
func builtin() []Rule {
	any, cny, hkd, jpy := []string{Anywhere}, []string{"CNY"}, []string{"HKD", "CNY"}, []string{"JPY"}
	rows := []Rule{
		{Scheme: "wechatpay", Patterns: []string{"1[0-4]#{16}"}, Priority: 10, Region: "CN", Tells: true, Validity: time.Minute, Currencies: any, Profile: "default", Source: wechatDocs},
		{Scheme: "wechatpay", Patterns: []string{"15#{16}"}, Priority: 10, Region: "HK", Tells: true, Validity: time.Minute, Currencies: hkd, Profile: "default", Source: wechatDocs},
		{Scheme: "alipay-cn", Patterns: []string{"2[5-9]#{14-22}", "30#{14-22}"}, Priority: 20, Region: "CN", Currencies: any, Profile: "default", Source: alipayDocs},
		{Scheme: "alipay-hk", Patterns: []string{"2[5-9]#{15-17}", "30#{15-17}"}, Priority: 21, Region: "HK", Currencies: hkd, Profile: "default", Source: plusCodes},
		{Scheme: "alipayplus", Form: "alipayplus-17-legacy", Patterns: []string{"28#{15}"}, Priority: 22, Region: Anywhere, Currencies: any, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-18-legacy", Patterns: []string{"28#{16}"}, Priority: 22, Region: Anywhere, Currencies: any, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-19", Patterns: []string{"289#{10}6#{5}"}, Priority: 22, Region: Anywhere, Currencies: any, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-19-legacy", Patterns: []string{"28[0-8]#{16}", "289#{10}[0-57-9]#{5}"}, Priority: 22, Region: Anywhere, Currencies: any, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-24", Patterns: []string{"2[5-9]#{22}", "30#{22}"}, Priority: 22, Routed: true, Region: Anywhere, Currencies: any, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-reserved", Patterns: []string{"2[5-9]#{18-21}", "30#{18-21}", "2[5-9]#{23-30}", "30#{23-30}"}, Priority: 22, Reserved: true, Region: Anywhere, Currencies: any, Profile: "default", Source: plusFormat},
		{Scheme: "unionpay", Patterns: []string{"62#{17}"}, Priority: 30, Region: "CN", Currencies: cny, Profile: "default", Source: "public QRC test data (secondary)"},
		{Scheme: "ecny", Patterns: []string{"01#{17}"}, Priority: 40, Region: "CN", Currencies: cny, Profile: "default", Source: "public integrator code (secondary)"},
		{Scheme: EMVCPM, Priority: 50, Region: Anywhere, Currencies: any, Profile: "default", Source: "EMVCo Consumer-Presented Mode"},

		{Scheme: "paypay", Patterns: []string{"9000818188#{14}"}, Priority: 60, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "linepay", Patterns: []string{"9000000000#{9}"}, Priority: 61, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "rakutenpay", Patterns: []string{"900001#{10}"}, Priority: 62, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "dbarai", Patterns: []string{"90000002#{14}"}, Priority: 63, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "merpay", Patterns: []string{"31589900#{11}"}, Priority: 64, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "yuchopay", Patterns: []string{"3158993[1-9]#{11}", "31589940#{11}"}, Priority: 65, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "aupay", Patterns: []string{"31589921#{11}"}, Priority: 66, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "pring", Patterns: []string{"31589995#{11}"}, Priority: 67, Region: "JP", Currencies: jpy, Profile: "jp", Source: jpList},

		{Scheme: "qqwallet", Patterns: []string{"91#{16}"}, Priority: 90, Region: "CN", Currencies: cny, Profile: "all", Source: noSource},
		{Scheme: "bestpay", Patterns: []string{"51#{16}"}, Priority: 91, Region: "CN", Currencies: cny, Profile: "all", Source: noSource},
		{Scheme: "jdpay", Patterns: []string{"18#{16}", "62#{16}"}, Priority: 92, Region: "CN", Currencies: cny, Profile: "all", Source: noSource},
	}
	for i := range rows {
		// Wallets show both; nothing published says that one of them shows a QR code only.
		rows[i].AIM = slices.Concat(aimOf["code128"], aimOf["qr"])
	}
	return rows
}

// byName orders rows for people and for Classify: by scheme, then by priority, then by form.
func byName(a, b Rule) int {
	if c := strings.Compare(string(a.Scheme), string(b.Scheme)); c != 0 {
		return c
	}
	if a.Priority != b.Priority {
		return a.Priority - b.Priority
	}
	return strings.Compare(a.Form, b.Form)
}

// Lengths names how many digits the row's codes have: "18", "17-19, 24". It is empty for
// emv-cpm.
func (r *Rule) Lengths() string {
	var has [maxDigits + 2]bool
	for _, text := range r.Patterns {
		if p, err := compile(text); err == nil {
			for n := p.min; n <= p.max; n++ {
				has[n] = true
			}
		}
	}
	var out []string
	for n := 1; n <= maxDigits; n++ {
		first := n
		for has[n+1] && has[first] {
			n++
		}
		switch {
		case !has[first]:
		case n == first:
			out = append(out, fmt.Sprint(n))
		default:
			out = append(out, fmt.Sprintf("%d-%d", first, n))
		}
	}
	return strings.Join(out, ", ")
}
