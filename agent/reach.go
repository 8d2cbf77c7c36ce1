package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

const (
	warmEvery   = 15 * time.Second // while a payment waits for its code: below the 20 s after which a connection is suspect
	probeEvery  = time.Minute      // while idle
	probeAgain  = 2 * time.Second  // while something is out of reach
	warmWithin  = 3 * time.Second
	standingFor = time.Second // how often the other causes are looked at
)

// warmAll gets every contract's connection ready and reports the health of each. It returns
// as soon as one is ready, or when all have failed; the rest go on by themselves.
func (t *Till) warmAll(ctx context.Context) (reachable bool) {
	results := make(chan bool, len(t.contracts))
	for _, c := range t.contracts {
		w, ok := c.Wallet.(Warmer)
		if !ok {
			results <- true
			continue
		}
		began := t.inBackground(func() {
			ctx, cancel := context.WithTimeout(ctx, warmWithin)
			defer cancel()
			err := w.Warm(ctx)
			if err != nil && (errors.Is(err, context.Canceled) || context.Cause(ctx) == context.Canceled) {
				results <- false
				return
			}
			t.noteReach(c, err)
			results <- err == nil
		})
		if !began {
			results <- false
		}
	}
	for range t.contracts {
		if <-results {
			return true
		}
	}
	return len(t.contracts) == 0
}

// noteReach keeps the causes "unreachable" and "offline", and wakes what waits when a
// contract comes back.
func (t *Till) noteReach(c *Contract, err error) {
	if err != nil {
		t.o.Health.Set(health.Cause{Code: "unreachable", Subject: c.Ref.Name, Severity: health.Warning,
			Text: c.Ref.Name + " cannot be reached: " + err.Error(), Hint: "check the network and the endpoint " + c.Ref.Endpoint})
	} else {
		t.o.Health.Clear("unreachable", c.Ref.Name)
	}
	t.mu.Lock()
	was := t.down[c.Ref.Slot]
	t.down[c.Ref.Slot] = err != nil
	all := len(t.contracts) > 0
	for slot := range t.contracts {
		all = all && t.down[slot]
	}
	if was && err == nil {
		close(t.back)
		t.back = make(chan struct{})
	}
	t.mu.Unlock()
	if all {
		t.o.Health.Set(health.Cause{Code: "offline", Severity: health.Closed,
			Text: "no wallet can be reached; nothing new is accepted, what was begun is finished when the network is back",
			Hint: "check the network cable, the router and the provider"})
	} else {
		t.o.Health.Clear("offline", "")
	}
}

// reachBack is closed when a contract that was out of reach is back.
func (t *Till) reachBack() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.back
}

// keepReach looks at the wallets now and then, and at the other causes every second.
func (t *Till) keepReach(ctx context.Context) {
	tick := time.NewTicker(standingFor)
	defer tick.Stop()
	var next time.Time
	retire := time.Now().Add(time.Hour)
	for {
		if now := time.Now(); !now.Before(next) {
			t.warmAll(ctx)
			next = now.Add(probeEvery)
		}
		t.mu.Lock()
		for _, down := range t.down {
			if down {
				next = minTime(next, time.Now().Add(probeAgain))
			}
		}
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.checkStanding()
			if now := time.Now(); now.After(retire) {
				t.retire()
				retire = now.Add(time.Hour)
			}
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// keepWarm keeps the connections ready while a customer looks for the code. The function it
// returns stops that.
func (t *Till) keepWarm(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	t.inBackground(func() {
		tick := time.NewTicker(warmEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				t.warmAll(context.WithoutCancel(ctx))
			}
		}
	})
	return cancel
}

// standing says whether a new sale may begin now, and asks the network afresh.
func (t *Till) standing(ctx context.Context, r PayRequest) (sale.Ending, string) {
	if r.Contract != "" && !slices.ContainsFunc(t.o.Contracts, func(c Contract) bool { return c.Ref.Name == r.Contract }) {
		return sale.EndNoContract, fmt.Sprintf("no contract is called %.40q", r.Contract)
	}
	if !t.takes(r.Amount.Currency) {
		return sale.EndNoContract, "no contract takes " + string(r.Amount.Currency)
	}
	if !t.warmAll(context.WithoutCancel(ctx)) {
		return sale.EndUnreachable, "no wallet can be reached; nothing was sent"
	}
	t.checkStanding()
	for _, c := range t.o.Health.Causes() {
		if c.Severity != health.Closed && c.Code != "scanner" {
			continue
		}
		switch c.Code {
		case "scanner":
			if r.Code != nil || t.offers(r) {
				continue
			}
			return sale.EndNoScanner, c.Text
		case "clock":
			return sale.EndClockUntrusty, c.Text
		case "space":
			return sale.EndNoSpace, c.Text
		case "offline":
			return sale.EndUnreachable, c.Text
		}
		return sale.EndStopped, c.Text
	}
	return sale.Undecided, ""
}

// takes reports whether any contract can be paid in a currency.
func (t *Till) takes(c sale.Currency) bool {
	for _, row := range t.routes {
		if len(row.Currencies) == 0 || slices.Contains(row.Currencies, c) {
			return true
		}
	}
	return false
}

// checkStanding turns what the parts say into causes.
func (t *Till) checkStanding() {
	switch err := t.o.Journal.Room(); {
	case err == nil:
		t.o.Health.Clear("space", "")
	case errors.Is(err, queue.ErrSpace):
		t.o.Health.Set(health.Cause{Code: "space", Severity: health.Closed, Text: err.Error(),
			Hint: "free space on the partition of the state directory; open payments are finished meanwhile"})
	default:
		t.o.Health.Set(health.Cause{Code: "stopped", Severity: health.Closed, Text: err.Error(), Hint: "restart tilld; if it comes back, check the disk"})
	}
	if ok, why := t.o.TimeTrusted(); ok {
		t.o.Health.Clear("clock", "")
	} else {
		t.o.Health.Set(health.Cause{Code: "clock", Severity: health.Closed, Text: "the time is not trusted: " + why,
			Hint: "let the board synchronise its clock (NTP) and reach a wallet once"})
	}
	if ok, why := t.o.Scanner.Ready(); ok {
		t.o.Health.Clear("scanner", "")
	} else {
		cause := health.Cause{Code: "scanner", Severity: health.Closed, Text: "no scanner is ready: " + why,
			Hint: "check the scanner's cable; tilld devices shows what was found"}
		if t.offersAny() {
			cause.Severity, cause.Text = health.Warning, cause.Text+"; codes of ours are shown instead"
		}
		t.o.Health.Set(cause)
	}
}
