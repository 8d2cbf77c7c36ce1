package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// Kinds of difference that are seen in the tills' own records after a chaos.
const (
	DiffOpen     = "left-open"           // something is open 60 s after the network is back
	DiffUnwanted = "reversed-unintended" // a good payment was given back and nobody wanted that
)

// openWithin is how long after the end of all faults something may still be open.
const openWithin = 60 * time.Second

// recorded is what is read of a payment on a till's record.
type recorded struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Ending      string `json:"ending"`
	Intent      string `json:"intent"`
	UndoneBy    string `json:"undone_by"`
	Transaction string `json:"transaction_id"`
	Refunded    int64  `json:"refunded"` // in parts, in minor units
	Attempts    []struct {
		Order string `json:"order"`
	} `json:"attempts"`
}

// aftermath looks at a till when all faults are over: nothing may be left open after a
// minute, and every sum that was given back must have been wanted back.
func (s *show) aftermath(ctx context.Context, lane string, r *rig.Rig) error {
	r.Silence(false)
	for _, w := range r.World.Wallets() {
		if err := r.World.Clear(w); err != nil {
			return err
		}
	}
	open, err := s.awaitClosed(ctx, r)
	if err != nil {
		return err
	}
	for _, p := range open {
		s.differ(DiffOpen, fmt.Sprintf("%s: payment %s of basket %s is still %s, %s after everything was well again", lane, p.ID, p.Transaction, p.State, openWithin))
	}
	all, err := payments(ctx, r, "?all=1")
	if err != nil {
		return err
	}
	byOrder := map[string]recorded{}
	for _, p := range all {
		for _, a := range p.Attempts {
			byOrder[a.Order] = p
		}
	}
	for _, e := range r.World.Ledger() {
		if e.RefundedMinor == 0 {
			continue
		}
		p, known := byOrder[e.Order]
		if why := s.record.unwanted(p, known, e.RefundedMinor); why != "" {
			s.differ(DiffUnwanted, fmt.Sprintf("%s: order %s at %s was given back: %s", lane, e.Order, e.Wallet, why))
		}
	}
	return nil
}

// unwanted says why minor of a payment should not have been given back, or nothing.
func (r *record) unwanted(p recorded, known bool, minor int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !known:
		return "the till has no record of it"
	case p.Intent != "undo" && p.Refunded > 0:
		// In parts: as many as the till has on record, and somebody asked for them.
		if p.Refunded != minor {
			return fmt.Sprintf("%d of it, and the till's refunds come to %d", minor, p.Refunded)
		}
		if !r.parts[p.Transaction] && !r.backs[p.Transaction] {
			return "in parts, and nobody asked for a refund"
		}
		return ""
	case p.Intent != "undo":
		return "the till's intent is " + p.Intent
	case p.UndoneBy == "abort" && !r.aborts[p.Transaction]:
		return "as aborted, and nobody aborted"
	case p.UndoneBy == "reversal" && !r.backs[p.Transaction]:
		return "as reversed, and nobody reversed"
	}
	switch p.UndoneBy {
	case "abort", "reversal", "deadline", "wrong-answer", "declined", "operator":
		return ""
	}
	return fmt.Sprintf("undone by %q", p.UndoneBy)
}

func (s *show) awaitClosed(ctx context.Context, r *rig.Rig) (open []recorded, err error) {
	limit := time.NewTimer(openWithin)
	defer limit.Stop()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		if open, err = payments(ctx, r, ""); err != nil || len(open) == 0 {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-limit.C:
			return open, nil
		case <-tick.C:
		}
	}
}

// payments asks the running daemon through its control socket.
func payments(ctx context.Context, r *rig.Rig, query string) (list []recorded, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = r.Control(ctx, http.MethodGet, "/v1/payments"+query, nil, &list)
	return list, err
}
