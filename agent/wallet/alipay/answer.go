package alipay

import (
	"encoding/json"
	"fmt"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// reply is what is read of an answer: the allow-list. The buyer's account, name and funds
// are dropped here.
type reply struct {
	Code        string `json:"code"`
	Msg         string `json:"msg"`
	SubCode     string `json:"sub_code"`
	SubMsg      string `json:"sub_msg"`
	OutTradeNo  string `json:"out_trade_no"`
	TradeNo     string `json:"trade_no"`
	TotalAmount string `json:"total_amount"`
	GmtPayment  string `json:"gmt_payment"`
	SendPayDate string `json:"send_pay_date"`
	TradeStatus string `json:"trade_status"`
	RetryFlag   string `json:"retry_flag"`
	Action      string `json:"action"`
	// TransCurrency is set where an order is not in yuan.
	TransCurrency string `json:"trans_currency"`
	// SellerID is documented for answers of other products (alipay.trade.app.pay); where one
	// comes, it must be ours.
	SellerID string `json:"seller_id"`
	QRCode   string `json:"qr_code"`

	OutRequestNo string `json:"out_request_no"`
	FundChange   string `json:"fund_change"`   // whether this very request moved money
	RefundFee    string `json:"refund_fee"`    // all that was given back of the order so far
	RefundAmount string `json:"refund_amount"` // of the refund that is asked about
	RefundStatus string `json:"refund_status"`
}

// Codes of the gateway.
const (
	codeDone     = "10000"
	codeWaiting  = "10003" // the payer must confirm
	codeUnknown  = "20000" // the service is not available: unknown
	codeBusiness = "40004" // refused, sub_code says why
)

// payRefusals is the closed list of sub_codes beside 40004 for a payment. SYSTEM_ERROR and
// every other one are unknown: the query decides.
var payRefusals = map[string]sale.Outcome{
	"ACQ.PAYMENT_AUTH_CODE_INVALID":   sale.OutBadCode,
	"ACQ.ILLEGAL_AUTH_CODE":           sale.OutBadCode,
	"ACQ.AUTH_CODE_INVALID_OR_EXPIRE": sale.OutBadCode,
	"ACQ.SOUNDWAVE_PARSER_FAIL":       sale.OutBadCode,

	"ACQ.BUYER_BALANCE_NOT_ENOUGH":               sale.OutDeclined,
	"ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH":      sale.OutDeclined,
	"ACQ.ERROR_BALANCE_PAYMENT_DISABLE":          sale.OutDeclined,
	"ACQ.BUYER_SELLER_EQUAL":                     sale.OutDeclined,
	"ACQ.BUYER_ENABLE_STATUS_FORBID":             sale.OutDeclined,
	"ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR":   sale.OutDeclined,
	"ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": sale.OutDeclined,
	"ACQ.BEYOND_PAY_RESTRICTION":                 sale.OutDeclined,
	"ACQ.BEYOND_PER_RECEIPT_RESTRICTION":         sale.OutDeclined,
	"ACQ.TOTAL_FEE_EXCEED":                       sale.OutDeclined,
	"ACQ.MOBILE_PAYMENT_SWITCH_OFF":              sale.OutDeclined,
	"ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE":       sale.OutDeclined,
	"ACQ.PAYMENT_REQUEST_HAS_RISK":               sale.OutDeclined,
	"ACQ.ACCESS_FORBIDDEN":                       sale.OutDeclined,
	"ACQ.EXIST_FORBIDDEN_WORD":                   sale.OutDeclined,
	"ACQ.PARTNER_ERROR":                          sale.OutDeclined,
	"ACQ.INVALID_PARAMETER":                      sale.OutDeclined,

	"ACQ.CONTEXT_INCONSISTENT":  sale.OutDuplicate,
	"ACQ.TRADE_HAS_SUCCESS":     sale.OutDuplicate,
	"ACQ.TRADE_BUYER_NOT_MATCH": sale.OutDuplicate,
	"ACQ.TRADE_HAS_CLOSE":       sale.OutDuplicate,
}

var queryRefusals = map[string]sale.Outcome{
	"ACQ.TRADE_NOT_EXIST": sale.OutNotFound,
}

var cancelRefusals = map[string]sale.Outcome{
	"ACQ.SYSTEM_ERROR":              sale.OutRetry,
	"ACQ.SELLER_BALANCE_NOT_ENOUGH": sale.OutRetry,
	"ACQ.REASON_TRADE_BEEN_FREEZEN": sale.OutRetry,
	"ACQ.TRADE_NOT_EXIST":           sale.OutNotFound,
}

// read makes an answer of the verified inner object.
func read(op sale.Op, status int, inner []byte) sale.Answer {
	ans := sale.Answer{Signed: true}
	var in reply
	if err := json.Unmarshal(inner, &in); err != nil {
		ans.Cause = fmt.Sprintf("status %d: the answer's fields are not what they should be", status)
		return ans
	}
	ans.Order, ans.SubMerchant = in.OutTradeNo, wallet.CleanID(in.SellerID)
	ans.WalletTransaction = wallet.CleanID(in.TradeNo)
	ans.PaidAt = wallet.CleanID(in.GmtPayment)
	if ans.PaidAt == "" {
		ans.PaidAt = wallet.CleanID(in.SendPayDate)
	}
	ans.Code, ans.Text = in.words()
	total(&ans, in)
	if status != 200 {
		ans.Cause = fmt.Sprintf("status %d settles nothing", status)
		return ans
	}
	switch op {
	case sale.OpPay:
		paid(&ans, in)
	case sale.OpQuery:
		stated(&ans, in)
	case sale.OpReverse:
		cancelled(&ans, in)
	case sale.OpOffer:
		offered(&ans, in)
	case sale.OpClose:
		closed(&ans, in)
	}
	if ans.Outcome == sale.OutUnknown && ans.Cause == "" {
		ans.Cause = "code " + wallet.CleanCode(in.Code) + " " + ans.Code + " settles nothing"
	}
	return ans
}

// words are the code and the text of the more precise of the two levels.
func (in reply) words() (code, text string) {
	if in.SubCode != "" {
		return wallet.CleanCode(in.SubCode), wallet.CleanText(in.SubMsg)
	}
	return wallet.CleanCode(in.Code), wallet.CleanText(in.Msg)
}

// total reads the order's total. A number that cannot be read stays absent: an answer that
// says paid then has a differing total, which is never taken for ours.
func total(ans *sale.Answer, in reply) {
	c := sale.Currency(wallet.CleanCode(in.TransCurrency))
	if c == "" {
		c = currency
	}
	if amount, err := sale.ParseAmount(in.TotalAmount, c); err == nil {
		ans.Total, ans.HasTotal = amount, true
	}
}

func paid(ans *sale.Answer, in reply) {
	switch in.Code {
	case codeDone:
		done(ans, sale.OutPaid)
	case codeWaiting:
		ans.Outcome = sale.OutPaying
	case codeBusiness:
		ans.Outcome = payRefusals[in.SubCode]
	}
}

// done sets an outcome that every answer of its kind names the order of.
func done(ans *sale.Answer, outcome sale.Outcome) {
	if ans.Order == "" {
		ans.Cause = "the answer names no order"
		return
	}
	ans.Outcome = outcome
}

func stated(ans *sale.Answer, in reply) {
	if in.Code == codeBusiness {
		ans.Outcome = queryRefusals[in.SubCode]
	}
	if in.Code != codeDone {
		return
	}
	ans.Code = wallet.CleanCode(in.TradeStatus)
	switch in.TradeStatus {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		done(ans, sale.OutPaid)
	case "WAIT_BUYER_PAY":
		done(ans, sale.OutPaying)
	case "TRADE_CLOSED":
		if in.SendPayDate != "" {
			done(ans, sale.OutRefunded)
		} else {
			done(ans, sale.OutClosed)
		}
	}
}

func cancelled(ans *sale.Answer, in reply) {
	switch {
	case in.RetryFlag == "Y":
		ans.Outcome = sale.OutRetry
	case in.Code == codeDone:
		// action says close or refund, or nothing for an order that was never created; the
		// query proves it.
		done(ans, sale.OutAccepted)
	case in.Code == codeUnknown:
		ans.Outcome = sale.OutRetry
	case in.Code == codeBusiness:
		ans.Outcome = cancelRefusals[in.SubCode]
	}
}
