package main

import (
	"context"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/scanner"
)

// beep lets the scanners that are configured for it beep for what came of a payment, once
// each, until ctx ends.
func beep(ctx context.Context, screens <-chan agent.Screen, cue func(scanner.Cue)) {
	var told agent.Screen
	for {
		select {
		case s, ok := <-screens:
			if !ok {
				return
			}
			if s.Payment == told.Payment && s.Kind == told.Kind {
				continue
			}
			told = s
			switch s.Kind {
			case agent.ScreenPaid, agent.ScreenRefunded:
				cue(scanner.BeepGood)
			case agent.ScreenNotPaid, agent.ScreenNotRefunded:
				cue(scanner.BeepBad)
			}
		case <-ctx.Done():
			return
		}
	}
}
