package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed")
	numSeeds  = flag.Int("seeds", 300, "how many seeds")
	forTime   = flag.Float64("seconds", 0, "go on for so many seconds instead")
	onlyFirst = flag.Bool("first", false, "stop at the first world that fails")
	tries     = flag.Int("tries", 1, "how many worlds may be made to visit a crash point with a fault; from 100 on, all must be visited")
	traced    = flag.Bool("trace", false, "print what happened in a world that fails")
)

// TestMain keeps the simulation on one core: goroutines then run in the same order every time.
func TestMain(m *testing.M) {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// world1 runs one seed and returns what was violated.
func runSeed(t *testing.T, seed uint64, cover *coverage, f *focus) []string {
	var w *world
	over := false
	defer func() {
		if !over {
			fmt.Fprintf(os.Stderr, "seed %d does not end\n", seed)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(seed, cover, f)
		w.live(t)
	})
	over = true
	if len(w.violations) > 0 && *traced {
		t.Log(strings.Join(w.trace, "\n"))
	}
	return w.violations
}

// TestRepeat: a seed is the same world every time, to the last event. Where two things are due
// at one instant Go chooses by chance which is heard first: a few worlds go two ways.
func TestRepeat(t *testing.T) {
	differ := 0
	was := *traced
	*traced = true
	defer func() { *traced = was }()
	for seed := range uint64(40) {
		var first, second []string
		for _, trace := range []*[]string{&first, &second} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(seed, newCoverage(), nil)
				w.live(t)
				*trace = w.trace
			})
		}
		if !slices.Equal(first, second) {
			i := 0
			for i < min(len(first), len(second)) && first[i] == second[i] {
				i++
			}
			differ++
			t.Logf("seed %d differs from event %d of %d and %d on:\n%s\n%s", seed, i, len(first), len(second), first[min(i, len(first)-1)], second[min(i, len(second)-1)])
		}
	}
	if differ > 6 {
		t.Errorf("%d of 40 worlds do not repeat", differ)
	}
}

// TestStorm runs worlds until the seeds or the time are used up.
func TestStorm(t *testing.T) {
	cover := newCoverage()
	begin := time.Now()
	bad, n := 0, 0
	for ; *forTime > 0 && time.Since(begin).Seconds() < *forTime || *forTime == 0 && n < *numSeeds; n++ {
		seed := *firstSeed + uint64(n)
		if v := runSeed(t, seed, cover, nil); len(v) > 0 {
			t.Errorf("seed %d: %s\nagain: go test ./agent/sim -run TestStorm -trace -seed %d -seeds 1", seed, strings.Join(v, "\n\t"), seed)
			if bad++; bad == 5 || *onlyFirst {
				t.Fatal("too many")
			}
		}
	}
	took := time.Since(begin)
	t.Logf("%d worlds, %d payments of %d baskets, %d of them with faults, %d crashes, in %s: %.0f payments a minute on one core",
		n, cover.payments, cover.baskets, cover.faulted, cover.crashes, took.Round(time.Millisecond), float64(cover.payments)/took.Minutes())
}
