package posclient

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Header is the nexo MessageHeader.
type Header struct {
	ProtocolVersion string `json:"ProtocolVersion"`
	MessageClass    string `json:"MessageClass"`
	MessageCategory string `json:"MessageCategory"`
	MessageType     string `json:"MessageType"`
	ServiceID       string `json:"ServiceID,omitempty"`
	DeviceID        string `json:"DeviceID,omitempty"`
	SaleID          string `json:"SaleID"`
	POIID           string `json:"POIID"`
}

// Header makes the header of a service request.
func (c *Client) Header(category, serviceID string) Header {
	return Header{
		ProtocolVersion: "3.0",
		MessageClass:    "Service",
		MessageCategory: category,
		MessageType:     "Request",
		ServiceID:       serviceID,
		SaleID:          c.o.SaleID,
		POIID:           c.o.POIID,
	}
}

// PayRequest asks for a payment.
type PayRequest struct {
	ServiceID     string // 1 to 10 letters or digits, unique for 48 h
	TransactionID string // the basket
	// TimeStamp is RFC 3339; empty means now. A repeat of a request must keep it.
	TimeStamp string
	Amount    string // major units as a JSON number: "12.80"
	Currency  string // "CNY"
	// AcquirerData is SaleToAcquirerData: base64 of JSON, or k=v pairs; may be empty.
	AcquirerData string
	Brands       []string // AllowedPaymentBrand; empty allows all
	// Code is a code that the point of sale scanned itself; nil normally.
	Code *secret.Bytes
}

type obj = map[string]any

// Pay asks for a payment and waits for its end.
func (c *Client) Pay(ctx context.Context, r PayRequest) (Answer, error) {
	return c.exchange(ctx, c.Header("Payment", r.ServiceID), "PaymentRequest", r.body())
}

func (r PayRequest) body() obj {
	stamp := r.TimeStamp
	if stamp == "" {
		stamp = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	}
	saleData := obj{"SaleTransactionID": obj{"TransactionID": r.TransactionID, "TimeStamp": stamp}}
	if r.AcquirerData != "" {
		saleData["SaleToAcquirerData"] = r.AcquirerData
	}
	transaction := obj{"AmountsReq": obj{"Currency": r.Currency, "RequestedAmount": json.RawMessage(r.Amount)}}
	conditions := obj{}
	if len(r.Brands) > 0 {
		conditions["AllowedPaymentBrand"] = r.Brands
	}
	body := obj{"SaleData": saleData, "PaymentTransaction": transaction}
	if r.Code != nil {
		conditions["ForceEntryMode"] = []string{"Keyed"}
		body["PaymentData"] = obj{"PaymentInstrumentData": obj{"CardData": obj{
			"SensitiveCardData": obj{"PAN": string(r.Code.Reveal())},
		}}}
	}
	if len(conditions) > 0 {
		transaction["TransactionConditions"] = conditions
	}
	return body
}

// Reference names an earlier message. SaleID and POIID may be empty: the client's own are
// meant then.
type Reference struct {
	Category  string // "Payment" when empty
	ServiceID string
	SaleID    string
	POIID     string
}

func (r Reference) body() obj {
	category := r.Category
	if category == "" {
		category = "Payment"
	}
	out := obj{"MessageCategory": category, "ServiceID": r.ServiceID}
	if r.SaleID != "" {
		out["SaleID"] = r.SaleID
	}
	if r.POIID != "" {
		out["POIID"] = r.POIID
	}
	return out
}

// Abort asks to abort the message that ref names. The answer is empty by design.
func (c *Client) Abort(ctx context.Context, serviceID string, ref Reference) (Answer, error) {
	return c.exchange(ctx, c.Header("Abort", serviceID), "AbortRequest",
		obj{"AbortReason": "MerchantAbort", "MessageReference": ref.body()})
}

// Status asks what became of the message that ref names.
func (c *Client) Status(ctx context.Context, serviceID string, ref Reference) (Answer, error) {
	return c.exchange(ctx, c.Header("TransactionStatus", serviceID), "TransactionStatusRequest", obj{
		"ReceiptReprintFlag": true,
		"DocumentQualifier":  []string{"CashierReceipt", "CustomerReceipt"},
		"MessageReference":   ref.body(),
	})
}

// ReverseRequest asks to give a payment back.
type ReverseRequest struct {
	ServiceID        string
	POITransactionID string // of the payment's answer
	TransactionID    string // the reversal's own sale transaction; may be empty
	TimeStamp        string // RFC 3339; empty means now
	Reason           string // "MerchantCancel" when empty
	Amount           string // major units of the payment's currency; empty means all of it
}

// RefundRequest asks to give a part of a payment back: a Payment of PaymentType Refund.
type RefundRequest struct {
	PayRequest
	POITransactionID string // of the payment's answer; empty lets the customer show the bill
}

// Refund asks for it and waits for the outcome.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (Answer, error) {
	body := r.body()
	body["PaymentData"] = obj{"PaymentType": "Refund"}
	if r.POITransactionID != "" {
		body["PaymentTransaction"].(obj)["OriginalPOITransaction"] = obj{
			"POITransactionID": obj{"TransactionID": r.POITransactionID, "TimeStamp": r.TimeStamp}}
	}
	return c.exchange(ctx, c.Header("Payment", r.ServiceID), "PaymentRequest", body)
}

// Reverse asks to give a payment back and waits for the end of it.
func (c *Client) Reverse(ctx context.Context, r ReverseRequest) (Answer, error) {
	stamp, reason := r.TimeStamp, r.Reason
	if stamp == "" {
		stamp = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if reason == "" {
		reason = "MerchantCancel"
	}
	body := obj{
		"OriginalPOITransaction": obj{"POITransactionID": obj{"TransactionID": r.POITransactionID, "TimeStamp": stamp}},
		"ReversalReason":         reason,
	}
	if r.TransactionID != "" {
		body["SaleData"] = obj{"SaleTransactionID": obj{"TransactionID": r.TransactionID, "TimeStamp": stamp}}
	}
	if r.Amount != "" {
		body["ReversedAmount"] = json.RawMessage(r.Amount)
	}
	return c.exchange(ctx, c.Header("Reversal", r.ServiceID), "ReversalRequest", body)
}

// Diagnose asks how the till is.
func (c *Client) Diagnose(ctx context.Context, serviceID string) (Answer, error) {
	return c.exchange(ctx, c.Header("Diagnosis", serviceID), "DiagnosisRequest", obj{"HostDiagnosisFlag": true})
}
