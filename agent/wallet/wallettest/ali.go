package wallettest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// ali speaks Alipay's open platform.
type ali struct {
	keys      pairOf
	publicPEM []byte
	app       string
	// Of a service provider: the merchant's permission and account, and the provider's own.
	token, seller, provider string

	storeOnce    sync.Once // of the host that bills lie on
	storeAddress string
}

func newAlipay(w *World, keys pairOf) (*ali, error) {
	public, err := publicPEM(&keys.platform.PublicKey)
	d := &ali{keys: keys, publicPEM: public, app: "2021000000000001"}
	if w.o.SubMerchant {
		d.token, d.seller, d.provider = "202611BB3aa6afb8ed11400f8d22ad5b94ccae36", "2088102147948060", "2088511833207846"
	}
	return d, err
}

func (d *ali) contract() Contract {
	c := Contract{
		Schemes: []string{"alipay-cn", "alipay-hk"}, KeyID: "alipay-app-key-1", Merchant: d.app, SubMerchant: d.seller,
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.publicPEM, Offers: true, CodeForm: "https://qr.alipay.com/bavh%s",
		Settings: map[string]string{"app_id": d.app, "seller_id": d.seller, "sys_service_provider_id": d.provider},
	}
	if d.token != "" {
		c.Files = map[string][]byte{"secret_file": []byte(d.token + "\n")}
	}
	return c
}

var (
	aliOps = map[string]sale.Op{
		"alipay.trade.pay": sale.OpPay, "alipay.trade.query": sale.OpQuery, "alipay.trade.cancel": sale.OpReverse,
		"alipay.trade.precreate": sale.OpOffer, "alipay.trade.close": sale.OpClose,
		"alipay.trade.refund": sale.OpRefund, "alipay.trade.fastpay.refund.query": sale.OpQueryRefund,
	}
	aliParams = []string{"app_auth_token", "app_id", "biz_content", "charset", "format", "method", "sign", "sign_type", "timestamp", "version"}
	// aliFields are the fields that a method's biz_content may hold.
	aliFields = map[sale.Op][]string{
		sale.OpPay: {"out_trade_no", "scene", "auth_code", "subject", "total_amount", "terminal_id", "store_id", "seller_id",
			"product_code", "extend_params"},
		sale.OpQuery:   {"out_trade_no", "trade_no"},
		sale.OpReverse: {"out_trade_no", "trade_no"},
		sale.OpClose:   {"out_trade_no", "trade_no"},
		sale.OpOffer: {"out_trade_no", "subject", "total_amount", "terminal_id", "store_id", "seller_id", "product_code",
			"extend_params", "time_expire", "qr_code_timeout_express"},
		sale.OpRefund:      {"out_trade_no", "trade_no", "out_request_no", "refund_amount", "refund_reason", "terminal_id", "store_id"},
		sale.OpQueryRefund: {"out_trade_no", "trade_no", "out_request_no"},
	}

	aliCode   = regexp.MustCompile(`^(2[5-9]|30)[0-9]{14,22}$`)
	aliOrder  = regexp.MustCompile(`^[0-9A-Za-z_]{6,64}$`)
	aliTrade  = regexp.MustCompile(`^[0-9]{16,64}$`)
	aliAmount = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})\.[0-9]{2}$`)
	shanghai  = time.FixedZone("Asia/Shanghai", 8*60*60)
)

const aliTimeForm = "2006-01-02 15:04:05"

// aliBiz is biz_content, every field we may send.
type aliBiz struct {
	OutTradeNo  string `json:"out_trade_no"`
	Scene       string `json:"scene"`
	AuthCode    string `json:"auth_code"`
	Subject     string `json:"subject"`
	TotalAmount string `json:"total_amount"`
	TerminalID  string `json:"terminal_id"`
	StoreID     string `json:"store_id"`
	SellerID    string `json:"seller_id"`
	ProductCode string `json:"product_code"`

	ExtendParams struct {
		ServiceProvider string `json:"sys_service_provider_id"`
	} `json:"extend_params"`
	TimeExpire   string `json:"time_expire"`
	CodeTimeout  string `json:"qr_code_timeout_express"`
	TradeNo      string `json:"trade_no"`
	OutRequestNo string `json:"out_request_no"`
	RefundAmount string `json:"refund_amount"`
	RefundReason string `json:"refund_reason"`
}

func (d *ali) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	o := order{merchant: d.app, currency: "CNY"}
	q := r.URL.Query()
	o.op = aliOps[q.Get("method")]
	p.check(r.Method == http.MethodPost && r.URL.Path == "/gateway.do", "%s %s", r.Method, r.URL.Path)
	p.check(o.op != "", "method %q", q.Get("method"))
	p.check(strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"), "Content-Type is not that of a form")
	form, err := url.ParseQuery(string(body))
	p.check(err == nil && len(form) == 1 && len(form["biz_content"]) == 1, "body is not a form with biz_content alone")

	params := map[string]string{"biz_content": form.Get("biz_content")}
	for k, v := range q {
		p.check(len(v) == 1, "parameter %s is repeated", k)
		params[k] = v[0]
	}
	d.checkCommon(&p, params)
	if len(p.list) > 0 {
		return o, p.list
	}
	d.readBiz(&p, &o, []byte(params["biz_content"]))
	return o, p.list
}

func (d *ali) readBiz(p *problems, o *order, text []byte) {
	var in aliBiz
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var fields map[string]json.RawMessage
	if dec.Decode(&in) != nil || json.Unmarshal(text, &fields) != nil {
		p.add("biz_content is not the JSON object it should be")
		return
	}
	for name, value := range fields {
		p.check(slices.Contains(aliFields[o.op], name), "biz_content holds %s", name)
		p.check(string(value) != `""`, "%s is empty", name)
	}
	o.id, o.transaction = in.OutTradeNo, in.TradeNo
	p.check(o.id != "" || o.transaction != "" && o.op != sale.OpPay && o.op != sale.OpOffer, "neither out_trade_no nor trade_no")
	p.check(o.id == "" || aliOrder.MatchString(o.id), "out_trade_no %q", o.id)
	p.check(o.transaction == "" || aliTrade.MatchString(o.transaction), "trade_no %q", o.transaction)
	switch o.op {
	case sale.OpPay:
		d.readPay(p, o, in)
	case sale.OpOffer:
		d.readOffer(p, o, in)
	case sale.OpRefund, sale.OpQueryRefund:
		d.readRefund(p, o, in)
	}
}

func (d *ali) checkCommon(p *problems, params map[string]string) {
	for k := range params {
		p.check(slices.Contains(aliParams, k), "parameter %s is not known", k)
	}
	p.check(params["app_auth_token"] == d.token, "app_auth_token is not the merchant's")
	p.check(params["app_id"] == d.app, "app_id of another app")
	p.check(params["charset"] == "utf-8", "charset %q", params["charset"])
	p.check(params["sign_type"] == "RSA2", "sign_type %q", params["sign_type"])
	p.check(params["version"] == "1.0", "version %q", params["version"])
	at, err := time.ParseInLocation(aliTimeForm, params["timestamp"], shanghai)
	p.check(err == nil && time.Since(at).Abs() < 10*time.Minute, "timestamp %q is not the time in Shanghai", params["timestamp"])

	var keys []string
	for k, v := range params {
		if k != "sign" && v != "" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = k + "=" + params[k]
	}
	p.check(verify(&d.keys.merchant.PublicKey, strings.Join(keys, "&"), params["sign"]), "signature does not verify")
}

func (d *ali) readPay(p *problems, o *order, in aliBiz) {
	o.code = in.AuthCode
	p.check(in.Scene == "bar_code", "scene %q", in.Scene)
	p.check(aliCode.MatchString(in.AuthCode), "auth_code is not 16 to 24 digits from 25 to 30")
	d.readOrder(p, o, in)
}

// readOrder reads what every new order has.
func (d *ali) readOrder(p *problems, o *order, in aliBiz) {
	p.check(in.SellerID == d.seller, "seller_id of another account")
	p.check(in.ExtendParams.ServiceProvider == d.provider, "sys_service_provider_id of another account")
	p.check(in.TerminalID != "", "terminal_id is missing")
	p.check(len(in.StoreID) <= 32, "store_id is above 32 characters")
	p.check(in.Subject != "" && len(in.Subject) <= 256, "subject is missing or above 256 bytes")
	p.check(len(in.TerminalID) <= 32, "terminal_id is above 32 characters")
	o.total = fen(p, "total_amount", in.TotalAmount)
}

// fen reads yuan with two decimals, above zero.
func fen(p *problems, name, text string) (minor int64) {
	p.check(aliAmount.MatchString(text), "%s %q is not yuan with two decimals", name, text)
	if aliAmount.MatchString(text) {
		fmt.Sscan(strings.TrimLeft(strings.Replace(text, ".", "", 1), "0"), &minor)
	}
	p.check(minor > 0, "%s is not above zero", name)
	return minor
}

func yuan(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }

var aliStates = map[string]string{StatePaying: "WAIT_BUYER_PAY", StatePaid: "TRADE_SUCCESS", StateFailed: "WAIT_BUYER_PAY",
	StateClosed: "TRADE_CLOSED", StateRefunded: "TRADE_CLOSED", StateOffered: "WAIT_BUYER_PAY"}

var aliRefusals = map[verdict][4]string{
	vBadCode:     {"40004", "Business Failed", "ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款"},
	vDeclined:    {"40004", "Business Failed", "ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"},
	vUsed:        {"40004", "Business Failed", "ACQ.TRADE_HAS_SUCCESS", "交易已被支付"},
	vClosed:      {"40004", "Business Failed", "ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	vNotFound:    {"40004", "Business Failed", "ACQ.TRADE_NOT_EXIST", "交易不存在"},
	vSystemError: {"20000", "Service Currently Unavailable", "ACQ.SYSTEM_ERROR", "系统繁忙"},
	vBadRequest:  {"40002", "Invalid Arguments", "isv.invalid-parameter", "参数无效"},
}

func (d *ali) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	out := map[string]any{"code": "10000", "msg": "Success", "out_trade_no": e.Order}
	refused, no := aliRefusals[v]
	if own, ok := aliOwnRefusals[o.op][v]; ok {
		refused, no = own, true
	}
	switch {
	case o.op == sale.OpQueryRefund && v == vNotFound:
		// An order without such a refund is no error: the answer is a success that says nothing.
		delete(out, "out_trade_no")
	case no:
		out = map[string]any{"code": refused[0], "msg": refused[1], "sub_code": refused[2], "sub_msg": refused[3]}
		if v != vBadRequest && e.Order != "" {
			out["out_trade_no"] = e.Order
		}
		if o.op == sale.OpReverse {
			out["retry_flag"] = "N"
			if v == vSystemError {
				out["retry_flag"] = "Y"
			}
		}
	case o.op == sale.OpReverse:
		d.cancelled(out, e)
	case o.op == sale.OpClose:
		out["trade_no"] = e.Transaction
	case o.op == sale.OpOffer:
		out["qr_code"] = e.Code
	case o.op == sale.OpRefund:
		d.refunded(out, o, e)
	case o.op == sale.OpQueryRefund:
		d.refundStated(out, o, e)
	default:
		d.stated(out, o.op, e)
	}
	inner, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return 200, http.Header{"Content-Type": {"application/json;charset=utf-8"}}, d.wrap(o.op, inner, how)
}

func (d *ali) cancelled(out map[string]any, e Entry) {
	out["retry_flag"] = "N"
	if e.Transaction != "" {
		out["trade_no"] = e.Transaction
		out["action"] = "close"
		if e.State == StateRefunded {
			out["action"] = "refund"
		}
	}
}

func (d *ali) stated(out map[string]any, op sale.Op, e Entry) {
	out["trade_no"], out["total_amount"] = e.Transaction, yuan(e.TotalMinor)
	// A coupon lowers these: a client that compares the wrong one is found out.
	out["receipt_amount"], out["buyer_pay_amount"] = "0.01", "0.01"
	out["buyer_logon_id"], out["buyer_user_id"] = "159****5620", "2088101117955611"
	if op == sale.OpQuery {
		out["trade_status"] = aliStates[e.State]
		if !e.PaidAt.IsZero() {
			out["send_pay_date"] = aliTime(e.PaidAt)
		}
		return
	}
	if e.State == StatePaying {
		out["code"], out["msg"] = "10003", " order success pay inprocess"
		return
	}
	out["gmt_payment"] = aliTime(e.PaidAt)
}

func aliTime(t time.Time) string { return t.In(shanghai).Format(aliTimeForm) }

// wrap signs the raw bytes of the inner object. One space after the colon and a slash
// escaped the way PHP does are legal JSON that a client must leave as it is.
func (d *ali) wrap(op sale.Op, inner []byte, how signature) []byte {
	method := "unknown"
	for m, o := range aliOps {
		if o == op {
			method = strings.ReplaceAll(m, ".", "_")
		}
	}
	inner = bytes.ReplaceAll(inner, []byte(`/`), []byte(`\/`))
	b := fmt.Appendf(nil, `{"%s_response": %s`, method, inner)
	switch sig := sign(d.keys.platform, string(inner)); how {
	case good:
		b = fmt.Appendf(b, `,"sign":"%s"`, sig)
	case forged:
		b = fmt.Appendf(b, `,"sign":"%s"`, sign(d.keys.platform, string(inner)+" "))
	}
	return append(b, '}')
}
