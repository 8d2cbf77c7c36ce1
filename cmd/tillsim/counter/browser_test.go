package counter

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/browser"
)

// keep saves a screenshot where TILLD_SCREENSHOTS says, for a person to look at.
func keep(t *testing.T, p *browser.Page, name string) {
	if dir := os.Getenv("TILLD_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), p.Screenshot(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	answered = `document.getElementById("answer").className === %q`
	framed   = `document.querySelector("iframe").src.endsWith("?lang=%s")`
)

// TestPage plays at the counter through one headless browser.
func TestPage(t *testing.T) {
	b := browser.Start(t)
	for name, see := range map[string]func(*testing.T, *browser.Browser){
		"keyboard sale":  seeKeyboardSale,
		"our code":       seeOurCode,
		"frame":          seeFrame,
		"layout":         seeLayout,
		"fault switch":   seeFaultSwitch,
		"palms":          seePalms,
		"simulator gone": seeSimulatorGone,
	} {
		t.Run(name, func(t *testing.T) { see(t, b) })
	}
}

// seeKeyboardSale sells, is refused a goods barcode, pays with a wallet and confirms as
// the customer, without a mouse.
func seeKeyboardSale(t *testing.T, b *browser.Browser) {
	y := newToy()
	url, _ := play(t, y, Options{Language: "en"})
	p := b.Open(t, url, 800, 480)
	p.Until(`document.getElementById("codes").children.length === 12 && !document.getElementById("gone").offsetHeight`)
	y.SetFault(FaultConfirm, true)

	for _, k := range []string{"1", "2", ".", "8", "Enter"} {
		p.Key(k)
	}
	p.Until(fmt.Sprintf(answered, "running"))
	p.Key("g") // the goods barcode
	p.Until(`document.getElementById("code").value === "6901234567892"`)
	p.Key("a")
	p.Until(`!document.getElementById("confirm").disabled`)
	keep(t, p, "counter-confirm")
	// From the page's start to the customer's button by Tab alone.
	for range 60 {
		var here bool
		p.Eval(`document.activeElement.id === "confirm"`, &here)
		if here {
			break
		}
		p.Key("Tab")
	}
	p.Key("Enter")
	p.Until(fmt.Sprintf(answered, "yes"))
	p.Until(`document.getElementById("answer").textContent === "Success 12.80 CNY"`)
	p.Until(`document.getElementById("events").innerText.includes("till state")`)
	p.Until(`document.querySelectorAll("#pairs .agree").length === 1`)

	// The same basket again: the same transaction.
	p.Eval(`document.getElementById("again").focus()`, nil)
	p.Key("Enter")
	p.Until(fmt.Sprintf(answered, "running"))
	p.Key("Escape")
	p.Until(fmt.Sprintf(answered, "no"))
	if s := y.transactions(); len(s) != 2 || s[0] != s[1] {
		t.Errorf("transactions %q, want the same one twice", s)
	}
}

// seeOurCode: the customer scans our code, a part of it is given back, and the rest at the
// return desk.
func seeOurCode(t *testing.T, b *browser.Browser) {
	y := newToy()
	url, _ := play(t, y, Options{Language: "en"})
	p := b.Open(t, url, 800, 480)
	p.Until(`document.getElementById("codes").children.length === 12 && document.getElementById("ours").disabled && document.getElementById("part").disabled`)
	for _, k := range []string{"1", "2", ".", "8", "Enter"} {
		p.Key(k)
	}
	p.Until(`!document.getElementById("ours").disabled`)
	p.Eval(`document.getElementById("ours").click()`, nil)
	p.Until(`document.getElementById("ours").textContent === "Scan our code"`)
	keep(t, p, "counter-ours")
	p.Eval(`document.getElementById("ours").click()`, nil)
	p.Until(fmt.Sprintf(answered, "yes"))
	p.Until(`document.getElementById("ours").textContent === "Show our code" && document.getElementById("ours").disabled`)

	p.Key("5")
	p.Eval(`document.getElementById("part").click()`, nil)
	p.Until(`document.getElementById("answer").textContent === "Success 5.00 CNY"`)
	p.Key("3")
	p.Eval(`document.getElementById("desk").click()`, nil)
	p.Until(fmt.Sprintf(answered, "running"))
	p.Key("l") // the bill
	p.Until(`document.getElementById("answer").textContent === "Success 3.00 CNY"`)
	y.mu.Lock()
	defer y.mu.Unlock()
	if want := []string{"5.00 CNY of 7K2M9QX1ABCDEF00000001", "3.00 CNY of 4200001234"}; !slices.Equal(y.refunds, want) {
		t.Errorf("given back: %q, want %q", y.refunds, want)
	}
}

// seeFrame: the customer's screen is tilld's own page, and tilld lets it be framed.
func seeFrame(t *testing.T, b *browser.Browser) {
	y := newToy()
	url, _ := play(t, y, Options{Language: "ja"})
	p := b.Open(t, url, 800, 480)
	p.Until(fmt.Sprintf(framed, "ja"))
	// A refused frame never asks for its events; the toy counts who watches.
	p.Until(`document.getElementById("codes").children.length === 12`)
	watched := func() bool { y.mu.Lock(); defer y.mu.Unlock(); return len(y.screens) > 0 }
	for deadline := time.NewTimer(10 * time.Second); !watched(); {
		select {
		case <-deadline.C:
			t.Fatal("the customer's screen is not shown")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// seeLayout looks at every tab in every language on both panels.
func seeLayout(t *testing.T, b *browser.Browser) {
	for _, size := range [][2]int{{800, 480}, {1024, 600}} {
		for _, lang := range languages {
			t.Run(fmt.Sprintf("%dx%d %s", size[0], size[1], lang), func(t *testing.T) {
				y := newToy()
				amount := sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}
				row := func(n string, s sale.State, told string) TillRow {
					return TillRow{Order: "7K2M9QX1ABCDEF0000000" + n, Amount: amount, State: s, Told: told}
				}
				held := func(n, state string, minor int64) WalletRow {
					return WalletRow{Wallet: "wechatpay", Order: "7K2M9QX1ABCDEF0000000" + n, Amount: amount, State: state, Held: minor}
				}
				y.till = []TillRow{row("410131", sale.Paid, "Success"), row("310142", sale.Unknown, ""), row("210153", sale.Declined, "Failure"), row("110164", sale.ReversedRefunded, "Failure")}
				y.wallets = []WalletRow{held("410131", "SUCCESS", 1280), held("210153", "SUCCESS", 1280), held("110164", "REFUND", 0)}
				url, _ := play(t, y, Options{Language: lang})
				p := b.Open(t, url, size[0], size[1])
				p.Until(`document.getElementById("codes").children.length === 12 && document.querySelectorAll("#pairs .differ").length === 1`)
				for _, tab := range []string{"events", "ledgers", "palm", "faults"} {
					p.Eval(fmt.Sprintf(`document.getElementById("tab-%s").click()`, tab), nil)
					p.Until(fmt.Sprintf(`document.getElementById(%q).offsetHeight > 0`, tab))
					if bad := p.Overflowing(); len(bad) > 0 {
						t.Errorf("%s:\n%s", tab, strings.Join(bad, "\n"))
					}
					keep(t, p, fmt.Sprintf("counter-%d-%s-%s", size[0], lang, tab))
				}
			})
		}
	}
}

// seeFaultSwitch turns a switch by keyboard and sees it on the tab.
func seeFaultSwitch(t *testing.T, b *browser.Browser) {
	y := newToy()
	url, _ := play(t, y, Options{Language: "en"})
	p := b.Open(t, url, 800, 480)
	p.Until(`document.getElementById("faults").children.length === 13`)
	p.Eval(`document.getElementById("tab-events").focus()`, nil)
	p.Key("ArrowLeft") // around to the last tab
	p.Key("Tab")
	p.Key("Enter")
	p.Until(`document.getElementById("switched").textContent === "1" && document.querySelector("[data-fault=wallet-down]").getAttribute("aria-checked") === "true"`)
	if !y.fault(FaultWalletDown) {
		t.Error("the wallet is up")
	}
}

// seePalms holds a hand over the camera, and a print, by keyboard and mouse.
func seePalms(t *testing.T, b *browser.Browser) {
	y := newToy()
	url, _ := play(t, y, Options{Language: "en"})
	p := b.Open(t, url, 800, 480)
	p.Until(`document.querySelectorAll("#palms button").length === 15 && !document.getElementById("tab-palm").hidden`)
	p.Eval(`document.getElementById("tab-palm").click()`, nil)
	p.Eval(`document.querySelector("[data-palm='hand:1']").focus()`, nil)
	p.Key("Enter")
	p.Until(`document.querySelector("[data-palm='hand:1']").getAttribute("aria-pressed") === "true" && document.getElementById("lit").textContent === "A lamp shines"`)
	p.Eval(`document.querySelector("[data-palm='fake:laser-print']").click()`, nil)
	p.Until(`document.querySelector("[data-palm='fake:laser-print']").getAttribute("aria-pressed") === "true" && document.getElementById("lit").textContent === "All lamps are off"`)
	if y.Palm("moon") == nil {
		t.Error("there is no moon")
	}
}

// seeSimulatorGone: the page says so when nobody answers any more.
func seeSimulatorGone(t *testing.T, b *browser.Browser) {
	y := newToy()
	url, stop := play(t, y, Options{Language: "en", Beat: 300 * time.Millisecond})
	p := b.Open(t, url, 800, 480)
	p.Until(`document.getElementById("codes").children.length === 12`)
	stop()
	p.Until(`!document.getElementById("gone").hidden && document.querySelector("main").inert`)
}
