package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/internal/secret"
)

// canaries plays sales and remembers every secret that was shown.
type canaries struct {
	*till
	needles []needle // every secret
	shown   []needle // those of them that were shown to a scanner, or sent for a code
	sealed  *posclient.Client
	taps    map[string]*tap
	events  *stream
	said    places
}

// TestCanaries plays every kind of sale with secrets that the test knows and searches all
// that can be seen from outside for them.
func TestCanaries(t *testing.T) {
	c := &canaries{taps: map[string]*tap{}, events: &stream{}, said: places{}}
	key := withKey(t, true)
	c.till = open(t, rig.Options{}, func(r *rig.Rig, text string) string { return key(r, c.tapped(t, text)) })
	c.points(t)
	c.events.follow(t, c.till)
	c.needles = append(keyNeedles(t, c.till), needle{"nexo passphrase", []byte(passphrase)})

	c.killed() // first: what follows is searched for in the memory of one process
	c.paid()
	c.notPaid()
	c.refusedCodes()
	c.posCodes()
	c.wrongPassphrase()
	last := c.good("9.90")

	h := spell(c.needles)
	c.lookOutside(t, last)
	c.said.clean(t, h)
	c.wire(t, h)
}

// tapped puts a tap before every wallet.
func (c *canaries) tapped(t testing.TB, text string) string {
	return regexp.MustCompile(`endpoint = "https://([^"]+)"`).ReplaceAllStringFunc(text, func(line string) string {
		address := strings.TrimSuffix(strings.TrimPrefix(line, `endpoint = "https://`), `"`)
		p := listenTap(t, address)
		c.taps["wallet "+address] = p
		return strings.Replace(line, address, p.address(), 1)
	})
}

// points makes the points of sale, one plain and one sealed, behind a tap.
func (c *canaries) points(t testing.TB) {
	address := strings.TrimSuffix(strings.TrimPrefix(c.NexoURL(), "https://"), "/nexo")
	p := listenTap(t, address)
	c.taps["points of sale"] = p
	c.pos = c.client(t, p, "E2E", "")
	c.sealed = c.client(t, p, "SEALED", passphrase)
}

func (c *canaries) client(t testing.TB, p *tap, saleID, phrase string) *posclient.Client {
	t.Helper()
	o := posclient.Options{URL: "https://" + p.address() + "/nexo", Roots: c.roots(), SaleID: saleID, POIID: c.POIID()}
	if phrase != "" {
		o.Key = &posclient.Key{Identifier: "shop", Version: 1, Passphrase: secret.Copy([]byte(phrase))}
	}
	client, err := posclient.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// code draws a payment code that no one may find again.
func (c *canaries) code(wallet, what string) string {
	code := c.canary(what, c.World.NewCode(wallet))
	c.shown = append(c.shown, needle{what, []byte(code)})
	return code
}

// canary keeps any other text that was shown.
func (c *canaries) canary(what, text string) string {
	c.needles = append(c.needles, needle{what, []byte(text)})
	return text
}

func (c *canaries) paid() {
	for _, w := range wallettest.Wallets() {
		done := c.sell("12.80")
		c.show(c.code(w, "a code paid by "+w))
		c.want(done, "Success")
	}
}

func (c *canaries) notPaid() {
	c.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.Declined}, 1)
	done := c.sell("1.10")
	c.show(c.code(wallettest.WeChatPay, "a declined code"))
	c.want(done, "Failure/Refusal")

	c.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.CodeExpired}, 1)
	done = c.sell("1.20")
	mark := c.Watch.Mark()
	c.show(c.code(wallettest.Alipay, "an expired code"))
	c.armed(mark)
	c.show(c.code(wallettest.Alipay, "a code after an expired one"))
	c.want(done, "Success")

	c.inject(wallettest.WeChatPay, wallettest.Fault{Kind: wallettest.DropAnswer}, 1)
	done = c.sell("1.30")
	c.show(c.code(wallettest.WeChatPay, "a code whose answer was lost"))
	c.want(done, "Success")

	c.inject(wallettest.UnionPay, wallettest.Fault{Kind: wallettest.Confirm}, 1)
	await := c.walletEvents()
	done = c.sell("1.40")
	c.show(c.code(wallettest.UnionPay, "a code of an aborted payment"))
	await("pay answered")
	if _, err := c.pos.Abort(c.ctx, c.id(), posclient.Reference{ServiceID: fmt.Sprintf("E%d", c.n.Load()-1)}); err != nil {
		c.t.Fatal(err)
	}
	c.want(done, "Failure/Aborted")
}

// refusedCodes shows everything that is no payment code to one payment, and then pays it.
func (c *canaries) refusedCodes() {
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + rand.IntN(10))
		}
		return string(b)
	}
	document := digits(4)
	shown := []struct{ what, text string }{
		{"a goods code", "]E0" + checked("690"+digits(9), 3)},
		{"a citizen's number", "]Q1" + "11010519491231" + document[:3] + "X"},
		{"a card number", "]Q1" + checked("411111"+digits(9), 2)},
		{"noise", "]Q1" + "garbage/" + digits(20)},
	}
	done := c.sell("2.10")
	for _, s := range shown {
		mark := c.Watch.Mark()
		c.shown = append(c.shown, needle{s.what, []byte(c.canary(s.what, s.text[3:]))})
		if err := c.Scan(s.text); err != nil {
			c.t.Fatal(err)
		}
		c.armed(mark)
	}
	c.show(c.code(wallettest.WeChatPay, "a code after refused ones"))
	c.want(done, "Success")
}

// checked appends a check digit: EAN's with weight 3, a card's (Luhn) with weight 2.
func checked(text string, weight int) string {
	sum := 0
	for i := range text {
		d := int(text[len(text)-1-i] - '0')
		if i%2 == 0 {
			d *= weight
			if weight == 2 && d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return text + string(rune('0'+(10-sum%10)%10))
}

const plainFromPOS = "a code that came plain from the point of sale"

// posCodes: the point of sale scanned the code itself.
func (c *canaries) posCodes() {
	code := c.code(wallettest.Alipay, plainFromPOS)
	c.want(c.ask(posclient.PayRequest{Amount: "3.10", Code: secret.Copy([]byte(code))}), "Success")
	c.sealedPays("a code that came sealed from the point of sale")
}

func (c *canaries) sealedPays(what string) {
	code := c.code(wallettest.Alipay, what)
	a, err := c.sealed.Pay(c.ctx, posclient.PayRequest{ServiceID: c.id(), TransactionID: "basket-sealed", Amount: "3.20", Currency: "CNY",
		Code: secret.Copy([]byte(code))})
	if err != nil || a.Result != "Success" {
		c.t.Fatalf("%s: %+v, %v", what, a, err)
	}
}

// killed: the wallet has charged and not answered when the daemon dies, once by a kill that
// nothing can catch, once by one that makes the runtime print every stack.
func (c *canaries) killed() {
	for _, end := range []struct {
		what string
		die  func()
	}{
		{"a code before kill -9", func() { c.Kill(); c.restart() }},
		{"a code before SIGABRT", func() { c.crash() }},
	} {
		c.inject(wallettest.Alipay, wallettest.Fault{Kind: wallettest.Hold}, 1)
		await := c.walletEvents()
		done := c.sell("4.10")
		c.show(c.code(wallettest.Alipay, end.what))
		await("pay done")
		end.die()
		a := take(c.t, "the end of the connection", done)
		if a.short() != "no answer" {
			c.t.Fatalf("told %s by a dead daemon", a.short())
		}
		c.events.follow(c.t, c.till)
		c.eventually("the payment is decided", func() bool {
			s, err := c.pos.Status(c.ctx, c.id(), posclient.Reference{ServiceID: a.service})
			return err == nil && s.Repeated != nil && s.Repeated.Result == "Success"
		})
		c.scanner()
	}
}

// wrongPassphrase: at the point of sale, and in a configuration.
func (c *canaries) wrongPassphrase() {
	wrong := c.canary("a wrong passphrase", "Wellensittich im Bergwerk 1987")
	client := c.client(c.t, c.taps["points of sale"], "SEALED", wrong)
	code := c.code(wallettest.Alipay, "a code under a wrong passphrase")
	a, err := client.Pay(c.ctx, posclient.PayRequest{ServiceID: c.id(), TransactionID: "basket-wrong", Amount: "5.10", Currency: "CNY",
		Code: secret.Copy([]byte(code))})
	if a.HTTP != 400 || a.Result != "" {
		c.t.Fatalf("under a wrong passphrase: told %+v, %v", a, err)
	}

	text, err := os.ReadFile(c.Config())
	if err != nil {
		c.t.Fatal(err)
	}
	for i, wrong := range []string{"two lines of a passphrase\nand the second one", "\xff\xfe no text of a passphrase"} {
		dir := c.t.TempDir()
		for j, line := range strings.Split(wrong, "\n") {
			c.canary(fmt.Sprintf("wrong passphrase file %d, line %d", i, j), line)
		}
		phrase, config := filepath.Join(dir, "phrase"), filepath.Join(dir, "tilld.toml")
		own := strings.Replace(string(text), filepath.Join(filepath.Dir(c.Config()), "nexo.pass"), phrase, 1)
		for path, content := range map[string]string{phrase: wrong, config: own} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				c.t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"check"}, {"check", "--json"}, {"run"}} {
			out, errs, code := runTilld(c.t, append(args, "--config", config)...)
			c.said["tilld with a wrong passphrase file"] = append(c.said["tilld with a wrong passphrase file"], out+errs...)
			if i == 0 && code != 1 {
				c.t.Errorf("%v with two lines in the passphrase file: exit %d\n%s%s", args, code, out, errs)
			}
		}
	}
}

// lookOutside collects everything that the till shows and leaves behind, and a control for
// each: something that is no secret and must be there.
func (c *canaries) lookOutside(t *testing.T, last told) {
	p, payment := c.said, last.answer.POITransactionID
	c.command("queue", "show", payment) // of the till: it must be there
	p.command(c.till, "status")
	p.command(c.till, "status", "--json")
	p.command(c.till, "devices", "--json")
	list := p.command(c.till, "queue", "ls", "--all", "--json")
	for _, id := range regexp.MustCompile(`"id": "([^"]+)"`).FindAllStringSubmatch(list, -1) {
		p.command(c.till, "queue", "show", id[1])
		p.command(c.till, "queue", "show", id[1], "--json")
	}
	p.page(t, c.till, "/payments")
	p.page(t, c.till, "/screen")
	p.page(t, c.till, "/console")
	p["display /events"] = c.events.bytes()

	plant := "planted-canary-of-the-state"
	state := filepath.Join(filepath.Dir(c.Config()), "state")
	if err := os.WriteFile(filepath.Join(state, "zz-planted"), []byte(plant), 0o600); err != nil {
		t.Fatal(err)
	}
	p.files(t, "the state directory while it runs", state, func(string) bool { return false })
	if os.Geteuid() == 0 {
		c.memory(t)
	} else {
		t.Log("the memory of the daemon is left out: only root may read it")
	}
	c.Kill()
	p.files(t, "the state directory after kill -9", state, func(string) bool { return false })
	c.restart()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	secrets := regexp.MustCompile(`(\.key|keys\.toml|nexo\.pass)$`)
	p.files(t, "the whole folder after an orderly end", filepath.Dir(c.Config()), secrets.MatchString)
	log, err := os.ReadFile(c.Log())
	if err != nil {
		t.Fatal(err)
	}
	p["the log"] = log

	for name, value := range map[string]string{
		"the log": payment, "display /events": payment, "display /payments": payment, "tilld queue ls": payment,
		"tilld queue show": payment, "tilld status --json": c.POIID(), "tilld devices --json": c.Scanner(),
		"the state directory while it runs": plant, "the state directory after kill -9": plant,
		"the whole folder after an orderly end": plant, "tilld with a wrong passphrase file": "passphrase_file",
	} {
		p.found(t, name, value)
	}
}

// wire: nothing but TLS records went over any line, and no secret in them.
func (c *canaries) wire(t *testing.T, h *haystack) {
	for name, p := range c.taps {
		seen := places{}
		total := 0
		for i, b := range p.recorded() {
			n, pure := records(b)
			if total += n; !pure {
				t.Errorf("%s, flow %d: %d bytes that are not all TLS records", name, i, len(b))
			}
			seen[fmt.Sprintf("the wire, %s, flow %d", name, i)] = b
		}
		if total < 10 {
			t.Errorf("%s: %d TLS records were seen", name, total)
		}
		seen.clean(t, h)
		t.Logf("%s: %d flows, %d TLS records", name, len(seen), total)
	}
	// The control: a code in clear on such a line is seen for what it is.
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	p := listenTap(t, sink.Addr().String())
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	plant := "auth_code=" + string(c.needles[len(c.needles)-1].value)
	if _, err := conn.Write([]byte(plant)); err != nil {
		t.Fatal(err)
	}
	c.eventually("the control came through", func() bool {
		all := p.recorded()
		return len(all) > 0 && len(all[0]) == len(plant)
	})
	b := p.recorded()[0]
	if _, pure := records(b); pure {
		t.Error("a code in clear passes for TLS")
	}
	if hits := h.scan(b, 0, len(b), 0); len(hits) != 1 {
		t.Errorf("a code in clear was found %d times", len(hits))
	}
}
