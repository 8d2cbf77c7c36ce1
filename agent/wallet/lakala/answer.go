package lakala

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// Result codes.
const (
	codeDone    = "BBS00000"
	codePaying  = "BBS10000" // the customer must confirm
	codeCounter = "000000"   // done, of the cashier page
)

// pending are the codes that say that it is being worked on (secondary).
var pending = map[string]bool{codePaying: true, "BBS11112": true, "BBS11105": true}

// fen is an amount in integer fen. The platform writes it as a text here and as a number there.
type fen struct {
	value int64
	there bool
}

// UnmarshalJSON takes "1280" and 1280, and nothing else.
func (f *fen) UnmarshalJSON(b []byte) error {
	text := string(bytes.Trim(b, `"`))
	if text == "" || text == "null" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 {
		return fmt.Errorf("an amount that is no number of fen")
	}
	f.value, f.there = v, true
	return nil
}

// text is a field that the platform writes as a text here and as a number there.
type text string

// UnmarshalJSON takes "2" and 2.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

// reply is what is read of an answer: the allow-list. Whatever names the payer is dropped here.
type reply struct {
	Code string `json:"code"`
	Msg  string `json:"msg"`
	Data struct {
		MerchantNo  string `json:"merchant_no"`
		OutTradeNo  string `json:"out_trade_no"`
		OriginNo    string `json:"origin_out_trade_no"`
		TradeNo     string `json:"trade_no"`
		AccountType string `json:"account_type"`
		Total       fen    `json:"total_amount"`
		Refunded    fen    `json:"refund_amount"`
		TradeState  string `json:"trade_state"`
		TradeTime   text   `json:"trade_time"`

		// Of the cashier page.
		OutOrderNo string `json:"out_order_no"`
		PayOrderNo string `json:"pay_order_no"`
		CounterURL string `json:"counter_url"`
		Status     text   `json:"order_status"`
		Trades     []struct {
			TradeNo string `json:"trade_no"`
			Type    string `json:"trade_type"`
			Status  string `json:"trade_status"`
			PayMode string `json:"pay_mode"`
			Time    text   `json:"trade_time"`
		} `json:"order_trade_info_list"`
	} `json:"resp_data"`
}

// open verifies an answer and reads it. A cause says why it is none.
func (c *Client) open(r wallet.Reply) (in reply, cause string) {
	if r.Cause != "" {
		return in, r.Cause
	}
	if err := verify(c.cfg.Ring.Keys().Wallet, c.set.AppID, r.Header, r.Body, c.cfg.Time()); err != nil {
		return in, fmt.Sprintf("status %d: %v", r.Status, err)
	}
	if err := json.Unmarshal(r.Body, &in); err != nil {
		return reply{}, fmt.Sprintf("status %d: the answer is not the JSON object it should be", r.Status)
	}
	if r.Status != 200 {
		return reply{}, fmt.Sprintf("status %d settles nothing", r.Status)
	}
	return in, ""
}

// answer is what every answer about an order has; ok is false where it is none.
func (c *Client) answer(r wallet.Reply) (ans sale.Answer, in reply, ok bool) {
	in, cause := c.open(r)
	if cause != "" {
		return sale.Answer{NotSent: r.NotSent, Cause: cause}, in, false
	}
	d := &in.Data
	ans = sale.Answer{Signed: true, Order: d.OutTradeNo, Merchant: d.MerchantNo, Code: wallet.CleanCode(in.Code), Text: wallet.CleanText(in.Msg),
		WalletTransaction: wallet.CleanID(d.TradeNo), PaidAt: wallet.CleanID(string(d.TradeTime)), PaidBy: paidBy(d.AccountType)}
	if d.Total.there {
		ans.HasTotal, ans.Total = true, yuan(d.Total.value)
	}
	return ans, in, true
}

func yuan(minor int64) sale.Amount { return sale.Amount{Minor: minor, Currency: currency, Exponent: 2} }

// paidBy names the wallet behind the platform.
func paidBy(account string) string {
	if scheme, ok := accounts[account]; ok {
		return scheme
	}
	return wallet.CleanCode(account)
}

// paid reads the answer to a payment.
func (c *Client) paid(r wallet.Reply) sale.Answer {
	ans, in, ok := c.answer(r)
	switch {
	case !ok:
	case pending[in.Code]:
		ans.Outcome = sale.OutPaying
	case in.Code == codeDone && in.Data.TradeState != "":
		c.stated(&ans, in.Data.TradeState)
	case in.Code == codeDone:
		ans.Outcome = sale.OutPaid
	default:
		// Refused, by no list that is published: taken back before anybody is told so.
		ans.Outcome = sale.OutFailed
	}
	c.named(&ans)
	return ans
}

// found reads the answer to a query.
func (c *Client) found(r wallet.Reply) sale.Answer {
	ans, in, ok := c.answer(r)
	switch {
	case !ok:
	case in.Code == codeDone:
		c.stated(&ans, in.Data.TradeState)
	case c.set.notFound(in.Code):
		ans.Outcome = sale.OutNotFound
	default:
		ans.Cause = "code " + ans.Code + " settles nothing"
	}
	c.named(&ans)
	return ans
}

// named takes the word of an answer that names no order or no merchant. Refusals need not.
func (c *Client) named(ans *sale.Answer) {
	switch ans.Outcome {
	case sale.OutPaid, sale.OutPaying, sale.OutClosed, sale.OutRefunded:
		if ans.Code != codePaying && (ans.Order == "" || ans.Merchant == "") {
			ans.Outcome, ans.Cause = sale.OutUnknown, "the answer names no order or no merchant"
		}
	}
}

func (c *Client) stated(ans *sale.Answer, state string) {
	ans.Code = wallet.CleanCode(state)
	switch state {
	case "SUCCESS":
		ans.Outcome = sale.OutPaid
	case "INIT", "CREATE", "DEAL", "UNKNOWN":
		ans.Outcome = sale.OutPaying
	case "FAIL":
		ans.Outcome = sale.OutFailed
	case "CLOSE":
		ans.Outcome = sale.OutClosed
	case "REFUND", "REVOKED":
		ans.Outcome = sale.OutRefunded
	default: // PART_REFUND among them: paid, and not to be taken for given back
		ans.Cause = "trade state " + ans.Code + " settles nothing"
	}
}

// accepted reads the answer to a revoke or a close, whose word proves nothing by itself.
func (c *Client) accepted(r wallet.Reply, done string) sale.Answer {
	ans, in, ok := c.answer(r)
	if !ok {
		return ans
	}
	// The answer's own number is that of the revoke; the order's is beside it.
	ans.Order, ans.HasTotal, ans.Total = in.Data.OriginNo, false, sale.Amount{}
	switch {
	case in.Code == done, pending[in.Code]:
		ans.Outcome = sale.OutAccepted
	case c.set.notFound(in.Code):
		ans.Outcome = sale.OutNotFound
	default:
		ans.Outcome, ans.Cause = sale.OutRetry, "code "+ans.Code+": not taken back"
	}
	return ans
}
