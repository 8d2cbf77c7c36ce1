package wechatpayv2

import (
	"io"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/wallet/wechatpay"
)

// KnowsBill reports whether a file that begins so may be a bill of this wallet.
func (c *Client) KnowsBill(head []byte) bool { return wechatpay.KnowsBill(head) }

// ReadBill reads a trade bill: both versions of the API have the same one. This version's
// download has neither hash nor signature, so bills are not fetched: they come as files, from
// the wallet's merchant page.
func (c *Client) ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error) {
	return wechatpay.ReadBill(r, each)
}
