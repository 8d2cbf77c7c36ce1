package wechatpay

import (
	"bytes"
	"io"
	"strings"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
)

// billColumns are the columns of the trade bill, of its three kinds (ALL, SUCCESS, REFUND) and
// of the older layout that some merchants still get, as the merchant documents list them:
// https://pay.weixin.qq.com/docs/merchant/products/bill-download/format-trade.html. What is
// Dropped is never looked at: 用户标识 is the payer's openid, 付款银行 the payer's bank, and
// 商品名称 and 商户数据包 are free text.
var billColumns = map[string]bill.Field{
	"交易时间":         bill.FieldAt,
	"公众账号ID":       bill.Dropped,
	"商户号":          bill.FieldMerchant,
	"特约商户号":        bill.FieldSubMerchant,
	"子商户号":         bill.FieldSubMerchant, // older name
	"设备号":          bill.FieldTerminal,
	"微信订单号":        bill.FieldTransaction,
	"商户订单号":        bill.FieldOrder,
	"用户标识":         bill.Dropped,
	"交易类型":         bill.Dropped,
	"交易状态":         bill.FieldState,
	"付款银行":         bill.Dropped,
	"货币种类":         bill.FieldCurrency,
	"应结订单金额":       bill.FieldSettled,
	"代金券金额":        bill.Dropped,
	"退款申请时间":       bill.FieldRefundAt,
	"退款成功时间":       bill.Dropped,
	"微信退款单号":       bill.Dropped,
	"商户退款单号":       bill.FieldRefundID,
	"退款金额":         bill.FieldRefunded,
	"充值券退款金额":      bill.Dropped,
	"退款类型":         bill.Dropped,
	"退款状态":         bill.FieldRefundState,
	"商品名称":         bill.Dropped,
	"商户数据包":        bill.Dropped,
	"手续费":          bill.Dropped,
	"费率":           bill.Dropped,
	"订单金额":         bill.FieldTotal,
	"申请退款金额":       bill.FieldAsked,
	"费率备注":         bill.Dropped,
	"总金额":          bill.FieldTotal, // the older layout has this one alone
	"企业红包金额":       bill.Dropped,
	"企业红包退款金额":     bill.Dropped,
	"代金券或立减优惠金额":   bill.Dropped,
	"代金券或立减优惠退款金额": bill.Dropped,
}

// billTotals are the columns of the last line, and the field whose cells each adds up.
var billTotals = map[string]bill.Field{
	"总交易单数":         bill.FieldOrder,
	"应结订单总金额":       bill.FieldSettled,
	"退款总金额":         bill.FieldRefunded,
	"充值券退款总金额":      bill.Dropped,
	"手续费总金额":        bill.Dropped,
	"订单总金额":         bill.FieldTotal,
	"申请退款总金额":       bill.FieldAsked,
	"申请退款金额":        bill.FieldAsked, // so in one document
	"总交易额":          bill.FieldTotal, // older layout
	"总退款金额":         bill.FieldRefunded,
	"总企业红包退款金额":     bill.Dropped,
	"企业红包退款总金额":     bill.Dropped,
	"总代金券或立减优惠退款金额": bill.Dropped,
}

// totalsBegin is how the line that names the totals begins.
var totalsBegin = []byte("总交易单数")

// KnowsBill reports whether a file that begins so may be a bill of this wallet.
func KnowsBill(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0x1f, 0x8b}) ||
		bytes.HasPrefix(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("交易时间"))
}

// ReadBill reads a trade bill, packed with gzip or not, and hands its rows to each. It
// returns no error only when the file was whole.
func ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error) {
	plain, err := bill.Gunzip(r)
	if err != nil {
		return bill.Totals{}, err
	}
	b := &billReader{lines: bill.NewLines(plain), each: each}
	if err := b.read(); err != nil {
		return bill.Totals{}, err
	}
	b.totals.Lines = b.lines.N
	return b.totals, nil
}

type billReader struct {
	lines   *bill.Lines
	each    func(bill.Row) error
	columns bill.Columns
	cells   [][]byte
	words   bill.Words
	totals  bill.Totals
	// sums are what the cells of a column come to, in fen.
	settled, total, refunded, asked int64
}

func (b *billReader) read() error {
	if err := b.head(); err != nil {
		return err
	}
	for {
		line, ok := b.lines.Next()
		switch {
		case !ok:
			return b.ended("its totals")
		case len(line) == 0:
			continue
		case bytes.HasPrefix(line, totalsBegin):
			return b.foot(line)
		}
		if err := b.row(line); err != nil {
			return err
		}
	}
}

// ended is the error of a file that is over, or broken, before something.
func (b *billReader) ended(before string) error {
	if err := b.lines.Err(); err != nil {
		return err
	}
	return bill.Truncated(b.lines.N, before)
}

func (b *billReader) head() (err error) {
	line, ok := b.lines.Next()
	if !ok {
		return b.ended("its first line")
	}
	b.columns, err = bill.ReadColumns(b.lines.N, names(line), billColumns, bill.FieldAt, bill.FieldMerchant,
		bill.FieldTransaction, bill.FieldOrder, bill.FieldState, bill.FieldCurrency, bill.FieldTotal)
	// A bill of payments alone has no columns for refunds; one of refunds alone has times of
	// theirs. Only the one of all rows can say that something is not there.
	b.totals.Complete = b.columns.Has(bill.FieldRefunded) && !b.columns.Has(bill.FieldRefundAt)
	return err
}

// names splits a line of names; some documents have blanks around them.
func names(line []byte) []string {
	list := strings.Split(string(line), ",")
	for i, n := range list {
		list[i] = strings.TrimSpace(strings.TrimPrefix(n, "`"))
	}
	return list
}

// split cuts a line into cells. Each has a back-tick in front, so that a comma within a text
// does no harm; a file that went through a spreadsheet has quotation marks instead.
func (b *billReader) split(line []byte) [][]byte {
	if len(line) == 0 || line[0] != '`' {
		b.cells = bill.Split(b.cells, line)
		for i, c := range b.cells {
			b.cells[i] = bytes.TrimPrefix(c, []byte{'`'})
		}
		return b.cells
	}
	b.cells = b.cells[:0]
	for line, more := line[1:], true; more && len(b.cells) <= b.columns.Count; {
		var cell []byte
		cell, line, more = bytes.Cut(line, []byte(",`"))
		b.cells = append(b.cells, cell)
	}
	return b.cells
}

func (b *billReader) row(line []byte) error {
	n := b.lines.N
	cells := b.split(line)
	if len(cells) != b.columns.Count {
		return b.lines.Cells(len(cells), b.columns.Count)
	}
	row := bill.Row{Line: n, Order: string(b.cell(bill.FieldOrder)), Transaction: string(b.cell(bill.FieldTransaction)),
		RefundID: refundID(b.cell(bill.FieldRefundID)), State: b.words.Of(b.cell(bill.FieldState)),
		Terminal: b.words.Of(b.cell(bill.FieldTerminal)), Merchant: b.words.Of(b.cell(bill.FieldMerchant)),
		SubMerchant: b.words.Of(b.cell(bill.FieldSubMerchant))}
	if row.SubMerchant == "0" {
		row.SubMerchant = "" // a merchant of its own
	}
	at := b.cell(bill.FieldAt)
	if b.columns.Has(bill.FieldRefundAt) {
		at = b.cell(bill.FieldRefundAt)
	}
	var ok bool
	if row.At, ok = bill.Time(at); !ok {
		return bill.Errorf(n, "the time is not written as 2026-11-21 10:00:00")
	}
	currency := sale.Currency(b.words.Of(b.cell(bill.FieldCurrency)))
	exponent, ok := currency.Exponent()
	if !ok {
		return bill.Errorf(n, "the currency %.8q is not known", currency)
	}
	minor, err := b.money(&row, exponent)
	if err != nil {
		return err
	}
	row.Amount = sale.Amount{Minor: minor, Currency: currency, Exponent: exponent}
	b.totals.Add(&row)
	return b.each(row)
}

func (b *billReader) cell(f bill.Field) []byte { return b.columns.Cell(b.cells, f) }

func refundID(cell []byte) string {
	if len(cell) == 0 || len(cell) == 1 && cell[0] == '0' {
		return ""
	}
	return string(cell)
}

// money reads the row's sums, adds them up, and decides what the row is.
func (b *billReader) money(row *bill.Row, exponent int) (minor int64, err error) {
	var settled, total, refunded, asked int64
	for _, m := range []struct {
		field bill.Field
		into  *int64
		sum   *int64
	}{{bill.FieldSettled, &settled, &b.settled}, {bill.FieldTotal, &total, &b.total},
		{bill.FieldRefunded, &refunded, &b.refunded}, {bill.FieldAsked, &asked, &b.asked}} {
		cell := b.cell(m.field)
		if cell == nil {
			continue
		}
		v, ok := bill.Minor(cell, exponent)
		if !ok {
			return 0, bill.Errorf(row.Line, "a sum is no number of yuan")
		}
		*m.into = v
		*m.sum += v
	}
	switch row.State {
	case "SUCCESS":
		row.Kind, minor = bill.Payment, total
	case "REFUND":
		row.Kind, minor = bill.Refund, max(asked, refunded)
	case "REVOKED":
		// A paid order that was taken back keeps its number and has a second row. Whether its sum
		// stands among the refunds or under the total is (unconfirmed): both are read.
		row.Kind, minor = bill.Reversal, max(asked, refunded)
		if minor == 0 {
			minor = max(total, settled)
		}
	default:
		return 0, bill.Errorf(row.Line, "the state %.20q is not known", row.State)
	}
	switch string(b.cell(bill.FieldRefundState)) {
	case "FAIL", "REFUNDCLOSE", "CLOSED":
		row.Kind = bill.Void
	}
	return max(minor, -minor), nil
}

// foot reads the totals and compares them with what was read.
func (b *billReader) foot(line []byte) error {
	list := names(line)
	line, ok := b.lines.Next()
	if !ok {
		return b.ended("the values of its totals")
	}
	at := b.lines.N
	b.columns.Count = len(list)
	cells := b.split(line)
	if len(cells) != len(list) {
		return b.lines.Cells(len(cells), len(list))
	}
	for i, name := range list {
		field, known := billTotals[name]
		if !known {
			return bill.Errorf(at-1, "the total %.40q is not known", name)
		}
		if err := b.compare(at, name, field, cells[i]); err != nil {
			return err
		}
	}
	for {
		line, ok := b.lines.Next()
		if !ok {
			return b.lines.Err()
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return bill.Errorf(b.lines.N, "there is more after the totals")
		}
	}
}

func (b *billReader) compare(at int, name string, field bill.Field, cell []byte) error {
	var have int64
	exponent := 2
	switch field {
	case bill.FieldOrder:
		have, exponent = int64(b.totals.Rows), 0
	case bill.FieldSettled:
		have = b.settled
	case bill.FieldTotal:
		have = b.total
	case bill.FieldRefunded:
		have = b.refunded
	case bill.FieldAsked:
		have = b.asked
	default:
		return nil
	}
	want, ok := bill.Minor(cell, exponent)
	if !ok {
		return bill.Errorf(at, "%s is no number", name)
	}
	if want != have {
		return bill.Errorf(at, "%s is %s, and the rows before come to %d in the smallest unit: rows are missing or changed", name, cell, have)
	}
	return nil
}
