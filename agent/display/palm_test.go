package display

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/browser"
)

// palmScreens is each screen of palms, with every word that a person may be told.
func palmScreens(t *testing.T) []agent.Screen {
	const who = "Palm Example International"
	at := func(s agent.Screen) agent.Screen {
		s.Payment, s.Step, s.Modality, s.Provider = "P1", 7, biometric.Palm, who
		return s
	}
	pay := func(s agent.Screen) agent.Screen {
		s = at(s)
		s.Amount, s.Currency = "1234567.89", "CNY"
		return s
	}
	out := []agent.Screen{
		{Kind: agent.ScreenIdle, Palm: true, Withdraw: true},
		{Kind: agent.ScreenPay, Payment: "P1", Amount: "12.80", Currency: "CNY", Offer: true, Palm: true},
		{Kind: agent.ScreenPay, Payment: "P1", Amount: "1234567.89", Currency: "CNY", Reason: "id-number-shape", Code: someCode, CodeEnds: time.Now().Add(time.Hour), Palm: true},
		pay(agent.Screen{Kind: agent.ScreenClaim, Skip: true, Letters: true}),
		pay(agent.Screen{Kind: agent.ScreenPresent}), pay(agent.Screen{Kind: agent.ScreenMatching}),
		pay(agent.Screen{Kind: agent.ScreenAgree, Name: "W** M**********", Ends: time.Now().Add(20 * time.Second)}),
		at(agent.Screen{Kind: agent.ScreenConsent, MinAge: 14}), at(agent.Screen{Kind: agent.ScreenConsent, MinAge: 14, Reason: string(agent.PalmBoxes)}),
		at(agent.Screen{Kind: agent.ScreenAccount, Letters: true}), at(agent.Screen{Kind: agent.ScreenWithdraw}), at(agent.Screen{Kind: agent.ScreenSaving}),
		at(agent.Screen{Kind: agent.ScreenEnrolled, Name: "W** M**"}), at(agent.Screen{Kind: agent.ScreenWithdrawn}),
	}
	for _, g := range constants(t, "../../biometric", "Guidance") {
		out = append(out, pay(agent.Screen{Kind: agent.ScreenPresent, Guide: biometric.Guidance(g), Taken: 1, Of: 3}))
	}
	for _, r := range constants(t, "..", "PalmReason") {
		out = append(out, agent.Screen{Kind: agent.ScreenPay, Reason: r, Amount: "12.80", Currency: "CNY", Palm: true, Offer: true})
	}
	for _, r := range []agent.PalmReason{agent.PalmQuality, agent.PalmOff} { // the longest
		out = append(out, at(agent.Screen{Kind: agent.ScreenNotEnrolled, Reason: string(r)}), at(agent.Screen{Kind: agent.ScreenNotWithdrawn, Reason: string(r)}))
	}
	for _, r := range []agent.PalmReason{agent.PalmMember, agent.PalmNoMember} {
		out = append(out, pay(agent.Screen{Kind: agent.ScreenClaim, Reason: string(r)}))
	}
	return append(out, at(agent.Screen{Kind: agent.ScreenAccount, Letters: true, Reason: string(agent.PalmNoApp)}))
}

// TestPalmRequests: what a page may send, and what the till hears of it.
func TestPalmRequests(t *testing.T) {
	const form = "application/json"
	for _, c := range []struct {
		name, path, kind, body string
		refuse                 error
		status                 int
		touched                *agent.Touch
		begun                  string
	}{
		{"pay", "/palm", form, `{"payment":"P1"}`, nil, 200, nil, "present palm P1"},
		{"pay, not waiting", "/palm", form, `{"payment":"P1"}`, agent.ErrNoPalm, 409, nil, ""},
		{"pay, unknown", "/palm", form, `{"payment":"P1"}`, queue.ErrNotFound, 404, nil, ""},
		{"pay, as a form", "/palm", "text/plain", `{"payment":"P1"}`, nil, 415, nil, ""},
		{"enrol", "/palm/enrol", form, `{}`, nil, 200, nil, "enrol palm"},
		{"enrol, with consent on the way", "/palm/enrol", form, `{"biometric":true,"transfer":true,"age":true}`, nil, 400, nil, ""},
		{"withdraw", "/palm/withdraw", form, `{}`, nil, 200, nil, "withdraw palm"},
		{"yes", "/palm/touch?lang=en", form, `{"payment":"P1","step":7,"deed":"yes"}`, nil, 200, &agent.Touch{Payment: "P1", Step: 7, Deed: agent.DeedYes, Language: "en"}, ""},
		{"yes, late", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"yes"}`, agent.ErrNoPalm, 409, nil, ""},
		{"yes, without a step", "/palm/touch", form, `{"payment":"P1","deed":"yes"}`, nil, 400, nil, ""},
		{"yes, without a payment", "/palm/touch", form, `{"step":7,"deed":"yes"}`, nil, 400, nil, ""},
		{"yes, with boxes", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"yes","age":true,"biometric":true,"transfer":true}`, nil, 400, nil, ""},
		{"yes, with one box", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"yes","age":true}`, nil, 400, nil, ""},
		{"agree", "/palm/touch?lang=ja", form, `{"payment":"P1","step":7,"deed":"agree","age":true,"biometric":false,"transfer":true}`, nil, 200,
			&agent.Touch{Payment: "P1", Step: 7, Deed: agent.DeedAgree, Language: "ja", Age: true, Transfer: true}, ""},
		{"agree, a box is missing", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"agree","age":true,"biometric":true}`, nil, 400, nil, ""},
		{"agree, no boxes", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"agree"}`, nil, 400, nil, ""},
		{"agree, boxes are not true or false", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"agree","age":"yes","biometric":1,"transfer":null}`, nil, 400, nil, ""},
		{"type nothing", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"type"}`, nil, 400, nil, ""},
		{"a code with yes", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"yes","code":"1"}`, nil, 400, nil, ""},
		{"more than was asked", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"yes","amount":1}`, nil, 400, nil, ""},
		{"too long", "/palm/touch", form, `{"payment":"P1","step":7,"deed":"type","code":"` + strings.Repeat("1", 2000) + `"}`, nil, 400, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			till := newStage()
			till.refuse = c.refuse
			s := New(Options{Till: till})
			if w := request(s, "POST", c.path, c.body, "Content-Type", c.kind); w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			var want []agent.Touch
			if c.touched != nil {
				want = []agent.Touch{*c.touched}
			}
			if got := till.touches(); !slices.Equal(got, want) {
				t.Errorf("touched %+v, want %+v", got, want)
			}
			if got := strings.Join(till.beginnings(), "; "); got != c.begun {
				t.Errorf("begun %q, want %q", got, c.begun)
			}
			if w := request(s, "POST", c.path, c.body, "Content-Type", c.kind, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
				t.Errorf("from another site: %d", w.Code)
			}
			if w := request(s, "GET", c.path, ""); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("by GET: %d", w.Code)
			}
		})
	}
	t.Run("a typed code", func(t *testing.T) {
		till := newStage()
		w := request(New(Options{Till: till}), "POST", "/palm/touch", `{"payment":"P1","step":7,"deed":"type","code":"M-20417"}`, "Content-Type", form)
		if got := till.touches(); w.Code != 200 || len(got) != 1 || string(got[0].Code.Reveal()) != "M-20417" {
			t.Errorf("%d, touched %+v", w.Code, got)
		}
	})
}

// tabTo goes through what can be focused until it is there.
func tabTo(t *testing.T, p *browser.Page, there string) {
	t.Helper()
	for range 40 {
		p.Key("Tab")
		var ok bool
		if p.Eval(there, &ok); ok {
			return
		}
	}
	t.Fatalf("the keyboard does not reach it: %s", there)
}

// seePalmButton presses the button without a mouse.
func seePalmButton(t *testing.T, b *browser.Browser) {
	till := newStage()
	url, _ := serve(t, Options{Till: till, Language: "en", Beat: 10 * time.Second})
	p := b.Open(t, url, 800, 480)
	till.show(agent.Screen{Kind: agent.ScreenPay, Payment: "P7", Amount: "12.80", Currency: "CNY", Offer: true, Palm: true})
	p.Until(`document.getElementById("palm").checkVisibility()`)
	for range len(languages) + 2 {
		p.Key("Tab")
	}
	p.Until(`document.activeElement.id === "palm"`)
	p.Key("Enter")
	until(t, "the wish arrives", func() bool { return slices.Equal(till.beginnings(), []string{"present palm P7"}) })
	p.Until(`document.getElementById("palm").disabled`)
	till.show(agent.Screen{Kind: agent.ScreenIdle, Palm: true, Withdraw: true})
	p.Until(`!document.getElementById("palm").checkVisibility() && document.getElementById("enrol").checkVisibility()`)
	p.Eval(`document.getElementById("withdraw").click()`, nil)
	until(t, "the wish arrives", func() bool { return len(till.beginnings()) == 2 && till.beginnings()[1] == "withdraw palm" })
	till.show(agent.Screen{Kind: agent.ScreenIdle})
	p.Until(`!document.getElementById("enrol").checkVisibility() && !document.getElementById("withdraw").checkVisibility()`)
}

// seeKeypad types a code by touch and by keyboard.
func seeKeypad(t *testing.T, b *browser.Browser) {
	till := newStage()
	url, _ := serve(t, Options{Till: till, Language: "en", Beat: 10 * time.Second})
	p := b.Open(t, url, 800, 480)
	claim := agent.Screen{Kind: agent.ScreenClaim, Payment: "P7", Step: 3, Amount: "12.80", Currency: "CNY", Letters: true, Skip: true}
	till.show(claim)
	p.Until(`document.getElementById("pad").checkVisibility()`)
	var small []string
	sizes := `[...document.querySelectorAll("#pad button, #deeds button:not([hidden])")].filter((b) => { const r = b.getBoundingClientRect(); return r.width < 44 || r.height < 44; }).map((b) => b.textContent)`
	p.Eval(sizes, &small)
	press := func(text string) {
		p.Eval(fmt.Sprintf(`[...document.querySelectorAll("#keys button")].find((b) => b.textContent === %q).click()`, text), nil)
	}
	press("ABC")
	press("M")
	press("-")
	if bad := p.Overflowing(); len(bad) > 0 {
		t.Error(strings.Join(bad, "\n"))
	}
	keep(t, p, "palm-letters")
	p.Eval(sizes, &small)
	if len(small) > 0 {
		t.Errorf("too small to press: %q", small)
	}
	press("123")
	for _, d := range []string{"2", "0", "4", "1", "8", "Delete"} {
		press(d)
	}
	// A word that changes because something else was read leaves what is typed.
	claim.Reason = string(agent.PalmNoMember)
	till.show(claim)
	p.Until(`document.getElementById("note").textContent === "That is not a member code" && document.getElementById("typed").textContent === "M-2041"`)
	p.Eval(`document.activeElement.blur()`, nil)
	p.Eval(`dispatchEvent(new KeyboardEvent("keydown", {key: "7"}))`, nil)
	p.Until(`document.getElementById("typed").textContent === "M-20417"`)
	p.Key("Enter")
	until(t, "the code arrives", func() bool { return len(till.touches()) == 1 })
	if x := till.touches()[0]; x.Payment != "P7" || x.Step != 3 || x.Deed != agent.DeedType || string(x.Code.Reveal()) != "M-20417" {
		t.Errorf("touched %+v %q", x, x.Code.Reveal())
	}
	claim.Step++
	till.show(claim)
	p.Until(`document.getElementById("typed").textContent === ""`)
	tabTo(t, p, `document.activeElement.dataset.deed === "stop"`)
	p.Key("Enter")
	until(t, "the wish arrives", func() bool { return len(till.touches()) == 2 && till.touches()[1].Deed == agent.DeedStop })
}

// seeGuidance shows an outline and the arrow that goes with the word, and no picture.
func seeGuidance(t *testing.T, b *browser.Browser) {
	till := newStage()
	url, _ := serve(t, Options{Till: till, Language: "en", Beat: 10 * time.Second})
	p := b.Open(t, url, 800, 480)
	for guide, arrow := range map[biometric.Guidance]string{biometric.MoveCloser: "nearer", biometric.MoveLeft: "left", biometric.SensorComplete: "done", biometric.MoveSlower: ""} {
		till.show(agent.Screen{Kind: agent.ScreenPresent, Payment: "P7", Step: 4, Guide: guide})
		p.Until(fmt.Sprintf(`document.getElementById("hand").dataset.arrow === %q && document.getElementById("headline").textContent === %q`, arrow, say("en", "guide."+string(guide))))
		var visible []string
		p.Eval(`[...document.querySelectorAll("#hand .arrow")].filter((a) => getComputedStyle(a).display !== "none").map((a) => a.classList[1])`, &visible)
		if got := strings.Join(visible, " "); got != arrow {
			t.Errorf("%s: arrows %q", guide, got)
		}
		keep(t, p, "palm-guide-"+string(guide))
	}
	var pictures int
	p.Eval(`document.querySelectorAll("img, video, canvas").length`, &pictures)
	if pictures > 0 {
		t.Errorf("%d pictures on the page", pictures)
	}
	p.Until(`document.activeElement.dataset.deed === "stop"`)
}

// seeAgreeing: a stray Enter says no.
func seeAgreeing(t *testing.T, b *browser.Browser) {
	for _, lang := range languages {
		till := newStage()
		url, _ := serve(t, Options{Till: till, Language: lang, Beat: 10 * time.Second})
		p := b.Open(t, url, 800, 480)
		sc := agent.Screen{Kind: agent.ScreenAgree, Payment: "P7", Step: 5, Amount: "12.80", Currency: "CNY", Name: "W** M**", Ends: time.Now().Add(20 * time.Second)}
		till.show(sc)
		p.Until(`document.activeElement.dataset.deed === "no" && document.getElementById("left").textContent !== ""`)
		var boxes []struct{ Width, Height float64 }
		p.Eval(`[...document.querySelectorAll("#deeds button:not([hidden])")].map((b) => (({width, height}) => ({width, height}))(b.getBoundingClientRect()))`, &boxes)
		if len(boxes) != 2 || boxes[0].Height < 80 || boxes[1].Width < 180 {
			t.Errorf("%s: the buttons are %+v", lang, boxes)
		}
		p.Key("Enter")
		until(t, "no arrives", func() bool { return len(till.touches()) == 1 })
		sc.Step++
		till.show(sc)
		p.Until(`document.activeElement.dataset.deed === "no" && !document.activeElement.disabled`)
		p.Key("Tab")
		p.Key("Enter")
		until(t, "yes arrives", func() bool { return len(till.touches()) == 2 })
		if got := till.touches(); got[0].Deed != agent.DeedNo || got[0].Step != 5 || got[1].Deed != agent.DeedYes || got[1].Step != 6 {
			t.Errorf("touched %+v", got)
		}
	}
}

// seeConsent reads the text and ticks the boxes by keyboard: none of them is ticked before.
func seeConsent(t *testing.T, b *browser.Browser) {
	for _, lang := range languages {
		till := newStage()
		url, _ := serve(t, Options{Till: till, Language: lang, Beat: 10 * time.Second})
		p := b.Open(t, url, 800, 480)
		sc := agent.Screen{Kind: agent.ScreenConsent, Payment: "E1", Step: 2, Provider: "Palm Example", MinAge: 14}
		till.show(sc)
		p.Until(`document.activeElement.id === "terms"`)
		want, _ := agent.Consent(lang, "Palm Example", 14)
		var read []string
		p.Eval(`[...document.querySelectorAll("#terms p, #boxes span")].map((e) => e.textContent)`, &read)
		if !slices.Equal(read, append(want.Terms, want.Age, want.Biometric, want.Transfer)) {
			t.Errorf("%s: the page reads %q", lang, read)
		}
		var ticked []bool
		state := `["age", "biometric", "transfer"].map((id) => document.getElementById(id).checked)`
		p.Eval(state, &ticked)
		if !slices.Equal(ticked, []bool{false, false, false}) {
			t.Errorf("%s: ticked from the start: %v", lang, ticked)
		}
		var scrolls bool
		p.Eval(`(() => { const t = document.getElementById("terms"); t.scrollTop = 1e6; return t.scrollTop > 0 && t.scrollHeight - t.clientHeight - t.scrollTop < 2; })()`, &scrolls)
		if !scrolls {
			t.Errorf("%s: the end of the text cannot be reached", lang)
		}
		p.Key("Tab")
		p.Until(`document.activeElement.id === "age"`)
		p.Eval(`document.activeElement.click()`, nil)
		p.Key("Tab")
		p.Key("Tab")
		p.Until(`document.activeElement.id === "transfer"`)
		p.Key("Tab")
		p.Key("Tab")
		p.Until(`document.activeElement.id === "agree"`)
		p.Key("Enter")
		until(t, "the boxes arrive", func() bool { return len(till.touches()) == 1 })
		if got, want := till.touches()[0], (agent.Touch{Payment: "E1", Step: 2, Deed: agent.DeedAgree, Age: true, Language: lang}); got != want {
			t.Errorf("%s: touched %+v, want %+v", lang, got, want)
		}
		sc.Step, sc.Reason = 3, string(agent.PalmBoxes)
		till.show(sc)
		p.Until(fmt.Sprintf(`document.getElementById("note").textContent === %q && !document.getElementById("agree").disabled`, say(lang, "reason.palm-boxes")))
		p.Eval(state, &ticked)
		if !slices.Equal(ticked, []bool{true, false, false}) {
			t.Errorf("%s: asked again, ticked %v", lang, ticked)
		}
		keep(t, p, "palm-consent-"+lang)
		till.show(agent.Screen{Kind: agent.ScreenIdle})
		p.Until(`document.body.dataset.kind === "idle"`)
		till.show(sc)
		p.Until(`document.body.dataset.kind === "consent"`)
		p.Eval(state, &ticked)
		if !slices.Equal(ticked, []bool{false, false, false}) {
			t.Errorf("%s: the next person finds %v", lang, ticked)
		}
	}
}

// seePalmUpright: the screens fit a panel that stands.
func seePalmUpright(t *testing.T, b *browser.Browser) {
	till := newStage()
	url, _ := serve(t, Options{Till: till, Test: true, Language: "ja", Beat: 10 * time.Second})
	p := b.Open(t, url, 480, 800)
	for i, sc := range oneOfEach(palmScreens(t)) {
		sc.Step = uint64(100 + i)
		till.show(sc)
		p.Until(fmt.Sprintf(`document.body.dataset.kind === %q`, sc.Kind))
		for _, bad := range p.Overflowing() {
			t.Errorf("%s: %s", sc.Kind, bad)
		}
		keep(t, p, fmt.Sprintf("palm-upright-%02d-%s", i, sc.Kind))
	}
}
