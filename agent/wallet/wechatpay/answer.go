package wechatpay

import (
	"encoding/json"
	"fmt"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// reply is what is read of an answer: the allow-list. Everything else, the payer's openid
// first of all, is dropped here.
type reply struct {
	MchID         string `json:"mchid"`
	SpMchID       string `json:"sp_mchid"`
	SubMchID      string `json:"sub_mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeState    string `json:"trade_state"`
	StateText     string `json:"trade_state_desc"`
	SuccessTime   string `json:"success_time"`
	Recall        string `json:"recall"`
	Amount        *struct {
		Total    *int64 `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Code    string `json:"code"`
	Message string `json:"message"`
	CodeURL string `json:"code_url"`
}

// states says what a trade_state is worth.
var states = map[string]sale.Outcome{
	"SUCCESS":    sale.OutPaid,
	"REFUND":     sale.OutRefunded,
	"NOTPAY":     sale.OutPaying,
	"USERPAYING": sale.OutPaying,
	"CLOSED":     sale.OutClosed,
	"REVOKED":    sale.OutClosed,
	"PAYERROR":   sale.OutFailed,
}

// A refusal is one row of a closed list: an error code and the HTTP statuses it counts with.
type refusal struct {
	outcome  sale.Outcome
	statuses []int
}

// business lists the statuses WeChat Pay uses for refusals of a well-formed request.
var business = []int{400, 403, 404}

// payCodes is the closed list for a payment. SYSTEM_ERROR, BANKERROR, TRADE_ERROR,
// FREQUENCY_LIMITED and every other code are unknown: the query decides.
var payCodes = map[string]refusal{
	"AUTH_CODE_INVALID": {sale.OutBadCode, business},
	"AUTH_CODE_ERROR":   {sale.OutBadCode, business},
	"AUTH_CODE_EXPIRED": {sale.OutBadCode, business},
	"AUTHCODEEXPIRE":    {sale.OutBadCode, business},

	"NOTENOUGH":             {sale.OutDeclined, business},
	"NOT_ENOUGH":            {sale.OutDeclined, business},
	"NOTSUPORTCARD":         {sale.OutDeclined, business},
	"ACCOUNT_ERROR":         {sale.OutDeclined, business},
	"RULE_LIMIT":            {sale.OutDeclined, business},
	"RULELIMIT":             {sale.OutDeclined, business},
	"NO_AUTH":               {sale.OutDeclined, []int{401, 403}},
	"NOAUTH":                {sale.OutDeclined, []int{401, 403}},
	"PARAM_ERROR":           {sale.OutDeclined, []int{400}},
	"SIGN_ERROR":            {sale.OutDeclined, []int{401}},
	"MCH_NOT_EXISTS":        {sale.OutDeclined, business},
	"APPID_NOT_EXIST":       {sale.OutDeclined, business},
	"APPID_MCHID_NOT_MATCH": {sale.OutDeclined, business},

	"USERPAYING": {sale.OutPaying, []int{200, 202, 400, 403}},

	// The number belongs to another payer's order, or to one that ended: on a first payment
	// somebody else used it.
	"BUYER_MISMATCH":    {sale.OutDuplicate, business},
	"ORDERPAID":         {sale.OutDuplicate, business},
	"ORDER_PAID":        {sale.OutDuplicate, business},
	"OUT_TRADE_NO_USED": {sale.OutDuplicate, business},
	"ORDERCLOSED":       {sale.OutDuplicate, business},
	"ORDER_CLOSED":      {sale.OutDuplicate, business},
	"ORDERREVERSED":     {sale.OutDuplicate, business},
	"ORDER_REVERSED":    {sale.OutDuplicate, business},
}

var queryCodes = map[string]refusal{
	"ORDERNOTEXIST":       {sale.OutNotFound, business},
	"ORDER_NOT_EXIST":     {sale.OutNotFound, business},
	"RESOURCE_NOT_EXISTS": {sale.OutNotFound, business},
}

var reverseCodes = map[string]refusal{
	"ORDERNOTEXIST":     {sale.OutNotFound, business},
	"ORDER_NOT_EXIST":   {sale.OutNotFound, business},
	"USERPAYING":        {sale.OutRetry, business},
	"SYSTEMERROR":       {sale.OutRetry, []int{500, 503}},
	"SYSTEM_ERROR":      {sale.OutRetry, []int{500, 503}},
	"FREQUENCY_LIMITED": {sale.OutRetry, []int{429}},
}

// offerCodes is the closed list for an order whose code is to be shown.
var offerCodes = map[string]refusal{
	"NO_AUTH":               {sale.OutDeclined, []int{401, 403}},
	"PARAM_ERROR":           {sale.OutDeclined, []int{400}},
	"SIGN_ERROR":            {sale.OutDeclined, []int{401}},
	"MCH_NOT_EXISTS":        {sale.OutDeclined, business},
	"APPID_MCHID_NOT_MATCH": {sale.OutDeclined, business},

	"ORDERPAID":         {sale.OutDuplicate, business},
	"ORDER_PAID":        {sale.OutDuplicate, business},
	"OUT_TRADE_NO_USED": {sale.OutDuplicate, business},
	"ORDERCLOSED":       {sale.OutDuplicate, business},
	"ORDER_CLOSED":      {sale.OutDuplicate, business},
}

// closeCodes is the closed list for a close. ORDERPAID settles nothing here: the query says
// what was paid.
var closeCodes = map[string]refusal{
	"ORDERNOTEXIST":   {sale.OutNotFound, business},
	"ORDER_NOT_EXIST": {sale.OutNotFound, business},
	"ORDERCLOSED":     {sale.OutAccepted, business},
	"ORDER_CLOSED":    {sale.OutAccepted, business},
	"ORDERREVERSED":   {sale.OutAccepted, business},
	"ORDER_REVERSED":  {sale.OutAccepted, business},
}

var refusals = map[sale.Op]map[string]refusal{
	sale.OpPay: payCodes, sale.OpQuery: queryCodes, sale.OpReverse: reverseCodes, sale.OpOffer: offerCodes, sale.OpClose: closeCodes,
}

// judge verifies an answer and reads it.
func (c *Client) judge(op sale.Op, r wallet.Reply) sale.Answer {
	if r.Cause != "" {
		return sale.Answer{NotSent: r.NotSent, Cause: r.Cause}
	}
	if err := verify(c.cfg.Ring.Keys().Wallet, r.Header, r.Body, c.cfg.Time()); err != nil {
		return sale.Answer{Cause: fmt.Sprintf("status %d: %v", r.Status, err)}
	}
	ans := read(op, r.Status, r.Body)
	if ans.Outcome == sale.OutPaid && c.set.SubMerchantID != "" && ans.SubMerchant == "" {
		ans.Outcome, ans.Cause = sale.OutUnknown, "the answer names no sub-merchant"
	}
	return ans
}

// read makes an answer of a verified reply.
func read(op sale.Op, status int, body []byte) sale.Answer {
	ans := sale.Answer{Signed: true}
	var in reply
	if len(body) > 0 {
		if err := json.Unmarshal(body, &in); err != nil {
			ans.Cause = fmt.Sprintf("status %d: the answer is not the JSON object it should be", status)
			return ans
		}
	}
	ans.Order, ans.Merchant, ans.SubMerchant = in.OutTradeNo, in.MchID, in.SubMchID
	if in.SpMchID != "" {
		ans.Merchant = in.SpMchID
	}
	ans.WalletTransaction = wallet.CleanID(in.TransactionID)
	ans.PaidAt = wallet.CleanID(in.SuccessTime)
	if in.Amount != nil && in.Amount.Total != nil {
		ans.HasTotal, ans.Total = true, amount(*in.Amount.Total, in.Amount.Currency)
	}
	switch {
	case status/100 != 2 || in.Code != "":
		refuse(&ans, op, status, in)
	case op == sale.OpReverse:
		reversed(&ans, status, in)
	case op == sale.OpClose && status == 204:
		ans.Outcome = sale.OutAccepted
	case op == sale.OpOffer && status == 200:
		offered(&ans, in)
	case op == sale.OpClose || op == sale.OpOffer:
		ans.Cause = fmt.Sprintf("status %d is not an answer to a %s", status, op)
	case status == 200:
		stated(&ans, in)
	default:
		ans.Cause = fmt.Sprintf("status %d is not an answer to a %s", status, op)
	}
	return ans
}

// amount is a sum as the wallet writes it; the documents give CNY as the default.
func amount(minor int64, code string) sale.Amount {
	currency := sale.Currency(wallet.CleanCode(code))
	if currency == "" {
		currency = "CNY"
	}
	exponent, _ := currency.Exponent()
	return sale.Amount{Minor: minor, Currency: currency, Exponent: exponent}
}

func refuse(ans *sale.Answer, op sale.Op, status int, in reply) {
	ans.Code, ans.Text = wallet.CleanCode(in.Code), wallet.CleanText(in.Message)
	row := refusals[op][in.Code]
	for _, s := range row.statuses {
		if s == status {
			ans.Outcome = row.outcome
			return
		}
	}
	ans.Cause = fmt.Sprintf("status %d %s settles nothing", status, ans.Code)
}

// reversed reads the answer to a reverse: 200 with an echo, or 204 without a body (global).
func reversed(ans *sale.Answer, status int, in reply) {
	switch {
	case in.Recall == "Y":
		ans.Outcome, ans.Code = sale.OutRetry, "recall"
	case status == 204, status == 200 && in.OutTradeNo != "":
		ans.Outcome = sale.OutAccepted
	default:
		ans.Cause = fmt.Sprintf("status %d: the answer names no order", status)
	}
}

// stated reads the answer to a payment or query that names a trade state. Every one of them
// echoes order and merchant; one that does not is none.
func stated(ans *sale.Answer, in reply) {
	ans.Code, ans.Text = wallet.CleanCode(in.TradeState), wallet.CleanText(in.StateText)
	outcome, ok := states[in.TradeState]
	switch {
	case !ok:
		ans.Cause = "trade state " + ans.Code + " settles nothing"
	case ans.Order == "" || ans.Merchant == "":
		ans.Cause = "the answer names no order or no merchant"
	default:
		ans.Outcome = outcome
	}
}

// offered reads the answer to an offer, which echoes nothing: it holds the code alone.
func offered(ans *sale.Answer, in reply) {
	if !showable(in.CodeURL) {
		ans.Cause = "the answer holds no code that could be shown"
		return
	}
	ans.Outcome = sale.OutAccepted
}
