package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/internal/browser"
	"github.com/tilld/tilld/internal/peer"
)

// someCode is as long as a wallet's code may be expected to be.
const someCode = "https://qr.alipay.com/bax03431ljhokirwl38f00a7"

// decode reads the QR codes of pictures with a decoder that is not ours.
func decode(t *testing.T, pictures ...image.Image) (texts []string) {
	t.Helper()
	var args []string
	for i, p := range pictures {
		rgba := image.NewRGBA(p.Bounds())
		draw.Draw(rgba, rgba.Bounds(), p, p.Bounds().Min, draw.Src)
		file := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(file, rgba.Pix, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, fmt.Sprintf("%dx%d:%s", rgba.Rect.Dx(), rgba.Rect.Dy(), file))
	}
	var found []*string
	if err := json.Unmarshal(peer.Node(t, "testdata/qr.js", args...), &found); err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f == nil {
			texts = append(texts, "")
			continue
		}
		texts = append(texts, *f)
	}
	return texts
}

var square = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// paint draws what an SVG renderer makes of a picture, four pixels to the unit.
func paint(t *testing.T, p *picture) image.Image {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 4*p.Size, 4*p.Size))
	draw.Draw(img, img.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	rest := square.ReplaceAllStringFunc(p.Path, func(s string) string {
		var n [4]int
		for i, text := range square.FindStringSubmatch(s)[1:] {
			n[i], _ = strconv.Atoi(text)
		}
		if n[2] != n[3] || n[0] < quietZone || n[0]+n[2] > p.Size-quietZone || n[1] < quietZone || n[1] >= p.Size-quietZone {
			t.Errorf("%s is not a row inside the quiet zone of %d", s, p.Size)
		}
		draw.Draw(img, image.Rect(4*n[0], 4*n[1], 4*(n[0]+n[2]), 4*n[1]+4), image.NewUniform(color.Black), image.Point{}, draw.Src)
		return ""
	})
	if rest != "" {
		t.Errorf("left of the path: %.60q", rest)
	}
	return img
}

// TestDraw: what we draw, a decoder of other people reads.
func TestDraw(t *testing.T) {
	codes := []string{someCode, "weixin://wxpay/bizpayurl?pr=NwY5Mz9&groupid=00", "1", "01234567890123456789012345678901234567", "HTTPS://QR.95516.COM/00010000/1", "二维码 コード",
		"00020101021129300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A",
		strings.Repeat("a", mostCode)}
	now := time.Now()
	var pictures []image.Image
	for _, code := range codes {
		p, err := drawCode(agent.Screen{Code: code, CodeEnds: now.Add(1500 * time.Millisecond)}, now)
		if err != nil || p.Left != 1500 {
			t.Fatalf("%.40q: %+v, %v", code, p, err)
		}
		pictures = append(pictures, paint(t, p))
	}
	for i, got := range decode(t, pictures...) {
		if got != codes[i] {
			t.Errorf("%q reads as %q", codes[i], got)
		}
	}
	if p, err := drawCode(agent.Screen{Code: "x", CodeEnds: now.Add(-time.Hour)}, now); err != nil || p.Left != 0 {
		t.Errorf("after its end: %+v, %v", p, err)
	}
	if p, err := drawCode(agent.Screen{}, now); p != nil || err != nil {
		t.Errorf("no code: %+v, %v", p, err)
	}
	if _, err := drawCode(agent.Screen{Code: strings.Repeat("a", mostCode+1)}, now); err == nil {
		t.Error("a code of any length is drawn")
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(someCode)
	f.Add("")
	f.Add("\xff\x00\n")
	f.Add("12345")
	f.Fuzz(func(t *testing.T, code string) {
		p, err := drawCode(agent.Screen{Code: code}, time.Now())
		if err == nil && (p == nil) != (code == "") {
			t.Errorf("%q: %+v", code, p)
		}
		if p != nil {
			paint(t, p)
		}
	})
}

// TestOfferRequest: the button's request, and what it may not be.
func TestOfferRequest(t *testing.T) {
	till := newStage()
	url, _ := serve(t, Options{Till: till})
	post := func(kind, body string) int {
		r, err := http.Post(url+"/offer", kind, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	for _, c := range []struct {
		kind, body string
		want       int
	}{
		{"application/json", `{"payment":"P1"}`, 200},
		{"text/plain", `{"payment":"P1"}`, 415},
		{"application/json", `{"payment":"P1","x":1}`, 400},
		{"application/json", strings.Repeat("x", 2000), 400},
	} {
		if got := post(c.kind, c.body); got != c.want {
			t.Errorf("%s %.30s: %d, want %d", c.kind, c.body, got, c.want)
		}
	}
	till.refuse = agent.ErrNoOffer
	if got := post("application/json", `{"payment":"P2"}`); got != 409 {
		t.Errorf("refused: %d", got)
	}
	if got := till.wishes(); !slices.Equal(got, []string{"P1"}) {
		t.Errorf("the till heard %q", got)
	}
}

// seeOffer reads the code off the screen, on both panels and upright.
func seeOffer(t *testing.T, b *browser.Browser) {
	for _, size := range [][2]int{{800, 480}, {1024, 600}, {480, 800}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			till := newStage()
			url, _ := serve(t, Options{Till: till, Test: true, Language: "zh", Beat: 10 * time.Second})
			p := b.Open(t, url, size[0], size[1])
			till.show(agent.Screen{Kind: agent.ScreenPay, Amount: "1234.50", Currency: "CNY", Code: someCode, CodeEnds: time.Now().Add(100 * time.Second)})
			p.Until(`document.body.hasAttribute("data-code") && document.getElementById("left").textContent !== ""`)
			var left string
			p.Eval(`document.getElementById("left").textContent`, &left)
			if n, _ := strconv.Atoi(strings.Trim(left, "剩余秒 ")); n < 1 || n > 100 {
				t.Errorf("the page says %q", left)
			}
			shot, err := png.Decode(bytes.NewReader(p.Screenshot()))
			if err != nil {
				t.Fatal(err)
			}
			if got := decode(t, shot)[0]; got != someCode {
				t.Errorf("the screen reads as %q", got)
			}
			var side float64
			p.Eval(`document.getElementById("code").getBoundingClientRect().width`, &side)
			if side < 300 {
				t.Errorf("the code is %.0f pixels wide, want 300 to be scanned from a distance", side)
			}
			if bad := p.Overflowing(); len(bad) > 0 {
				t.Error(strings.Join(bad, "\n"))
			}
			keep(t, p, fmt.Sprintf("offer-%d", size[0]))
			p.Until(fmt.Sprintf(`document.getElementById("left").textContent !== %q`, left)) // it counts down
			till.show(agent.Screen{Kind: agent.ScreenClosing})
			p.Until(`document.body.dataset.kind === "closing" && !document.getElementById("code").checkVisibility() && !document.querySelector("#code path").hasAttribute("d")`)
		})
	}
}

// seeOfferGone: the page takes a code away by itself when its time is over, and when nobody
// vouches for it.
func seeOfferGone(t *testing.T, b *browser.Browser) {
	till := newStage()
	url, stop := serve(t, Options{Till: till, Language: "en", Beat: 400 * time.Millisecond})
	p := b.Open(t, url, 800, 480)
	gone := `!document.getElementById("code").checkVisibility() && !document.querySelector("#code path").hasAttribute("d")`
	code := agent.Screen{Kind: agent.ScreenPay, Amount: "1.00", Currency: "CNY", Code: someCode, CodeEnds: time.Now().Add(1200 * time.Millisecond)}
	till.show(code)
	p.Until(`document.getElementById("code").checkVisibility()`)
	p.Until(gone)
	code.CodeEnds = time.Now().Add(time.Hour)
	till.show(code)
	p.Until(`document.getElementById("code").checkVisibility()`)
	stop()
	p.Until(`document.body.dataset.kind === "lost" && ` + gone)
}

// seeOfferButton presses the button without a mouse, in every language.
func seeOfferButton(t *testing.T, b *browser.Browser) {
	for _, lang := range languages {
		till := newStage()
		url, _ := serve(t, Options{Till: till, Language: lang, Beat: 10 * time.Second})
		p := b.Open(t, url, 800, 480)
		till.show(agent.Screen{Kind: agent.ScreenPay, Payment: "P7", Amount: "12.80", Currency: "CNY", Offer: true})
		p.Until(`document.getElementById("offer").checkVisibility()`)
		var box struct{ Width, Height float64 }
		p.Eval(`(({width, height}) => ({width, height}))(document.getElementById("offer").getBoundingClientRect())`, &box)
		if box.Height < 56 || box.Width < 120 {
			t.Errorf("%s: the button is %.0f by %.0f pixels", lang, box.Width, box.Height)
		}
		if bad := p.Overflowing(); len(bad) > 0 {
			t.Errorf("%s: %s", lang, strings.Join(bad, "\n"))
		}
		keep(t, p, "offer-button-"+lang)
		for range len(languages) + 1 {
			p.Key("Tab")
		}
		p.Until(`document.activeElement.id === "offer"`)
		p.Key("Enter")
		until(t, "the wish arrives", func() bool { return len(till.wishes()) == 1 })
		if got := till.wishes()[0]; got != "P7" {
			t.Errorf("%s: the wish is for %q", lang, got)
		}
		p.Until(`document.getElementById("offer").disabled`)
		till.show(agent.Screen{Kind: agent.ScreenPay, Payment: "P7", Amount: "12.80", Currency: "CNY"})
		p.Until(`!document.getElementById("offer").checkVisibility()`)
	}
}
