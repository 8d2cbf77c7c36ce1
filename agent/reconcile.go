package agent

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// BillReader is a Wallet whose bills can be read.
type BillReader interface {
	// KnowsBill reports whether a file that begins so may be one. head has at least four bytes
	// unless the file is shorter.
	KnowsBill(head []byte) bool
	// ReadBill reads one and hands its rows over. It returns no error only when the file was
	// whole; until then nothing may be concluded from its rows.
	ReadBill(r io.Reader, each func(bill.Row) error) (bill.Totals, error)
}

// Biller is a BillReader that can fetch the bill of a day, for ReadBill. A *bill.Error says
// that it is not there, and when it will be.
type Biller interface {
	BillReader
	Bill(ctx context.Context, day bill.Day) (io.ReadCloser, error)
}

// Progress is how far a bill has been read.
type Progress struct {
	Rows  int   `json:"rows"`
	Bytes int64 `json:"bytes"` // of the file given, or of the one fetched
}

// BillRequest asks to compare a bill with what is on record.
type BillRequest struct {
	// Wallet is a contract's name or a wallet's. Empty means the one contract that fits.
	Wallet string
	Day    bill.Day
	// File is the bill; nil has it fetched.
	File io.Reader
	// SHA1 in hex is the hash of File, unpacked; empty if none is known.
	SHA1 string
	// Progress is called now and then, in the caller's goroutine. May be nil.
	Progress func(Progress)
}

// ErrBillBusy is returned while another bill is being read.
var ErrBillBusy error = &bill.Error{Text: "another bill is being read", Hint: "wait until that is done"}

// Reconcile compares a wallet's bill of a day with what this till has on record, and closes
// the MANUAL orders that the bill decides: nothing else is changed by it. Other differences
// raise an alarm. An error means that nothing was
// changed.
func (t *Till) Reconcile(ctx context.Context, r BillRequest) (bill.Report, error) {
	if !t.billing.TryLock() {
		return bill.Report{}, ErrBillBusy
	}
	defer t.billing.Unlock()
	c, head, err := t.billContract(r.Wallet, r.File)
	if err != nil {
		return bill.Report{}, err
	}
	fail := func(err error) (bill.Report, error) {
		return bill.Report{}, fmt.Errorf("compare the bill of %s with %s: %w", r.Day, c.Ref.Name, err)
	}
	trusted, _ := t.o.TimeTrusted()
	scope := bill.Scope{Terminal: t.terminal, Merchant: c.Ref.Merchant, SubMerchant: c.Ref.SubMerchant, Day: r.Day,
		Over: trusted && !t.o.Wall().Before(r.Day.Ready()), Ours: r.File == nil}
	compared := bill.NewComparison(scope)
	if err := t.eachOrder(c, compared.Ours); err != nil {
		return fail(err)
	}
	file, done, err := openBill(ctx, c, head, r)
	if err != nil {
		return bill.Report{}, err
	}
	defer done()
	totals, err := readBill(ctx, c, file, r.Progress, compared.Row)
	if err == nil {
		err = rightBill(c, r.Day, totals)
	}
	if err != nil {
		return fail(err)
	}
	if compared.Strange() {
		if err := t.eachOrder(c, compared.Ours); err != nil {
			return fail(err)
		}
	}
	report, decisions := compared.Finish(totals)
	report.Wallet, report.Contract = c.Ref.Wallet, c.Ref.Name
	t.settleByBill(ctx, &report, decisions)
	t.alarmBill(&report)
	return report, nil
}

// rightBill compares what the file says of itself with what was asked for.
func rightBill(c *Contract, day bill.Day, totals bill.Totals) error {
	switch account := c.Ref.SubMerchant; {
	case totals.From != (bill.Day{}) && totals.From != day:
		return &bill.Error{Text: "this is the bill of " + totals.From.String(), Hint: "name the right day with --date"}
	case totals.Account != "" && account != "" && !strings.HasPrefix(totals.Account, account):
		return &bill.Error{Text: fmt.Sprintf("this is the bill of account %.40s, and the contract is of %.40s", totals.Account, account),
			Hint: "it is another account's bill: name the right contract with --wallet"}
	}
	return nil
}

// billContract finds the contract that is meant, and, of a file, its first bytes.
func (t *Till) billContract(wallet string, file io.Reader) (c *Contract, head []byte, err error) {
	if file != nil {
		head = make([]byte, 512)
		n, err := io.ReadFull(file, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, fmt.Errorf("read the bill: %w", err)
		}
		head = head[:n]
	}
	var named, fit []*Contract
	for i := range t.o.Contracts {
		c := &t.o.Contracts[i]
		if wallet != "" && c.Ref.Name != wallet && c.Ref.Wallet != wallet {
			continue
		}
		named = append(named, c)
		reader, ok := c.Wallet.(BillReader)
		if ok && (file == nil || reader.KnowsBill(head)) {
			fit = append(fit, c)
		}
	}
	switch {
	case len(named) == 0:
		return nil, nil, &bill.Error{Text: fmt.Sprintf("no contract and no wallet is called %.40q", wallet), Hint: "tilld status lists the contracts"}
	case len(fit) == 1:
		return fit[0], head, nil
	case len(fit) > 1:
		return nil, nil, &bill.Error{Text: "several contracts could be meant: " + names(fit), Hint: "name one of them with --wallet"}
	case file != nil:
		return nil, nil, &bill.Error{Text: "the file does not look like a bill of " + names(named), Hint: "give the file as the wallet made it, packed or not"}
	}
	return nil, nil, &bill.Error{Text: "bills of " + names(named) + " are not read by this version", Hint: "compare them on the wallet's merchant page"}
}

func names(list []*Contract) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Ref.Name)
	}
	return strings.Join(out, ", ")
}

// eachOrder calls f for every order on record at a contract's account, whatever its day: what
// is kept of erased days first, the latest word last.
func (t *Till) eachOrder(c *Contract, f func(bill.Ours) error) error {
	same := func(r sale.ContractRef) bool {
		return r.Wallet == c.Ref.Wallet && r.Merchant == c.Ref.Merchant && r.SubMerchant == c.Ref.SubMerchant
	}
	err := t.o.Journal.Summaries(func(s queue.Summary) error {
		if !same(s.Contract) {
			return nil
		}
		return f(bill.Ours{Order: s.Order, Amount: s.Amount, State: s.State, Refunded: s.Refunded, At: s.At})
	})
	if err != nil {
		return fmt.Errorf("read what is on record: %w", err)
	}
	for _, p := range t.Payments(false) {
		for i := range p.Attempts {
			a := &p.Attempts[i]
			if !same(a.Contract) {
				continue
			}
			o := bill.Ours{Order: a.ID, Amount: a.Amount, State: a.State, Why: a.Why, WasPaid: a.WasPaid,
				Asked: a.ReverseAsked, At: a.SentAt, Until: a.SentAt.Add(c.Clock.Window)}
			if a == p.Current() {
				o.Undo, o.Refunded, o.Refunding = p.Intent == sale.Undo && !p.Kept, p.Refunded, p.OpenRefund() != nil
			}
			if err := f(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// openBill fetches the bill, or takes the file whose first bytes were read.
func openBill(ctx context.Context, c *Contract, head []byte, r BillRequest) (file io.Reader, done func(), err error) {
	if r.File == nil {
		biller, ok := c.Wallet.(Biller)
		if !ok {
			return nil, nil, &bill.Error{Text: "this wallet's bill cannot be fetched", Hint: "get it from the wallet and give it with --file"}
		}
		body, err := biller.Bill(ctx, r.Day)
		if err != nil {
			return nil, nil, err
		}
		return body, func() { body.Close() }, nil
	}
	file = io.MultiReader(strings.NewReader(string(head)), r.File)
	if r.SHA1 != "" {
		plain, err := bill.Gunzip(file)
		if err != nil {
			return nil, nil, err
		}
		file = bill.Hashed(plain, sha1.New(), r.SHA1)
	}
	return file, func() {}, nil
}

// progressEvery is after how many rows it is told, and looked whether anybody still waits.
const progressEvery = 2000

// readBill reads a bill with the contract's reader.
func readBill(ctx context.Context, c *Contract, file io.Reader, tell func(Progress), each func(bill.Row) error) (bill.Totals, error) {
	reader := c.Wallet.(BillReader) // billContract saw to it
	counted := &countedReader{r: file}
	rows := 0
	say := func() {
		if tell != nil {
			tell(Progress{Rows: rows, Bytes: counted.n})
		}
	}
	totals, err := reader.ReadBill(counted, func(r bill.Row) error {
		if rows++; rows%progressEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			say()
		}
		return each(r)
	})
	say()
	return totals, err
}

type countedReader struct {
	r io.Reader
	n int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// settleByBill carries out what the bill decides. What cannot be done is listed instead.
func (t *Till) settleByBill(ctx context.Context, report *bill.Report, decisions []bill.Decision) {
	for _, d := range decisions {
		p, ok := t.Payment(d.Order)
		if a := p.Current(); !ok || a == nil || a.ID != d.Order {
			report.Undo(d, "it is not the last order of its payment any more")
			continue
		}
		if err := t.settleBy(ctx, p.ID, d.Paid, sale.EvBill, "decided by the wallet's bill: "+d.Why); err != nil {
			report.Undo(d, err.Error())
			continue
		}
		report.Settled = append(report.Settled, d)
	}
}

// alarmBill raises an alarm while a bill has charges that are not on record as paid, and takes
// it down when a later look at the same bill finds none.
func (t *Till) alarmBill(r *bill.Report) {
	subject := r.Contract + " " + r.Day.String()
	grave := 0
	for class, n := range r.Counts {
		if class != bill.Undecided { // that one has an alarm of its own
			grave += n
		}
	}
	if grave == 0 {
		t.o.Health.Clear("bill", subject)
		return
	}
	text := fmt.Sprintf("the bill of %s at %s differs on %d orders of this till", r.Day, r.Contract, grave)
	if i := slices.IndexFunc(r.Differences, func(d bill.Difference) bool { return d.Class == bill.PaidTwice || d.Class == bill.StateDiffers }); i >= 0 {
		text += ", the first is " + r.Differences[i].Order + ": " + r.Differences[i].Text
	}
	t.o.Health.Set(health.Cause{Code: "bill", Subject: subject, Severity: health.Warning, Text: text,
		Hint: "tilld reconcile --wallet " + r.Contract + " --date " + r.Day.String() + " lists them and says what to do; nothing is given back by itself"})
	t.emit(Event{Kind: "alarm", State: "bill", Text: text})
}
