package wallettest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	wechatBillHead = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	wechatBillFoot = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)

// file is the bill of all rows, unpacked.
func (d *wechat) file(_ string, rows []billRow, f BillFault) []byte {
	lines := []string{wechatBillHead}
	var total, back int64
	for i, r := range rows {
		line := d.billLine(r)
		if r.kind == "payment" {
			total += r.minor
			if i == 0 {
				line = f.spoilt(line, "`"+decimal(r.minor), "`"+decimal(r.minor+1))
			}
		} else {
			back += r.minor
		}
		lines = append(lines, line)
	}
	lines = append(lines, wechatBillFoot, fmt.Sprintf("`%d,`%s,`%s,`0.00,`0.00000,`%s,`%s", len(rows), decimal(total), decimal(back), decimal(total), decimal(back)), "")
	return []byte(f.cut("\xef\xbb\xbf" + strings.Join(f.lines(lines, 0, "收货地址"), "\r\n")))
}

func (d *wechat) billLine(r billRow) string {
	sub, state, settled, refunded := "0", "SUCCESS", r.minor, int64(0)
	if d.sub != "" {
		sub = r.SubMerchant
	}
	refundNo, refundID, refundState := "0", "0", ""
	if r.kind != "payment" {
		state, settled, refunded = "REFUND", 0, r.minor
		refundNo, refundID, refundState = r.refund.Number, r.refund.ID, "SUCCESS"
	}
	if r.kind == "reversal" {
		state, refundNo, refundID, refundState = "REVOKED", "0", "0", ""
	}
	cells := []string{billTime(r.at), d.app, r.Merchant, sub, "", r.Transaction, r.Order, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "MICROPAY", state,
		"OTHERS", r.Currency, decimal(settled), "0.00", refundNo, refundID, decimal(refunded), "0.00", "", refundState, "街角, 便利店", "", "0.00000", "0.60%",
		decimal(settled), decimal(refunded), ""}
	return "`" + strings.Join(cells, ",`")
}

// serveBill answers GET /v3/bill/tradebill and the download it names.
func (d *wechat) serveBill(h *house, w http.ResponseWriter, r *http.Request, body []byte) bool {
	if r.URL.Path != "/v3/bill/tradebill" && r.URL.Path != "/v3/billdownload/file" {
		return false
	}
	p := problems{}
	p.check(r.Method == http.MethodGet, "%s of a bill", r.Method)
	d.authorize(&p, r, body)
	if r.URL.Path == "/v3/billdownload/file" {
		for _, text := range p.list {
			h.w.violate(h.name, "download of a bill: %s", text)
		}
		if len(p.list) > 0 {
			http.Error(w, "", http.StatusUnauthorized)
			return true
		}
		h.giveFile(w, r, r.URL.Query().Get("token"))
		return true
	}
	q := r.URL.Query()
	day := q.Get("bill_date")
	_, err := time.Parse(time.DateOnly, day)
	p.check(err == nil, "bill_date %q", day)
	p.check(q.Get("bill_type") == "ALL", "bill_type %q", q.Get("bill_type"))
	p.check(q.Get("tar_type") == "GZIP", "tar_type %q", q.Get("tar_type"))
	p.check(q.Get("sub_mchid") == d.sub, "sub_mchid %q", q.Get("sub_mchid"))
	status, out := d.billAnswer(h, day)
	if len(p.list) > 0 {
		for _, text := range p.list {
			h.w.violate(h.name, "bill: %s", text)
		}
		status, out = 400, map[string]any{"code": "PARAM_ERROR", "message": "参数错误"}
	}
	answer, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	for k, v := range d.sign(answer, good) {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	w.Write(answer)
	return true
}

func (d *wechat) billAnswer(h *house, day string) (int, map[string]any) {
	if !h.due(day) {
		return 400, map[string]any{"code": "STATEMENT_CREATING", "message": "账单生成中"}
	}
	rows, f := h.billRows(day), h.billFault()
	if len(rows) == 0 {
		return 400, map[string]any{"code": "NO_STATEMENT_EXIST", "message": "请求的账单文件不存在"}
	}
	file := d.file(day, rows, f)
	sum := sha1.Sum(file)
	if f == BillWrongHash {
		sum[0] ^= 1
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(file)
	z.Close()
	address := "https://" + h.address
	switch f {
	case BillElsewhere:
		address = "https://bills.example.com"
	case BillPlain:
		address = "http://" + h.address
	}
	return 200, map[string]any{"hash_type": "SHA1", "hash_value": fmt.Sprintf("%x", sum),
		"download_url": address + "/v3/billdownload/file?token=" + h.keep(packed.Bytes()) + "&tartype=gzip"}
}
