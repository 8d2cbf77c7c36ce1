package paycode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryRowStatesEverything: the table is read by people who add to it.
func TestEveryRowStatesEverything(t *testing.T) {
	for _, r := range builtin() {
		if r.Scheme == "" || r.Source == "" || r.Region == "" || len(r.Currencies) == 0 || r.Priority < 1 || len(r.AIM) == 0 {
			t.Errorf("%s leaves something out: %+v", r.Name(), r)
		}
		if len(r.Symbologies()) == 0 || !slices.Contains(profiles, r.Profile) || (len(r.Patterns) == 0) != (r.Scheme == EMVCPM) {
			t.Errorf("%s: %+v", r.Name(), r)
		}
		if r.Source == noSource && r.Profile != "all" {
			t.Errorf("%s is unconfirmed, and not kept to profile all", r.Name())
		}
		if _, err := compileAll(r.Patterns); err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
	}
}

// expression translates a pattern for Go's regexp package: a second reading of the notation.
func expression(pattern string) *regexp.Regexp {
	s := strings.NewReplacer("#", "[0-9]", "{", "{", "}", "}").Replace(pattern)
	s = regexp.MustCompile(`\{(\d+)-(\d+)\}`).ReplaceAllString(s, "{$1,$2}")
	return regexp.MustCompile("^(?:" + s + ")$")
}

func (r *Rule) matches(code string) bool {
	return slices.ContainsFunc(r.Patterns, func(p string) bool { return expression(p).MatchString(code) })
}

// unambiguous proves for a finished table that no code fits two rows which do not state
// different priorities. For each pair of patterns and each length that both have, either one
// position allows no digit to both, and then no code fits both; or the code made of the
// lowest digit of each position fits both, which the regexp package confirms.
func unambiguous(t *testing.T, what string, tab *Table) (pairs int) {
	t.Helper()
	rules := tab.Rules()
	for i := range rules {
		for j := i + 1; j < len(rules); j++ {
			a, b := &rules[i], &rules[j]
			if a.Reserved || b.Reserved {
				continue
			}
			for _, pa := range a.Patterns {
				for _, pb := range b.Patterns {
					pairs++
					code, shared := witness(t, pa, pb)
					if !shared {
						continue
					}
					if !a.matches(code) || !b.matches(code) {
						t.Fatalf("%s: %s does not fit %s and %s", what, code, a.Name(), b.Name())
					}
					if a.Priority == 0 || b.Priority == 0 || a.Priority == b.Priority {
						t.Errorf("%s: %s and %s share %s, with priorities %d and %d", what, a.Name(), b.Name(), code, a.Priority, b.Priority)
					}
				}
			}
		}
	}
	return pairs
}

// witness finds a code that fits both patterns, digit by digit, with the regexp package: a
// position's digits are those that some completion of the pattern allows.
func witness(t *testing.T, pa, pb string) (string, bool) {
	a, err := compile(pa)
	if err != nil {
		t.Fatal(err)
	}
	b, err := compile(pb)
	if err != nil {
		t.Fatal(err)
	}
	ea, eb := expression(pa), expression(pb)
	for n := max(a.min, b.min); n <= min(a.max, b.max); n++ {
		base := []byte(fill(a, n))
		other := []byte(fill(b, n))
		code := make([]byte, n)
		whole := true
		for k := range n {
			code[k] = 0
			for d := byte('0'); d <= '9'; d++ {
				x, y := slices.Clone(base), slices.Clone(other)
				x[k], y[k] = d, d
				if ea.Match(x) && eb.Match(y) {
					code[k] = d
					break
				}
			}
			if code[k] == 0 {
				whole = false
				break
			}
		}
		if whole {
			return string(code), true
		}
	}
	return "", false
}

func fill(p pattern, n int) string {
	code := make([]byte, n)
	for i := range code {
		for d := range 10 {
			if p.mask[i]&(1<<d) != 0 {
				code[i] = '0' + byte(d)
				break
			}
		}
	}
	return string(code)
}

// TestNoAmbiguity: every profile, as built in and with rows as shops add them.
func TestNoAmbiguity(t *testing.T) {
	shops := map[string][]Rule{
		"as built in":                      nil,
		"own card":                         {{Scheme: "shopcard", Patterns: []string{"77#{10}", "78#{4-6}"}, Source: "s"}},
		"inside a wallet's codes, first":   {{Scheme: "shopcard", Patterns: []string{"13#{16}"}, Source: "s", Priority: 5}},
		"across many wallets' codes, last": {{Scheme: "shopcard", Patterns: []string{"#{20-24}"}, Source: "s", Priority: 500}},
		"a new prefix of a wallet":         {{Scheme: "wechatpay", Patterns: []string{"16#{16}"}, Source: "s", Region: "CN"}},
		"a wallet disabled and taken over": {{Scheme: "unionpay", Disable: true}, {Scheme: "other", Patterns: []string{"62#{17}"}, Source: "s"}},
		"another order":                    {{Scheme: "alipay-hk", Priority: 2}, {Scheme: "alipay-cn", Priority: 3}},
		"two own rows that share": {{Scheme: "a", Patterns: []string{"77#{10}"}, Source: "s", Priority: 1},
			{Scheme: "b", Patterns: []string{"#7#{10}"}, Source: "s", Priority: 2}},
	}
	for name, shop := range shops {
		for _, profile := range profiles {
			tab, err := NewWith(profile, shop)
			if err != nil {
				t.Errorf("%s, %s: %v", name, profile, err)
				continue
			}
			if unambiguous(t, name+", "+profile, tab) < 50 {
				t.Errorf("%s, %s: hardly any pair was compared", name, profile)
			}
		}
	}
}

// TestNoAmbiguityOfRandomShops adds rows made at random: what NewWith accepts holds, what it
// refuses as ambiguous is.
func TestNoAmbiguityOfRandomShops(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	accepted, refused := 0, 0
	for range 40 {
		var shop []Rule
		for n := range 1 + rng.IntN(3) {
			head := fmt.Sprintf("%d%d", rng.IntN(10), rng.IntN(10))
			if rng.IntN(3) == 0 {
				head = fmt.Sprintf("[%d-9]%d", rng.IntN(10), rng.IntN(10))
			}
			shop = append(shop, Rule{Scheme: Scheme(fmt.Sprintf("shop%d", n)), Source: "s", Priority: rng.IntN(3) * 10,
				Patterns: []string{fmt.Sprintf("%s#{%d-%d}", head, 10+rng.IntN(4), 14+rng.IntN(4))}})
		}
		tab, err := NewWith("all", shop)
		var fault *Fault
		switch {
		case err == nil:
			accepted++
			unambiguous(t, fmt.Sprint(shop), tab)
		case errors.As(err, &fault) && fault.Key == "priority":
			refused++
		default:
			t.Fatalf("%+v: %v", shop, err)
		}
	}
	if accepted < 10 || refused < 10 {
		t.Errorf("%d accepted, %d refused: the rows are not at random", accepted, refused)
	}
}

// TestAmbiguousRowIsNamed: the fault names the row, the row it collides with, a code, and
// what to write.
func TestAmbiguousRowIsNamed(t *testing.T) {
	own := Rule{Scheme: "shopcard", Patterns: []string{"13#{16}"}, Source: "s"}
	for _, c := range []struct {
		name       string
		shop       []Rule
		row        int
		text, hint string
	}{
		{"no priority", []Rule{own}, 0, "code rule 1, shopcard matches the same codes as the built-in row wechatpay (CN), such as 130000000000000000", "wechatpay (CN) has 10"},
		{"the same priority", []Rule{{Scheme: "shopcard", Patterns: own.Patterns, Source: "s", Priority: 10}}, 0, "the built-in row wechatpay (CN)", "has 10"},
		{"the same scheme", []Rule{{Scheme: "wechatpay", Patterns: own.Patterns, Source: "s", Region: "JP"}}, 0, "code rule 1, wechatpay (JP) matches the same codes as the built-in row wechatpay (CN)", "has 10"},
		{"two own rows", []Rule{{Scheme: "a", Patterns: []string{"77#"}, Source: "s", Priority: 1}, {Scheme: "b", Patterns: []string{"7##"}, Source: "s"}}, 1,
			"code rule 2, b matches the same codes as code rule 1, a, such as 770", "code rule 1, a has 1"},
		{"the earlier of two lacks it", []Rule{{Scheme: "a", Patterns: []string{"77#"}, Source: "s"}, {Scheme: "b", Patterns: []string{"7##"}, Source: "s", Priority: 1}}, 0,
			"code rule 1, a matches the same codes as code rule 2, b", "code rule 2, b has 1"},
		{"a changed priority", []Rule{{Scheme: "alipay-hk", Priority: 20}}, 0, "the built-in row alipay-hk matches the same codes as the built-in row alipay-cn", "alipay-cn has 20"},
	} {
		faults, err := Check("default", c.shop)
		if err != nil || len(faults) == 0 {
			t.Errorf("%s: %v, %v", c.name, faults, err)
			continue
		}
		f := faults[0]
		if f.Row != c.row || f.Key != "priority" || !strings.Contains(f.Text, c.text) || !strings.Contains(f.HintText(), c.hint) {
			t.Errorf("%s: %+v", c.name, f)
		}
		if _, err := NewWith("default", c.shop); err == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
}

func TestShopRows(t *testing.T) {
	row := Rule{Scheme: "shopcard", Patterns: []string{"77[0-24]#{9}", "78#{4-6}"}, Source: "the shop's own cards"}
	tab, err := NewWith("default", []Rule{row})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]bool{"774123456789": true, "773123456789": false, "781234": true, "78123456": true, "781234567": false} {
		r := tab.Classify([]byte(code), "]C0", today)
		if got := slices.Contains(r.Candidates(), "shopcard"); got != want {
			t.Errorf("%s: %v", code, r)
		}
	}
	for name, c := range map[string]struct {
		row Rule
		key string
	}{
		"overlap without priority": {Rule{Scheme: "x", Patterns: []string{"62#{17}"}, Source: "s"}, "priority"},
		"overlap at one length":    {Rule{Scheme: "x", Patterns: []string{"#{19-32}"}, Source: "s", Priority: 30}, "priority"},
		"no source":                {Rule{Scheme: "x", Patterns: []string{"7#{9}"}}, "source"},
		"no scheme":                {Rule{Patterns: []string{"7#{9}"}, Source: "s"}, "scheme"},
		"scheme in capitals":       {Rule{Scheme: "Shop", Patterns: []string{"7#{9}"}, Source: "s"}, "scheme"},
		"scheme that is a number":  {Rule{Scheme: "77", Patterns: []string{"7#{9}"}, Source: "s"}, "scheme"},
		"nothing to change":        {Rule{Scheme: "wechatpay", Source: "s"}, "scheme"},
		"letters":                  {Rule{Scheme: "x", Patterns: []string{"7a"}, Source: "s"}, "patterns"},
		"empty":                    {Rule{Scheme: "x", Patterns: []string{"#{0-4}"}, Source: "s"}, "patterns"},
		"open set":                 {Rule{Scheme: "x", Patterns: []string{"7[1"}, Source: "s"}, "patterns"},
		"range inside":             {Rule{Scheme: "x", Patterns: []string{"7#{1-2}8"}, Source: "s"}, "patterns"},
		"too long":                 {Rule{Scheme: "x", Patterns: []string{"7#{99999}"}, Source: "s"}, "patterns"},
		"goods symbology":          {Rule{Scheme: "x", Patterns: []string{"7#{9}"}, AIM: []string{"]E0"}, Source: "s"}, "aim"},
		"pattern for EMV":          {Rule{Scheme: EMVCPM, Patterns: []string{"7#{9}"}, Source: "s"}, "patterns"},
		"disable with patterns":    {Rule{Scheme: "wechatpay", Patterns: []string{"7#{9}"}, Source: "s", Disable: true}, "disable"},
		"priority below one":       {Rule{Scheme: "x", Patterns: []string{"7#{9}"}, Source: "s", Priority: -1}, "priority"},
		"disable what is not":      {Rule{Scheme: "paypal", Disable: true}, "scheme"},
		"disable an unknown form":  {Rule{Scheme: "alipayplus", Form: "x", Disable: true}, "form"},
		"disable another region":   {Rule{Scheme: "wechatpay", Region: "JP", Disable: true}, "form"},
		"not in the profile":       {Rule{Scheme: "paypay", Disable: true}, "scheme"},
		"goods symbology, change":  {Rule{Scheme: "wechatpay", AIM: []string{"]E0"}}, "aim"},
	} {
		faults, err := Check("default", []Rule{c.row})
		if err != nil || len(faults) == 0 || faults[0].Key != c.key || faults[0].Hint == "" || faults[0].Row != 0 {
			t.Errorf("%s: %+v, %v, want key %s", name, faults, err, c.key)
		}
	}
	if _, err := New("everything"); err == nil {
		t.Error("unknown profile accepted")
	}
	// All mistakes at once, each with its row.
	faults, _ := Check("default", []Rule{{Scheme: "X"}, row, {Scheme: "y", Patterns: []string{"a"}}})
	var at []string
	for _, f := range faults {
		at = append(at, fmt.Sprint(f.Row, f.Key))
	}
	if !slices.Equal(at, []string{"0scheme", "2source", "2patterns"}) {
		t.Errorf("%v", at)
	}
}

// TestChangedRows: what a shop switches off or reorders.
func TestChangedRows(t *testing.T) {
	classify := func(shop []Rule, code, aim string) Result {
		t.Helper()
		tab, err := NewWith("default", shop)
		if err != nil {
			t.Fatal(err)
		}
		return tab.Classify([]byte(code), aim, today)
	}
	const hongKong, mainland, plus24 = "150211238899912330", "130061098828009406", "281010897274821897274821"
	if r := classify([]Rule{{Scheme: "wechatpay", Region: "HK", Disable: true}}, hongKong, ""); r.Reason != UnknownFormat {
		t.Errorf("Hong Kong disabled: %v", r)
	}
	if r := classify([]Rule{{Scheme: "wechatpay", Region: "HK", Disable: true}}, mainland, ""); !r.Accepted() || r.Region != "CN" {
		t.Errorf("mainland with Hong Kong disabled: %v %s", r, r.Region)
	}
	if r := classify([]Rule{{Scheme: "alipayplus", Form: "alipayplus-24", Disable: true}}, plus24, ""); len(r.Candidates()) != 1 || len(r.Forms()) != 0 || r.Routing() != "" {
		t.Errorf("24 digits disabled: %v %v %s", r, r.Forms(), r.Routing())
	}
	off := []Rule{{Scheme: "alipayplus", Disable: true}, {Scheme: "alipay-cn", Disable: true}, {Scheme: "alipay-hk", Disable: true}}
	if r := classify(off, "28012345678901234567890123", ""); r.Reason != UnknownFormat {
		t.Errorf("reserved length of a wallet that is off: %v", r)
	}
	if r := classify([]Rule{{Scheme: "alipay-cn", Disable: true}}, "28012345678901234567", ""); r.Reason != ReservedLength {
		t.Errorf("20 digits are Alipay CN's alone: %v", r)
	}
	if r := classify([]Rule{{Scheme: "alipayplus", Form: "alipayplus-28", Patterns: []string{"28#{26}"}, Source: "s"}}, "2801234567890123456789012345", ""); !r.Accepted() {
		t.Errorf("a reserved length that the shop put to use: %v", r)
	}
	if r := classify([]Rule{{Scheme: EMVCPM, Disable: true}}, "hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA=", "]Q1"); r.Reason != UnknownFormat {
		t.Errorf("EMV disabled: %v", r)
	}
	qr := []Rule{{Scheme: "ecny", AIM: []string{"]Q1"}}}
	if r := classify(qr, "0100000000000000001", "]C0"); r.Reason != UnknownFormat {
		t.Errorf("QR only, shown as Code 128: %v", r)
	}
	if r := classify(qr, "0100000000000000001", ""); !r.Accepted() {
		t.Errorf("QR only, from a scanner that does not tell: %v", r)
	}
	// Within a scheme the better priority decides the region, and names no second form.
	jp := []Rule{{Scheme: "wechatpay", Form: "jp", Patterns: []string{"13#{16}"}, Source: "s", Region: "JP", Priority: 5}}
	if r := classify(jp, mainland, ""); r.Region != "JP" || !slices.Equal(r.Candidates(), []Scheme{"wechatpay"}) || !slices.Equal(r.Forms(), []string{"jp"}) {
		t.Errorf("%v %s %v", r, r.Region, r.Forms())
	}
	jp[0].Priority = 15
	if r := classify(jp, mainland, ""); r.Region != "CN" || len(r.Forms()) != 0 {
		t.Errorf("%v %s %v", r, r.Region, r.Forms())
	}
}

// TestMatches lists the reasons of each candidate in the order of priority.
func TestMatches(t *testing.T) {
	tab, err := NewWith("default", []Rule{{Scheme: "alipay-hk", Priority: 2, Validity: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range tab.Matches([]byte("280244567856723026"), "]C0", today) {
		got = append(got, r.Name())
	}
	if want := []string{"alipay-hk", "alipay-cn", "alipayplus form alipayplus-18-legacy"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if m := tab.Matches([]byte("6901234567892"), "", today); m != nil {
		t.Errorf("a goods code matches %v", m)
	}
	if m := tab.Matches([]byte("hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA="), "", today); len(m) != 1 || m[0].Scheme != EMVCPM {
		t.Errorf("%v", m)
	}
}

func TestLengths(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		want     string
	}{
		{nil, ""}, {[]string{"1"}, "1"}, {[]string{"1#{16}"}, "17"}, {[]string{"2#{14-22}"}, "15-23"}, {[]string{"#{32}"}, "32"}, {[]string{"#{1-32}"}, "1-32"},
		{[]string{"28#{15}", "28#{16}", "2#{23}"}, "17-18, 24"}, {[]string{"#{1-2}", "#{31-32}"}, "1-2, 31-32"},
	} {
		r := Rule{Patterns: c.patterns}
		if got := r.Lengths(); got != c.want {
			t.Errorf("%q: %q, want %q", c.patterns, got, c.want)
		}
	}
}
