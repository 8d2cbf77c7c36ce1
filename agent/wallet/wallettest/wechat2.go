package wallettest

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// wechat2 speaks API v2.
type wechat2 struct {
	w                *World
	keys             pairOf
	key              string // what both sides hold
	certPEM          []byte // of the till's key, for mutual TLS
	clients          *x509.CertPool
	app, merchant    string
	sub, subApp      string
	signTypeOfTheDay string // what the contract's settings say

	mu     sync.Mutex
	nonces map[string]bool
}

func newWechat2(w *World, keys pairOf) (*wechat2, error) {
	d := &wechat2{w: w, keys: keys, key: "simulated0v2key0of032characters0", app: "wxd678efh567hg6787", merchant: "1900000001",
		signTypeOfTheDay: "HMAC-SHA256", clients: x509.NewCertPool(), nonces: map[string]bool{}}
	if w.o.SubMerchant {
		d.sub, d.subApp = "1900000109", "wx8888888888888888"
	}
	if w.o.MD5 {
		d.signTypeOfTheDay = "MD5"
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: d.merchant},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &keys.merchant.PublicKey, keys.merchant)
	if err != nil {
		return nil, err
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	d.clients.AddCert(cert)
	d.certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return d, nil
}

func (d *wechat2) contract() Contract {
	return Contract{
		Schemes: []string{"wechatpay"}, Merchant: d.merchant, SubMerchant: d.sub, KeyPEM: d.keys.merchantPEM,
		Settings: map[string]string{"app_id": d.app, "merchant_id": d.merchant, "sub_merchant_id": d.sub, "sub_app_id": d.subApp,
			"sign_type": d.signTypeOfTheDay, "notify_url": wechatNotify},
		Offers: true, CodeForm: "weixin://wxpay/bizpayurl?pr=%s",
		Files: map[string][]byte{"secret_file": []byte(d.key), "cert_file": d.certPEM},
	}
}

// wants has the server ask for a certificate, which not every request needs.
func (d *wechat2) wants(c *tls.Config) {
	c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, d.clients
}

// wechat2Route is one request: its further fields, with a "?" behind those that may be missing.
type wechat2Route struct {
	op     sale.Op
	fields string
}

var wechat2Routes = map[string]wechat2Route{
	"/pay/micropay":       {sale.OpPay, "out_trade_no body device_info total_fee fee_type spbill_create_ip auth_code scene_info?"},
	"/pay/orderquery":     {sale.OpQuery, "out_trade_no? transaction_id?"},
	"/secapi/pay/reverse": {sale.OpReverse, "out_trade_no"},
	"/pay/unifiedorder": {sale.OpOffer,
		"out_trade_no body device_info total_fee fee_type spbill_create_ip trade_type product_id notify_url time_expire scene_info?"},
	"/pay/closeorder":    {sale.OpClose, "out_trade_no"},
	"/secapi/pay/refund": {sale.OpRefund, "out_trade_no out_refund_no total_fee refund_fee refund_fee_type?"},
	"/pay/refundquery":   {sale.OpQueryRefund, "out_refund_no? out_trade_no? transaction_id?"},
}

// wechat2Forms are what the fields must look like.
var wechat2Forms = map[string]*regexp.Regexp{
	"nonce_str":        regexp.MustCompile(`^[0-9A-Za-z]{8,32}$`),
	"sign":             regexp.MustCompile(`^([0-9A-F]{32}|[0-9A-F]{64})$`),
	"sign_type":        regexp.MustCompile(`^(MD5|HMAC-SHA256)$`),
	"out_trade_no":     regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{6,32}$`),
	"transaction_id":   wechatNumber,
	"out_refund_no":    wechatRefund,
	"product_id":       regexp.MustCompile(`^[0-9A-Za-z_\-]{1,32}$`),
	"body":             regexp.MustCompile(`^[^\x00-\x1f]+$`),
	"device_info":      regexp.MustCompile(`^[ -~]{1,32}$`),
	"spbill_create_ip": regexp.MustCompile(`^[0-9A-Fa-f.:]{2,64}$`),
	"total_fee":        regexp.MustCompile(`^[1-9][0-9]{0,17}$`),
	"refund_fee":       regexp.MustCompile(`^[1-9][0-9]{0,17}$`),
	"fee_type":         regexp.MustCompile(`^CNY$`),
	"refund_fee_type":  regexp.MustCompile(`^CNY$`),
	"auth_code":        wechatCode,
	"trade_type":       regexp.MustCompile(`^NATIVE$`),
	"notify_url":       regexp.MustCompile(`^` + regexp.QuoteMeta(wechatNotify) + `$`),
	"time_expire":      regexp.MustCompile(`^[0-9]{14}$`),
	"scene_info":       regexp.MustCompile(`^\{"store_info":\{"id":"[^"]{1,32}","name":"(\\.|[^"\\])*"\}\}$`),
}

func (d *wechat2) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	o := order{merchant: d.merchant, sub: d.sub, currency: "CNY"}
	route, known := wechat2Routes[r.URL.Path]
	if !known || r.Method != http.MethodPost || r.URL.RawQuery != "" {
		p.add("%s %s", r.Method, r.URL.RequestURI())
		return o, p.list
	}
	o.op = route.op
	in, err := readFlat(body)
	if err != nil {
		p.add("body: %v", err)
		return o, p.list
	}
	o.id, o.code, o.transaction, o.refund, o.signType = in["out_trade_no"], in["auth_code"], in["transaction_id"], in["out_refund_no"], in["sign_type"]
	p.check(!strings.HasPrefix(r.URL.Path, "/secapi/") || r.TLS != nil && len(r.TLS.VerifiedChains) > 0, "no client certificate")
	p.check(strings.HasPrefix(r.Header.Get("Content-Type"), "text/xml"), "Content-Type is not text/xml")
	p.check(r.Header.Get("User-Agent") != "", "no User-Agent")
	d.checkWho(&p, in)
	d.checkFields(&p, in, "appid mch_id sub_appid? sub_mch_id? nonce_str sign sign_type "+route.fields)
	o.total, _ = strconv.ParseInt(in["total_fee"], 10, 64)
	o.amount, _ = strconv.ParseInt(in["refund_fee"], 10, 64)
	if o.op == sale.OpOffer {
		at, err := time.Parse("20060102150405", in["time_expire"])
		p.check(err == nil, "time_expire is not a time of Beijing")
		p.check(in["product_id"] == o.id, "product_id is not the order")
		// A time that is too early is moved to a minute from now.
		o.life = max(time.Until(at.Add(-8*time.Hour)), d.w.scaled(time.Minute))
	}
	return o, p.list
}

// checkWho compares who asks, and the signature.
func (d *wechat2) checkWho(p *problems, in map[string]string) {
	p.check(in["appid"] == d.app && in["mch_id"] == d.merchant, "appid or mch_id of another merchant")
	p.check(in["sub_appid"] == d.subApp && in["sub_mch_id"] == d.sub, "sub_appid or sub_mch_id of another merchant")
	p.check(in["sign_type"] == d.signTypeOfTheDay, "sign_type %q is not the contract's", in["sign_type"])
	p.check(in["sign"] == flatSign(in["sign_type"], in, d.key), "sign does not verify")
	d.mu.Lock()
	defer d.mu.Unlock()
	p.check(!d.nonces[in["nonce_str"]], "nonce_str was used before")
	d.nonces[in["nonce_str"]] = true
}

// checkFields lets no unknown field, no missing one and none of another form pass.
func (d *wechat2) checkFields(p *problems, in map[string]string, list string) {
	may := map[string]bool{}
	for _, name := range strings.Fields(list) {
		name, optional := strings.CutSuffix(name, "?")
		may[name] = true
		p.check(optional || in[name] != "", "%s is missing", name)
	}
	for name, value := range in {
		p.check(may[name], "%.40q is not a field of this request", name)
		p.check(value != "", "%.40q is empty", name)
		form := wechat2Forms[name]
		p.check(form == nil || form.MatchString(value), "%.40q has a wrong form", name)
	}
	p.check(len(in["body"]) <= 127, "body is above 127 bytes")
	p.check(len(in["scene_info"]) <= 256, "scene_info is above 256 bytes")
}
