package counter

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
)

// request asks a server without a network, as a browser on this machine would.
func request(s *Server, method, target, body string, head ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:8080"
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		head                     []string
		status                   int
		says                     string
	}{
		{"page", "GET", "/", "", nil, 200, "Charge"},
		{"asset", "GET", "/assets/counter.js", "", nil, 200, "use strict"},
		{"template is no asset", "GET", "/assets/counter.html", "", nil, 404, ""},
		{"state", "GET", "/state", "", nil, 200, `"label":"Goods barcode"`},
		{"zero", "POST", "/sell", `{"amount":"0","currency":"CNY"}`, nil, 400, "above zero"},
		{"no number", "POST", "/sell", `{"amount":"NaN","currency":"CNY"}`, nil, 400, "decimal"},
		{"too many decimals", "POST", "/sell", `{"amount":"1.234","currency":"CNY"}`, nil, 400, "decimals"},
		{"unknown currency", "POST", "/sell", `{"amount":"1","currency":"XXX"}`, nil, 400, "unknown currency"},
		{"again without a sale", "POST", "/sell", `{"again":true}`, nil, 409, "no sale yet"},
		{"nothing to abort", "POST", "/abort", `{}`, nil, 409, "nothing to abort"},
		{"scan", "POST", "/scan", `{"text":"1234"}`, nil, 200, "true"},
		{"show", "POST", "/show", `{"choice":"wechat"}`, nil, 200, "130061098828009406"},
		{"show what is not there", "POST", "/show", `{"choice":"moon"}`, nil, 409, "no code"},
		{"fault", "POST", "/fault", `{"name":"slow","on":true}`, nil, 200, "true"},
		{"palm", "POST", "/palm", `{"name":"hand:1"}`, nil, 200, "true"},
		{"unknown palm", "POST", "/palm", `{"name":"moon"}`, nil, 409, "no such choice"},
		{"unknown fault", "POST", "/fault", `{"name":"moon","on":true}`, nil, 409, "no such fault"},
		{"confirm nothing", "POST", "/confirm", `{"order":"1"}`, nil, 409, "no such order"},
		{"unknown field", "POST", "/scan", `{"text":"1","more":1}`, nil, 400, "unknown field"},
		{"no JSON", "POST", "/scan", `text`, nil, 400, "read the request"},
		{"too long", "POST", "/scan", `{"text":"` + strings.Repeat("1", 20000) + `"}`, nil, 400, "too large"},
		{"a form of another page", "POST", "/scan", `text=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, ""},
		{"another site", "POST", "/scan", `{"text":"1"}`, []string{"Origin", "https://shop.example"}, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(Options{Rig: newToy(), Language: "en"})
			defer s.Close()
			w := request(s, c.method, c.path, c.body, c.head...)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, c.status, c.says)
			}
		})
	}
}

func TestGuarded(t *testing.T) {
	s := New(Options{Rig: newToy()})
	defer s.Close()
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "counter.example"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("a foreign name got %d", w.Code)
	}
}

func TestPolicy(t *testing.T) {
	y := newToy()
	y.display = "http://127.0.0.1:8090/"
	s := New(Options{Rig: y})
	defer s.Close()
	if p := request(s, "GET", "/", "").Header().Get("Content-Security-Policy"); !strings.Contains(p, "frame-src http://127.0.0.1:8090;") {
		t.Errorf("policy %q does not let the customer's screen in", p)
	}
	y.display = ""
	if p := request(s, "GET", "/", "").Header().Get("Content-Security-Policy"); !strings.Contains(p, "frame-src 'none';") {
		t.Errorf("policy %q", p)
	}
}

// TestSale follows a sale by its events: one at a time, aborted by a closed counter.
func TestSale(t *testing.T) {
	y := newToy()
	url, stop := play(t, y, Options{Beat: time.Hour})
	res, err := http.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() (now saleState) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "event: sale" && lines.Scan() {
				if err := json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "data: ")), &now); err != nil {
					t.Fatal(err)
				}
				return now
			}
		}
		t.Fatal("the stream ended")
		return now
	}
	post := func(path, body string) int {
		t.Helper()
		res, err := http.Post(url+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if now := next(); now.Running {
		t.Errorf("at first: %+v", now)
	}
	if c := post("/sell", `{"amount":"12.80","currency":"CNY"}`); c != http.StatusAccepted {
		t.Fatalf("sell: %d", c)
	}
	first := next()
	if !first.Running || first.Amount != "12.80" || first.Transaction == "" {
		t.Errorf("begun: %+v", first)
	}
	if c := post("/sell", `{"amount":"1","currency":"CNY"}`); c != http.StatusConflict {
		t.Errorf("a second sale beside the first: %d", c)
	}
	post("/show", `{"choice":"wechat"}`)
	if now := next(); now.Running || now.Answer == nil || now.Answer.Result != "Success" {
		t.Errorf("ended: %+v", now)
	}
	if c := post("/sell", `{"again":true}`); c != http.StatusAccepted {
		t.Fatalf("ask again: %d", c)
	}
	if now := next(); now.Transaction != first.Transaction {
		t.Errorf("asked again for %q, want %q", now.Transaction, first.Transaction)
	}
	stop() // returns only when the running sale has ended
}

func TestMatch(t *testing.T) {
	cny := func(minor int64) sale.Amount { return sale.Amount{Minor: minor, Currency: "CNY", Exponent: 2} }
	till := func(s sale.State) *TillRow { return &TillRow{Order: "1", Amount: cny(1280), State: s} }
	wallet := func(held int64) *WalletRow { return &WalletRow{Order: "1", Amount: cny(1280), Held: held} }
	hkd := wallet(1280)
	hkd.Amount.Currency = "HKD"
	for _, c := range []struct {
		name   string
		till   *TillRow
		wallet *WalletRow
		want   Verdict
	}{
		{"paid and charged", till(sale.Paid), wallet(1280), Agree},
		{"paid, not charged", till(sale.Paid), nil, Differ},
		{"paid, charged less", till(sale.Paid), wallet(1279), Differ},
		{"paid, charged twice", till(sale.Paid), wallet(2560), Differ},
		{"paid, in another currency", till(sale.Paid), hkd, Differ},
		{"paid, given back", till(sale.Paid), wallet(0), Differ},
		{"declined", till(sale.Declined), nil, Agree},
		{"declined, charged", till(sale.Declined), wallet(1280), Differ},
		{"reversed", till(sale.Reversed), wallet(0), Agree},
		{"refunded", till(sale.ReversedRefunded), wallet(0), Agree},
		{"refunded in the till alone", till(sale.ReversedRefunded), wallet(1280), Differ},
		{"in doubt, charged", till(sale.Unknown), wallet(1280), Open},
		{"sending", till(sale.Sending), nil, Open},
		{"for an operator", till(sale.Manual), wallet(1280), Open},
		{"the till knows nothing of a charge", nil, wallet(1280), Differ},
		{"the till knows nothing of an unpaid order", nil, wallet(0), Agree},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tills []TillRow
			var wallets []WalletRow
			if c.till != nil {
				tills = append(tills, *c.till)
			}
			if c.wallet != nil {
				wallets = append(wallets, *c.wallet)
			}
			pairs := Match(tills, wallets)
			if len(pairs) != 1 || pairs[0].Verdict != c.want {
				t.Errorf("pairs %+v, want %s", pairs, c.want)
			}
		})
	}
	// Two wallets that both charged one order: the second is a difference of its own.
	pairs := Match([]TillRow{*till(sale.Paid)}, []WalletRow{*wallet(1280), *wallet(1280)})
	if len(pairs) != 2 || pairs[0].Verdict != Agree || pairs[1].Verdict != Differ {
		t.Errorf("charged at two wallets: %+v", pairs)
	}
}

// TestLedgersKeepDifferences: however long the books are, a difference is on the page.
func TestLedgersKeepDifferences(t *testing.T) {
	y := newToy()
	amount := sale.Amount{Minor: 1, Currency: "CNY", Exponent: 2}
	for i := range 3 * mostPairs {
		y.till = append(y.till, TillRow{Order: fmt.Sprint("order ", i), Amount: amount, State: sale.Declined})
	}
	y.till = append(y.till, TillRow{Order: "last", Amount: amount, State: sale.Paid})
	s := New(Options{Rig: y})
	defer s.Close()
	var got struct {
		Pairs []Pair
		Sums  map[Verdict]int
	}
	if err := json.Unmarshal(request(s, "GET", "/ledgers", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Pairs) != mostPairs || got.Pairs[0].Order != "last" || got.Sums[Differ] != 1 || got.Sums[Agree] != 3*mostPairs {
		t.Errorf("%d pairs, first %+v, sums %v", len(got.Pairs), got.Pairs[0], got.Sums)
	}
}

// TestTexts compares the keys that can be asked for with the keys that are there.
func TestTexts(t *testing.T) {
	want := map[string]bool{}
	names, _ := filepath.Glob("page/*.html")
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.T "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			want[m[1]] = true
		}
	}
	if len(want) < 20 {
		t.Fatalf("only %d texts are asked for", len(want))
	}
	source, err := os.ReadFile("rig.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\tCode\w+ +CodeKind = "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		want["code."+m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^\tFault\w+ += "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		want["fault."+m[1]] = true
	}
	kinds := []PalmKind{PalmNobody, PalmHand, PalmStranger, PalmFake, PalmMember, PalmAccount, PalmWithdraw}
	for _, k := range kinds {
		want[k.group()] = true
		if k != PalmFake { // says which instrument
			want["palm."+string(k)] = true
		}
	}
	for _, name := range stage.Instruments() {
		want["palm."+name] = true
	}
	if !want["code.id-number"] || !want["fault.answer-lost"] {
		t.Fatal("the constants were not found")
	}
	for lang, table := range texts {
		for key := range want {
			if strings.TrimSpace(table[key]) == "" {
				t.Errorf("%s: no text for %s", lang, key)
			}
		}
		for key, text := range table {
			if !want[key] {
				t.Errorf("%s: nobody asks for %s", lang, key)
			}
			if lang != "en" && text == textsEn[key] {
				t.Errorf("%s: %s is English: %q", lang, key, text)
			}
		}
	}
}
