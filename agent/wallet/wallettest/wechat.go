package wallettest

import (
	"crypto/rsa"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// wechat speaks API v3.
type wechat struct {
	w                       *World
	keys                    pairOf
	v3Key                   []byte // the APIv3 key
	app, merchant, sub, our string

	mu        sync.Mutex
	nonces    map[string]bool
	platforms []platform // the certificates in the list, the newest last
	signing   int        // the one that signs
}

// platform is a key that signs answers, and its certificate.
type platform struct {
	key     *rsa.PrivateKey
	certPEM []byte
	serial  string
}

func newWechat(w *World, keys pairOf) (*wechat, error) {
	certPEM, serial, err := platformCertificate(keys.platform, 1)
	if err != nil {
		return nil, err
	}
	d := &wechat{w: w, keys: keys, v3Key: []byte("simulated-APIv3-key-of-32-bytes."), app: "wxd678efh567hg6787", merchant: "1900000001",
		our: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", nonces: map[string]bool{}, platforms: []platform{{keys.platform, certPEM, serial}}}
	if w.o.SubMerchant {
		d.sub = "1900000109"
	}
	return d, nil
}

func (d *wechat) contract() Contract {
	return Contract{
		Schemes: []string{"wechatpay"}, KeyID: d.our, Merchant: d.merchant, SubMerchant: d.sub,
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.platforms[0].certPEM,
		Settings: map[string]string{"app_id": d.app, "merchant_id": d.merchant, "sub_merchant_id": d.sub, "notify_url": wechatNotify},
		Offers:   true, CodeForm: "weixin://wxpay/bizpayurl?pr=%s", Files: map[string][]byte{"secret_file": d.v3Key},
	}
}

// wechatNotify is where payments of shown codes are announced; nobody is there.
const wechatNotify = "https://notify.example/wechatpay"

var (
	wechatOrder  = regexp.MustCompile(`^[0-9A-Za-z_\-*]{6,32}$`)
	wechatRefund = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{1,64}$`)
	wechatCode   = regexp.MustCompile(`^1[0-5][0-9]{16}$`)
	wechatNumber = regexp.MustCompile(`^[0-9]{28,32}$`)
	wechatAuth   = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 (.*)$`)
	wechatParam  = regexp.MustCompile(`^(mchid|nonce_str|timestamp|serial_no|signature)="([^"]*)"$`)
)

// wechatRoute is one request of API v3. Groups of path: "partner/", and the number in it.
type wechatRoute struct {
	method string
	path   *regexp.Regexp
	op     sale.Op
	number func(o *order, s string)
	body   func(d *wechat, p *problems, o *order, body []byte)
}

func wechatOrderNo(o *order, s string) { o.id = s }

// wechatRoutes is the table of requests, after
// https://pay.weixin.qq.com/doc/v3/merchant (code payment, Native, refunds).
var wechatRoutes = []wechatRoute{
	{"POST", regexp.MustCompile(`^/v3/pay/(partner/)?transactions/codepay()$`), sale.OpPay, nil, (*wechat).readPay},
	{"POST", regexp.MustCompile(`^/v3/pay/(partner/)?transactions/native()$`), sale.OpOffer, nil, (*wechat).readOffer},
	{"POST", regexp.MustCompile(`^/v3/pay/(partner/)?transactions/out-trade-no/([^/]*)/reverse$`), sale.OpReverse, wechatOrderNo, (*wechat).readReverse},
	{"POST", regexp.MustCompile(`^/v3/pay/(partner/)?transactions/out-trade-no/([^/]*)/close$`), sale.OpClose, wechatOrderNo, (*wechat).readClose},
	{"GET", regexp.MustCompile(`^/v3/pay/(partner/)?transactions/out-trade-no/([^/]*)$`), sale.OpQuery, wechatOrderNo, nil},
	{"GET", regexp.MustCompile(`^/v3/pay/(partner/)?transactions/id/([^/]*)$`), sale.OpQuery, func(o *order, s string) { o.transaction = s }, nil},
	{"POST", regexp.MustCompile(`^/v3/refund/domestic/refunds()()$`), sale.OpRefund, nil, (*wechat).readRefund},
	{"GET", regexp.MustCompile(`^/v3/refund/domestic/refunds()/([^/]*)$`), sale.OpQueryRefund, func(o *order, s string) { o.refund = s }, nil},
}

func (d *wechat) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	o := order{merchant: d.merchant, sub: d.sub, currency: "CNY"}
	for _, route := range wechatRoutes {
		m := route.path.FindStringSubmatch(r.URL.Path)
		if m == nil || route.method != r.Method {
			continue
		}
		o.op = route.op
		if route.number != nil {
			route.number(&o, m[2])
		}
		if strings.HasPrefix(r.URL.Path, "/v3/pay/") {
			p.check((m[1] != "") == (d.sub != ""), "partner path and sub-merchant do not go together")
		}
		d.authorize(&p, r, body)
		p.check(r.URL.RawQuery == d.queryOf(route), "query %q", r.URL.RawQuery)
		if route.body != nil {
			route.body(d, &p, &o, body)
		} else {
			p.check(len(body) == 0, "a query has no body")
		}
		d.checkNumbers(&p, o)
		return o, p.list
	}
	p.add("%s %s", r.Method, r.URL.Path)
	return o, p.list
}

// queryOf is what the query of a request must say.
func (d *wechat) queryOf(r wechatRoute) string {
	switch {
	case r.op == sale.OpQuery && d.sub != "":
		return "sp_mchid=" + d.merchant + "&sub_mchid=" + d.sub
	case r.op == sale.OpQuery:
		return "mchid=" + d.merchant
	case r.op == sale.OpQueryRefund && d.sub != "":
		return "sub_mchid=" + d.sub
	}
	return ""
}

func (d *wechat) checkNumbers(p *problems, o order) {
	switch {
	case o.op == sale.OpQueryRefund:
		p.check(wechatRefund.MatchString(o.refund), "out_refund_no %q", o.refund)
		return
	case o.op == sale.OpRefund:
		p.check(wechatRefund.MatchString(o.refund), "out_refund_no %q", o.refund)
	}
	if o.transaction != "" {
		p.check(wechatNumber.MatchString(o.transaction), "transaction_id %q", o.transaction)
		return
	}
	p.check(wechatOrder.MatchString(o.id), "out_trade_no %q", o.id)
}

// authorize checks the header Authorization and the signature it carries.
func (d *wechat) authorize(p *problems, r *http.Request, body []byte) {
	m := wechatAuth.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		p.add("no WECHATPAY2-SHA256-RSA2048 authorization")
		return
	}
	auth := map[string]string{}
	for _, part := range strings.Split(m[1], ",") {
		kv := wechatParam.FindStringSubmatch(part)
		if kv == nil || auth[kv[1]] != "" {
			p.add("authorization is malformed")
			return
		}
		auth[kv[1]] = kv[2]
	}
	p.check(auth["mchid"] == d.merchant, "authorization of another merchant")
	p.check(auth["serial_no"] == d.our, "authorization with another key")
	seconds, err := strconv.ParseInt(auth["timestamp"], 10, 64)
	p.check(err == nil && time.Since(time.Unix(seconds, 0)).Abs() < 5*time.Minute, "timestamp is off by five minutes or more")
	message := r.Method + "\n" + r.URL.RequestURI() + "\n" + auth["timestamp"] + "\n" + auth["nonce_str"] + "\n" + string(body) + "\n"
	p.check(verify(&d.keys.merchant.PublicKey, message, auth["signature"]), "signature does not verify")
	p.check(r.Header.Get("Accept") == "application/json", "Accept is not application/json")
	p.check(r.Header.Get("User-Agent") != "", "no User-Agent")
	d.mu.Lock()
	defer d.mu.Unlock()
	p.check(len(auth["nonce_str"]) >= 8 && len(auth["nonce_str"]) <= 32 && !d.nonces[auth["nonce_str"]], "nonce_str is short, long or used before")
	d.nonces[auth["nonce_str"]] = true
}
