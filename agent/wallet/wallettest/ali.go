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

	storeOnce    sync.Once // of the host that bills lie on
	storeAddress string
}

func newAlipay(keys pairOf) (*ali, error) {
	public, err := publicPEM(&keys.platform.PublicKey)
	return &ali{keys: keys, publicPEM: public, app: "2021000000000001"}, err
}

func (d *ali) contract() Contract {
	return Contract{
		Schemes: []string{"alipay-cn", "alipay-hk"}, KeyID: "alipay-app-key-1", Merchant: d.app,
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.publicPEM,
		Settings: map[string]string{"app_id": d.app, "seller_id": ""},
	}
}

var (
	aliOps = map[string]sale.Op{"alipay.trade.pay": sale.OpPay, "alipay.trade.query": sale.OpQuery, "alipay.trade.cancel": sale.OpReverse}

	aliCode   = regexp.MustCompile(`^(2[5-9]|30)[0-9]{14,22}$`)
	aliOrder  = regexp.MustCompile(`^[0-9A-Za-z_]{6,64}$`)
	aliAmount = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})\.[0-9]{2}$`)
	shanghai  = time.FixedZone("Asia/Shanghai", 8*60*60)
)

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
	var in aliBiz
	dec := json.NewDecoder(bytes.NewReader([]byte(params["biz_content"])))
	dec.DisallowUnknownFields()
	if dec.Decode(&in) != nil {
		p.add("biz_content is not the JSON object it should be")
		return o, p.list
	}
	o.id = in.OutTradeNo
	p.check(aliOrder.MatchString(o.id), "out_trade_no %q", o.id)
	if o.op == sale.OpPay {
		d.readPay(&p, &o, in)
	}
	return o, p.list
}

func (d *ali) checkCommon(p *problems, params map[string]string) {
	p.check(params["app_id"] == d.app, "app_id of another app")
	p.check(params["charset"] == "utf-8", "charset %q", params["charset"])
	p.check(params["sign_type"] == "RSA2", "sign_type %q", params["sign_type"])
	p.check(params["version"] == "1.0", "version %q", params["version"])
	at, err := time.ParseInLocation("2006-01-02 15:04:05", params["timestamp"], shanghai)
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
	p.check(in.Subject != "" && len(in.Subject) <= 256, "subject is missing or above 256 bytes")
	p.check(len(in.TerminalID) <= 32, "terminal_id is above 32 characters")
	p.check(aliAmount.MatchString(in.TotalAmount), "total_amount %q is not yuan with two decimals", in.TotalAmount)
	if aliAmount.MatchString(in.TotalAmount) {
		fmt.Sscan(strings.TrimLeft(strings.Replace(in.TotalAmount, ".", "", 1), "0"), &o.total)
	}
	p.check(o.total > 0, "total_amount is not above zero")
}

var aliStates = map[string]string{StatePaying: "WAIT_BUYER_PAY", StatePaid: "TRADE_SUCCESS", StateFailed: "WAIT_BUYER_PAY",
	StateClosed: "TRADE_CLOSED", StateRefunded: "TRADE_CLOSED"}

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
	switch {
	case no:
		out = map[string]any{"code": refused[0], "msg": refused[1], "sub_code": refused[2], "sub_msg": refused[3]}
		if v != vBadRequest {
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
	yuan := fmt.Sprintf("%d.%02d", e.TotalMinor/100, e.TotalMinor%100)
	out["trade_no"], out["total_amount"] = e.Transaction, yuan
	// A coupon lowers these: a client that compares the wrong one is found out.
	out["receipt_amount"], out["buyer_pay_amount"] = "0.01", "0.01"
	out["buyer_logon_id"], out["buyer_user_id"] = "159****5620", "2088101117955611"
	if op == sale.OpQuery {
		out["trade_status"] = aliStates[e.State]
		if !e.PaidAt.IsZero() {
			out["send_pay_date"] = e.PaidAt.In(shanghai).Format("2006-01-02 15:04:05")
		}
		return
	}
	if e.State == StatePaying {
		out["code"], out["msg"] = "10003", " order success pay inprocess"
		return
	}
	out["gmt_payment"] = e.PaidAt.In(shanghai).Format("2006-01-02 15:04:05")
}

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
