package main

import (
	"net/url"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type refundCmd struct {
	ID string `arg:"" help:"Payment or order id."`
}

func (refundCmd) Help() string {
	return `Waits until the wallet has confirmed it; exit 0 only if the money is back.

Examples:
  tilld refund 7H3KQ2XA4F9T2C00000017
  tilld refund 7H3KQ2XA4F9T2C0000001710142 --json`
}

func (c refundCmd) Run(e *env) error {
	var out control.Outcome
	q := control.RefundRequest{Payment: c.ID, ServiceID: serviceID()}
	if err := e.ask("refund", "POST", "/v1/refund", q, &out); err != nil {
		return err
	}
	return e.outcome("refund", out, sale.EndReversed, true)
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
	ID      string `arg:"" help:"Payment or order id."`
	Paid    bool   `help:"The wallet's bill says that it was paid." xor:"how" required:""`
	NotPaid bool   `help:"The wallet's bill does not have it." xor:"how" required:""`
}

func (queueSettleCmd) Help() string {
	return `Look the order up in the wallet's bill or merchant page first: nothing takes this back.

Examples:
  tilld queue settle 7H3KQ2XA4F9T2C00000017 --paid
  tilld queue settle 7H3KQ2XA4F9T2C00000017 --not-paid`
}

func (c queueSettleCmd) Run(e *env) error {
	var p control.PaymentView
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
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
