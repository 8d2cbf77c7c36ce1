package main

import (
	"context"
	"errors"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
)

// How often the journal is looked after, and the clock for jumps. Neither writes anything
// when nothing is due.
const (
	maintainEvery = time.Minute
	clockEvery    = 5 * time.Second
)

// firstProbe is how long the first try to reach the wallets may take: before, silence of
// the health board says nothing.
const firstProbe = 10 * time.Second

// housekeeping looks after journal and clock until ctx ends.
func (d *daemon) housekeeping(ctx context.Context) {
	journal := time.NewTicker(maintainEvery)
	defer journal.Stop()
	look := time.NewTicker(clockEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			d.clock.Trusted()
		case <-journal.C:
			if d.till.Busy() {
				continue // beginning a day takes a moment: not under a sale
			}
			if err := d.queue.Maintain(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("look after the journal", "err", err)
			}
		}
	}
}

// tillAnswers and journalAnswers are the parts of the watchdog's chain: they return only
// when the locks can be had.
func (d *daemon) tillAnswers() bool    { d.till.Busy(); return true }
func (d *daemon) journalAnswers() bool { return !errors.Is(d.queue.Room(), queue.ErrStopped) }

func (d *daemon) clockState() control.ClockState {
	now, _ := d.clock.Now()
	ok, why := d.clock.Trusted()
	return control.ClockState{Now: now, Trusted: ok, Why: why}
}

func (d *daemon) journalState() map[string]any {
	s := d.queue.Stats()
	return map[string]any{"records": s.Live, "open_records": s.Open, "days": s.Days, "commits": s.Groups,
		"free_bytes": s.Free, "directory": d.cfg.State}
}

// contractStates says what is known of each wallet's reach. The till asks now and then and
// keeps it as a cause of health.
func (d *daemon) contractStates() []control.ContractState {
	why := map[string]string{}
	for _, c := range d.health.Causes() {
		if c.Code == "unreachable" {
			why[c.Subject] = c.Text
		}
	}
	out := []control.ContractState{}
	for _, c := range d.cfg.Contracts {
		s := control.ContractState{Slot: c.Slot, Name: c.Name, Wallet: c.Wallet, Schemes: c.Schemes, Endpoint: c.Endpoint, Reach: "yes"}
		if text, down := why[c.Name]; down {
			s.Reach, s.Why = "no", text
		} else if time.Since(d.since) < firstProbe {
			s.Reach = "unknown"
		}
		out = append(out, s)
	}
	return out
}
