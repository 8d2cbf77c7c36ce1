package unionpay

import (
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Constants of the interface (secondary).
const (
	version     = "1.0.0"
	reqPay      = "0310000903"
	reqReversal = "0320000903"
	reqQuery    = "0350000903"
	yuan        = "156"
)

// path is where all three requests go (unconfirmed: acquirers give their own).
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

// payRefusals is the closed list for a consumption. 01, 03, 04, 05, 06, 30 and all others
// are unknown: the query decides.
var payRefusals = map[string]sale.Outcome{
	"61":          sale.OutBadCode,  // the number is not valid: a code that expired or was used (unconfirmed)
	"10":          sale.OutDeclined, // malformed message
	"11":          sale.OutDeclined, // our signature does not verify
	"13":          sale.OutDeclined, // a field is missing
	"31":          sale.OutDeclined, // the merchant's state
	"32":          sale.OutDeclined, // no permission
	"33":          sale.OutDeclined, // amount above the limit
	"62":          sale.OutDeclined, // the issuer does not serve this merchant
	"63":          sale.OutDeclined, // the card's state
	"64":          sale.OutDeclined, // not enough money
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
		NetworkDelay:  60 * time.Second,
		RetryFirst:    time.Second,
		RetryMost:     60 * time.Second,
		RetryFor:      30 * time.Minute,
		RetrySlow:     15 * time.Minute,
		Window:        24 * time.Hour,
		WindowMargin:  time.Hour,
	}
}
