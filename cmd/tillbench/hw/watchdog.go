package hw

import (
	"context"
	"fmt"
	"time"

	"github.com/tilld/tilld/internal/board/hands"
)

// watchdogCheck lets a till run for longer than the watchdog waits, then freezes it. The board
// resets: who watches it from outside says so.
func watchdogCheck(ctx context.Context, b *Bench) error {
	scanners, err := b.sellingScanners(ctx, "uart")
	if err != nil {
		return err
	}
	t, err := b.NewTill(TillOptions{Name: "watchdog", Scanners: scanners[0].section, Clock: "system"})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Open(ctx); err != nil {
		return err
	}
	const alive = 12 * time.Second // longer than the watchdog waits
	if err := wait(ctx, alive); err != nil {
		return err
	}
	b.Report(hands.Verdict{Device: "watchdog", Rule: "a till that lives feeds it", Found: "alive after " + alive.String(), OK: true})
	if _, err := b.Do(ctx, hands.Order{Do: hands.Freeze}); err != nil {
		return err
	}
	fmt.Fprintln(b.out, "board: frozen")
	if err := wait(ctx, 30*time.Second); err != nil {
		return err
	}
	return fmt.Errorf("the board is still alive %s after its till was frozen", 30*time.Second)
}

func wait(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
