package queue

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// 200 kills under load lose nothing acknowledged. Fails when Commit answers before Badger
// and the witness have: the control, which acknowledges before the commit, must lose.
func TestKill(t *testing.T) {
	kills, perDir := 200, 50
	if testing.Short() {
		kills, perDir = 20, 20
	}
	random := rand.New(rand.NewPCG(1, 2))
	total := 0
	for done := 0; done < kills; done += perDir {
		lost, acks := killRounds(t, random, "commit", perDir)
		if lost > 0 {
			t.Fatalf("%d of %d acknowledged records are lost", lost, acks)
		}
		total += acks
	}
	t.Logf("%d kills, %d acknowledged, 0 lost", kills, total)

	lost, acks := killRounds(t, random, "early", 10)
	if lost == 0 {
		t.Fatalf("acknowledging early lost nothing of %d: the test proves nothing", acks)
	}
	t.Logf("control: %d of %d lost", lost, acks)
}

func killRounds(t *testing.T, random *rand.Rand, mode string, kills int) (lost, acks int) {
	dir := t.TempDir()
	want := map[string]bool{}
	for range kills {
		wait := time.Duration(random.IntN(4000)) * time.Microsecond
		token, acked := killed(t, dir, mode, 1+random.IntN(30), wait)
		for _, n := range acked {
			want[name(Payment, sale.PaymentID("TERMINAL", token, n))] = true
		}
	}
	s, died := inspect(t, dir)
	if died || s.Err != "" {
		t.Fatalf("the last start: died %v, %s", died, s.Err)
	}
	if s.Rec.Lost && mode == "commit" {
		t.Fatalf("a loss is reported: %v", s.Rec.Notes)
	}
	for n := range want {
		if _, ok := s.Live[n]; !ok {
			lost++
			if mode == "commit" {
				t.Errorf("lost %s", fmt.Sprintf("%q", n))
			}
		}
	}
	return lost, len(want)
}
