package nexo

import (
	"slices"

	"github.com/tilld/tilld/agent/sale"
)

// Lengths that keep one record of the journal small. The standard allows texts without end.
const (
	maxTransactionID = 128
	maxMetadata      = 4 << 10
	maxCode          = 1024
)

// Payment is a PaymentRequest, checked for form.
type Payment struct {
	TransactionID string
	TimeStamp     string
	SaleData      []byte // what the answer echoes: a JSON object
	Metadata      map[string]string
	Amount        sale.Amount
	Brands        []string
	// Code is a code that the point of sale scanned itself: the bytes in the message's
	// buffer, not a copy; nil normally.
	Code []byte
	// Refund is set for PaymentType Refund. Original then names the payment to give back, by
	// its POITransactionID; empty when the customer is to show the bill.
	Refund   bool
	Original string
}

// CodePath is where a PaymentRequest may hold a code, below SaleToPOIRequest.
var CodePath = []string{"PaymentRequest", "PaymentData", "PaymentInstrumentData", "CardData", "SensitiveCardData"}

// ReadPayment reads a PaymentRequest.
func ReadPayment(v Value) (Payment, *Error) {
	var p Payment
	if v.Kind != Object {
		return p, malformed("PaymentRequest is missing")
	}
	if err := p.readSaleData(v.At("SaleData")); err != nil {
		return p, err
	}
	var err *Error
	if p.Refund, err = isRefund(v.At("PaymentData", "PaymentType")); err != nil {
		return p, err
	}
	if p.Refund {
		if err := p.readOriginal(v); err != nil {
			return p, err
		}
	}
	if p.Amount, err = ReadAmount(v.At("PaymentTransaction", "AmountsReq")); err != nil {
		return p, err
	}
	conditions := v.At("PaymentTransaction", "TransactionConditions")
	if p.Brands, err = texts(conditions, "AllowedPaymentBrand"); err != nil {
		return p, err
	}
	return p, p.readCode(v, conditions)
}

func (p *Payment) readSaleData(v Value) *Error {
	transaction := v.At("SaleTransactionID")
	id, ok := transaction.At("TransactionID").Text()
	if !ok || id == "" || len(id) > maxTransactionID || !printable(id) {
		return malformed("SaleData.SaleTransactionID.TransactionID is not a text of 1 to %d characters", maxTransactionID)
	}
	p.TransactionID = id
	if stamp, there := transaction.Get("TimeStamp"); there {
		if p.TimeStamp, ok = stamp.Text(); !ok || len(p.TimeStamp) > maxName || !printable(p.TimeStamp) {
			return malformed("SaleData.SaleTransactionID.TimeStamp is not a short text")
		}
	}
	echo := Value{Kind: Object}
	for _, name := range []string{"SaleTransactionID", "SaleReferenceID"} {
		if part, there := v.Get(name); there {
			echo.members = append(echo.members, Member{name, part})
		}
	}
	p.SaleData = echo.Append(nil)
	data, err := ReadAcquirerData(v.At("SaleToAcquirerData"))
	if err != nil {
		return err
	}
	p.Metadata = data.Metadata()
	total := len(p.SaleData)
	for name, value := range p.Metadata {
		total += len(name) + len(value)
	}
	if total > maxMetadata {
		return malformed("SaleData and its metadata are longer than the %d bytes that an answer echoes", maxMetadata)
	}
	return nil
}

// isRefund reads PaymentType.
func isRefund(v Value) (bool, *Error) {
	switch kind, ok := v.Text(); {
	case v.Kind == Null, ok && kind == "Normal":
		return false, nil
	case ok && kind == "Refund":
		return true, nil
	case ok:
		return false, &Error{NotAllowed, "only PaymentType Normal and Refund are possible here"}
	}
	return false, malformed("PaymentType is not a text")
}

// readOriginal reads which payment a refund gives back: OriginalPOITransaction stands in
// PaymentTransaction. Without one the customer shows the bill.
func (p *Payment) readOriginal(v Value) *Error {
	if _, there := v.At(CodePath[1:]...).Get("PAN"); there {
		return &Error{NotAllowed, "a payment code has no place in a refund"}
	}
	original, there := v.At("PaymentTransaction").Get("OriginalPOITransaction")
	if !there {
		return nil
	}
	id, ok := original.At("POITransactionID", "TransactionID").Text()
	if !ok || id == "" || len(id) > maxTransactionID || !printable(id) {
		return malformed("OriginalPOITransaction.POITransactionID.TransactionID is missing")
	}
	p.Original = id
	return nil
}

// ReadAmount reads AmountsReq: major units as JSON writes numbers.
func ReadAmount(v Value) (sale.Amount, *Error) {
	currency, ok := v.At("Currency").Text()
	if !ok {
		return sale.Amount{}, malformed("AmountsReq.Currency is missing or not a text")
	}
	number, ok := v.At("RequestedAmount").Spelling()
	if !ok {
		return sale.Amount{}, malformed("AmountsReq.RequestedAmount is missing or not a number")
	}
	for _, name := range []string{"CashBackAmount", "PaidAmount"} {
		if other, there := v.Get(name); there {
			if s, _ := other.Spelling(); plainNumber(s) != "0" {
				return sale.Amount{}, &Error{NotAllowed, "AmountsReq." + name + " is not possible here"}
			}
		}
	}
	amount, err := sale.ParseAmount(number, sale.Currency(currency))
	if err != nil {
		return sale.Amount{}, malformed("AmountsReq: %v", err)
	}
	return amount, nil
}

// texts reads a member that is a text or a list of texts; nil when it is missing.
func texts(v Value, name string) ([]string, *Error) {
	field, there := v.Get(name)
	if !there {
		return nil, nil
	}
	items := field.Items()
	if field.Kind == String {
		items = []Value{field}
	} else if field.Kind != Array {
		return nil, malformed("%s is not a list of texts", name)
	}
	var out []string
	for _, item := range items {
		s, ok := item.Text()
		if !ok || len(s) > maxName {
			return nil, malformed("%s is not a list of texts", name)
		}
		out = append(out, s)
	}
	return out, nil
}

// readCode accepts a code that the point of sale scanned: SensitiveCardData.PAN, when
// ForceEntryMode says Keyed.
func (p *Payment) readCode(v, conditions Value) *Error {
	card := v.At(CodePath[1:]...)
	pan, there := card.Get("PAN")
	if !there {
		return nil
	}
	modes, err := texts(conditions, "ForceEntryMode")
	if err != nil {
		return err
	}
	if !slices.Contains(modes, "Keyed") {
		return malformed("SensitiveCardData.PAN needs ForceEntryMode Keyed")
	}
	if pan.Kind != String || len(pan.text) == 0 || len(pan.text) > maxCode {
		return malformed("SensitiveCardData.PAN is not a text of 1 to %d characters", maxCode)
	}
	p.Code = pan.text
	return nil
}

// Reference is a MessageReference.
type Reference struct {
	Category  string
	ServiceID string
	SaleID    string
	POIID     string
}

// ReadReference reads the MessageReference in a request. SaleID and POIID are often left
// out; the asker's own are meant then.
func ReadReference(v Value, asker Header) (Reference, *Error) {
	r := Reference{SaleID: asker.SaleID, POIID: asker.POIID}
	for _, f := range []struct {
		name string
		to   *string
	}{{"MessageCategory", &r.Category}, {"ServiceID", &r.ServiceID}, {"SaleID", &r.SaleID}, {"POIID", &r.POIID}} {
		field, there := v.Get(f.name)
		if !there {
			continue
		}
		s, ok := field.Text()
		if !ok || len(s) > maxName || !printable(s) {
			return r, malformed("MessageReference.%s is not a short text", f.name)
		}
		if s != "" {
			*f.to = s
		}
	}
	if !serviceID(r.ServiceID) {
		return r, malformed("MessageReference.ServiceID is not 1 to 10 ASCII letters or digits")
	}
	return r, nil
}

// Reversal is a ReversalRequest, checked for form.
type Reversal struct {
	TransactionID string // the reversal's own, may be empty
	TimeStamp     string
	SaleData      []byte // JSON object to echo, or nil
	Original      string // POITransactionID of the payment
	Echo          []byte // OriginalPOITransaction to echo
	Amount        string // ReversedAmount as a JSON number; empty means all of it
}

// reasons are the ReversalReasons of the standard.
var reasons = []string{"MerchantCancel", "CustCancel", "Malfunction", "Unable2Compl"}

// ReadReversal reads a ReversalRequest.
func ReadReversal(v Value) (Reversal, *Error) {
	var r Reversal
	if v.Kind != Object {
		return r, malformed("ReversalRequest is missing")
	}
	id, ok := v.At("OriginalPOITransaction", "POITransactionID", "TransactionID").Text()
	if !ok || id == "" || len(id) > maxTransactionID || !printable(id) {
		return r, malformed("OriginalPOITransaction.POITransactionID.TransactionID is missing")
	}
	r.Original = id
	echo := Value{Kind: Object, members: []Member{{"POITransactionID", v.At("OriginalPOITransaction", "POITransactionID")}}}
	if r.Echo = echo.Append(nil); len(r.Echo) > maxMetadata {
		return r, malformed("OriginalPOITransaction is too long")
	}
	if reason, ok := v.At("ReversalReason").Text(); !ok || !slices.Contains(reasons, reason) {
		return r, malformed("ReversalReason is not one of %v", reasons)
	}
	if amount, there := v.Get("ReversedAmount"); there {
		if r.Amount, ok = amount.Spelling(); !ok {
			return r, malformed("ReversedAmount is not a number")
		}
	}
	if data := v.At("SaleData"); data.At("SaleTransactionID").Kind != Null {
		var p Payment
		if err := p.readSaleData(data); err != nil {
			return r, err
		}
		r.TransactionID, r.TimeStamp, r.SaleData = p.TransactionID, p.TimeStamp, p.SaleData
	}
	return r, nil
}
