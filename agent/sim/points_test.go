package sim

import (
	"testing"
	"time"
)

// bias helps a world to come to a place.
var bias = [numPlaces][]fault{
	nothing:     {aborts, walksAway},
	sendingUndo: {aborts, reordered},
	unknownKeep: {dropAnswer},
	unknownUndo: {aborts, dropAnswer},
	paidUndo:    {givesBack},
	declined:    {badCode},
	reversing:   {aborts, confirmAfterLast},
	reversed:    {payFails, walksAway},
	refunded:    {givesBack},
	manual:      {numberUsed},
}

// TestPoints cuts the power at every point, with every fault in the same basket.
func TestPoints(t *testing.T) {
	cover := newCoverage()
	begin := time.Now()
	all, visited, worlds := 0, 0, 0
	var missing []pair
	for _, p := range points() {
		for f := range numFaults {
			if f == numberUsed && p.at != sending && p.at != manual {
				continue // it stops trading: nothing of that basket follows
			}
			all++
			n := 0
			for ; n < *tries && cover.pairs[pair{p, f}] == 0; n++ {
				worlds++
				if v := runSeed(t, uint64(1_000_000+n), cover, &focus{point: p, fault: f}); len(v) > 0 {
					t.Fatalf("%s with %s, seed %d: %v", p, f, 1_000_000+n, v)
				}
			}
			if cover.pairs[pair{p, f}] == 0 {
				missing = append(missing, pair{p, f})
				continue
			}
			visited++
		}
	}
	for _, m := range missing {
		if *tries >= 100 {
			t.Errorf("not visited in %d worlds: %s, with %s", *tries, m.point, m.fault)
		}
	}
	if visited < all/4 {
		t.Errorf("%d of %d pairs visited", visited, all)
	}
	t.Logf("%d of %d pairs of a crash point (%d) and a fault (%d) visited, in %d worlds with %d payments, in %s",
		visited, all, len(points()), numFaults, worlds, cover.payments, time.Since(begin).Round(time.Millisecond))
}
