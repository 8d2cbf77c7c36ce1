package main

import (
	"slices"
	"testing"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/scanner"
)

func TestBeepOnceForAnOutcome(t *testing.T) {
	screens := make(chan agent.Screen, 16)
	for _, s := range []agent.Screen{
		{Kind: agent.ScreenPay, Payment: "a"}, {Kind: agent.ScreenPaid, Payment: "a"}, {Kind: agent.ScreenPaid, Payment: "a", Seq: 3},
		{Kind: agent.ScreenIdle}, {Kind: agent.ScreenNotPaid, Payment: "b"}, {Kind: agent.ScreenPaid, Payment: "c"},
	} {
		screens <- s
	}
	close(screens)
	var heard []scanner.Cue
	beep(t.Context(), screens, func(c scanner.Cue) { heard = append(heard, c) })
	if want := []scanner.Cue{scanner.BeepGood, scanner.BeepBad, scanner.BeepGood}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}
