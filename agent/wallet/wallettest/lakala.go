package wallettest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// lakala speaks the aggregator's open platform, version 3.
type lakala struct {
	keys                        pairOf
	certPEM                     []byte
	serial                      string
	app, merchant, term, ourKey string

	mu     sync.Mutex
	nonces map[string]bool
}

func newLakala(keys pairOf) (*lakala, error) {
	certPEM, serial, err := platformCertificate(keys.platform, 7)
	return &lakala{keys: keys, certPEM: certPEM, serial: serial, app: "OP00000003", merchant: "82229007392000A", term: "D9296400",
		ourKey: "00dfba8194c41b84cf", nonces: map[string]bool{}}, err
}

// lakalaNotFound is what this server answers for an order it does not know. The real code is
// not published: a contract says it, and the configuration names it.
const lakalaNotFound = "BBS99404"

func (d *lakala) contract() Contract {
	return Contract{
		Schemes: []string{"wechatpay", "alipay-cn", "unionpay", "ecny", "bestpay"}, KeyID: d.ourKey, Merchant: d.merchant,
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.certPEM, Offers: true, CodeForm: "https://pay.example/r/0000?token%%3D%s",
		Settings: map[string]string{"app_id": d.app, "merchant_no": d.merchant, "term_no": d.term, "not_found_codes": lakalaNotFound},
	}
}

var (
	lakalaAuth  = regexp.MustCompile(`^LKLAPI-SHA256withRSA appid="([^"]*)",serial_no="([^"]*)",timestamp="([0-9]{10})",nonce_str="([A-Za-z0-9]{12})",signature="([^"]*)"$`)
	lakalaFen   = regexp.MustCompile(`^[1-9][0-9]{0,11}$`)
	lakalaNo    = regexp.MustCompile(`^[0-9A-Za-z]{8,32}$`)
	lakalaPlace = regexp.MustCompile(`^[+-][0-9]{1,3}(\.[0-9]{1,9})?,[+-][0-9]{1,3}(\.[0-9]{1,9})?$`)
	lakalaPaths = map[string]sale.Op{
		"/api/v3/labs/trans/micropay":               sale.OpPay,
		"/api/v3/labs/query/tradequery":             sale.OpQuery,
		"/api/v3/labs/relation/revoked":             sale.OpReverse,
		"/api/v3/labs/relation/refund":              sale.OpRefund,
		"/api/v3/ccss/counter/order/special_create": sale.OpOffer,
		"/api/v3/ccss/counter/order/query":          sale.OpQuery,
		"/api/v3/ccss/counter/order/close":          sale.OpClose,
	}
)

// lakalaData is req_data, every field we may send.
type lakalaData struct {
	MerchantNo    string `json:"merchant_no"`
	TermNo        string `json:"term_no"`
	OutTradeNo    string `json:"out_trade_no"`
	TradeNo       string `json:"trade_no"`
	OriginNo      string `json:"origin_out_trade_no"`
	OriginTradeNo string `json:"origin_trade_no"`
	AuthCode      string `json:"auth_code"`
	TotalAmount   any    `json:"total_amount"`
	RefundAmount  string `json:"refund_amount"`
	Subject       string `json:"subject"`
	Location      *struct {
		RequestIP string `json:"request_ip"`
		Location  string `json:"location"`
	} `json:"location_info"`
	OutOrderNo    string `json:"out_order_no"`
	EfficientTime string `json:"order_efficient_time"`
	OrderInfo     string `json:"order_info"`
	SupportRefund int    `json:"support_refund"`
	SupportRepeat int    `json:"support_repeat_pay"`
}

func (d *lakala) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	o := order{merchant: d.merchant, currency: "CNY"}
	op, known := lakalaPaths[r.URL.Path]
	if !known || r.Method != http.MethodPost || r.URL.RawQuery != "" {
		p.add("%s %s", r.Method, r.URL.Path)
		return o, p.list
	}
	o.op = op
	counter := strings.Contains(r.URL.Path, "/ccss/")
	d.authorize(&p, r, body)
	var in struct {
		ReqTime string     `json:"req_time"`
		Version string     `json:"version"`
		Org     string     `json:"out_org_code"`
		Data    lakalaData `json:"req_data"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		p.add("body is not the JSON object it should be")
		return o, p.list
	}
	at, err := time.ParseInLocation("20060102150405", in.ReqTime, shanghai)
	p.check(err == nil && time.Since(at).Abs() < 10*time.Minute, "req_time %q is not the time in Shanghai", in.ReqTime)
	p.check(in.Version == "3.0" && in.Org == d.app, "version or out_org_code is not ours")
	p.check(in.Data.MerchantNo == d.merchant, "merchant_no of another merchant")
	p.check(counter == (in.Data.TermNo == ""), "term_no is missing, or where it does not belong")
	p.check(counter || in.Data.TermNo == d.term, "term_no of another terminal")
	if counter {
		d.readCounter(&p, &o, in.Data)
	} else {
		d.readTrade(&p, &o, in.Data)
	}
	return o, p.list
}

// authorize checks the header Authorization and the signature it carries.
func (d *lakala) authorize(p *problems, r *http.Request, body []byte) {
	m := lakalaAuth.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		p.add("no LKLAPI-SHA256withRSA authorization")
		return
	}
	p.check(m[1] == d.app && m[2] == d.ourKey, "authorization of another integrator or key")
	seconds, _ := strconv.ParseInt(m[3], 10, 64)
	p.check(time.Since(time.Unix(seconds, 0)).Abs() < 5*time.Minute, "timestamp is off by five minutes or more")
	message := m[1] + "\n" + m[2] + "\n" + m[3] + "\n" + m[4] + "\n" + string(body) + "\n"
	p.check(verify(&d.keys.merchant.PublicKey, message, m[5]), "signature does not verify")
	p.check(r.Header.Get("Content-Type") == "application/json", "Content-Type is not application/json")
	d.mu.Lock()
	defer d.mu.Unlock()
	p.check(!d.nonces[m[4]], "nonce_str was used before")
	d.nonces[m[4]] = true
}

func (d *lakala) readTrade(p *problems, o *order, in lakalaData) {
	number := func(name, s string) string {
		p.check(lakalaNo.MatchString(s), "%s %q", name, s)
		return s
	}
	if o.op != sale.OpQuery {
		p.check(in.Location != nil && in.Location.RequestIP != "", "location_info.request_ip is missing")
		p.check(in.Location == nil || in.Location.Location == "" || lakalaPlace.MatchString(in.Location.Location), "location_info.location is not latitude,longitude")
	}
	switch o.op {
	case sale.OpPay:
		total, _ := in.TotalAmount.(string)
		p.check(lakalaFen.MatchString(total), "total_amount is not a text of fen")
		o.total, _ = strconv.ParseInt(total, 10, 64)
		o.id, o.code = number("out_trade_no", in.OutTradeNo), in.AuthCode
		p.check(len(o.code) >= 16 && len(o.code) <= 32, "auth_code has not 16 to 32 characters")
		p.check(in.Subject != "" && len([]rune(in.Subject)) <= 42, "subject is missing or above 42 characters")
	case sale.OpQuery:
		switch {
		case in.TradeNo != "":
			o.transaction = number("trade_no", in.TradeNo)
		case len(in.OutTradeNo) == 32:
			o.op, o.refund = sale.OpQueryRefund, in.OutTradeNo
		default:
			o.id = number("out_trade_no", in.OutTradeNo)
		}
	case sale.OpReverse:
		o.id = number("origin_out_trade_no", in.OriginNo)
		number("out_trade_no", in.OutTradeNo)
	case sale.OpRefund:
		o.refund = number("out_trade_no", in.OutTradeNo)
		o.id, o.transaction = in.OriginNo, in.OriginTradeNo
		p.check(o.id != "" || o.transaction != "", "neither origin_out_trade_no nor origin_trade_no")
		p.check(lakalaFen.MatchString(in.RefundAmount), "refund_amount is not a text of fen")
		o.amount, _ = strconv.ParseInt(in.RefundAmount, 10, 64)
	}
}

func (d *lakala) readCounter(p *problems, o *order, in lakalaData) {
	o.id = in.OutOrderNo
	p.check(lakalaNo.MatchString(o.id), "out_order_no %q", o.id)
	if o.op != sale.OpOffer {
		return
	}
	total, _ := in.TotalAmount.(float64)
	o.total = int64(total)
	p.check(o.total > 0 && float64(o.total) == total, "total_amount is not a number of fen")
	p.check(in.OrderInfo != "", "order_info is missing")
	p.check(in.SupportRefund == 1 && in.SupportRepeat == 0, "support_refund or support_repeat_pay")
	until, err := time.ParseInLocation("20060102150405", in.EfficientTime, shanghai)
	p.check(err == nil, "order_efficient_time %q", in.EfficientTime)
	// The time has seconds only: what is left of the second counts for the till.
	o.life = time.Until(until.Add(time.Second))
	p.check(o.life <= 2*time.Minute+time.Second, "order_efficient_time is more than 2 minutes away")
	o.life = min(o.life, 2*time.Minute)
}

// payerOf is the wallet behind a code, as the platform names it.
func payerOf(code string) string {
	switch {
	case strings.HasPrefix(code, "01"):
		return "DCPAY"
	case strings.HasPrefix(code, "62"):
		return "UQRCODEPAY"
	case strings.HasPrefix(code, "1"):
		return "WECHAT"
	}
	return "ALIPAY"
}

var (
	lakalaStates = map[string]string{StatePaying: "DEAL", StatePaid: "SUCCESS", StateFailed: "FAIL", StateClosed: "CLOSE",
		StateRefunded: "REFUND", StateOffered: "CREATE"}
	counterStates = map[string]string{StatePaying: "1", StatePaid: "2", StateFailed: "3", StateClosed: "5", StateRefunded: "7", StateOffered: "0"}
	lakalaRefused = map[verdict][2]string{
		vBadCode:     {"BBS16232", "付款码已失效"},
		vDeclined:    {"BBS16249", "余额不足"},
		vUsed:        {"BBS16212", "商户订单号重复"},
		vClosed:      {"BBS16213", "订单已关闭"},
		vPaid:        {"BBS16214", "订单已支付"},
		vTooMuch:     {"BBS16215", "退款金额超限"},
		vNotFound:    {lakalaNotFound, "交易不存在"},
		vSystemError: {"BBS99999", "系统异常"},
		vBadRequest:  {"BBS10001", "参数错误"},
	}
)

func (d *lakala) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	out := map[string]any{"resp_time": time.Now().In(shanghai).Format("20060102150405")}
	if refused, no := lakalaRefused[v]; no {
		out["code"], out["msg"] = refused[0], refused[1]
	} else {
		out["code"], out["msg"] = "BBS00000", "成功"
		out["resp_data"] = d.data(o, e, out)
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return 200, d.sign(body, how), body
}

// data is resp_data; it may change the code.
func (d *lakala) data(o order, e Entry, out map[string]any) map[string]any {
	total := strconv.FormatInt(e.TotalMinor, 10)
	data := map[string]any{"merchant_no": e.Merchant, "out_trade_no": e.Order}
	switch {
	case o.op == sale.OpOffer:
		out["code"] = "000000"
		return map[string]any{"merchant_no": e.Merchant, "out_order_no": e.Order, "pay_order_no": e.Transaction, "total_amount": total, "counter_url": e.Code}
	case e.Code != "" && (o.op == sale.OpQuery || o.op == sale.OpClose):
		out["code"] = "000000"
		return d.counter(e)
	case o.op == sale.OpReverse:
		return map[string]any{"merchant_no": e.Merchant, "out_trade_no": "another", "origin_out_trade_no": e.Order, "origin_trade_no": e.Transaction}
	case o.op == sale.OpRefund, o.op == sale.OpQueryRefund:
		return d.refunded(o, e, out)
	case o.op == sale.OpPay && e.State == StatePaying:
		out["code"], out["msg"] = "BBS10000", "等待用户输入密码"
	}
	data["trade_no"], data["log_no"], data["account_type"] = e.Transaction, e.Transaction[len(e.Transaction)-14:], e.PaidBy
	// What the payer paid is less than the order's total, as with a coupon.
	data["total_amount"], data["payer_amount"] = total, strconv.FormatInt(e.TotalMinor-1, 10)
	data["acc_resp_fields"] = map[string]any{"user_id": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
	if o.op == sale.OpQuery {
		data["trade_state"] = lakalaStates[e.State]
		if e.State == StatePaid && e.RefundedMinor > 0 {
			data["trade_state"] = "PART_REFUND"
		}
	}
	if !e.PaidAt.IsZero() {
		data["trade_time"] = e.PaidAt.In(shanghai).Format("20060102150405")
	}
	return data
}

// counter is an order of the cashier page.
func (d *lakala) counter(e Entry) map[string]any {
	state := counterStates[e.State]
	if e.State == StatePaid && e.RefundedMinor > 0 {
		state = "6"
	}
	data := map[string]any{"merchant_no": e.Merchant, "out_order_no": e.Order, "pay_order_no": "P" + e.Transaction, "total_amount": e.TotalMinor,
		"order_status": state, "order_trade_info_list": []any{}}
	if e.ChargedMinor > 0 {
		data["order_trade_info_list"] = []any{map[string]any{"trade_no": e.Transaction, "trade_type": "PAY", "trade_status": "S",
			"trade_amount": e.TotalMinor, "payer_amount": e.TotalMinor - 1, "user_id1": "someone", "pay_mode": e.PaidBy,
			"trade_time": e.PaidAt.In(shanghai).Format("20060102150405")}}
	}
	return data
}

func (d *lakala) refunded(o order, e Entry, out map[string]any) map[string]any {
	r := e.Refund(o.refund)
	if r == nil {
		return nil
	}
	data := map[string]any{"merchant_no": e.Merchant, "out_trade_no": o.refund, "trade_no": r.Number, "origin_out_trade_no": e.Order}
	if o.op == sale.OpRefund {
		data["refund_amount"], data["total_amount"] = strconv.FormatInt(r.Minor, 10), strconv.FormatInt(e.TotalMinor, 10)
		if r.State != RefundDone {
			out["code"], out["msg"] = "BBS11112", "退款处理中"
		}
		return data
	}
	data["total_amount"], data["trade_main_type"] = strconv.FormatInt(r.Minor, 10), "REFUND"
	data["trade_state"] = map[string]string{RefundDone: "SUCCESS", RefundPending: "DEAL", RefundAbnormal: "FAIL"}[r.State]
	return data
}

func (d *lakala) sign(body []byte, how signature) http.Header {
	h := http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	if how == missing {
		return h
	}
	timestamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), digits(12)
	sig := sign(d.keys.platform, d.app+"\n"+d.serial+"\n"+timestamp+"\n"+nonce+"\n"+string(body)+"\n")
	if how == forged {
		sig = sign(d.keys.merchant, "something else")
	}
	h.Set("Lklapi-Appid", d.app)
	h.Set("Lklapi-Serial", d.serial)
	h.Set("Lklapi-Timestamp", timestamp)
	h.Set("Lklapi-Nonce", nonce)
	h.Set("Lklapi-Signature", sig)
	return h
}
