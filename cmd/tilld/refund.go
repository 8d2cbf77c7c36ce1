package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type refundCmd struct {
	ID     string `arg:"" optional:"" help:"Payment or order id."`
	Amount string `help:"A part, in major units of the payment's currency: 12.80. Everything that is left without it." placeholder:"12.80"`
	Scan   bool   `help:"Let the customer show the bill in the wallet to the scanner. It may be any terminal's of this merchant."`
}

func (refundCmd) Help() string {
	return `Waits until the wallet has confirmed it; exit 0 only if the money is back, or the wallet
has taken the refund and is working on it. Parts never add up to more than was paid.

Examples:
  tilld refund 7H3KQ2XA4F9T2C00000017
  tilld refund 7H3KQ2XA4F9T2C0000001710142 --json
  tilld refund 7H3KQ2XA4F9T2C00000017 --amount 2.50
  tilld refund --scan --amount 2.50`
}

func (c refundCmd) Run(e *env) error {
	bad := func(err error, hint string) error {
		f := fail("refund", "", err).withHint("%s", hint)
		f.code = exitUsage
		return f
	}
	switch {
	case c.Scan && c.ID != "":
		return bad(errors.New("--scan finds the payment by the customer's bill"), "leave out either the id or --scan")
	case !c.Scan && c.ID == "":
		return bad(errors.New("which payment is not said"), "tilld refund ID, or tilld refund --scan")
	case c.Amount != "" && !amountForm.MatchString(c.Amount):
		return bad(fmt.Errorf("%w %q: not a decimal number such as 12.80", sale.ErrAmount, clip(c.Amount)), "major units with at most the currency's decimals: --amount 12.80")
	case c.Amount != "" && strings.Trim(c.Amount, "0.") == "":
		return bad(fmt.Errorf("%w %q: must be above zero", sale.ErrAmount, c.Amount), "leave --amount out to give back everything that is left")
	}
	d, err := e.daemon()
	if err != nil {
		return err
	}
	q := control.RefundRequest{Payment: c.ID, Amount: c.Amount, Scan: c.Scan, ServiceID: serviceID()}
	if c.Scan && !e.json {
		fmt.Fprintln(e.stderr, "tilld: waiting for the customer's bill")
	}
	var out control.Outcome
	if c.Scan {
		err = abortable(e, d, "/v1/refund", q, q.ServiceID, &out)
	} else {
		err = d.Do(e.ctx, "POST", "/v1/refund", q, &out)
	}
	if err != nil {
		return fail("refund", "", err)
	}
	good := sale.EndReversed
	if out.Ending == sale.EndRefunded {
		good = sale.EndRefunded
	}
	return e.outcome("refund", out, good, true)
}

type confirmCmd struct {
	ID     string `arg:"" help:"Payment id, as \"tilld status\" shows it."`
	Refuse bool   `help:"Refuse the amount instead of allowing it."`
}

func (confirmCmd) Help() string {
	return `An amount above the ceiling waits for this before the customer may pay.

Examples:
  tilld confirm 7H3KQ2XA4F9T2C00000017
  tilld confirm 7H3KQ2XA4F9T2C00000017 --refuse`
}

func (c confirmCmd) Run(e *env) error {
	q := control.ConfirmRequest{Payment: c.ID, OK: !c.Refuse}
	if err := e.ask("confirm", "POST", "/v1/confirm", q, &q); err != nil {
		return err
	}
	if e.json {
		e.encode(q)
	} else if q.OK {
		e.printf("%s: allowed\n", c.ID)
	} else {
		e.printf("%s: refused\n", c.ID)
	}
	return nil
}

type queueCmd struct {
	Ls     queueLsCmd     `cmd:"" help:"List payments with something left to do."`
	Show   queueShowCmd   `cmd:"" help:"Show one payment and its orders."`
	Settle queueSettleCmd `cmd:"" help:"Close a payment that waits for a person."`
}

func (queueCmd) Help() string {
	return `Examples:
  tilld queue ls
  tilld queue show 7H3KQ2XA4F9T2C00000017
  tilld queue settle 7H3KQ2XA4F9T2C00000017 --paid`
}

type queueLsCmd struct {
	All bool `help:"Finished ones too."`
}

func (queueLsCmd) Help() string {
	return `Examples:
  tilld queue ls
  tilld queue ls --all --json`
}

func (c queueLsCmd) Run(e *env) error {
	path := "/v1/payments"
	if c.All {
		path += "?all=1"
	}
	var list []control.PaymentView
	if err := e.ask("list payments", "GET", path, nil, &list); err != nil {
		return err
	}
	if e.json {
		e.encode(list)
		return nil
	}
	for _, p := range list {
		e.printf("%s\n", row(p))
	}
	if len(list) == 0 && !c.All {
		e.printf("nothing is left to do\n")
	}
	return nil
}

type queueShowCmd struct {
	ID string `arg:"" help:"Payment or order id."`
}

func (queueShowCmd) Help() string {
	return `Examples:
  tilld queue show 7H3KQ2XA4F9T2C00000017
  tilld queue show 7H3KQ2XA4F9T2C0000001710142 --json`
}

func (c queueShowCmd) Run(e *env) error {
	var p control.PaymentView
	if err := e.ask("show payment", "GET", "/v1/payments/"+url.PathEscape(c.ID), nil, &p); err != nil {
		return err
	}
	e.payment(p)
	return nil
}

type queueSettleCmd struct {
	ID      string `arg:"" help:"Payment or order id, or a refund's with --given or --not-given."`
	Paid    bool   `help:"The wallet's bill says that it was paid." xor:"how" required:""`
	NotPaid bool   `help:"The wallet's bill does not have it." xor:"how" required:""`

	Given    bool `help:"Of a refund: the customer has the money." xor:"how" required:""`
	NotGiven bool `help:"Of a refund: the customer does not have it, and will not get it by this refund." xor:"how" required:""`
}

func (queueSettleCmd) Help() string {
	return `Look the order up in the wallet's bill or merchant page first: nothing takes this back.

Examples:
  tilld queue settle 7H3KQ2XA4F9T2C00000017 --paid
  tilld queue settle 7H3KQ2XA4F9T2C00000017 --not-paid
  tilld queue settle 7H3KQ2XA4F9T2C0000001710142R6M2V8W1Q4Z7T --given`
}

func (c queueSettleCmd) Run(e *env) error {
	var p control.PaymentView
	if c.Given || c.NotGiven {
		err := e.ask("settle refund", "POST", "/v1/refunds/"+url.PathEscape(c.ID)+"/settle", control.SettleRefundRequest{Given: c.Given}, &p)
		if err != nil {
			return err
		}
		e.payment(p)
		return nil
	}
	err := e.ask("settle payment", "POST", "/v1/payments/"+url.PathEscape(c.ID)+"/settle", control.SettleRequest{Paid: c.Paid}, &p)
	if err != nil {
		return err
	}
	e.payment(p)
	return nil
}

// payment prints everything that is known of a payment.
func (e *env) payment(p control.PaymentView) {
	if e.json {
		e.encode(p)
		return
	}
	e.printf("payment      %s\n", p.ID)
	e.printf("amount       %s %s\n", p.Amount, p.Currency)
	ending := string(p.Ending)
	if p.Ending == sale.Undecided {
		ending = "not known yet"
	}
	e.printf("ending       %s\n", ending)
	e.printf("intent       %s", p.Intent)
	if p.UndoneBy != "" {
		e.printf(", by %s", p.UndoneBy)
	}
	e.printf("\ndelivered    %t\n", p.Delivered)
	e.printf("asked by     %s, ServiceID %s", p.SaleID, p.ServiceID)
	if p.Transaction != "" {
		e.printf(", basket %s", p.Transaction)
	}
	e.printf("\nbegun        %s\n", p.Begun.Local().Format(time.DateTime))
	if !p.EndedAt.IsZero() {
		e.printf("ended        %s\n", p.EndedAt.Local().Format(time.DateTime))
	}
	if p.Found {
		e.printf("             an order of another terminal, on record here to be given back\n")
	}
	for i, a := range p.Attempts {
		e.printf("order %d      %s  %s", i+1, a.Order, a.State)
		if a.Why != "" {
			e.printf(" (%s)", a.Why)
		}
		e.printf("\n             %s at %s (%s), slot %d, sent %s\n", a.Scheme, a.Contract, a.Endpoint, a.Slot, a.SentAt.Local().Format(time.DateTime))
		if a.WalletTransaction != "" || a.WalletCode != "" {
			e.printf("             the wallet says %s, its number %s\n", orDash(a.WalletCode), orDash(a.WalletTransaction))
		}
	}
	e.refunds(p)
}

// refunds prints what was given back of a payment.
func (e *env) refunds(p control.PaymentView) {
	for i, r := range p.Refunds {
		e.printf("refund %d     %s  %s %s  %s", i+1, r.ID, r.Amount, r.Currency, r.State)
		if r.Broken {
			e.printf(", NEEDS A PERSON")
		}
		told := "nobody was told yet"
		if r.Ending != "" {
			told = "told: " + string(r.Ending)
			if !r.Delivered {
				told += ", not delivered"
			}
		}
		e.printf("\n             asked by %s, ServiceID %s, at %s; %s\n", r.SaleID, r.ServiceID, r.AskedAt.Local().Format(time.DateTime), told)
		if r.WalletRefund != "" || r.WalletCode != "" {
			e.printf("             the wallet says %s, its number %s\n", orDash(r.WalletCode), orDash(r.WalletRefund))
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
