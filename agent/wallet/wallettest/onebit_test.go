package wallettest_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// message is a request or an answer as it went over the wire.
type message struct {
	method, target string
	status         int
	header         http.Header
	body           []byte
}

// between is a server between a till and a wallet. It passes one request on, and answers
// the following ones to the same target with what edit makes of the wallet's answer. What
// the till asks elsewhere, because of that answer, is passed on as it is.
type between struct {
	t        *testing.T
	target   string
	client   *http.Client
	request  message
	answer   message
	edit     func(answer message) message
	passedOn bool
}

func (b *between) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
	}
	if !b.passedOn {
		b.passedOn = true
		b.request = message{method: r.Method, target: r.RequestURI, header: r.Header.Clone(), body: body}
		if b.answer, err = b.post(b.request); err != nil {
			b.t.Error(err)
		}
	}
	answer := b.edit(b.answer)
	if path(r.RequestURI) != path(b.request.target) {
		if answer, err = b.post(message{method: r.Method, target: r.RequestURI, header: r.Header.Clone(), body: body}); err != nil {
			b.t.Error(err)
		}
	}
	for name, values := range answer.header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.status)
	rw.Write(answer.body)
}

func path(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}

// post sends a request to the wallet as it is.
func (b *between) post(m message) (message, error) {
	r, err := http.NewRequest(m.method, b.target, bytes.NewReader(m.body))
	if err != nil {
		return message{}, err
	}
	r.URL.Opaque = m.target // not escaped again
	r.Header = m.header.Clone()
	resp, err := b.client.Do(r)
	if err != nil {
		return message{}, err
	}
	defer resp.Body.Close()
	answer := message{status: resp.StatusCode, header: resp.Header}
	answer.body, err = io.ReadAll(resp.Body)
	return answer, err
}

// put stands the server between a new till and the wallet.
func put(t *testing.T, w *wallettest.World, name string) (*between, *till) {
	t.Helper()
	b := &between{t: t, target: w.Contract(name).Endpoint, edit: func(m message) message { return m }}
	s := httptest.NewTLSServer(b)
	t.Cleanup(s.Close)
	pool := w.Roots().Clone()
	pool.AddCert(s.Certificate())
	transport := s.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.RootCAs = pool
	b.client = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	l := newTill(t, w, name, s.URL, func(c *wallet.Config) { c.Roots = pool })
	if cert := l.keys.Client; cert != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	}
	return b, l
}

// said is what a client made of an answer, whatever was asked.
type said struct {
	signed  bool
	settled bool // the outcome is not "unknown"
}

// operations is everything that a contract may be asked for. prepare brings about what it is
// asked about, past the server that changes bits.
func operations(l *till) map[string]struct {
	prepare func(direct *till) sale.Attempt
	ask     func(a sale.Attempt) said
} {
	type row = struct {
		prepare func(direct *till) sale.Attempt
		ask     func(a sale.Attempt) said
	}
	ctx := l.t.Context()
	must := func(err error) {
		if err != nil {
			l.t.Error(err)
		}
	}
	of := func(ans sale.Answer, err error) said {
		must(err)
		return said{ans.Signed, ans.Outcome != sale.OutUnknown}
	}
	ofRefund := func(ans sale.RefundAnswer, err error) said {
		must(err)
		return said{ans.Signed, ans.Outcome != sale.RefOutUnknown}
	}
	fresh := func(direct *till) sale.Attempt { return direct.attempt() }
	paid := func(direct *till) sale.Attempt {
		a := direct.attempt()
		if ans := direct.pay(a); ans.Outcome != sale.OutPaid {
			l.t.Errorf("prepare: %s", describe(ans))
		}
		return a
	}
	code := l.w.NewCode(l.name)
	rows := map[string]row{
		"pay":     {fresh, func(a sale.Attempt) said { return of(l.client.Pay(ctx, a, credential(code))) }},
		"query":   {paid, func(a sale.Attempt) said { return of(l.client.Query(ctx, a)) }},
		"reverse": {paid, func(a sale.Attempt) said { return of(l.client.Reverse(ctx, a)) }},
	}
	if c, ok := l.client.(agent.Refunder); ok {
		rows["refund"] = row{paid, func(a sale.Attempt) said { return ofRefund(c.Refund(ctx, a, refundOf(a, 300, 0))) }}
		rows["query-refund"] = row{func(direct *till) sale.Attempt {
			a := paid(direct)
			direct.refund(a, refundOf(a, 300, 0))
			return a
		}, func(a sale.Attempt) said { return ofRefund(c.QueryRefund(ctx, a, refundOf(a, 300, 0))) }}
	}
	if c, ok := l.client.(agent.Offerer); ok {
		rows["offer"] = row{func(direct *till) sale.Attempt { return direct.offered(time.Minute) }, func(a sale.Attempt) said {
			o, err := c.Offer(ctx, a)
			return of(o.Answer, err)
		}}
		rows["close"] = row{func(direct *till) sale.Attempt {
			direct.w.Inject(l.name, wallettest.Fault{Kind: wallettest.Confirm, On: sale.OpOffer}, 1)
			a := direct.offered(time.Minute)
			if err := direct.w.Scan(direct.offer(a).Code); err != nil {
				l.t.Error(err)
			}
			return a
		}, func(a sale.Attempt) said { return of(c.Close(ctx, a)) }}
	}
	return rows
}

// oneBit changes one bit at a time, of every request and every answer of a wallet: the
// wallet must refuse the one, the till must not believe the other. headers are those that a
// signature covers.
func oneBit(t *testing.T, o wallettest.Options, name string, headers ...string) {
	names := []string{}
	for what := range operations(newTill(t, newWorld(t, o), name, "", nil)) {
		names = append(names, what)
	}
	for _, what := range names {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, o)
			b, l := put(t, w, name)
			row := operations(l)[what]
			a := row.prepare(newTill(t, w, name, "", nil))
			if what == "reverse" {
				<-time.After(beforeReverse)
			}
			if got := row.ask(a); !got.signed || !got.settled {
				t.Fatalf("unchanged: %+v", got)
			}
			noViolations(t, w)
			before := fmt.Sprint(w.Ledger())
			requests, refused := changes(b.request, headers), 0
			for _, changed := range requests {
				known := len(w.Violations())
				answer, err := b.post(changed.message)
				switch {
				case broken(w.Violations()[known:]):
					refused++
				case err == nil && answer.status == 200:
					t.Errorf("a request with %s changed is taken: %s", changed.where, answer.body)
				}
			}
			// The rest is no HTTP any more.
			if refused < 50 || refused*10 < len(requests)*9 {
				t.Errorf("the wallet refused %d of %d changed requests by itself", refused, len(requests))
			}
			if after := fmt.Sprint(w.Ledger()); after != before {
				t.Errorf("changed requests changed the ledger:\n%s\n%s", before, after)
			}
			for _, changed := range changes(b.answer, headers) {
				b.edit = func(message) message { return changed.message }
				if got := row.ask(a); got.signed || got.settled {
					t.Errorf("an answer with %s changed is believed: %+v\n%s", changed.where, got, changed.body)
				}
			}
		})
	}
}

// broken reports a rule that was broken by more than sending the same a second time.
func broken(rules []string) bool {
	return slices.ContainsFunc(rules, func(rule string) bool { return !strings.Contains(rule, "used before") })
}

type change struct {
	message
	where string
}

// changes are copies of m with one bit changed: one of every third byte, of the target, the
// headers and the body. Those that mean the same are left out.
func changes(m message, headers []string) (all []change) {
	const step = 3
	for i := 0; i < len(m.body); i += step {
		c := m
		c.body = bytes.Clone(m.body)
		c.body[i] ^= 1 << (i / step % 8)
		if now := string(c.body); !sameForm(now, string(m.body)) && !sameSign(now, string(m.body)) {
			all = append(all, change{c, fmt.Sprintf("byte %d of the body", i)})
		}
	}
	for i := 1; i < len(m.target); i += step {
		c := m
		c.target = flip(m.target, i)
		before, after, _ := bytes.Cut([]byte(m.target), []byte("?"))
		now, query, _ := bytes.Cut([]byte(c.target), []byte("?"))
		if _, err := url.ParseRequestURI(c.target); err == nil && !(string(before) == string(now) && sameForm(string(after), string(query))) {
			all = append(all, change{c, fmt.Sprintf("byte %d of the target", i)})
		}
	}
	for _, name := range headers {
		value := m.header.Get(name)
		for i := 0; i < len(value); i += step {
			c := m
			c.header = m.header.Clone()
			c.header.Set(name, flip(value, i))
			// The case of a serial number means nothing.
			if now := c.header.Get(name); !sameForm(signatureOf(now), signatureOf(value)) && !(name == "Wechatpay-Serial" && strings.EqualFold(now, value)) {
				all = append(all, change{c, fmt.Sprintf("byte %d of %s", i, name)})
			}
		}
	}
	return all
}

// flip changes one bit of byte i to another printable character without space.
func flip(s string, i int) string {
	b := []byte(s)
	for bit := range 7 {
		if c := b[i] ^ 1<<((i+bit)%7); c > ' ' && c < 0x7f && c != '#' {
			b[i] = c
			break
		}
	}
	return string(b)
}

// sameForm reports whether two texts are the same once unescaped: %2b is %2B.
func sameForm(a, b string) bool {
	x, err1 := url.QueryUnescape(a)
	y, err2 := url.QueryUnescape(b)
	return a == b || err1 == nil && err2 == nil && x == y
}

func TestOneBitAlipayPlus(t *testing.T) {
	oneBit(t, wallettest.Options{Also: []string{wallettest.AlipayPlus}, ClockScale: 1}, wallettest.AlipayPlus,
		"Client-Id", "Request-Time", "Response-Time", "Signature")
}

// sameSign reports whether two answers of WeChat Pay's API v2 differ in the case of their
// signature's hex alone.
func sameSign(a, b string) bool {
	from := strings.Index(b, "<sign>")
	to := strings.Index(b, "</sign>")
	return from >= 0 && from < to && len(a) == len(b) && a[:from+6] == b[:from+6] && a[to:] == b[to:] && strings.EqualFold(a, b) &&
		strings.Contains(b, "return_code")
}

func TestOneBitWeChatPay(t *testing.T) {
	oneBit(t, wallettest.Options{SubMerchant: true}, wallettest.WeChatPay,
		"Authorization", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature")
}

func TestOneBitWeChatPayV2(t *testing.T) {
	for _, md5 := range []bool{false, true} {
		t.Run(fmt.Sprintf("MD5 %t", md5), func(t *testing.T) {
			oneBit(t, wallettest.Options{Also: []string{wallettest.WeChatPayV2}, MD5: md5}, wallettest.WeChatPayV2)
		})
	}
}

func TestOneBitAlipay(t *testing.T) {
	oneBit(t, wallettest.Options{SubMerchant: true, ClockScale: 1}, wallettest.Alipay)
}

// signatureOf is the part of a header that signs: what names the algorithm and the key beside
// it decides nothing by itself.
func signatureOf(header string) string {
	if _, signature, ok := strings.Cut(header, "signature="); ok {
		return signature
	}
	return header
}
