package display

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/internal/browser"
)

// everyScreen is each kind, with every reason that a customer may be told.
func everyScreen(t *testing.T) []agent.Screen {
	out := []agent.Screen{
		{Kind: agent.ScreenStarting}, {Kind: agent.ScreenIdle},
		{Kind: agent.ScreenOperator, Amount: "98765.43", Currency: "CNY"},
		{Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY"},
		{Kind: agent.ScreenPay, Amount: "9999999999.99", Currency: "MYR"},
		{Kind: agent.ScreenSending, Amount: "12.80", Currency: "CNY", Scheme: "alipay-hk"},
		{Kind: agent.ScreenConfirm, Amount: "12.80", Currency: "CNY", Scheme: "wechatpay"},
		{Kind: agent.ScreenDoubt, Amount: "12.80", Currency: "CNY", Scheme: "wechatpay"},
		{Kind: agent.ScreenUndoing, Amount: "1234567.89", Currency: "CNY"},
		{Kind: agent.ScreenPaid, Amount: "12.80", Currency: "CNY", Scheme: "unionpay"},
		{Kind: agent.ScreenClosing, Amount: "12.80", Currency: "CNY"},
		{Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY", Offer: true},
		{Kind: agent.ScreenFresh, Reason: "merchant-code", Amount: "12.80", Currency: "CNY", Offer: true},
		{Kind: agent.ScreenPay, Amount: "9999999999.99", Currency: "MYR", Reason: "id-number-shape", Code: someCode, CodeEnds: time.Now().Add(time.Hour)},
	}
	out = append(out, palmScreens(t)...)
	for _, r := range reasonsOfCodes(t) {
		out = append(out, agent.Screen{Kind: agent.ScreenFresh, Reason: r, Amount: "12.80", Currency: "CNY"})
	}
	for _, r := range constants(t, "../sale", "Ending") {
		out = append(out, agent.Screen{Kind: agent.ScreenNotPaid, Reason: r, Amount: "12.80", Currency: "CNY"})
	}
	for _, r := range constants(t, "..", "OfferReason") {
		out = append(out, agent.Screen{Kind: agent.ScreenPay, Reason: r, Amount: "12.80", Currency: "CNY"},
			agent.Screen{Kind: agent.ScreenClosing, Reason: r, Amount: "12.80", Currency: "CNY"})
	}
	for _, r := range closingCauses(t) {
		out = append(out, agent.Screen{Kind: agent.ScreenClosed, Reason: r})
	}
	return out
}

// oneOfEach keeps the first screen of each kind.
func oneOfEach(all []agent.Screen) []agent.Screen {
	seen := map[agent.ScreenKind]bool{}
	return slices.DeleteFunc(all, func(sc agent.Screen) bool {
		was := seen[sc.Kind]
		seen[sc.Kind] = true
		return was
	})
}

// keep saves a screenshot where TILLD_SCREENSHOTS says, for a person to look at.
func keep(t *testing.T, p *browser.Page, name string) {
	if dir := os.Getenv("TILLD_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), p.Screenshot(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPages looks at the pages through one headless browser.
func TestPages(t *testing.T) {
	b := browser.Start(t)
	for name, see := range map[string]func(*testing.T, *browser.Browser){
		"customer screen":  seeCustomerScreen,
		"connection lost":  seeConnectionLost,
		"silence":          seeSilence,
		"language buttons": seeLanguageButtons,
		"console":          seeConsole,
		"our code":         seeOffer,
		"our code is gone": seeOfferGone,
		"the button":       seeOfferButton,
		"console refused":  seeConsoleRefused,
		"palm button":      seePalmButton,
		"keypad":           seeKeypad,
		"guidance":         seeGuidance,
		"agreeing":         seeAgreeing,
		"consent":          seeConsent,
		"palm upright":     seePalmUpright,
	} {
		t.Run(name, func(t *testing.T) { see(t, b) })
	}
}

// seeCustomerScreen shows every screen in every language on both panels and compares what
// can be read with what was meant.
func seeCustomerScreen(t *testing.T, b *browser.Browser) {
	for _, size := range [][2]int{{800, 480}, {1024, 600}} {
		for _, lang := range languages {
			t.Run(fmt.Sprintf("%dx%d %s", size[0], size[1], lang), func(t *testing.T) {
				till := newStage()
				url, _ := serve(t, Options{Till: till, Test: true, Beat: 10 * time.Second})
				p := b.Open(t, url+"/?lang="+lang, size[0], size[1])
				p.Until(`document.body.dataset.kind === "idle"`)
				screens := everyScreen(t)
				if size[0] > 800 || testing.Short() { // what fits the small panel fits the large one
					screens = oneOfEach(screens)
				}
				for i, sc := range screens {
					till.show(sc)
					w := wordsFor(sc, lang)
					p.Until(fmt.Sprintf(`document.body.dataset.kind === %q && document.getElementById("detail").textContent === %q && document.getElementById("amount").textContent === %q && document.getElementById("note").textContent === %q && document.getElementById("headline").textContent === %q`,
						sc.Kind, w.Detail, w.Amount, w.Note, w.Headline))
					var read string
					p.Eval("document.body.innerText", &read)
					for _, part := range []string{w.Headline, w.Amount, w.Detail, w.Note, say(lang, "page.test")} {
						if !strings.Contains(read, strings.ReplaceAll(part, "\u00a0", " ")) && !strings.Contains(read, part) {
							t.Errorf("%s %s: %q cannot be read in %q", sc.Kind, sc.Reason, part, read)
						}
					}
					for _, bad := range p.Overflowing() {
						t.Errorf("%s %s: %s", sc.Kind, sc.Reason, bad)
					}
					keep(t, p, fmt.Sprintf("customer-%d-%s-%02d-%s-%s", size[0], lang, i, sc.Kind, sc.Reason))
				}
			})
		}
	}
}

// seeConnectionLost: a page must not go on showing "paid" when nobody vouches for it.
func seeConnectionLost(t *testing.T, b *browser.Browser) {
	till := newStage()
	url, stop := serve(t, Options{Till: till, Test: true, Language: "en", Beat: 400 * time.Millisecond})
	p := b.Open(t, url, 800, 480)
	console := b.Open(t, url+"/console", 800, 480)
	till.show(agent.Screen{Kind: agent.ScreenPaid, Amount: "12.80", Currency: "CNY"})
	p.Until(`document.body.dataset.kind === "paid"`)
	console.Until(`document.getElementById("now").dataset.kind === "paid"`)
	stop()
	p.Until(`document.body.dataset.kind === "lost"`)
	var read string
	p.Eval("document.body.innerText", &read)
	if !strings.Contains(read, "Connection to the till is lost") || strings.Contains(read, "Paid") || !strings.Contains(read, "TEST") {
		t.Errorf("the lost page reads %q", read)
	}
	if bad := p.Overflowing(); len(bad) > 0 {
		t.Error(bad)
	}
	keep(t, p, "customer-lost")
	console.Until(`!document.getElementById("gone").hidden && document.querySelector("main").hidden`)
}

// seeSilence: a till that hangs without closing the connection is lost as well, and the
// page comes back by itself.
func seeSilence(t *testing.T, b *browser.Browser) {
	till := newStage()
	server := New(Options{Till: till, Language: "ja", Beat: 300 * time.Millisecond})
	var hung atomic.Bool
	var open sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		server.ServeHTTP(&silenced{ResponseWriter: w, hung: &hung}, r)
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); open.Wait() })
	p := b.Open(t, srv.URL, 800, 480)
	till.show(agent.Screen{Kind: agent.ScreenPaid, Amount: "5", Currency: "JPY"})
	p.Until(`document.body.dataset.kind === "paid"`)
	hung.Store(true)
	p.Until(`document.body.dataset.kind === "lost"`)
	hung.Store(false)
	p.Until(`document.body.dataset.kind === "paid"`)
}

// silenced swallows what is written while hung is set.
type silenced struct {
	http.ResponseWriter
	hung *atomic.Bool
}

func (s *silenced) Write(p []byte) (int, error) {
	if s.hung.Load() {
		return len(p), nil
	}
	return s.ResponseWriter.Write(p)
}

func (s *silenced) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// seeLanguageButtons goes through the languages by keyboard alone.
func seeLanguageButtons(t *testing.T, b *browser.Browser) {
	till := newStage()
	till.screen = agent.Screen{Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY"}
	url, _ := serve(t, Options{Till: till, Language: "zh", Beat: 10 * time.Second})
	p := b.Open(t, url, 800, 480)
	headline := func(want string) {
		t.Helper()
		p.Until(fmt.Sprintf(`document.getElementById("headline").textContent === %q`, want))
	}
	headline("请付款")
	p.Key("Tab")
	p.Key("Tab")
	p.Key("Enter")
	headline("Please pay")
	p.Until(`document.documentElement.lang === "en" && document.querySelector("[aria-current]").textContent === "English"`)
	var read string
	p.Eval("document.body.innerText", &read)
	if strings.Contains(read, "TEST") {
		t.Errorf("a live till says it is a test: %q", read)
	}
}

func seeConsole(t *testing.T, b *browser.Browser) {
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) {
			till, board := newStage(), health.NewBoard()
			till.payments = somePayments()
			url, _ := serve(t, Options{Till: till, Health: board, Language: lang, Test: true, Beat: 10 * time.Second})
			p := b.Open(t, url+"/console", 800, 480)
			p.Until(fmt.Sprintf(`document.getElementById("health").innerText === %q`, say(lang, "page.healthy")))
			board.Set(health.Cause{Code: "offline", Subject: "wechat-main", Severity: health.Closed, Text: "no network: dial tcp: network is unreachable", Hint: "check the cable <b>"})
			p.Until(`document.getElementById("health").innerText.includes("check the cable <b>")`)
			p.Until(`document.querySelectorAll("#open li").length === 3 && document.querySelectorAll("#recent li").length === 1`)
			till.emit(agent.Event{At: time.Now(), Kind: "scan", Text: "a code was read", Amount: "12.80 CNY"})
			p.Until(`document.getElementById("events").innerText.includes("a code was read")`)

			till.show(agent.Screen{Kind: agent.ScreenOperator, Payment: "P9", Amount: "98765.43", Currency: "CNY"})
			p.Until(`!document.getElementById("ask").hidden && document.activeElement.id === "no"`)
			keep(t, p, "console-"+lang)
			if bad := p.Overflowing(); len(bad) > 0 {
				t.Error(strings.Join(bad, "\n"))
			}
			// The button to the left of the careful one.
			p.Key("Shift+Tab")
			p.Key("Enter")
			until(t, "the decision arrives", func() bool { return len(till.decisions()) == 1 })
			if d := till.decisions()[0]; d != (agent.Confirmation{Payment: "P9", OK: true}) {
				t.Errorf("decided %+v", d)
			}
			till.show(agent.Screen{Kind: agent.ScreenPay, Amount: "98765.43", Currency: "CNY"})
			p.Until(`document.getElementById("ask").hidden`)
		})
	}
}

// seeConsoleRefused: when the till does not take the decision the operator is told.
func seeConsoleRefused(t *testing.T, b *browser.Browser) {
	till := newStage()
	till.refuse = errNotWaiting
	url, _ := serve(t, Options{Till: till, Language: "en", Beat: 10 * time.Second})
	p := b.Open(t, url+"/console", 800, 480)
	till.show(agent.Screen{Kind: agent.ScreenOperator, Payment: "P9", Amount: "98765.43", Currency: "CNY"})
	p.Until(`document.activeElement.id === "no"`)
	p.Key("Enter")
	p.Until(`document.getElementById("ask-failed").textContent.includes("no such payment waits")`)
}
