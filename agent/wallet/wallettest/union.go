package wallettest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tilld/tilld/agent/sale"
)

// union speaks the QRC interface, as far as it is known (see package unionpay).
type union struct {
	keys      pairOf
	publicPEM []byte
	settings  map[string]string
}

func newUnionpay(keys pairOf) (*union, error) {
	public, err := publicPEM(&keys.platform.PublicKey)
	return &union{keys: keys, publicPEM: public, settings: map[string]string{
		"acquirer_code": "48001000", "merchant_id": "898440379930020", "merchant_category": "5411",
		"merchant_name": "Corner shop", "terminal_id": "00000001",
	}}, err
}

func (d *union) contract() Contract {
	return Contract{
		Schemes: []string{"unionpay"}, KeyID: "69026276696", Merchant: d.settings["merchant_id"],
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.publicPEM, Settings: d.settings,
	}
}

var (
	unionOps = map[string]sale.Op{"0310000903": sale.OpPay, "0320000903": sale.OpReverse, "0330000903": sale.OpReverse,
		"0340000903": sale.OpRefund, "0350000903": sale.OpQuery}

	// unionForms are the fields and their forms; a field that is not here is refused.
	unionForms = map[string]*regexp.Regexp{
		"version":       regexp.MustCompile(`^1\.0\.0$`),
		"reqType":       regexp.MustCompile(`^03[12345]0000903$`),
		"acqCode":       regexp.MustCompile(`^[0-9]{8}$`),
		"merId":         regexp.MustCompile(`^[0-9A-Za-z]{15}$`),
		"merCatCode":    regexp.MustCompile(`^[0-9]{4}$`),
		"merName":       regexp.MustCompile(`^.{1,40}$`),
		"termId":        regexp.MustCompile(`^[0-9A-Za-z]{8}$`),
		"qrNo":          regexp.MustCompile(`^62[0-9]{17}$`),
		"currencyCode":  regexp.MustCompile(`^156$`),
		"txnAmt":        regexp.MustCompile(`^[1-9][0-9]{0,11}$`),
		"orderNo":       regexp.MustCompile(`^[0-9A-Za-z]{8,40}$`),
		"orderTime":     regexp.MustCompile(`^20[0-9]{12}$`),
		"origOrderNo":   regexp.MustCompile(`^[0-9A-Za-z]{8,40}$`),
		"origOrderTime": regexp.MustCompile(`^20[0-9]{12}$`),
		"certId":        regexp.MustCompile(`^[0-9]{1,20}$`),
		"signature":     regexp.MustCompile(`^[0-9A-Za-z+/=]+$`),
		"termInfo":      regexp.MustCompile(`^\{.*\}$`),
	}
	unionOrder = []string{"version", "reqType", "acqCode", "merId", "termId", "orderNo", "orderTime", "certId", "signature"}
	unionPay   = []string{"merCatCode", "merName", "qrNo", "currencyCode", "txnAmt", "termInfo"}

	// terminalForms are the fields of termInfo (PBOC notice 259 of 2021).
	terminalForms = map[string]*regexp.Regexp{
		"device_type":      regexp.MustCompile(`^(02|04|09|10|11)$`),
		"serial_num":       regexp.MustCompile(`^[0-9A-Za-z]{1,50}$`),
		"app_version":      regexp.MustCompile(`^.{8}$`),
		"network_license":  regexp.MustCompile(`^[A-Z][0-9]{4}$`),
		"location":         regexp.MustCompile(`^[+-][0-9]{1,3}\.[0-9]+/[+-][0-9]{1,3}\.[0-9]+$`),
		"device_ip":        regexp.MustCompile(`^[0-9A-Fa-f.:]{3,40}$`),
		"encrypt_rand_num": regexp.MustCompile(`^[0-9]{6,10}$`),
		"secret_text":      regexp.MustCompile(`^[0-9A-Za-z+/=]{1,16}$`),
	}
)

func (d *union) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	form, err := url.ParseQuery(string(body))
	p.check(err == nil && r.Method == http.MethodPost, "not a posted form")
	p.check(r.URL.Path == "/qrcGtwWeb-web/api/order", "path %s", r.URL.Path)
	in := map[string]string{}
	for k, v := range form {
		f := unionForms[k]
		p.check(f != nil && len(v) == 1 && f.MatchString(v[0]), "field %s is unknown, repeated or malformed", k)
		in[k] = v[0]
	}
	o := order{op: unionOps[in["reqType"]], id: in["orderNo"], merchant: in["merId"], code: in["qrNo"], currency: "CNY"}
	need := unionOrder
	switch o.op {
	case sale.OpPay:
		need = slices.Concat(unionOrder, unionPay)
		d.checkTerminal(&p, in)
	case sale.OpReverse:
		need = append(slices.Clone(unionOrder), "currencyCode", "txnAmt")
	case sale.OpRefund:
		need = append(slices.Clone(unionOrder), "currencyCode", "txnAmt", "origOrderNo", "origOrderTime")
		o.id, o.refund = in["origOrderNo"], in["orderNo"]
		o.amount, _ = strconv.ParseInt(in["txnAmt"], 10, 64)
	case sale.OpQuery:
		// A refund is asked for by its own number, which is longer than an order's.
		if len(in["orderNo"]) == 40 {
			o.op, o.refund, o.id = sale.OpQueryRefund, in["orderNo"], ""
		}
	}
	if in["reqType"] == "0330000903" {
		o.id, o.refund = in["origOrderNo"], in["orderNo"]
		p.check(in["origOrderNo"] != "" && in["origOrderTime"] != "", "a void names no order")
	}
	o.kind = in["reqType"]
	for _, k := range need {
		p.check(in[k] != "", "field %s is missing", k)
	}
	p.check(in["acqCode"] == d.settings["acquirer_code"] && in["merId"] == d.settings["merchant_id"], "acqCode or merId of another merchant")
	p.check(in["certId"] == "69026276696", "certId of another key")
	p.check(verify(&d.keys.merchant.PublicKey, unionDigest(in), in["signature"]), "signature does not verify")
	if o.op != sale.OpRefund {
		o.total, _ = strconv.ParseInt(in["txnAmt"], 10, 64)
	}
	return o, p.list
}

func (d *union) checkTerminal(p *problems, in map[string]string) {
	fields, err := url.ParseQuery(strings.ReplaceAll(strings.Trim(in["termInfo"], "{}"), "+", "%2B"))
	p.check(err == nil, "termInfo is not a list of pairs")
	for k, v := range fields {
		f := terminalForms[k]
		p.check(f != nil && len(v) == 1 && f.MatchString(v[0]), "termInfo field %s is unknown, repeated or malformed", k)
	}
	for _, k := range []string{"device_type", "serial_num", "encrypt_rand_num"} {
		p.check(fields.Get(k) != "", "termInfo lacks %s", k)
	}
	p.check(fields.Get("location") != "" || fields.Get("device_ip") != "", "termInfo lacks both location and device_ip")
	if code, factor := in["qrNo"], fields.Get("encrypt_rand_num"); len(code) > 6 {
		p.check(factor == code[len(code)-6:], "encrypt_rand_num is not the end of the code")
	}
}

// unionDigest is what is signed: the hex text of the SHA-256 of the sorted pairs.
func unionDigest(fields map[string]string) string {
	var pairs []string
	for k, v := range fields {
		if k != "signature" && v != "" {
			pairs = append(pairs, k+"="+v)
		}
	}
	slices.Sort(pairs)
	sum := sha256.Sum256([]byte(strings.Join(pairs, "&")))
	return hex.EncodeToString(sum[:])
}

var (
	unionStates   = map[string]string{StatePaying: "05", StatePaid: "00", StateFailed: "64", StateClosed: "35", StateRefunded: "35"}
	unionRefusals = map[verdict][2]string{
		vBadCode: {"61", "付款码无效"}, vDeclined: {"64", "余额不足"}, vUsed: {"12", "重复交易"}, vClosed: {"35", "原交易状态不正确"},
		vNotFound: {"34", "查无此交易"}, vSystemError: {"06", "系统繁忙"}, vBadRequest: {"10", "报文格式错误"},
	}
)

func (d *union) answer(o order, e Entry, v verdict, how signature) (int, http.Header, []byte) {
	out := map[string]string{
		"version": "1.0.0", "reqType": o.kind, "acqCode": d.settings["acquirer_code"],
		"merId": e.Merchant, "orderNo": e.Order, "respCode": "00", "respMsg": "成功", "certId": "68759529225",
	}
	if e.TotalMinor > 0 {
		out["txnAmt"], out["currencyCode"] = strconv.FormatInt(e.TotalMinor, 10), "156"
	}
	refused, no := unionRefusals[v]
	switch {
	case no:
		out["respCode"], out["respMsg"] = refused[0], refused[1]
	case o.op == sale.OpQuery:
		out["origRespCode"], out["origRespMsg"], out["origReqType"] = unionStates[e.State], "原交易", "0310000903"
		if !e.PaidAt.IsZero() {
			out["voucherNum"], out["settleDate"] = e.Transaction, e.PaidAt.In(shanghai).Format("0102")
		}
	}
	if o.refund != "" {
		d.aboutRefund(out, o, e)
	}
	switch how {
	case good:
		out["signature"] = sign(d.keys.platform, unionDigest(out))
	case forged:
		out["signature"] = sign(d.keys.platform, unionDigest(out)+"0")
	}
	var pairs []string
	for k, v := range out {
		pairs = append(pairs, k+"="+v) // not escaped, as the classic gateway answers
	}
	slices.Sort(pairs)
	return 200, http.Header{"Content-Type": {"text/html;charset=UTF-8"}}, []byte(strings.Join(pairs, "&"))
}

// aboutRefund turns an answer into one about a refund or a void.
func (d *union) aboutRefund(out map[string]string, o order, e Entry) {
	out["orderNo"] = o.refund
	if e.Order != o.id && o.id != "" {
		out["orderNo"] = otherOrder(o.refund)
	}
	r := e.Refund(o.refund)
	if r == nil {
		return
	}
	out["txnAmt"] = strconv.FormatInt(r.Minor, 10)
	if o.op == sale.OpQueryRefund {
		out["origReqType"], out["origRespMsg"] = "0340000903", "原交易"
		out["origRespCode"] = map[string]string{RefundDone: "00", RefundPending: "05", RefundAbnormal: "64"}[r.State]
		out["voucherNum"] = r.Number
	}
}
