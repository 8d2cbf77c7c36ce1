package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type saleCmd struct {
	Amount      string `help:"Major units, with a point: 12.80." placeholder:"12.80"`
	Currency    string `help:"ISO 4217 code." placeholder:"CNY"`
	Transaction string `help:"Name of the basket. The same basket is charged once, whatever happens." placeholder:"ID"`
	Wait        bool   `help:"Wait for the end; exit 0 only if paid. Ctrl-C takes the payment back and waits for that."`

	SelfTest bool   `help:"Pay 0.01 with a code that you show, give it back, and print each step: the go-live test of a contract."`
	Contract string `help:"With --self-test: the contract to try, and no other." placeholder:"NAME"`
}

func (saleCmd) Help() string {
	return `The customer's screen shows the amount and the scanner waits for a code.

Examples:
  tilld sale --amount 12.80 --currency CNY --wait
  tilld sale --amount 1280 --currency JPY --transaction T-1001
  tilld sale --amount 0.01 --currency CNY --wait --json
  tilld sale --self-test --contract wechat-main`
}

// amountForm is stricter than what a point of sale may send: people mistype, and no
// floating-point program stands behind this flag.
var amountForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?$`)

// parseAmount reads --amount exactly: every decimal counts, nothing is rounded.
func parseAmount(text, currency string) (sale.Amount, error) {
	cur := sale.Currency(currency)
	exp, ok := cur.Exponent()
	if !ok {
		return sale.Amount{}, fmt.Errorf("%w %q", sale.ErrCurrency, clip(currency))
	}
	if !amountForm.MatchString(text) {
		return sale.Amount{}, fmt.Errorf("%w %q: not a decimal number such as 12.80", sale.ErrAmount, clip(text))
	}
	if _, decimals, _ := strings.Cut(text, "."); len(decimals) > exp {
		return sale.Amount{}, fmt.Errorf("%w %q: %s has %d decimals", sale.ErrAmount, text, cur, exp)
	}
	return sale.ParseAmount(text, cur)
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

var transactionForm = regexp.MustCompile(`^[!-~]{0,64}$`)

func (c saleCmd) Run(e *env) error {
	if c.SelfTest {
		return c.selfTest(e)
	}
	if c.Contract != "" {
		return &failure{what: "sale", subject: "--contract", err: errors.New("only a self-test is tied to a contract"), hint: "tilld sale --self-test --contract NAME", code: exitUsage}
	}
	a, err := parseAmount(c.Amount, c.Currency)
	if c.Amount == "" || c.Currency == "" {
		err = errors.New("--amount and --currency are needed")
	}
	if err != nil {
		f := fail("sale", "", err).withHint("major units with at most the currency's decimals: --amount 12.80 --currency CNY")
		f.code = exitUsage
		return f
	}
	if !transactionForm.MatchString(c.Transaction) {
		return &failure{what: "sale", subject: "--transaction", err: errors.New("at most 64 visible ASCII characters"), code: exitUsage}
	}
	q := control.SaleRequest{Amount: a.Decimal(), Currency: a.Currency, Transaction: c.Transaction, ServiceID: serviceID(), Wait: c.Wait}
	d, err := e.daemon()
	if err != nil {
		return err
	}
	if c.Wait && !e.json {
		fmt.Fprintf(e.stderr, "tilld: waiting for the customer's code: %s\n", a)
	}
	var out control.Outcome
	if err := abortable(e, d, "/v1/sale", q, q.ServiceID, &out); err != nil {
		return fail("sale", "", err)
	}
	return e.outcome("sale", out, sale.EndPaid, c.Wait)
}

// abortable asks, and when the context ends asks to abort and goes on waiting: a payment
// that was begun has an end, and the caller wants to know which. A second signal ends the
// program.
func abortable(e *env, d *control.Client, path string, in any, service string, out *control.Outcome) error {
	done := make(chan error, 1)
	go func() { done <- d.Do(context.WithoutCancel(e.ctx), "POST", path, in, out) }()
	select {
	case err := <-done:
		return err
	case <-e.ctx.Done():
	}
	if _, refund := in.(control.RefundRequest); refund {
		fmt.Fprintln(e.stderr, "tilld: giving up; interrupt again to stop waiting")
	} else {
		fmt.Fprintln(e.stderr, "tilld: taking the payment back; interrupt again to stop waiting")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 10*time.Second)
	defer cancel()
	if err := d.Do(ctx, "POST", "/v1/abort", control.AbortRequest{ServiceID: service}, new(control.AbortRequest)); err != nil {
		return err
	}
	return <-done
}

// serviceID is new for every request: ten characters, as nexo allows.
func serviceID() string { return rand.Text()[:10] }

// outcome prints how a payment stands. Good is the ending that was wanted; waited says
// whether an open end is a failure.
func (e *env) outcome(what string, out control.Outcome, good sale.Ending, waited bool) error {
	if e.json {
		e.encode(out)
	} else {
		id := out.ServiceID
		if out.Payment != nil {
			id = out.Payment.ID
		}
		switch {
		case out.Ending == sale.Undecided && out.Payment == nil:
			e.printf("begun as %s: \"tilld status\" shows how it goes\n", id)
		case out.Ending == sale.Undecided:
			e.printf("%s: not known yet\n", id)
		default:
			e.printf("%s: %s", id, out.Ending)
			if out.Refund != nil {
				e.printf(" %s %s (%s), refund %s", out.Refund.Amount, out.Refund.Currency, out.Refund.State, out.Refund.ID)
			}
			if out.Why != "" {
				e.printf(": %s", out.Why)
			}
			e.printf("\n")
		}
	}
	if out.Ending == good || out.Ending == sale.Undecided && !waited {
		return nil
	}
	if out.Ending == sale.Undecided {
		return fail(what, "", errors.New("the outcome is not known yet")).withHint(`do not take cash; "tilld status" tells when it is known`)
	}
	return errSaid
}
