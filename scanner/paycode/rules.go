package paycode

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule is one row of the table: which codes a wallet shows.
type Rule struct {
	Scheme   Scheme   `toml:"scheme" json:"scheme"`
	Patterns []string `toml:"patterns" json:"patterns"` // see compile; empty for emv-cpm
	Form     string   `toml:"form,omitempty" json:"form,omitempty"`
	// AIM lists the identifiers the wallet's code comes with; empty means all of
	// ]C0 ]Q0 ]Q1 ]Q2. A scanner that sends no identifier matches in any case.
	AIM        []string      `toml:"aim,omitempty" json:"aim,omitempty"`
	Validity   time.Duration `toml:"validity,omitempty" json:"validity,omitempty"` // how long a code lives; 0 = not published
	Currencies []string      `toml:"currencies,omitempty" json:"currencies,omitempty"`
	Region     string        `toml:"region,omitempty" json:"region,omitempty"` // of the payer
	// Priority orders rules of different schemes that match the same code, lower first. Such
	// rules must state different priorities; it advises, a shop's contracts decide.
	Priority int    `toml:"priority,omitempty" json:"priority,omitempty"`
	Routed   bool   `toml:"routed,omitempty" json:"routed,omitempty"` // digits 4 to 6 name the issuer
	Profile  string `toml:"profile,omitempty" json:"profile,omitempty"`
	Source   string `toml:"source" json:"source"` // where the row comes from
}

func (r *Rule) takes(aim string) bool {
	return aim == "" || len(r.AIM) == 0 || slices.Contains(r.AIM, aim)
}

// profiles in the order in which each includes the ones before it.
var profiles = []string{"default", "jp", "all"}

const (
	wechatDocs = "WeChat Pay docs, Important Parameters"
	alipayDocs = "Alipay docs, alipay.trade.pay"
	plusCodes  = "Alipay+ docs, Payment codes"
	plusFormat = "Alipay+ docs, Code format"
	jpList     = "prefix list of 2020, ri25r.hatenablog.jp (secondary)"
)

// builtin is the table. An unconfirmed row stands in profile "all" only.
func builtin() []Rule {
	cny, hkd, jpy := []string{"CNY"}, []string{"HKD", "CNY"}, []string{"JPY"}
	return []Rule{
		{Scheme: "wechatpay", Patterns: []string{"1[0-4]#{16}"}, Region: "CN", Validity: time.Minute, Profile: "default", Source: wechatDocs},
		{Scheme: "wechatpay", Patterns: []string{"15#{16}"}, Region: "HK", Validity: time.Minute, Currencies: hkd, Profile: "default", Source: wechatDocs},
		{Scheme: "alipay-cn", Patterns: []string{"2[5-9]#{14-22}", "30#{14-22}"}, Priority: 1, Profile: "default", Source: alipayDocs},
		{Scheme: "alipay-hk", Patterns: []string{"2[5-9]#{15-17}", "30#{15-17}"}, Priority: 2, Currencies: hkd, Profile: "default", Source: plusCodes},
		{Scheme: "alipayplus", Form: "alipayplus-17-legacy", Patterns: []string{"28#{15}"}, Priority: 3, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-18-legacy", Patterns: []string{"28#{16}"}, Priority: 3, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-19", Patterns: []string{"289#{10}6#{5}"}, Priority: 3, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-19-legacy", Patterns: []string{"28[0-8]#{16}", "289#{10}[0-57-9]#{5}"}, Priority: 3, Profile: "default", Source: plusFormat},
		{Scheme: "alipayplus", Form: "alipayplus-24", Patterns: []string{"2[5-9]#{22}", "30#{22}"}, Priority: 3, Routed: true, Profile: "default", Source: plusFormat},
		{Scheme: "unionpay", Patterns: []string{"62#{17}"}, Currencies: cny, Profile: "default", Source: "public QRC test data (secondary)"},
		{Scheme: "ecny", Patterns: []string{"01#{17}"}, Currencies: cny, Profile: "default", Source: "public integrator code (secondary)"},
		{Scheme: EMVCPM, AIM: []string{"]Q0", "]Q1", "]Q2"}, Profile: "default", Source: "EMVCo Consumer-Presented Mode"},

		{Scheme: "paypay", Patterns: []string{"9000818188#{14}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "linepay", Patterns: []string{"9000000000#{9}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "rakutenpay", Patterns: []string{"900001#{10}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "dbarai", Patterns: []string{"90000002#{14}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "merpay", Patterns: []string{"31589900#{11}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "yuchopay", Patterns: []string{"3158993[1-9]#{11}", "31589940#{11}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "aupay", Patterns: []string{"31589921#{11}"}, Currencies: jpy, Profile: "jp", Source: jpList},
		{Scheme: "pring", Patterns: []string{"31589995#{11}"}, Currencies: jpy, Profile: "jp", Source: jpList},

		{Scheme: "qqwallet", Patterns: []string{"91#{16}"}, Currencies: cny, Profile: "all", Source: "unconfirmed"},
		{Scheme: "bestpay", Patterns: []string{"51#{16}"}, Currencies: cny, Profile: "all", Source: "unconfirmed"},
		{Scheme: "jdpay", Patterns: []string{"18#{16}", "62#{16}"}, Currencies: cny, Profile: "all", Source: "unconfirmed"},
	}
}

// NewWith makes the table of a profile with a shop's own rows added; their Profile is
// ignored. It refuses a row without scheme, source or pattern, and rows of different
// schemes that match the same code without stating different priorities.
func NewWith(profile string, extra []Rule) (*Table, error) {
	level := slices.Index(profiles, profile)
	if level < 0 {
		return nil, fmt.Errorf("table of payment codes: unknown profile %q, want one of %s", profile, strings.Join(profiles, ", "))
	}
	t := &Table{}
	for _, r := range builtin() {
		if slices.Index(profiles, r.Profile) <= level {
			t.rules = append(t.rules, r)
		}
	}
	t.rules = append(t.rules, slices.Clone(extra)...)
	slices.SortStableFunc(t.rules, func(a, b Rule) int {
		return strings.Compare(string(a.Scheme)+"\x00"+a.Form, string(b.Scheme)+"\x00"+b.Form)
	})
	var all []*pattern
	for i := range t.rules {
		r := &t.rules[i]
		compiled, err := r.compile()
		if err != nil {
			return nil, fmt.Errorf("table of payment codes: %w", err)
		}
		t.cpm = t.cpm || r.Scheme == EMVCPM
		all = append(all, compiled...)
	}
	if err := checkOverlaps(all); err != nil {
		return nil, fmt.Errorf("table of payment codes: %w", err)
	}
	for _, p := range all {
		for n := p.min; n <= p.max; n++ {
			t.byLength[n] = append(t.byLength[n], p)
		}
	}
	return t, nil
}

func (r *Rule) compile() ([]*pattern, error) {
	switch {
	case r.Scheme == "":
		return nil, fmt.Errorf("a rule without a scheme")
	case r.Source == "":
		return nil, fmt.Errorf("rule %s: no source: say where the pattern comes from", r.Scheme)
	case r.Scheme == EMVCPM && len(r.Patterns) > 0:
		return nil, fmt.Errorf("rule %s: takes no pattern", r.Scheme)
	case r.Scheme != EMVCPM && len(r.Patterns) == 0:
		return nil, fmt.Errorf("rule %s: no pattern", r.Scheme)
	}
	for _, aim := range r.AIM {
		if !payingSymbology(aim) {
			return nil, fmt.Errorf("rule %s: AIM identifier %q carries no payment, want ]C0, ]Q0, ]Q1 or ]Q2", r.Scheme, aim)
		}
	}
	var out []*pattern
	for _, text := range r.Patterns {
		p, err := compile(text)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Scheme, err)
		}
		p.rule = r
		out = append(out, &p)
	}
	return out, nil
}

// checkOverlaps finds rules of different schemes that share a code and do not say which of
// them comes first, and codes that more schemes share than a Result can hold.
func checkOverlaps(all []*pattern) error {
	for i, p := range all {
		shared := map[Scheme]bool{p.rule.Scheme: true}
		for j, q := range all {
			if q.rule.Scheme == p.rule.Scheme || !p.overlaps(q) {
				continue
			}
			shared[q.rule.Scheme] = true
			a, b := p.rule.Priority, q.rule.Priority
			if j > i && (a == 0 || b == 0 || a == b) {
				return fmt.Errorf("rules %s and %s match the same codes: give each a different priority", p.rule.Scheme, q.rule.Scheme)
			}
		}
		if len(shared) > maxCandidates {
			return fmt.Errorf("rule %s shares codes with %d others, at most %d may", p.rule.Scheme, len(shared)-1, maxCandidates-1)
		}
	}
	return nil
}
