package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type adoptCmd struct {
	Terminal string `required:"" help:"Serial number of the terminal that died, or the first eight characters of its order ids." placeholder:"T"`
	Bill     string `required:"" help:"The wallet's bill of a day, as the wallet made it, packed or not." type:"path" placeholder:"FILE"`
	Wallet   string `help:"Contract or wallet; may be left out when only one fits." placeholder:"NAME"`
	Told     string `help:"File with the payments that the point of sale has as paid: one payment or order id a line." type:"path" placeholder:"FILE"`
}

func (adoptCmd) Help() string {
	return `For a board that is broken or stolen, its card unreadable: what it knew is gone, and only the
wallets know what its customers paid. Its paid orders are taken on record at this till, marked
as of that terminal, and from then on they can be asked about and refunded here. Who was told
what is not known: they head "tilld status" until --told names them, and none is given back by
itself. What is left without being told is money that a customer paid and the point of sale
does not have as paid: find the sale and hand out the goods, or give the money back with
"tilld refund ID".

Take the bill of every wallet, and of every day that is not settled: a board that died may
still have been taking orders back. The bill of a day is there at 10:00 in Shanghai on the next
day; until then look an order up on the wallet's merchant page before you take cash for it.

Whether that board is really dead cannot be seen from here. If it comes back, do not let it
sell: it would finish its open orders by itself, and the same order would be taken care of
twice. Keep its card for whoever looks into it; a new board needs a serial number of its own.

It may be repeated: what is on record stays as it is. Exit 0 when nothing is left, else 1.

Examples:
  tilld adopt --terminal 000158000000017 --bill 2088_20261121.csv.zip
  tilld adopt --terminal 7H3KQ2XA --wallet wechatpay-main --bill bill.csv.gz --told paid.txt`
}

func (c adoptCmd) Run(e *env) error {
	told, err := toldIDs(c.Told)
	if err != nil {
		return err
	}
	var out adopted
	q := control.AdoptRequest{Terminal: c.Terminal, Wallet: c.Wallet}
	err = e.sendBill("adopt", q.Path(), c.Bill, func(l control.BillLine) {
		if l.Adopted != nil {
			out.AdoptReport = *l.Adopted
		}
	})
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(told, control.MaxTold) {
		var a control.ToldAnswer
		if err := e.ask("adopt", "POST", "/v1/told", control.ToldRequest{IDs: ids}, &a); err != nil {
			return err
		}
		out.note(ids, a.Unknown)
	}
	out.Left = []agent.Adopted{}
	for _, a := range out.Paid {
		if !a.Told {
			out.Left = append(out.Left, a)
		}
	}
	if e.json {
		e.encode(out)
	} else {
		e.adopted(out, c.Told != "")
	}
	if len(out.Left) > 0 || len(out.Unclear) > 0 || len(out.NotInBill) > 0 || out.Code == "" {
		return errSaid
	}
	return nil
}

// adopted is what the command says.
type adopted struct {
	agent.AdoptReport
	// Left are the paid payments that nobody said the point of sale has.
	Left []agent.Adopted `json:"left"`
	// NotInBill are ids that the point of sale has as paid and that are not on record here.
	NotInBill []string `json:"not_in_bill,omitempty"`
}

// note takes what the daemon said of ids that the point of sale has as paid. Those of other
// terminals are none of this matter.
func (a *adopted) note(ids, unknown []string) {
	for _, id := range unknown {
		if a.Code == "" || strings.HasPrefix(id, a.Code) {
			a.NotInBill = append(a.NotInBill, id)
		}
	}
	for i := range a.Paid {
		p := &a.Paid[i]
		if slices.Contains(ids, p.Payment) || slices.Contains(ids, p.Order) {
			p.Told = true
		}
	}
}

// toldIDs reads one id a line; empty lines and those that begin with "#" say nothing.
func toldIDs(file string) (ids []string, err error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fail("adopt", file, err).withHint("name the file with the payments that the point of sale has as paid")
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		id := strings.TrimSpace(s.Text())
		switch {
		case id == "" || id[0] == '#':
		case len(id) > 40 || strings.ContainsAny(id, " ,;\t"):
			return nil, fail("adopt", file, fmt.Errorf("line %d is no payment or order id", n)).withHint("write one id a line and nothing else")
		default:
			ids = append(ids, id)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fail("adopt", file, err)
	}
	return ids, nil
}

func (e *env) adopted(a adopted, told bool) {
	if a.Code == "" {
		e.printf("the bill at %s has no order of terminal %s, in %d rows\n", a.Contract, a.Terminal, a.Rows)
		for _, code := range sorted(a.Others) {
			e.printf("  it has %d orders of terminal %s\n", a.Others[code], code)
		}
		e.printf("hint: is it the right day and wallet? An order id begins with the terminal's eight characters\n")
		return
	}
	fresh := 0
	for _, p := range a.Paid {
		if p.New {
			fresh++
		}
	}
	e.printf("terminal %s (orders %s...) in the bill at %s\n", a.Terminal, a.Code, a.Contract)
	e.printf("  %d paid payments, %d of them taken on record now; %d paid and given back", len(a.Paid), fresh, a.Back)
	if a.Over > 0 {
		e.printf("; %d settled before", a.Over)
	}
	e.printf("\n")
	if len(a.Unclear) > 0 {
		e.printf("\nunclear, not taken on record\n")
	}
	for _, u := range a.Unclear {
		e.printf("  %s (line %d)  %s\n", u.Order, u.Line, u.Text)
	}
	if len(a.NotInBill) > 0 {
		e.printf("\npaid at the point of sale, and not in this bill: look into the bills of the other wallets and days\n")
	}
	for _, id := range a.NotInBill {
		e.printf("  %s\n", id)
	}
	if len(a.Left) == 0 {
		e.printf("\nnothing is left: the point of sale has every one of them\n")
		return
	}
	if told {
		e.printf("\nleft: the customer paid, and the point of sale does not have it\n")
	} else {
		e.printf("\nleft: the customer paid; whether the point of sale has it is not known\n")
	}
	for _, p := range a.Left {
		e.printf("  %s  %s  %14s", p.Payment, p.At.Local().Format(time.DateTime), p.Amount)
		if p.Refunded > 0 {
			e.printf(", %s given back", amount(p.Refunded, p.Amount.Currency))
		}
		e.printf("\n")
	}
	if told {
		e.printf("hint: find these sales and hand out the goods, or give the money back: tilld refund ID\n")
	} else {
		e.printf("hint: write the ids that the point of sale has as paid into a file, one a line, and say it again with --told FILE\n")
	}
}
