package alipayplus

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
)

// result is one of the two levels: of the request, or of the payment that it asks about.
type result struct {
	Status  string `json:"resultStatus"` // S, F or U
	Code    string `json:"resultCode"`
	Message string `json:"resultMessage"`
}

// money is an amount in an answer.
type money struct {
	Currency string `json:"currency"`
	Value    string `json:"value"`
}

// amount reads it; ok is false for what is no positive whole number of a known currency.
func (m money) amount() (a sale.Amount, ok bool) {
	currency := sale.Currency(m.Currency)
	exp, ok := currency.Exponent()
	if !ok || len(m.Value) > 18 {
		return a, false
	}
	n := int64(0)
	for _, d := range []byte(m.Value) {
		if d < '0' || d > '9' {
			return a, false
		}
		n = n*10 + int64(d-'0')
	}
	return sale.Amount{Minor: n, Currency: currency, Exponent: exp}, n > 0
}

// reply is what is read of an answer: the allow-list. The customer's number and what was
// settled at which rate are dropped here.
type reply struct {
	Result           result  `json:"result"`
	PaymentResult    *result `json:"paymentResult"`
	AcquirerID       string  `json:"acquirerId"`
	PaymentRequestID string  `json:"paymentRequestId"`
	PaymentID        string  `json:"paymentId"`
	PaymentTime      string  `json:"paymentTime"`
	// PaymentAmount is what we asked for; what the payer paid, in whatever currency, is not read.
	PaymentAmount   money  `json:"paymentAmount"`
	PSPID           string `json:"pspId"`
	WalletBrandName string `json:"walletBrandName"`

	RefundRequestID string        `json:"refundRequestId"`
	RefundID        string        `json:"refundId"`
	RefundAmount    money         `json:"refundAmount"`
	Transactions    []transaction `json:"transactions"`
}

// transaction is what became of an order after it was paid.
type transaction struct {
	Type      string `json:"transactionType"`
	RequestID string `json:"transactionRequestId"`
	ID        string `json:"transactionId"`
	Amount    money  `json:"transactionAmount"`
	Result    result `json:"transactionResult"`
}

// Result codes that decide something by themselves.
const (
	inProcess     = "PAYMENT_IN_PROCESS"
	notExist      = "ORDER_NOT_EXIST"
	isClosed      = "ORDER_IS_CLOSED"
	cancelTooLate = "CANCEL_WINDOW_EXCEED"
)

// refusals is the closed list of codes beside F for a payment (integration_auto_debit_mpp,
// "Respond to payment inquiry"; the two about codes are documented for codeConsult and
// (unconfirmed) for pay). Every other F is reversed before anybody is told "not paid".
var refusals = map[string]sale.Outcome{
	"EXPIRED_CODE": sale.OutBadCode,
	"INVALID_CODE": sale.OutBadCode,

	"USER_BALANCE_NOT_ENOUGH":          sale.OutDeclined,
	"RISK_REJECT":                      sale.OutDeclined,
	"USER_NOT_EXIST":                   sale.OutDeclined,
	"USER_STATUS_ABNORMAL":             sale.OutDeclined,
	"UNAVAILABLE_PAYMENT_METHOD":       sale.OutDeclined,
	"USER_PAYMENT_VERIFICATION_FAILED": sale.OutDeclined,
	"USER_KYC_NOT_QUALIFIED":           sale.OutDeclined,
	"MERCHANT_KYB_NOT_QUALIFIED":       sale.OutDeclined,

	"REPEAT_REQ_INCONSISTENT": sale.OutDuplicate,
	isClosed:                  sale.OutClosed,
}

// read makes an answer of a verified one.
func (c *Client) read(op sale.Op, r answer) sale.Answer {
	if r.cause != "" {
		return sale.Answer{NotSent: r.notSent, Cause: r.cause}
	}
	ans := readOrder(op, r.status, r.body)
	if c.set.AcquirerID == "" {
		ans.Merchant = ""
	}
	return ans
}

func readOrder(op sale.Op, status int, body []byte) sale.Answer {
	ans := sale.Answer{Signed: true}
	var in reply
	if err := json.Unmarshal(body, &in); err != nil {
		ans.Cause = fmt.Sprintf("status %d: the answer's fields are not what they should be", status)
		return ans
	}
	ans.Order, ans.Merchant = in.PaymentRequestID, wallet.CleanID(in.AcquirerID)
	ans.WalletTransaction, ans.PaidAt = wallet.CleanID(in.PaymentID), wallet.CleanID(in.PaymentTime)
	ans.Total, ans.HasTotal = in.PaymentAmount.amount()
	say(&ans, in.Result)
	if status != 200 {
		ans.Cause = fmt.Sprintf("status %d settles nothing", status)
		return ans
	}
	switch op {
	case sale.OpPay:
		paid(&ans, in.Result)
	case sale.OpQuery:
		stated(&ans, in)
	case sale.OpReverse:
		cancelled(&ans, in.Result)
	}
	if ans.Outcome == sale.OutPaid {
		ans.PaidBy = brand(in)
	}
	if ans.Outcome == sale.OutUnknown && ans.Cause == "" {
		ans.Cause = "result " + wallet.CleanCode(in.Result.Status) + " " + ans.Code + " settles nothing"
	}
	return ans
}

func say(ans *sale.Answer, r result) {
	ans.Code, ans.Text = wallet.CleanCode(r.Code), wallet.CleanText(r.Message)
}

// paid reads the result of a payment.
func paid(ans *sale.Answer, r result) {
	switch {
	case r.Status == "S" && r.Code == "SUCCESS":
		ans.Outcome = sale.OutPaid
	case r.Status == "U" && r.Code == inProcess:
		ans.Outcome = sale.OutPaying
	case r.Status == "F":
		ans.Outcome = sale.OutFailed
		if listed, ok := refusals[r.Code]; ok {
			ans.Outcome = listed
		}
	}
}

// stated reads an inquiry: its own result first, then that of the payment in it.
func stated(ans *sale.Answer, in reply) {
	switch {
	case in.Result.Status == "F" && in.Result.Code == notExist:
		ans.Outcome = sale.OutNotFound
		return
	case in.Result.Status != "S" || in.PaymentResult == nil:
		return
	}
	say(ans, *in.PaymentResult)
	if ans.Order == "" {
		ans.Cause = "the answer names no order"
		return
	}
	switch paid(ans, *in.PaymentResult); {
	case ans.Outcome == sale.OutUnknown && in.PaymentResult.Status == "U":
		ans.Outcome = sale.OutPaying
	case ans.Outcome == sale.OutBadCode:
		ans.Outcome = sale.OutDeclined // no fresh code follows: the order is looked back at
	case ans.Outcome == sale.OutDuplicate:
		ans.Outcome = sale.OutFailed
	case ans.Outcome == sale.OutPaid && ans.HasTotal && in.refunded(ans.Total):
		ans.Outcome = sale.OutRefunded
	}
}

// refunded reports whether the refunds that are done make up the total.
func (in reply) refunded(total sale.Amount) bool {
	left := total.Minor
	for _, t := range in.Transactions {
		a, ok := t.Amount.amount()
		if t.Type != "REFUND" || t.Result.Status != "S" || !ok || a.Currency != total.Currency {
			continue
		}
		if left -= a.Minor; left <= 0 {
			return true
		}
	}
	return false
}

func cancelled(ans *sale.Answer, r result) {
	switch {
	case r.Status == "S" && r.Code == "SUCCESS":
		ans.Outcome = sale.OutAccepted
	case r.Status == "U":
		ans.Outcome = sale.OutRetry
	case r.Status == "F" && r.Code == notExist:
		ans.Outcome = sale.OutNotFound
	}
}

// brands are the names of wallets that have codes of their own among the schemes.
var brands = map[string]string{"alipaycn": "alipay-cn", "alipayhk": "alipay-hk"}

// brand is the wallet that paid: a scheme where it is one, else the name that the customer
// reads, else the number that Alipay+ has for it.
func brand(in reply) string {
	name := wallet.CleanText(in.WalletBrandName)
	if scheme, ok := brands[strings.ToLower(strings.ReplaceAll(name, " ", ""))]; ok {
		return scheme
	}
	if name == "" {
		return wallet.CleanID(in.PSPID)
	}
	return name
}
