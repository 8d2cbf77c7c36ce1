package wallettest

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// wechat speaks API v3.
type wechat struct {
	keys                    pairOf
	certPEM                 []byte
	serial                  string
	app, merchant, sub, our string

	mu     sync.Mutex
	nonces map[string]bool
}

func newWechat(w *World, keys pairOf) (*wechat, error) {
	certPEM, serial, err := platformCertificate(keys.platform)
	if err != nil {
		return nil, err
	}
	d := &wechat{keys: keys, certPEM: certPEM, serial: serial, app: "wxd678efh567hg6787", merchant: "1900000001",
		our: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", nonces: map[string]bool{}}
	if w.o.SubMerchant {
		d.sub = "1900000109"
	}
	return d, nil
}

func (d *wechat) contract() Contract {
	return Contract{
		Schemes: []string{"wechatpay"}, KeyID: d.our, Merchant: d.merchant, SubMerchant: d.sub,
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.certPEM,
		Settings: map[string]string{"app_id": d.app, "merchant_id": d.merchant, "sub_merchant_id": d.sub},
	}
}

var (
	wechatOrder  = regexp.MustCompile(`^[0-9A-Za-z_\-*]{6,32}$`)
	wechatCode   = regexp.MustCompile(`^1[0-5][0-9]{16}$`)
	wechatAuth   = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 (.*)$`)
	wechatParam  = regexp.MustCompile(`^(mchid|nonce_str|timestamp|serial_no|signature)="([^"]*)"$`)
	wechatRoutes = regexp.MustCompile(`^/v3/pay/(partner/)?transactions/(?:(codepay)|out-trade-no/([^/]*)(/reverse)?)$`)
)

// wechatPay is the body of a code payment, every field we may send.
type wechatPay struct {
	AppID       string `json:"appid"`
	MchID       string `json:"mchid"`
	SpAppID     string `json:"sp_appid"`
	SpMchID     string `json:"sp_mchid"`
	SubMchID    string `json:"sub_mchid"`
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	Payer       struct {
		AuthCode string `json:"auth_code"`
	} `json:"payer"`
	Amount struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Scene struct {
		DeviceID string `json:"device_id"`
		DeviceIP string `json:"device_ip"`
		Store    struct {
			ID    string `json:"id"`
			OutID string `json:"out_id"`
		} `json:"store_info"`
	} `json:"scene_info"`
}

func (d *wechat) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	o := order{merchant: d.merchant, sub: d.sub, currency: "CNY"}
	route := wechatRoutes.FindStringSubmatch(r.URL.Path)
	switch {
	case route == nil:
		p.add("path %s", r.URL.Path)
		return o, p.list
	case route[2] == "codepay" && r.Method == http.MethodPost:
		o.op = sale.OpPay
	case route[4] == "/reverse" && r.Method == http.MethodPost:
		o.op, o.id = sale.OpReverse, route[3]
	case route[2] == "" && route[4] == "" && r.Method == http.MethodGet:
		o.op, o.id = sale.OpQuery, route[3]
	default:
		p.add("%s %s", r.Method, r.URL.Path)
		return o, p.list
	}
	p.check((route[1] != "") == (d.sub != ""), "partner path and sub-merchant do not go together")
	d.authorize(&p, r, body)
	switch o.op {
	case sale.OpQuery:
		d.checkQuery(&p, r.URL.Query())
	default:
		d.readBody(&p, &o, body)
	}
	p.check(wechatOrder.MatchString(o.id), "out_trade_no %q", o.id)
	return o, p.list
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
	p.check(strings.EqualFold(auth["serial_no"], d.our), "authorization with another key")
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

func (d *wechat) checkQuery(p *problems, q url.Values) {
	want := url.Values{"mchid": {d.merchant}}
	if d.sub != "" {
		want = url.Values{"sp_mchid": {d.merchant}, "sub_mchid": {d.sub}}
	}
	p.check(q.Encode() == want.Encode(), "query of another merchant")
}

// readBody reads the body of a payment or a reverse, and lets no unknown field pass.
func (d *wechat) readBody(p *problems, o *order, body []byte) {
	var in wechatPay
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		p.add("body is not the JSON object it should be")
		return
	}
	if d.sub == "" {
		p.check(in.AppID == d.app && in.MchID == d.merchant, "appid or mchid of another merchant")
		p.check(in.SpAppID == "" && in.SpMchID == "" && in.SubMchID == "", "partner fields without a partner")
	} else {
		p.check(in.SpAppID == d.app && in.SpMchID == d.merchant && in.SubMchID == d.sub, "sp_appid, sp_mchid or sub_mchid of another merchant")
	}
	if o.op != sale.OpPay {
		return
	}
	o.id, o.code, o.total, o.currency = in.OutTradeNo, in.Payer.AuthCode, in.Amount.Total, in.Amount.Currency
	p.check(wechatCode.MatchString(o.code), "auth_code is not 18 digits from 10 to 15")
	p.check(o.total > 0, "amount.total is not above zero")
	p.check(o.currency == "CNY", "amount.currency is not CNY")
	p.check(in.Description != "" && len(in.Description) <= 127, "description is missing or above 127 bytes")
	p.check(in.Scene.DeviceID != "" && len(in.Scene.DeviceID) <= 32, "scene_info.device_id is missing or above 32 characters")
	p.check(len(in.Scene.DeviceIP) <= 45, "scene_info.device_ip is above 45 characters")
}

// wechatStates names the ledger's states.
var wechatStates = map[string]string{StatePaying: "USERPAYING", StatePaid: "SUCCESS", StateFailed: "PAYERROR",
	StateClosed: "REVOKED", StateRefunded: "REFUND"}

var wechatRefusals = map[verdict]struct {
	status        int
	code, message string
}{
	vBadCode:     {400, "AUTH_CODE_INVALID", "付款码已过期，请刷新再试"},
	vDeclined:    {403, "NOT_ENOUGH", "用户账号余额不足"},
	vUsed:        {400, "ORDERPAID", "订单已支付"},
	vClosed:      {400, "ORDER_REVERSED", "订单已撤销"},
	vNotFound:    {404, "ORDER_NOT_EXIST", "订单不存在"},
	vSystemError: {500, "SYSTEM_ERROR", "系统异常，请稍后重试"},
	vBadRequest:  {400, "PARAM_ERROR", "参数错误"},
}

func (d *wechat) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	status := 200
	var out map[string]any
	refused, no := wechatRefusals[v]
	switch {
	case no:
		status = refused.status
		out = map[string]any{"code": refused.code, "message": refused.message}
	case o.op == sale.OpReverse:
		out = d.echo(e)
	default:
		out = d.echo(e)
		out["trade_type"], out["trade_state"], out["trade_state_desc"] = "MICROPAY", wechatStates[e.State], wechatStates[e.State]
		out["transaction_id"] = e.Transaction
		// What the payer paid is less than the order's total, as with a coupon: a client that
		// compares the wrong one is found out.
		out["amount"] = map[string]any{"total": e.TotalMinor, "currency": e.Currency, "payer_total": e.TotalMinor - 1, "payer_currency": e.Currency}
		out["payer"] = map[string]any{"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
		if !e.PaidAt.IsZero() {
			out["success_time"] = e.PaidAt.Format(time.RFC3339)
		}
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return status, d.sign(body, how), body
}

func (d *wechat) echo(e Entry) map[string]any {
	if d.sub != "" {
		return map[string]any{"sp_appid": d.app, "sp_mchid": e.Merchant, "sub_mchid": e.SubMerchant, "out_trade_no": e.Order}
	}
	return map[string]any{"appid": d.app, "mchid": e.Merchant, "out_trade_no": e.Order}
}

func (d *wechat) sign(body []byte, how signature) http.Header {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if how == missing {
		return h
	}
	timestamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), digits(20)
	sig := sign(d.keys.platform, timestamp+"\n"+nonce+"\n"+string(body)+"\n")
	if how == forged {
		sig = "WECHATPAY/SIGNTEST/" + sig[19:]
	}
	h.Set("Wechatpay-Timestamp", timestamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", d.serial)
	h.Set("Wechatpay-Signature", sig)
	h.Set("Request-Id", digits(16))
	return h
}

// PlatformKey is the public half of what signs WeChat Pay's answers, for foreign clients.
func (w *World) PlatformKey(wallet string) *rsa.PublicKey {
	pairs, err := loadKeys()
	if err != nil {
		panic(fmt.Sprintf("the keys were loaded before: %v", err))
	}
	return &pairs[wallet].platform.PublicKey
}
