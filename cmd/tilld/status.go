package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

type statusCmd struct{}

func (statusCmd) Help() string {
	return `First come payments whose ending no point of sale has heard, then those in doubt.

Examples:
  tilld status
  tilld status --json
  tilld status --socket /run/tilld/tilld.sock`
}

func (statusCmd) Run(e *env) error {
	var s control.Status
	if err := e.ask("status", "GET", "/v1/status", nil, &s); err != nil {
		return err
	}
	if e.json {
		e.encode(s)
		return nil
	}
	e.section("UNDELIVERED: tell the cashier, the point of sale does not know", s.Undelivered)
	e.section("REFUND NEEDS A PERSON: finish it at the wallet, then tilld queue settle REFUND --given or --not-given", s.BrokenRefunds)
	e.section("in doubt: do not take cash", s.Doubt)
	e.section("waits for a person: tilld queue settle ID --paid or --not-paid", s.Manual)
	e.section("being given back", s.Refunding)
	e.section("running", s.Running)
	e.printf("%s  %s  tilld %s  pid %d  up %s\n", s.POIID, s.Environment, s.Version, s.PID, time.Since(s.Since).Round(time.Second))
	e.printf("screen: %s\n", s.Screen)
	if len(s.Health) == 0 {
		e.printf("health: nothing is wrong\n")
	}
	for _, c := range s.Health {
		e.cause(c)
	}
	for _, d := range s.Devices {
		e.device(d)
	}
	for _, c := range s.Contracts {
		e.printf("contract %s (slot %d, %s): %s\n", c.Name, c.Slot, c.Endpoint, reach(c))
	}
	if s.Clock.Trusted {
		e.printf("clock: %s, trusted\n", s.Clock.Now.Format(time.DateTime))
	} else {
		e.printf("clock: %s, NOT TRUSTED: %s\n", s.Clock.Now.Format(time.DateTime), s.Clock.Why)
	}
	e.printf("journal: %s\n", pairs(s.Journal))
	return nil
}

// section prints payments under a heading, or nothing when there are none.
func (e *env) section(heading string, list []control.PaymentView) {
	if len(list) == 0 {
		return
	}
	e.printf("%s\n", heading)
	for _, p := range list {
		e.printf("  %s\n", row(p))
		for _, r := range p.Refunds {
			if r.Broken || !r.Delivered || r.State != "REFUNDED" {
				e.printf("    refund %s  %s %s  %s\n", r.ID, r.Amount, r.Currency, r.State)
			}
		}
	}
	e.printf("\n")
}

// row is a payment on one line.
func row(p control.PaymentView) string {
	stands := p.State
	if p.Ending != "" {
		stands = string(p.Ending)
		if p.State != "" && p.State != "PAID" {
			stands += " (" + p.State + ")"
		}
	}
	if stands == "" {
		stands = "waits for a code"
	}
	s := fmt.Sprintf("%s  %s  %12s %s  %s", p.ID, p.Begun.Local().Format(time.DateTime), p.Amount, p.Currency, stands)
	if p.Intent == "undo" && p.Ending == "" {
		s += ", being taken back"
	}
	if p.Transaction != "" {
		s += "  basket " + p.Transaction
	}
	if p.From != "" {
		s += "  of terminal " + p.From
	}
	return s
}

func (e *env) cause(c health.Cause) {
	e.printf("%s: %s\n", c.Severity, c.Text)
	if c.Hint != "" {
		e.printf("  hint: %s\n", c.Hint)
	}
}

func (e *env) device(d control.Device) {
	stands := "open"
	if !d.Open {
		stands = "NOT OPEN"
		if d.Why != "" {
			stands += ": " + d.Why
		}
	}
	switch {
	case d.Kind == "":
		e.printf("scanner %s (%s %s): %s\n", d.Name, d.Driver, d.Port, stands)
	case d.Open && d.State != "":
		e.printf("%s (%s): %s\n", d.Kind, d.Port, d.State)
	default:
		e.printf("%s (%s): %s\n", d.Kind, d.Port, stands)
	}
	if !d.Open && d.Hint != "" {
		e.printf("  hint: %s\n", d.Hint)
	}
}

func reach(c control.ContractState) string {
	switch c.Reach {
	case "yes":
		return "reachable"
	case "no":
		return "NOT REACHABLE: " + c.Why
	}
	return "not tried yet"
}

func pairs(m map[string]any) string {
	var out []string
	for _, k := range sorted(m) {
		v := m[k]
		if f, ok := v.(float64); ok { // JSON's number of bytes, not 6.57e+10
			v = strconv.FormatFloat(f, 'f', -1, 64)
		}
		out = append(out, fmt.Sprintf("%s %v", strings.ReplaceAll(k, "_", " "), v))
	}
	return strings.Join(out, ", ")
}
