package unionpay

import (
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Constants of the interface (secondary).
const (
	version     = "1.0.0"
	reqPay      = "0310000903"
	reqReversal = "0320000903" // takes back an order whose outcome is not known
	reqVoid     = "0330000903" // gives a paid order back in full, on its day
	reqRefund   = "0340000903" // gives a part, or all, back later
	reqQuery    = "0350000903"
	yuan        = "156"
)

// path is where all requests go (unconfirmed: acquirers give their own).
const path = "/qrcGtwWeb-web/api/order"

// Answer codes. The two-digit codes are those of the classic ACP gateway (secondary); that
// QRC uses the same ones, and all rows marked so, is unconfirmed.
const (
	respDone      = "00"
	respDuplicate = "12" // the order number was used before
	respNoOrder   = "34" // no such order
	origClosed    = "35" // of the original: reversed or closed (unconfirmed)
	respBusy      = "06"
)

// undecided are the answers after which a request may still be carried out.
var undecided = map[string]bool{"01": true, "03": true, "04": true, "05": true, respBusy: true}

// payRefusals are the answers to a consumption that say it failed. Their meanings come from
// public integrators' code and are unconfirmed, so none of them is taken for final: the order
// is reversed before anybody is told "not paid". With a contract that confirms a row it may
// become OutDeclined, or OutBadCode for 61, which lets a fresh code follow at once. 01, 03,
// 04, 05, 06, 30 and all others are unknown: the query decides.
var payRefusals = map[string]sale.Outcome{
	"61":          sale.OutFailed, // the number is not valid: a code that expired or was used
	"10":          sale.OutFailed, // malformed message
	"11":          sale.OutFailed, // our signature does not verify
	"13":          sale.OutFailed, // a field is missing
	"31":          sale.OutFailed, // the merchant's state
	"32":          sale.OutFailed, // no permission
	"33":          sale.OutFailed, // amount above the limit
	"62":          sale.OutFailed, // the issuer does not serve this merchant
	"63":          sale.OutFailed, // the card's state
	"64":          sale.OutFailed, // not enough money
	respDuplicate: sale.OutDuplicate,
}

// origStates says what the origRespCode of a query is worth.
var origStates = map[string]sale.Outcome{
	respDone:   sale.OutPaid,
	"03":       sale.OutPaying, // being processed
	"04":       sale.OutPaying,
	"05":       sale.OutPaying, // accepted; waits for the customer
	origClosed: sale.OutClosed, // with a voucherNum it had been paid: OutRefunded (unconfirmed)
	"61":       sale.OutFailed, // the try to pay failed; that the order is closed is unconfirmed
	"64":       sale.OutFailed,
}

// Clock is UnionPay's table of times. Spacing of queries, time before a reversal and the
// window are unconfirmed: WeChat Pay's are taken, and the shortest window of the three.
func Clock() sale.Clock {
	return sale.Clock{
		Answer:        10 * time.Second,
		FirstQuery:    5 * time.Second,
		QueryEvery:    5 * time.Second,
		PayerDeadline: 60 * time.Second,
		ReverseAfter:  15 * time.Second,
		CodeLife:      60 * time.Second,
		OfferLife:     90 * time.Second,
		NetworkDelay:  60 * time.Second,
		RetryFirst:    time.Second,
		RetryMost:     60 * time.Second,
		RetryFor:      30 * time.Minute,
		RetrySlow:     15 * time.Minute,
		Window:        24 * time.Hour,
		WindowMargin:  time.Hour,
	}
}
