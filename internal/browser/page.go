package browser

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Page is one tab. Its methods fail the test they were opened for.
type Page struct {
	t       testing.TB
	b       *Browser
	target  string
	session string
}

// Open opens a tab of the given size in pixels on url and closes it with the test.
func (b *Browser) Open(t testing.TB, url string, width, height int) *Page {
	t.Helper()
	p := &Page{t: t, b: b}
	var made struct{ TargetID string }
	p.must(b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &made))
	p.target = made.TargetID
	t.Cleanup(func() { b.call("", "Target.closeTarget", map[string]any{"targetId": p.target}, nil) })
	var attached struct{ SessionID string }
	p.must(b.call("", "Target.attachToTarget", map[string]any{"targetId": p.target, "flatten": true}, &attached))
	p.session = attached.SessionID
	p.Size(width, height)
	p.Go(url)
	return p
}

func (p *Page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

func (p *Page) call(method string, params, out any) {
	p.t.Helper()
	p.must(p.b.call(p.session, method, params, out))
}

// Go loads url and waits until its document is complete.
func (p *Page) Go(url string) {
	p.t.Helper()
	var nav struct{ ErrorText string }
	p.call("Page.navigate", map[string]any{"url": url}, &nav)
	if nav.ErrorText != "" {
		p.t.Fatalf("browser: load %s: %s", url, nav.ErrorText)
	}
	p.Until(`document.readyState === "complete"`)
}

// Size sets the viewport in pixels.
func (p *Page) Size(width, height int) {
	p.t.Helper()
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// Eval runs a JavaScript expression, waits for a promise, and decodes its value into out,
// which may be nil.
func (p *Page) Eval(expression string, out any) {
	p.t.Helper()
	p.must(p.eval(expression, out))
}

func (p *Page) eval(expression string, out any) error {
	var r struct {
		Result struct {
			Value json.RawMessage
		}
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.b.call(p.session, "Runtime.evaluate", map[string]any{
		"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	if err != nil {
		return err
	}
	if e := r.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if out == nil || r.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(r.Result.Value, out)
}

// Until waits, up to 30 s, until a JavaScript expression is true. An expression that throws
// counts as false: the page may be loading.
func (p *Page) Until(expression string) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		var ok bool
		err := p.eval("!!("+expression+")", &ok)
		if err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			var text string
			p.eval("document.body.innerText", &text)
			p.t.Fatalf("browser: never true: %s (last error: %v)\nthe page reads:\n%s", expression, err, text)
		}
	}
}

// keyCodes are the Windows key codes that Chromium wants beside a key's name.
var keyCodes = map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "Backspace": 8, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}

// Key presses and releases a key by its DOM name ("Tab", "Enter", "a"); with shift, "Shift+Tab".
func (p *Page) Key(name string) {
	p.t.Helper()
	modifiers := 0
	if rest, ok := strings.CutPrefix(name, "Shift+"); ok {
		name, modifiers = rest, 8
	}
	event := map[string]any{"type": "keyDown", "key": name, "modifiers": modifiers, "windowsVirtualKeyCode": keyCodes[name]}
	if len(name) == 1 {
		event["text"] = name
	} else if name == "Enter" {
		event["text"] = "\r"
	}
	p.call("Input.dispatchKeyEvent", event, nil)
	p.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": name, "modifiers": modifiers, "windowsVirtualKeyCode": keyCodes[name]}, nil)
}

// Screenshot is the viewport as a PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	p.must(err)
	return png
}

// overflowing lists the visible elements whose text is cut off or runs out of the viewport
// to the side. Lists that scroll on purpose carry the attribute data-scrolls.
const overflowing = `(() => {
  const bad = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) bad.push("the page is " + root.scrollWidth + " wide");
  for (const e of document.body.querySelectorAll("*")) {
    if (e.closest("svg,[data-scrolls]") || !e.checkVisibility() || !e.innerText) continue;
    const box = e.getBoundingClientRect(), name = e.tagName + "#" + e.id + "." + e.className + " " + JSON.stringify(e.innerText.slice(0, 60));
    if (!box.width || !box.height) continue;
    if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) bad.push(name + " is cut: " + e.scrollWidth + " in " + e.clientWidth);
    if (e.clientHeight && getComputedStyle(e).overflowY !== "visible" && e.scrollHeight > e.clientHeight + 1) bad.push(name + " is cut in height: " + e.scrollHeight + " in " + e.clientHeight);
    if (box.left < -1 || box.right > root.clientWidth + 1) bad.push(name + " leaves the screen to the side");
    if (document.body.hasAttribute("data-fits") && e.children.length && e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).display !== "inline") bad.push(name + " holds more than fits: " + e.scrollHeight + " in " + e.clientHeight);
    if (document.body.hasAttribute("data-fits") && (box.top < -1 || box.bottom > root.clientHeight + 1)) bad.push(name + " leaves the screen: " + box.top + " to " + box.bottom);
  }
  return bad;
})()`

// Overflowing lists the elements whose text is cut off or leaves the screen. On a page whose
// body carries the attribute data-fits, everything must be on the screen without scrolling.
func (p *Page) Overflowing() []string {
	p.t.Helper()
	var bad []string
	p.Eval(overflowing, &bad)
	return bad
}
