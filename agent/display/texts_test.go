package display

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// constants reads the values of all constants of a string type from a folder's source, so
// that a new one without a text fails here.
func constants(t *testing.T, dir, typeName string) []string {
	t.Helper()
	var out []string
	paths, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, p := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := v.Type.(*ast.Ident); ok && id.Name == typeName && len(v.Values) == 1 {
				if s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value); err == nil && s != "" {
					out = append(out, s)
				}
			}
			return true
		})
	}
	if len(out) == 0 {
		t.Fatalf("no constant of type %s in %s", typeName, dir)
	}
	return out
}

// reasonsOfCodes are the words of scanner/paycode for a code that cannot pay, and the
// till's own word for a code that was presented before.
func reasonsOfCodes(t *testing.T) []string {
	return append(constants(t, "../../scanner/paycode", "Reason"), "code-used", "payment-code", "no-bill")
}

// closingCauses are the codes of every cause in the till's source that forbids new sales:
// each is a reason of ScreenClosed.
func closingCauses(t *testing.T) []string {
	t.Helper()
	var out []string
	paths, _ := filepath.Glob("../*.go")
	for _, p := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			var code string
			var closes bool
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				key, _ := kv.Key.(*ast.Ident)
				if text, ok := kv.Value.(*ast.BasicLit); ok && key != nil && key.Name == "Code" {
					code, _ = strconv.Unquote(text.Value)
				}
				if sel, ok := kv.Value.(*ast.SelectorExpr); ok && key != nil && key.Name == "Severity" {
					closes = sel.Sel.Name == "Closed"
				}
			}
			if closes && code != "" && !slices.Contains(out, code) {
				out = append(out, code)
			}
			return true
		})
	}
	if !slices.Contains(out, "offline") || !slices.Contains(out, "clock") {
		t.Fatalf("the causes of closing were not found: %q", out)
	}
	return out
}

var schemes = []string{
	"wechatpay", "alipay-cn", "alipay-hk", "alipayplus", "unionpay", "ecny", "emv-cpm", "paypay", "linepay",
	"rakutenpay", "dbarai", "merpay", "yuchopay", "aupay", "pring", "qqwallet", "bestpay", "jdpay",
}

//go:embed page/*.html
var templates embed.FS

// TestTexts compares the keys that can be asked for with the keys that are there.
func TestTexts(t *testing.T) {
	want := map[string]bool{}
	kinds := constants(t, "..", "ScreenKind")
	for _, k := range kinds {
		want["screen."+k], want["screen."+k+".detail"] = true, true
	}
	for _, k := range []agent.ScreenKind{agent.ScreenFresh, agent.ScreenNotPaid, agent.ScreenClosed, agent.ScreenReturn, agent.ScreenNotRefunded,
		agent.ScreenNotEnrolled, agent.ScreenNotWithdrawn} {
		want["reason.any."+string(k)] = true
	}
	for _, words := range [][]string{constants(t, "../sale", "Ending"), reasonsOfCodes(t), closingCauses(t), constants(t, "..", "OfferReason"), constants(t, "..", "PalmReason")} {
		for _, w := range words {
			want["reason."+w] = true
		}
	}
	for _, s := range schemes {
		want["scheme."+s] = true
	}
	for _, s := range append(constants(t, "../sale", "State"), sale.Unknown.String()) {
		want["state."+s] = true
	}
	for _, g := range constants(t, "../../biometric", "Guidance") {
		want["guide."+g] = true
	}
	want["page.scan"], want["page.palm.count"] = true, true
	asked := regexp.MustCompile(`\.T "([^"]+)"`)
	pages, _ := filepath.Glob("page/*.html")
	for _, p := range pages {
		text, err := templates.ReadFile(filepath.ToSlash(p))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
			want[m[1]] = true
		}
	}
	for lang, table := range texts {
		for key := range want {
			if strings.TrimSpace(table[key]) == "" {
				t.Errorf("%s: no text for %s", lang, key)
			}
		}
		for key := range table {
			if !want[key] {
				t.Errorf("%s: nobody asks for %s", lang, key)
			}
		}
	}
	if len(texts) != len(languages) {
		t.Errorf("%d tables for %d languages", len(texts), len(languages))
	}
}

// TestTextsAreTranslated finds a line that was copied from one table to another.
func TestTextsAreTranslated(t *testing.T) {
	for key, en := range textsEn {
		if strings.HasPrefix(key, "scheme.") {
			continue // names
		}
		for _, lang := range []string{"zh", "ja"} {
			if texts[lang][key] == en {
				t.Errorf("%s: %s is English: %q", lang, key, en)
			}
		}
		if strings.HasPrefix(key, "screen.") && !strings.HasSuffix(key, ".detail") && len(en) > 30 {
			t.Errorf("%s is too long for a headline: %q", key, en)
		}
	}
}

func TestWordsFor(t *testing.T) {
	for _, c := range []struct {
		name string
		sc   agent.Screen
		lang string
		want words
	}{
		{"price in Chinese", agent.Screen{Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY"}, "zh",
			words{Headline: "请付款", Amount: "12.80 元", Detail: "请将手机付款码对准扫码器"}},
		{"price in English", agent.Screen{Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY"}, "en",
			words{Headline: "Please pay", Amount: "CNY\u00a012.80", Detail: "Hold your payment code to the scanner"}},
		{"paid says with what", agent.Screen{Kind: agent.ScreenPaid, Amount: "1280", Currency: "JPY", Scheme: "paypay"}, "ja",
			words{Headline: "支払い完了", Amount: "1,280円", Detail: "ありがとうございました", Note: "PayPay"}},
		{"a scheme without a name", agent.Screen{Kind: agent.ScreenPaid, Scheme: "newpay"}, "en",
			words{Headline: "Paid", Detail: "Thank you", Note: "newpay"}},
		{"goods code", agent.Screen{Kind: agent.ScreenFresh, Reason: "goods-code"}, "en",
			words{Headline: "Please show a fresh code", Detail: "That is a goods barcode, not a payment code", Note: "You have not been charged"}},
		{"a word nobody knows", agent.Screen{Kind: agent.ScreenNotPaid, Reason: "lunar"}, "en",
			words{Headline: "Not paid", Detail: "The payment was not made", Note: "You are not charged for this"}},
		{"charged wrongly and given back", agent.Screen{Kind: agent.ScreenNotPaid, Reason: "wrong-answer"}, "en",
			words{Headline: "Not paid", Detail: "The wallet charged a wrong amount. All of it was given back"}},
		{"offline", agent.Screen{Kind: agent.ScreenClosed, Reason: "offline"}, "en",
			words{Headline: "Closed for now", Detail: "No network, nothing is charged", Note: "Please ask the staff"}},
		{"a kind nobody knows is not a success", agent.Screen{Kind: "party", Reason: "paid"}, "en",
			words{Headline: "Starting", Detail: "One moment, please"}},
		{"no screen at all", agent.Screen{}, "en", words{Headline: "Starting", Detail: "One moment, please"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := wordsFor(c.sc, c.lang); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestWriteAmount(t *testing.T) {
	for _, c := range []struct {
		decimal  string
		currency sale.Currency
		zh, en   string
		ja       string
	}{
		{"12.80", "CNY", "12.80 元", "CNY\u00a012.80", "12.80元"},
		{"0.01", "CNY", "0.01 元", "CNY\u00a00.01", "0.01元"},
		{"1280.50", "HKD", "1,280.50 港元", "HKD\u00a01,280.50", "1,280.50香港ドル"},
		{"1234567", "JPY", "1,234,567 日元", "JPY\u00a01,234,567", "1,234,567円"},
		{"100.000", "KWD", "KWD\u00a0100.000", "KWD\u00a0100.000", "KWD\u00a0100.000"},
		{"-1000.00", "CNY", "-1,000.00 元", "CNY\u00a0-1,000.00", "-1,000.00元"},
		{"", "CNY", "", "", ""},
		{"5.00", "", "5.00", "5.00", "5.00"},
	} {
		got := []string{writeAmount(c.decimal, c.currency, "zh"), writeAmount(c.decimal, c.currency, "en"), writeAmount(c.decimal, c.currency, "ja")}
		if want := []string{c.zh, c.en, c.ja}; !slices.Equal(got, want) {
			t.Errorf("%s %s: %q, want %q", c.decimal, c.currency, got, want)
		}
	}
}
