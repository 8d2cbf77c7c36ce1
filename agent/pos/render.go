package pos

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/sale"
)

// echo is what Asked.Echo holds: everything of a request that its answer carries back, and
// no payment code.
type echo struct {
	Test     bool              `json:"test,omitempty"`
	DeviceID string            `json:"device,omitempty"`
	SaleData json.RawMessage   `json:"sale_data,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Amount   *sale.Amount      `json:"amount,omitempty"`   // what was asked for
	Original json.RawMessage   `json:"original,omitempty"` // of a reversal
	Refund   bool              `json:"refund,omitempty"`   // of a payment: its PaymentType is Refund
}

func readEcho(raw []byte) echo {
	var e echo
	if len(raw) > 0 {
		// Written by this package; what cannot be read was asked by someone else (the
		// terminal's own command line) and has nothing to echo.
		if json.Unmarshal(raw, &e) != nil {
			return echo{}
		}
	}
	return e
}

type object = map[string]any

// message writes a complete SaleToPOIResponse with one body.
func message(h nexo.Header, name string, body any) []byte {
	return encode(object{"SaleToPOIResponse": object{"MessageHeader": h, name: body}})
}

// encode writes JSON without turning & into an escape: receipts are full of it.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("pos: encode an answer: " + err.Error()) // all values are our own
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

type response struct {
	Result             string         `json:"Result"`
	ErrorCondition     nexo.Condition `json:"ErrorCondition,omitempty"`
	AdditionalResponse string         `json:"AdditionalResponse,omitempty"`
}

// transactionID is a nexo TransactionIdentification.
type transactionID struct {
	TransactionID string `json:"TransactionID"`
	TimeStamp     string `json:"TimeStamp"`
}

type poiData struct {
	POITransactionID *transactionID `json:"POITransactionID,omitempty"`
}

type paymentResponse struct {
	Response       response        `json:"Response"`
	SaleData       json.RawMessage `json:"SaleData,omitempty"`
	POIData        poiData         `json:"POIData"`
	PaymentResult  *paymentResult  `json:"PaymentResult,omitempty"`
	PaymentReceipt []receipt       `json:"PaymentReceipt,omitempty"`
}

type paymentResult struct {
	PaymentType           string        `json:"PaymentType"`
	PaymentInstrumentData object        `json:"PaymentInstrumentData"`
	AmountsResp           amountsResp   `json:"AmountsResp"`
	OnlineFlag            bool          `json:"OnlineFlag"`
	PaymentAcquirerData   acquirerReply `json:"PaymentAcquirerData"`
}

type amountsResp struct {
	Currency         sale.Currency   `json:"Currency"`
	AuthorizedAmount json.RawMessage `json:"AuthorizedAmount"`
}

type acquirerReply struct {
	AcquirerID            string         `json:"AcquirerID"`
	MerchantID            string         `json:"MerchantID"`
	AcquirerPOIID         string         `json:"AcquirerPOIID"`
	AcquirerTransactionID *transactionID `json:"AcquirerTransactionID,omitempty"`
}

type reversalResponse struct {
	Response               response        `json:"Response"`
	SaleData               json.RawMessage `json:"SaleData,omitempty"`
	POIData                poiData         `json:"POIData"`
	OriginalPOITransaction json.RawMessage `json:"OriginalPOITransaction,omitempty"`
	ReversedAmount         json.RawMessage `json:"ReversedAmount,omitempty"`
	PaymentReceipt         []receipt       `json:"PaymentReceipt,omitempty"`
}

// Render writes the answer to a Payment: the whole plain SaleToPOIResponse. It is pure.
func Render(asked sale.Asked, r agent.Reply) []byte {
	e := readEcho(asked.Echo)
	if e.Refund || r.Refund != nil {
		return renderRefund(asked, e, r)
	}
	p := &r.Payment
	out := outcomeOf(r.Ending)
	body := paymentResponse{SaleData: e.SaleData, POIData: poiOf(p)}
	body.Response = response{Result: nexo.Failure, ErrorCondition: out.condition}
	switch {
	case r.Ending == sale.EndPaid:
		body.Response.Result = nexo.Success
		body.PaymentResult = resultOf(asked, p)
	case out.condition == "": // an ending that no payment has
		body.Response.ErrorCondition = nexo.UnavailableService
	}
	body.Response.AdditionalResponse = additional(asked, e, r, textOf(asked, e, r, out))
	if p.Current() != nil {
		body.PaymentReceipt = receipts(e.Test, asked, p, out.receipt)
	}
	return message(answerHeader(asked, e, "Payment"), "PaymentResponse", body)
}

// RenderReverse writes the answer to a Reversal, likewise. It is a Success when nothing of
// the payment is charged any more, or when the sum that it names was given back, and nothing
// else is.
func RenderReverse(asked sale.Asked, r agent.Reply) []byte {
	e := readEcho(asked.Echo)
	p := &r.Payment
	out := outcomeOf(r.Ending)
	body := reversalResponse{SaleData: e.SaleData, POIData: poiOf(p), OriginalPOITransaction: e.Original}
	switch {
	case r.Ending == sale.EndRefunded && r.Refund != nil:
		out = refundOutcome(r)
		body.Response.Result = nexo.Success
		body.ReversedAmount = json.RawMessage(r.Refund.Amount.Decimal())
		body.PaymentReceipt = refundReceipts(e.Test, asked, r, out.receipt)
	case r.Ending == sale.EndReversed && uncharged(p):
		body.Response.Result = nexo.Success
		body.ReversedAmount = json.RawMessage(p.Amount.Decimal())
		body.PaymentReceipt = receipts(e.Test, asked, p, out.receipt)
	case out.condition == "":
		out = outcome{nexo.UnavailableService, "", "not given back: someone must look at payment " + p.ID}
		fallthrough
	default:
		body.Response = response{Result: nexo.Failure, ErrorCondition: out.condition}
	}
	why := r.Why
	if why == "" {
		why = out.text
	}
	body.Response.AdditionalResponse = additional(asked, e, r, why)
	return message(answerHeader(asked, e, "Reversal"), "ReversalResponse", body)
}

// uncharged reports whether the payment's record itself says so.
func uncharged(p *sale.Payment) bool {
	a := p.Current()
	if a == nil {
		return p.ID != ""
	}
	switch a.State {
	case sale.Reversed, sale.ReversedRefunded, sale.Declined, sale.Closed:
		return true
	}
	return false
}

func answerHeader(asked sale.Asked, e echo, category string) nexo.Header {
	return nexo.Header{
		ProtocolVersion: "3.0", MessageClass: "Service", MessageCategory: category, MessageType: "Response",
		ServiceID: asked.ServiceID, DeviceID: e.DeviceID, SaleID: asked.SaleID, POIID: asked.POIID,
	}
}

func poiOf(p *sale.Payment) poiData {
	if p.ID == "" {
		return poiData{}
	}
	at := p.EndedAt
	if at.IsZero() {
		at = p.Begun
	}
	return poiData{&transactionID{p.ID, stamp(at)}}
}

func resultOf(asked sale.Asked, p *sale.Payment) *paymentResult {
	out := &paymentResult{
		PaymentType:           "Normal",
		PaymentInstrumentData: object{"PaymentInstrumentType": "Mobile"},
		AmountsResp:           amountsResp{p.Amount.Currency, json.RawMessage(p.Amount.Decimal())},
		OnlineFlag:            true,
		PaymentAcquirerData:   acquirerReply{AcquirerPOIID: asked.POIID},
	}
	if a := p.Current(); a != nil {
		out.PaymentAcquirerData.AcquirerID = a.Contract.Wallet
		out.PaymentAcquirerData.MerchantID = a.Contract.Merchant
		if a.WalletTransaction != "" {
			out.PaymentAcquirerData.AcquirerTransactionID = &transactionID{a.WalletTransaction, stamp(p.EndedAt)}
		}
	}
	return out
}

// textOf is the line for people, and says it when this request did not start the payment
// that it is answered with.
func textOf(asked sale.Asked, e echo, r agent.Reply, out outcome) string {
	text := r.Why
	if text == "" {
		text = out.text
	}
	if p := r.Payment; p.ID != "" && p.Asked.ServiceID != "" && p.Asked.Key() != asked.Key() {
		note := "this basket's payment was asked for under ServiceID " + p.Asked.ServiceID + "; this is its outcome"
		if e.Amount != nil && !e.Amount.Same(p.Amount) {
			note += ", for " + p.Amount.String() + " and not " + e.Amount.String()
		}
		text = strings.TrimPrefix(text+"; "+note, "; ")
	}
	return text
}

// additional writes AdditionalResponse as name=value pairs, in a fixed order. Spaces are
// %20, which every decoder knows.
func additional(asked sale.Asked, e echo, r agent.Reply, text string) string {
	var b strings.Builder
	add := func(name, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(percent(name) + "=" + percent(value))
	}
	if e.Test {
		add("testMode", "true")
	}
	add("message", text)
	add("merchantReference", asked.TransactionID)
	if r.Refund != nil {
		add("refundId", r.Refund.ID)
		add("refundState", r.Refund.State.String())
		add("refundReference", r.Refund.WalletRefund)
	}
	if a := r.Payment.Current(); a != nil {
		add("paymentMethod", a.Contract.Wallet)
		add("paymentMethodVariant", cmp.Or(a.PaidBy, a.Scheme))
		add("pspReference", a.WalletTransaction)
		add("orderId", a.ID)
		add("walletCode", a.WalletCode)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Metadata)) {
		add("metadata."+name, e.Metadata[name])
	}
	return b.String()
}

func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
