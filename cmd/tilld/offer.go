package main

import "github.com/tilld/tilld/cmd/tilld/internal/control"

type offerCmd struct {
	ID string `arg:"" optional:"" help:"Payment id; without one, the payment on the customer's screen."`
}

func (offerCmd) Help() string {
	return `The same as the button on the customer's screen: the payment waits for a code, and the
customer scans ours instead. Scanning the customer's code goes on; ours is closed first.

Examples:
  tilld offer
  tilld offer 7H3KQ2XA4F9T2C00000017`
}

func (c offerCmd) Run(e *env) error {
	q := control.OfferRequest{Payment: c.ID}
	if err := e.ask("offer", "POST", "/v1/offer", q, &q); err != nil {
		return err
	}
	if e.json {
		e.encode(q)
	} else {
		e.printf("%s: our code is being shown\n", q.Payment)
	}
	return nil
}
