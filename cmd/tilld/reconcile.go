package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/bill"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type reconcileCmd struct {
	Wallet string `help:"Contract or wallet; may be left out when only one fits." placeholder:"NAME"`
	Date   string `required:"" help:"Day of the bill in Shanghai: 2026-11-21." placeholder:"DAY"`
	File   string `help:"The bill as the wallet made it, packed or not, instead of fetching it." type:"path" placeholder:"FILE"`
	SHA1   string `help:"Hash of the unpacked file, as the wallet gave it." placeholder:"HEX" name:"sha1"`
	CSV    bool   `help:"Write the differences as CSV." name:"csv"`
}

func (reconcileCmd) Help() string {
	return `Payments that wait for a decision (MANUAL) are closed where the bill proves how they ended;
nothing else is changed by a bill, and no money is given back by itself. A day's bill is there
at 10:00 in Shanghai on the next day. Exit 0 when nothing differs, 1 when something does or the
bill could not be read.

Examples:
  tilld reconcile --wallet wechatpay-main --date 2026-11-21
  tilld reconcile --wallet alipay-main --date 2026-11-21 --file 2088_20261121.csv.zip
  tilld reconcile --date 2026-11-21 --file bill.csv.gz --csv > differences.csv`
}

func (c reconcileCmd) Run(e *env) error {
	day, err := bill.ParseDay(c.Date)
	if err != nil {
		return fail("reconcile", "--date", err).withHint("write the day as 2026-11-21")
	}
	q := control.ReconcileRequest{Wallet: c.Wallet, Day: day.String(), SHA1: c.SHA1, File: c.File != ""}
	var report bill.Report
	err = e.sendBill("reconcile", q.Path(), c.File, func(l control.BillLine) {
		if l.Report != nil {
			report = *l.Report
		}
	})
	if err != nil {
		return err
	}
	switch {
	case e.json:
		e.encode(report)
	case c.CSV:
		e.billCSV(report)
	default:
		e.billTable(report)
	}
	if report.Left() > 0 {
		return errSaid
	}
	return nil
}

// sendBill asks the daemon with a bill as the body, and shows how far it is.
func (e *env) sendBill(what, path, file string, each func(control.BillLine)) error {
	d, err := e.daemon()
	if err != nil {
		return err
	}
	progress := newBar(e.stderr, 0)
	defer progress.end()
	show := func(l control.BillLine) {
		if l.Progress != nil {
			progress.show(*l.Progress)
		}
		each(l)
	}
	if file == "" {
		if err := d.Stream(e.ctx, path, nil, show); err != nil {
			progress.end()
			return fail(what, "", err)
		}
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return fail(what, file, err).withHint("name the bill's file")
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err == nil && st.IsDir():
		return fail(what, file, errors.New("is a directory")).withHint("name the bill's file")
	case err == nil && st.Mode().IsRegular():
		progress.total = st.Size()
	}
	if err := d.Stream(e.ctx, path, f, show); err != nil {
		progress.end()
		return fail(what, file, err)
	}
	return nil
}

// amount writes minor units of a report's currency.
func amount(minor int64, c sale.Currency) string {
	exponent, _ := c.Exponent()
	return sale.Amount{Minor: minor, Currency: c, Exponent: exponent}.String()
}

func (e *env) billTable(r bill.Report) {
	e.printf("bill of %s at %s, merchant %s\n", r.Day, r.Contract, r.Merchant)
	e.printf("  %-16s %d rows: %d paid, %s; %d given back, %s\n", "the bill", r.Rows, r.Payments, amount(r.Paid, r.Currency), r.Returns, amount(r.Back, r.Currency))
	e.printf("  %-16s %d orders agree", "this till", r.Matched)
	if r.Open > 0 {
		e.printf(", %d still being asked about", r.Open)
	}
	if r.OtherDay > 0 {
		e.printf(", %d in the bill of another day too", r.OtherDay)
	}
	e.printf("\n")
	for _, s := range []struct {
		name string
		side bill.Side
	}{{"other terminals", r.OtherTerminals}, {"other merchants", r.OtherMerchants}, {"other systems", r.OtherSystems}} {
		if s.side != (bill.Side{}) {
			e.printf("  %-16s %d orders, %s, not compared\n", s.name, s.side.Orders, amount(s.side.Minor, r.Currency))
		}
	}
	if r.Note != "" {
		e.printf("  %-16s %s\n", "note", r.Note)
	}
	if len(r.Settled) > 0 {
		e.printf("\nclosed by this bill\n")
	}
	for _, d := range r.Settled {
		state := sale.Reversed
		if d.Paid {
			state = sale.Paid
		}
		e.printf("  %s  %14s  %-8s  %s\n", d.Order, d.Amount, state, d.Why)
	}
	e.billDifferences(r)
}

// maxShown is how many differences of a kind a table shows.
const maxShown = 20

func (e *env) billDifferences(r bill.Report) {
	if r.Left() == 0 {
		e.printf("\nno differences\n")
		return
	}
	for _, class := range bill.Classes() {
		n := r.Counts[class]
		if n == 0 {
			continue
		}
		e.printf("\n%s: %d\n", class, n)
		shown := 0
		for _, d := range r.Differences {
			if d.Class != class || shown == maxShown {
				continue
			}
			shown++
			here := "no record"
			if d.Here != "" {
				here = d.Here + " " + d.Amount.String()
			}
			there := d.There
			if d.Line > 0 {
				there = fmt.Sprintf("%s (line %d), %s", d.There, d.Line, d.Charged)
			}
			e.printf("  %s  %s\n    here: %s; there: %s\n    %s\n    hint: %s\n", d.Order, d.At.Local().Format(time.DateTime), here, there, d.Text, d.Hint)
		}
		if n > shown {
			e.printf("  and %d more: --csv or --json lists them\n", n-shown)
		}
	}
	if r.Left() == 1 {
		e.printf("\n1 difference\n")
	} else {
		e.printf("\n%d differences\n", r.Left())
	}
}

func (e *env) billCSV(r bill.Report) {
	w := csv.NewWriter(e.stdout)
	w.Write([]string{"class", "order", "payment", "line", "here", "there", "amount", "charged", "currency", "at", "text", "hint"})
	row := func(class string, order, payment string, line int, here, there string, a, charged sale.Amount, at time.Time, text, hint string) {
		when := ""
		if !at.IsZero() {
			when = at.Format(time.RFC3339)
		}
		w.Write([]string{class, order, payment, strconv.Itoa(line), here, there, a.Decimal(), charged.Decimal(), string(a.Currency), when, text, hint})
	}
	for _, d := range r.Settled {
		state, charged := sale.Reversed, sale.Amount{Currency: d.Amount.Currency, Exponent: d.Amount.Exponent}
		if d.Paid {
			state, charged = sale.Paid, d.Amount
		}
		row("settled", d.Order, d.Payment, d.Line, string(state), d.Why, d.Amount, charged, time.Time{}, d.Why, "")
	}
	for _, d := range r.Differences {
		row(string(d.Class), d.Order, d.Payment, d.Line, d.Here, d.There, d.Amount, d.Charged, d.At, d.Text, d.Hint)
	}
	w.Flush()
}
