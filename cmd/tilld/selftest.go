package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

// selfTest pays the smallest sum and gives it back, and prints each step with the time since
// the start. Ctrl-C aborts the payment; what was paid is given back all the same.
func (c saleCmd) selfTest(e *env) error {
	if c.Transaction != "" || c.Wait {
		return &failure{what: "self-test", err: errors.New("it waits by itself and has a basket of its own"), hint: "leave --wait and --transaction out", code: exitUsage}
	}
	if c.Amount == "" {
		c.Amount = "0.01"
	}
	if c.Currency == "" {
		c.Currency = "CNY"
	}
	a, err := parseAmount(c.Amount, c.Currency)
	if err != nil {
		f := fail("self-test", "", err).withHint("--amount and --currency say what to pay; 0.01 CNY without them")
		f.code = exitUsage
		return f
	}
	d, err := e.daemon()
	if err != nil {
		return err
	}
	q := control.SelfTestRequest{Amount: a.Decimal(), Currency: a.Currency, Contract: c.Contract, ServiceID: serviceID()}
	stop := context.AfterFunc(e.ctx, func() { abortSelfTest(e, d, q.ServiceID) })
	defer stop()
	begun := time.Now()
	var last control.TestStep
	err = d.Lines(context.WithoutCancel(e.ctx), "/v1/self-test", q, func(line json.RawMessage) error {
		last = control.TestStep{}
		if err := json.Unmarshal(line, &last); err != nil {
			return fmt.Errorf("read the daemon's answer: %w", err)
		}
		e.testStep(last, begun, line)
		return nil
	})
	switch {
	case err != nil:
		return fail("self-test", "", err)
	case last.Failed:
		return (&failure{what: "self-test", subject: last.Step, err: errors.New(last.Text), code: exitNotDone}).withHint("%s", last.Hint)
	case last.Step != "done":
		return fail("self-test", "", errors.New("the daemon went away before it was done")).withHint(`"tilld status" tells what is left to do`)
	}
	return nil
}

func abortSelfTest(e *env, d *control.Client, service string) {
	fmt.Fprintln(e.stderr, "tilld: ending the test; what was paid is given back")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 10*time.Second)
	defer cancel()
	if err := d.Do(ctx, "POST", "/v1/abort", control.AbortRequest{ServiceID: service}, new(control.AbortRequest)); err != nil {
		fmt.Fprintf(e.stderr, "tilld: %s\n", oneLine(err))
	}
}

func (e *env) testStep(s control.TestStep, begun time.Time, line json.RawMessage) {
	if e.json {
		e.printf("%s\n", line)
		return
	}
	name := s.Step
	if s.Failed {
		name = "FAILED: " + name
	}
	e.printf("%s  %+8.3fs  %-14s %s", s.At.Local().Format("15:04:05.000"), s.At.Sub(begun).Seconds(), name, s.Text)
	if s.Order != "" && s.Step == "sent" {
		e.printf(", order %s", s.Order)
	}
	e.printf("\n")
}
