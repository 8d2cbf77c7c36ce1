package wallettest

import (
	"regexp"

	"github.com/tilld/tilld/agent/sale"
)

var aliRequestNo = regexp.MustCompile(`^[0-9A-Za-z_]{1,64}$`)

func (d *ali) readRefund(p *problems, o *order, in aliBiz) {
	o.refund = in.OutRequestNo
	p.check(aliRequestNo.MatchString(o.refund), "out_request_no %q", o.refund)
	if o.op == sale.OpRefund {
		o.amount = fen(p, "refund_amount", in.RefundAmount)
		p.check(len(in.TerminalID) <= 32, "terminal_id is above 32 characters")
	}
}

// aliOwnRefusals are the refusals that one method words in its own way.
var aliOwnRefusals = map[sale.Op]map[verdict][4]string{
	sale.OpRefund: {
		vDeclined: {"40004", "Business Failed", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"},
		vTooMuch:  {"40004", "Business Failed", "ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效"},
		vClosed:   {"40004", "Business Failed", "ACQ.TRADE_STATUS_ERROR", "交易状态非法"},
	},
	sale.OpOffer: {
		vDeclined: {"40004", "Business Failed", "ACQ.ACCESS_FORBIDDEN", "无权限使用接口"},
	},
	sale.OpClose: {
		vPaid: {"40004", "Business Failed", "ACQ.TRADE_STATUS_ERROR", "交易状态不合法"},
	},
}

// refunded answers a refund: whether this very request moved money, and the sum of all of
// the order's refunds.
func (d *ali) refunded(out map[string]any, o order, e Entry) {
	r := e.Refund(o.refund)
	out["trade_no"], out["fund_change"] = e.Transaction, "Y"
	out["buyer_logon_id"], out["buyer_user_id"] = "159****5620", "2088101117955611"
	if e.repeated || r.State != RefundDone {
		out["fund_change"] = "N"
	}
	out["refund_fee"], out["send_back_fee"] = yuan(e.RefundedMinor), "0.01"
	out["gmt_refund_pay"] = aliTime(r.At)
}

// refundStated answers a query: with the refund's data once it is done, else with nothing
// but success.
func (d *ali) refundStated(out map[string]any, o order, e Entry) {
	delete(out, "out_trade_no")
	if r := e.Refund(o.refund); r != nil && r.State == RefundDone {
		out["out_trade_no"] = e.Order
		out["trade_no"], out["out_request_no"], out["refund_status"] = e.Transaction, r.ID, "REFUND_SUCCESS"
		out["refund_amount"], out["total_amount"] = yuan(r.Minor), yuan(e.TotalMinor)
	}
}
