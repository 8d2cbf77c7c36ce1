package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/scanner/paycode"
)

// The first line of what is appended to the good file.
var after = strings.Count(good, "\n") + 1

func TestCodeRules(t *testing.T) {
	c, problems := Parse([]byte(good+`[[code_rule]]
scheme = "wechatpay"
form = "wechatpay-16"
patterns = ["16#{16}"]
symbologies = ["qr"]
validity = "90s"
currencies = ["CNY"]
region = "CN"
priority = 11
source = "letter of the wallet, 2026-03"
[[code_rule]]
scheme = "alipayplus"
form = "alipayplus-24"
disable = true
[[code_rule]]
scheme = "alipay-hk"
priority = 5
`), "/", tables())
	if len(problems) != 0 {
		t.Fatalf("%v", problems)
	}
	want := paycode.Rule{Scheme: "wechatpay", Form: "wechatpay-16", Patterns: []string{"16#{16}"}, AIM: []string{"]Q0", "]Q1", "]Q2"},
		Validity: 90 * time.Second, Currencies: []string{"CNY"}, Region: "CN", Priority: 11, Source: "letter of the wallet, 2026-03"}
	got := c.CodeRules[0]
	if !slices.Equal(got.Patterns, want.Patterns) || !slices.Equal(got.AIM, want.AIM) || !slices.Equal(got.Currencies, want.Currencies) ||
		got.Scheme != want.Scheme || got.Form != want.Form || got.Validity != want.Validity || got.Region != want.Region ||
		got.Priority != want.Priority || got.Source != want.Source || got.Disable {
		t.Errorf("%+v", got)
	}
	if r := c.CodeRules[1]; r.Form != "alipayplus-24" || !r.Disable || len(r.Patterns) != 0 {
		t.Errorf("%+v", r)
	}
	if r := c.CodeRules[2]; r.Priority != 5 || r.Disable {
		t.Errorf("%+v", r)
	}
	tab, err := paycode.NewWith(c.Terminal.CodeProfile, c.CodeRules)
	if err != nil {
		t.Fatal(err)
	}
	if r := tab.Classify([]byte("160061098828009406"), "]Q1", time.Now()); !r.Accepted() {
		t.Errorf("%v", r)
	}
}

func TestCodeRuleMistakes(t *testing.T) {
	const own = "[[code_rule]]\nscheme = \"wechatpay\"\nsource = \"s\"\n"
	for _, tc := range []struct {
		name, text string
		line       int // counted from the first [[code_rule]]
		level      Level
		key, find  string
		hint       string
	}{
		{"ambiguous", own + "patterns = [\"13#{16}\"]\n", 1, Mistake, "code_rule[1].priority", "code rule 1, wechatpay matches the same codes as the built-in row wechatpay (CN)", "wechatpay (CN) has 10"},
		{"ambiguous with its priority", own + "patterns = [\"2[78]#{16}\"]\npriority = 21\n", 5, Mistake, "code_rule[1].priority", "the built-in row alipay-hk", "alipay-hk has 21"},
		{"ambiguous with each other", own + "patterns = [\"16#{16}\"]\n" + own + "patterns = [\"1[67]#{16}\"]\npriority = 7\n", 1, Mistake, "code_rule[1].priority", "code rule 2, wechatpay", "has 7"},
		{"no scheme", "[[code_rule]]\nsource = \"s\"\npatterns = [\"16#{16}\"]\n", 1, Mistake, "code_rule[1].scheme", "is missing", "scheme ="},
		{"no scheme to change", "[[code_rule]]\ndisable = true\n", 1, Mistake, "code_rule[1].scheme", "is missing", "scheme ="},
		{"no source", "[[code_rule]]\nscheme = \"wechatpay\"\npatterns = [\"16#{16}\"]\n", 1, Mistake, "code_rule[1].source", "is missing", "source ="},
		{"bad pattern", own + "patterns = [\"16#{16\"]\n", 4, Mistake, "code_rule[1].patterns", "a repeat must be", "# for any digit"},
		{"a word for a pattern", own + "patterns = \"16\"\n", 4, Mistake, "code_rule[1].patterns", "must be an array", "write patterns"},
		{"unknown symbology", own + "patterns = [\"16#{16}\"]\nsymbologies = [\"ean13\"]\n", 5, Mistake, "code_rule[1].symbologies", "carries no payment", "code128"},
		{"two ways to say it", own + "patterns = [\"16#{16}\"]\nsymbologies = [\"qr\"]\naim = [\"]Q1\"]\n", 5, Mistake, "code_rule[1].symbologies", "stands beside aim", "delete"},
		{"goods identifier", own + "patterns = [\"16#{16}\"]\naim = [\"]E0\"]\n", 5, Mistake, "code_rule[1].aim", "carries no payment", "]C0"},
		{"mistyped key", own + "pattern = [\"16#{16}\"]\n", 4, Mistake, "code_rule[1].pattern", "unknown key", "patterns"},
		{"nothing changed", "[[code_rule]]\nscheme = \"wechatpay\"\n", 2, Mistake, "code_rule[1].scheme", "changes nothing", "disable = true"},
		{"no such row", "[[code_rule]]\nscheme = \"paypal\"\ndisable = true\n", 2, Mistake, "code_rule[1].scheme", "no built-in row", "built in are"},
		{"no such form", "[[code_rule]]\nscheme = \"alipayplus\"\nform = \"x\"\ndisable = true\n", 3, Mistake, "code_rule[1].form", "no built-in row of alipayplus", "alipayplus-24"},
		{"not in the profile", "[[code_rule]]\nscheme = \"paypay\"\ndisable = true\n", 2, Mistake, "code_rule[1].scheme", "not in the profile default", "profile"},
		{"disable with patterns", own + "patterns = [\"16#{16}\"]\ndisable = true\n", 5, Mistake, "code_rule[1].disable", "beside patterns", "delete"},
		{"no currency", own + "patterns = [\"16#{16}\"]\ncurrencies = [\"cny\"]\n", 5, Mistake, "code_rule[1].currencies", "is not a currency", "ISO 4217"},
		{"priority nought", own + "patterns = [\"16#{16}\"]\npriority = 0\n", 5, Mistake, "code_rule[1].priority", "out of range", "from 1"},
		{"one table", "[code_rule]\nscheme = \"x\"\n", 1, Mistake, "code_rule", "must be an array of tables", "[[code_rule]]"},
		{"too many sections", strings.Repeat("[[code_rule]]\nscheme = \"alipay-hk\"\npriority = 5\n", 101), 1, Mistake, "code_rule", "has 101 sections", "one section"},
		{"too many patterns", own + "patterns = [\"16#{16}\"" + manyPatterns(32) + "]\n", 4, Mistake, "code_rule[1].patterns", "has 33 patterns", "sections"},
		{"nobody charges it", "[[code_rule]]\nscheme = \"shopcard\"\nsource = \"s\"\npatterns = [\"77#{10}\"]\n", 2, Warning, "code_rule[1].scheme", "no contract takes shopcard", "contract"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, problems := Parse([]byte(good+tc.text), "/", tables())
			i := slices.IndexFunc(problems, func(p Problem) bool { return p.Key == tc.key && strings.Contains(p.Text, tc.find) })
			if i < 0 {
				t.Fatalf("not found among %v", problems)
			}
			if p := problems[i]; p.Line != after+tc.line-1 || p.Level != tc.level || !strings.Contains(p.Hint, tc.hint) {
				t.Errorf("line %d, want %d; %+v", p.Line, after+tc.line-1, p)
			}
			if len(problems) != 1 {
				t.Errorf("one mistake, %d findings: %v", len(problems), problems)
			}
		})
	}
}

func manyPatterns(n int) (s string) {
	for i := range n {
		s += fmt.Sprintf(", \"17%02d#{14}\"", i)
	}
	return s
}

// TestExampleRules takes the comment marks off the rules of the example file: what a shop
// copies from there is right.
func TestExampleRules(t *testing.T) {
	text, err := os.ReadFile("../../example.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "# [[code_rule]]\n")
	part, _, _ = strings.Cut(part, "\n\n")
	rules := new(strings.Builder)
	for _, line := range strings.Split("# [[code_rule]]\n"+part, "\n") {
		if rest, ok := strings.CutPrefix(line, "# "); ok && (rest == "[[code_rule]]" || strings.Contains(rest, " = ") && !strings.HasPrefix(rest, "[[")) {
			rules.WriteString(rest + "\n")
		}
	}
	c, problems := Parse([]byte(good+rules.String()), "/", tables())
	if len(problems) != 0 || len(c.CodeRules) != 2 || c.CodeRules[0].Validity != time.Minute || !c.CodeRules[1].Disable {
		t.Fatalf("%v %+v", problems, c.CodeRules)
	}
}
