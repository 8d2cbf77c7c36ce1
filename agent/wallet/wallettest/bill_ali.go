package wallettest

import (
	"archive/zip"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	aliBillMethod = "alipay.data.dataservice.bill.downloadurl.query"
	aliBillHead   = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)

// file is the archive with the business detail bill and the sums by shop, in GBK.
func (d *ali) file(day string, rows []billRow, f BillFault) []byte {
	start, err := time.ParseInLocation(time.DateOnly, day, shanghai)
	if err != nil {
		panic(err)
	}
	chinese := func(t time.Time) string { return t.Format("2006年01月02日 15:04:05") }
	lines := []string{"#支付宝业务明细查询", "#账号：[20885212319120680156]",
		"#起始日期：[" + chinese(start) + "]   终止日期：[" + chinese(start.AddDate(0, 0, 1)) + "]",
		"#-----------------------------------------业务明细列表----------------------------------------", aliBillHead}
	var paid, back int64
	payments := 0
	for i, r := range rows {
		line := aliBillLine(r)
		if r.kind == "payment" {
			payments++
			paid += r.minor
		} else {
			back += r.minor
		}
		if i == 0 {
			line = f.spoilt(line, decimal(r.minor)+","+decimal(r.minor), decimal(r.minor+1)+","+decimal(r.minor+1))
		}
		lines = append(lines, line)
	}
	lines = append(lines, "#-----------------------------------------业务明细列表结束------------------------------------",
		fmt.Sprintf("#交易合计：%d笔，商家实收共%s元，商家优惠共0.00元", payments, decimal(paid)),
		fmt.Sprintf("#退款合计：%d笔，商家实收退款共%s元，商家优惠退款共0.00元", len(rows)-payments, decimal(-back)),
		"#导出时间：["+chinese(start.AddDate(0, 0, 1).Add(9*time.Hour))+"]", "")
	text := f.cut(strings.Join(f.lines(lines, 4, "买家手机"), "\r\n"))

	var b bytes.Buffer
	z := zip.NewWriter(&b)
	name := "20885212319120680156_" + strings.ReplaceAll(day, "-", "")
	for _, file := range [][2]string{{name + "_业务明细.csv", text}, {name + "_业务明细(汇总).csv", "#支付宝业务汇总查询\r\n"}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: gbk(file[0]), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			panic(err)
		}
		io.WriteString(w, gbk(file[1]))
	}
	z.Close()
	return b.Bytes()
}

func gbk(s string) string {
	out, err := simplifiedchinese.GBK.NewEncoder().String(strings.ToValidUTF8(s, ""))
	if err != nil {
		panic(err)
	}
	return out
}

func aliBillLine(r billRow) string {
	kind, minor := "交易", r.minor
	if r.kind != "payment" {
		kind, minor = "退款", -r.minor
	}
	return strings.Join([]string{r.Transaction + "\t", r.Order + "\t", kind + "\t", "街角便利店", billTime(r.At), billTime(r.at), "\t", "\t", "\t", "\t",
		"*杨(137****2600)\t", decimal(minor), decimal(minor), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00\t", "0.00", r.refund.ID + "\t", "0.00", "0.00", ""}, ",")
}

// serveBill answers the method that asks where a bill lies. It lies on a host of its own.
func (d *ali) serveBill(h *house, w http.ResponseWriter, r *http.Request, body []byte) bool {
	q := r.URL.Query()
	if q.Get("method") != aliBillMethod {
		return false
	}
	p := problems{}
	form, err := url.ParseQuery(string(body))
	p.check(err == nil && len(form) == 1 && len(form["biz_content"]) == 1, "body is not a form with biz_content alone")
	params := map[string]string{"biz_content": form.Get("biz_content")}
	for k := range q {
		params[k] = q.Get(k)
	}
	d.checkCommon(&p, params)
	var in struct {
		Type string `json:"bill_type"`
		Date string `json:"bill_date"`
	}
	dec := json.NewDecoder(strings.NewReader(params["biz_content"]))
	dec.DisallowUnknownFields()
	p.check(dec.Decode(&in) == nil && in.Type == "trade", "biz_content is not what it should be")
	_, err = time.Parse(time.DateOnly, in.Date)
	p.check(err == nil, "bill_date %q", in.Date)
	out := map[string]any{"code": "40004", "msg": "Business Failed", "sub_code": "isp.bill_not_exist", "sub_msg": "账单不存在"}
	switch rows := h.billRows(in.Date); {
	case len(p.list) > 0:
		for _, text := range p.list {
			h.w.violate(h.name, "bill: %s", text)
		}
		out = map[string]any{"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-parameter", "sub_msg": "参数无效"}
	case h.due(in.Date) && len(rows) > 0:
		f := h.billFault()
		address := "https://" + d.store(h)
		switch f {
		case BillElsewhere:
			address = "https://bills.example.com"
		case BillPlain:
			address = strings.Replace(address, "https", "http", 1)
		}
		out = map[string]any{"code": "10000", "msg": "Success",
			"bill_download_url": address + "/downloadBillFile.resource?bizType=trade&fileId=" + h.keep(d.file(in.Date, rows, f))}
	}
	inner, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	fmt.Fprintf(w, `{"%s_response":%s,"sign":"%s"}`, strings.ReplaceAll(aliBillMethod, ".", "_"), inner, sign(d.keys.platform, string(inner)))
	return true
}

// store opens, once, the host that bills are fetched from, and returns its address.
func (d *ali) store(h *house) string {
	d.storeOnce.Do(func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		srv := &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0),
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{h.w.ca.leaf}, MinVersion: tls.VersionTLS12},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.giveFile(w, r, r.URL.Query().Get("fileId"))
			})}
		d.storeAddress = l.Addr().String()
		h.w.timers.Go(func() { <-h.w.ctx.Done(); srv.Close() })
		h.w.timers.Go(func() { srv.ServeTLS(l, "", "") })
	})
	return d.storeAddress
}
