package alipay

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
)

// billColumns are the columns of the business detail bill (业务明细), of merchants and of
// service providers, as integrators' files have them (secondary). What is Dropped is never
// looked at, nor even decoded: 对方账户 is the payer's name and account, and the texts may say
// anything about anybody.
var billColumns = map[string]bill.Field{
	"支付宝交易号":      bill.FieldTransaction,
	"商户订单号":       bill.FieldOrder,
	"业务类型":        bill.FieldState,
	"商品名称":        bill.FieldText,
	"创建时间":        bill.FieldMade,
	"完成时间":        bill.FieldAt,
	"门店编号":        bill.Dropped,
	"门店名称":        bill.Dropped,
	"操作员":         bill.Dropped,
	"终端号":         bill.FieldTerminal,
	"对方账户":        bill.Dropped,
	"订单金额(元)":     bill.FieldTotal,
	"商家实收(元)":     bill.FieldSettled,
	"支付宝红包(元)":    bill.Dropped,
	"集分宝(元)":      bill.Dropped,
	"支付宝优惠(元)":    bill.Dropped,
	"商家优惠(元)":     bill.Dropped,
	"券核销金额(元)":    bill.Dropped,
	"券名称":         bill.Dropped,
	"商家红包消费金额(元)": bill.Dropped,
	"卡消费金额(元)":    bill.Dropped,
	"退款批次号/请求号":   bill.FieldRefundID,
	"退款批次号":       bill.FieldRefundID,
	"服务费(元)":      bill.Dropped,
	"分润(元)":       bill.Dropped,
	"实收净额(元)":     bill.Dropped,
	"商户识别号":       bill.Dropped,
	"交易方式":        bill.Dropped,
	"花呗分期手续费":     bill.Dropped,
	"花呗分期数":       bill.Dropped,
	"备注":          bill.Dropped,
}

// Parts of the lines around the rows. They begin with "#".
const (
	billTitle    = "#支付宝业务明细查询"
	billEnd      = "业务明细列表结束"
	billAccount  = "#账号："
	billPeriod   = "#起始日期："
	billPaid     = "#交易合计："
	billReturned = "#退款合计："
	billMade     = "#导出时间："
	summaryName  = "汇总" // in the name of the file that holds sums by shop
)

// KnowsBill reports whether a file that begins so may be a bill of this wallet.
func KnowsBill(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte{'#'})
}

// ReadBill reads a business detail bill, in GBK or UTF-8, in its ZIP archive or unpacked, and
// hands its rows to each. It returns no error only when the file was whole.
func ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error) {
	br := bufio.NewReaderSize(r, 32<<10)
	r = br
	if head, err := br.Peek(4); err == nil && string(head) == "PK\x03\x04" {
		r = bill.Unzip(br, func(name []byte) bool {
			n := utf8Of(name)
			return strings.HasSuffix(n, ".csv") && !strings.Contains(n, summaryName)
		})
	}
	b := &billReader{lines: bill.NewLines(r), each: each}
	if err := b.read(); err != nil {
		return bill.Totals{}, err
	}
	b.totals.Lines, b.totals.Complete = b.lines.N, true
	return b.totals, nil
}

// utf8Of decodes GBK, unless the text is UTF-8 already.
func utf8Of(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out, err := simplifiedchinese.GBK.NewDecoder().Bytes(b)
	if err != nil {
		return ""
	}
	return string(out)
}

type billReader struct {
	lines   *bill.Lines
	each    func(bill.Row) error
	columns bill.Columns
	cells   [][]byte
	words   bill.Words
	kinds   map[string]string // 业务类型 as it stands in the file -> decoded
	totals  bill.Totals
	// What the cells of 商家实收 come to, of payments and of returns, in fen.
	received, returned int64
	ended              bool // the list of rows
	sums               int  // lines of totals that agreed
}

func (b *billReader) read() error {
	for {
		line, ok := b.lines.Next()
		if !ok {
			return b.over()
		}
		var err error
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case line[0] == '#':
			err = b.note(utf8Of(line))
		case b.lines.N == 1:
			err = bill.Errorf(1, "a bill begins with %s", billTitle)
		case b.ended:
			err = bill.Errorf(b.lines.N, "there is more after the end of the list")
		case b.columns.Count == 0:
			err = b.head(line)
		default:
			err = b.row(line)
		}
		if err != nil {
			return err
		}
	}
}

// over is called at the end of the file: all that belongs there must have come.
func (b *billReader) over() error {
	if err := b.lines.Err(); err != nil {
		return err
	}
	switch {
	case b.columns.Count == 0:
		return bill.Truncated(b.lines.N, "the line that names the columns")
	case !b.ended:
		return bill.Truncated(b.lines.N, "the end of the list")
	case b.sums < 2:
		return bill.Truncated(b.lines.N, "its totals")
	}
	return nil
}

// note reads a line that begins with "#".
func (b *billReader) note(text string) error {
	n := b.lines.N
	switch {
	case n == 1 && !strings.HasPrefix(text, billTitle):
		return bill.Errorf(n, "this is %.60q, and a bill begins with %s", text, billTitle)
	case strings.HasPrefix(text, billAccount):
		// The merchant's own number, 2088..., with four more digits behind it.
		b.totals.Account = strings.Trim(strings.TrimPrefix(text, billAccount), "[] ")
	case strings.HasPrefix(text, billPeriod):
		return b.period(strings.TrimPrefix(text, billPeriod))
	case strings.Contains(text, billEnd):
		b.ended = true
	case strings.HasPrefix(text, billPaid):
		b.sums++
		return b.compare(n, strings.TrimPrefix(text, billPaid), "交易合计", b.totals.Payments, b.received)
	case strings.HasPrefix(text, billReturned):
		b.sums++
		return b.compare(n, strings.TrimPrefix(text, billReturned), "退款合计", b.totals.Returns, b.returned)
	}
	return nil
}

// period reads "[2020年07月22日 00:00:00]   终止日期：[2020年07月23日 00:00:00]".
func (b *billReader) period(text string) error {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	if len(digits) != 28 {
		return bill.Errorf(b.lines.N, "the bill's days are not written as they should be")
	}
	iso := func(d string) string { return d[:4] + "-" + d[4:6] + "-" + d[6:8] }
	from, err := bill.ParseDay(iso(digits))
	if err != nil {
		return bill.Errorf(b.lines.N, "%v", err)
	}
	to, err := bill.ParseDay(iso(digits[14:]))
	if err != nil || !to.Start().Equal(from.End()) || digits[8:14] != "000000" || digits[22:] != "000000" {
		return &bill.Error{Line: b.lines.N, Text: "this bill is not of one whole day", Hint: "get the bill of a day, not of a month or of hours"}
	}
	b.totals.From = from
	return nil
}

// compare reads "2笔，商家实收共36.80元，商家优惠共0.00元". Of money that went back the sum may
// have a sign or none.
func (b *billReader) compare(n int, text, name string, rows int, sum int64) error {
	count, rest, ok := strings.Cut(text, "笔")
	_, rest, ok2 := strings.Cut(rest, "共")
	money, _, ok3 := strings.Cut(rest, "元")
	c, ok4 := bill.Minor([]byte(strings.TrimSpace(count)), 0)
	m, ok5 := bill.Minor([]byte(strings.TrimSpace(money)), 2)
	switch {
	case !ok || !ok2 || !ok3 || !ok4 || !ok5:
		return bill.Errorf(n, "%s is not written as it should be", name)
	case c != int64(rows):
		return bill.Errorf(n, "%s says %d rows, and %d came: rows are missing or changed", name, c, rows)
	case m != sum && m != -sum:
		return bill.Errorf(n, "%s says %d fen, and the rows come to %d: rows are missing or changed", name, m, sum)
	}
	return nil
}

func (b *billReader) head(line []byte) (err error) {
	var list []string
	for _, cell := range bill.Split(nil, line) {
		// The parentheses are the full-width ones in GBK files.
		list = append(list, strings.NewReplacer("（", "(", "）", ")").Replace(utf8Of(cell)))
	}
	b.columns, err = bill.ReadColumns(b.lines.N, list, billColumns, bill.FieldTransaction, bill.FieldOrder,
		bill.FieldState, bill.FieldAt, bill.FieldTotal, bill.FieldSettled)
	return err
}

func (b *billReader) cell(f bill.Field) []byte { return b.columns.Cell(b.cells, f) }

func (b *billReader) row(line []byte) error {
	n := b.lines.N
	// In GBK no second byte is a comma, a tab or a quotation mark.
	if b.cells = bill.Split(b.cells, line); len(b.cells) > b.columns.Count {
		b.rejoin()
	}
	if len(b.cells) != b.columns.Count {
		return b.lines.Cells(len(b.cells), b.columns.Count)
	}
	row := bill.Row{Line: n, Order: string(b.cell(bill.FieldOrder)), Transaction: string(b.cell(bill.FieldTransaction)),
		RefundID: string(b.cell(bill.FieldRefundID)), State: b.kind(b.cell(bill.FieldState)), Terminal: b.words.Of(b.cell(bill.FieldTerminal))}
	var ok bool
	if row.At, ok = bill.Time(b.cell(bill.FieldAt)); !ok {
		return bill.Errorf(n, "the time is not written as 2026-11-21 10:00:00")
	}
	if made, ok := bill.Time(b.cell(bill.FieldMade)); ok && b.totals.From != (bill.Day{}) && !b.totals.From.Has(row.At) && b.totals.From.Has(made) {
		row.At = made // which of the two decides about the day is (unconfirmed)
	}
	total, ok1 := bill.Minor(b.cell(bill.FieldTotal), 2)
	settled, ok2 := bill.Minor(b.cell(bill.FieldSettled), 2)
	if !ok1 || !ok2 {
		return bill.Errorf(n, "a sum is no number of yuan")
	}
	switch row.State {
	case "交易":
		row.Kind = bill.Payment
		b.received += settled
	case "退款":
		// A cancelled payment that was paid is a return too; the bill does not tell them apart.
		row.Kind = bill.Refund
		b.returned += settled
	default:
		return bill.Errorf(n, "the kind %.20q is not known", row.State)
	}
	row.Amount = sale.Amount{Minor: max(total, -total), Currency: currency, Exponent: 2}
	b.totals.Add(&row)
	return b.each(row)
}

// rejoin puts together what commas within the goods' name took apart: the two times behind it
// say where it ends. What is then too much is in the note at the end of the row.
func (b *billReader) rejoin() {
	made, extra := b.columns.At(bill.FieldMade), len(b.cells)-b.columns.Count
	if b.columns.At(bill.FieldText) != made-1 || b.columns.At(bill.FieldAt) != made+1 {
		return
	}
	for k := range extra + 1 {
		_, ok1 := bill.Time(b.cells[made+k])
		_, ok2 := bill.Time(b.cells[made+1+k])
		if ok1 && ok2 {
			b.cells = append(b.cells[:made], b.cells[made+k:]...)[:b.columns.Count]
			return
		}
	}
}

// kind decodes 业务类型, each spelling once.
func (b *billReader) kind(cell []byte) string {
	if s, ok := b.kinds[string(cell)]; ok {
		return s
	}
	s := strings.TrimSpace(utf8Of(cell))
	if b.kinds == nil {
		b.kinds = map[string]string{}
	}
	if len(b.kinds) < 16 {
		b.kinds[string(cell)] = s
	}
	return s
}
