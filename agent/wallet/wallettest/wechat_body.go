package wallettest

import (
	"bytes"
	"encoding/json"
	"time"
)

// wechatWho names the merchant, in the words of a merchant or of a service provider.
type wechatWho struct {
	AppID    string `json:"appid"`
	MchID    string `json:"mchid"`
	SpAppID  string `json:"sp_appid"`
	SpMchID  string `json:"sp_mchid"`
	SubMchID string `json:"sub_mchid"`
}

// check compares it with the contract. A close names no app.
func (w wechatWho) check(p *problems, d *wechat, app string) {
	want := wechatWho{AppID: app, MchID: d.merchant}
	if d.sub != "" {
		want = wechatWho{SpAppID: app, SpMchID: d.merchant, SubMchID: d.sub}
	}
	p.check(w == want, "appid, mchid or their partner fields are of another merchant")
}

type wechatAmount struct {
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

// wechatPay is the body of a code payment, every field we may send.
type wechatPay struct {
	wechatWho
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	Payer       struct {
		AuthCode string `json:"auth_code"`
	} `json:"payer"`
	Amount wechatAmount `json:"amount"`
	Scene  struct {
		DeviceID string `json:"device_id"`
		DeviceIP string `json:"device_ip"`
		Store    struct {
			ID    string `json:"id"`
			OutID string `json:"out_id"`
		} `json:"store_info"`
	} `json:"scene_info"`
}

// wechatOffer is the body of a Native order.
type wechatOffer struct {
	wechatWho
	Description string       `json:"description"`
	OutTradeNo  string       `json:"out_trade_no"`
	TimeExpire  string       `json:"time_expire"`
	NotifyURL   string       `json:"notify_url"`
	Amount      wechatAmount `json:"amount"`
	Scene       struct {
		PayerIP  string `json:"payer_client_ip"`
		DeviceID string `json:"device_id"`
		Store    struct {
			ID string `json:"id"`
		} `json:"store_info"`
	} `json:"scene_info"`
}

// strict reads a body and lets no unknown field pass.
func strict(p *problems, body []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	p.check(err == nil && !dec.More(), "body is not the JSON object it should be")
	return err == nil
}

func (d *wechat) readPay(p *problems, o *order, body []byte) {
	var in wechatPay
	if !strict(p, body, &in) {
		return
	}
	in.check(p, d, d.app)
	o.id, o.code, o.total, o.currency = in.OutTradeNo, in.Payer.AuthCode, in.Amount.Total, in.Amount.Currency
	p.check(wechatCode.MatchString(o.code), "auth_code is not 18 digits from 10 to 15")
	d.checkSum(p, in.Amount, in.Description, in.Scene.DeviceID)
	p.check(len(in.Scene.DeviceIP) <= 45, "scene_info.device_ip is above 45 characters")
}

func (d *wechat) checkSum(p *problems, a wechatAmount, description, device string) {
	p.check(a.Total > 0, "amount.total is not above zero")
	p.check(a.Currency == "CNY", "amount.currency is not CNY")
	p.check(description != "" && len(description) <= 127, "description is missing or above 127 bytes")
	p.check(device != "" && len(device) <= 32, "scene_info.device_id is missing or above 32 characters")
}

func (d *wechat) readOffer(p *problems, o *order, body []byte) {
	var in wechatOffer
	if !strict(p, body, &in) {
		return
	}
	in.check(p, d, d.app)
	o.id, o.total, o.currency = in.OutTradeNo, in.Amount.Total, in.Amount.Currency
	d.checkSum(p, in.Amount, in.Description, in.Scene.DeviceID)
	p.check(in.NotifyURL == wechatNotify, "notify_url %q", in.NotifyURL)
	p.check(in.Scene.PayerIP != "" && len(in.Scene.PayerIP) <= 45, "scene_info.payer_client_ip is missing or above 45 characters")
	p.check(len(in.Scene.Store.ID) <= 32, "scene_info.store_info.id is above 32 characters")
	at, err := time.Parse("2006-01-02T15:04:05+08:00", in.TimeExpire)
	p.check(err == nil, "time_expire %q is not a time of Beijing", in.TimeExpire)
	// A time that is too early is moved to a minute from now.
	o.life = max(time.Until(at.Add(-8*time.Hour)), d.w.scaled(time.Minute))
}

func (d *wechat) readReverse(p *problems, _ *order, body []byte) {
	var in wechatWho
	if strict(p, body, &in) {
		in.check(p, d, d.app)
	}
}

func (d *wechat) readClose(p *problems, _ *order, body []byte) {
	var in wechatWho
	if strict(p, body, &in) {
		in.check(p, d, "")
	}
}

func (d *wechat) readRefund(p *problems, o *order, body []byte) {
	var in struct {
		SubMchID      string `json:"sub_mchid"`
		TransactionID string `json:"transaction_id"`
		OutTradeNo    string `json:"out_trade_no"`
		OutRefundNo   string `json:"out_refund_no"`
		Reason        string `json:"reason"`
		Amount        struct {
			Refund int64 `json:"refund"`
			wechatAmount
		} `json:"amount"`
	}
	if !strict(p, body, &in) {
		return
	}
	p.check(in.SubMchID == d.sub, "sub_mchid of another merchant")
	p.check((in.OutTradeNo == "") != (in.TransactionID == ""), "one of out_trade_no and transaction_id is wanted")
	p.check(len(in.Reason) <= 80, "reason is above 80 bytes")
	o.id, o.transaction, o.refund, o.amount, o.total = in.OutTradeNo, in.TransactionID, in.OutRefundNo, in.Amount.Refund, in.Amount.Total
	p.check(o.amount > 0 && o.total > 0, "amount.refund or amount.total is not above zero")
	p.check(in.Amount.Currency == "CNY", "amount.currency is not CNY")
}
