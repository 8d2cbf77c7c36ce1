package wallettest_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/alipay"
	"github.com/tilld/tilld/agent/wallet/alipayplus"
)

// follow runs a payment whose customer never confirms by a wallet's own table, each query
// taking latency, and returns when the queries left, when the last one was answered, and
// when the reverse left.
func follow(t *testing.T, c sale.Clock, latency time.Duration) (queries []time.Duration, answered, reversed time.Duration) {
	t.Helper()
	t0 := time.Unix(1_800_000_000, 0)
	now, intent := t0, sale.Keep
	a := &sale.Attempt{State: sale.Unknown}
	u := sale.Pursuit{From: t0}
	for range 1000 {
		switch step := u.Next(a, intent, c, now, now.Sub(t0)); step.Do {
		case sale.DoWait:
			if !step.At.After(now) {
				t.Fatalf("waits for +%s at +%s", step.At.Sub(t0), now.Sub(t0))
			}
			now = step.At
		case sale.DoQuery:
			from := now
			queries = append(queries, from.Sub(t0))
			now = now.Add(latency)
			answered = now.Sub(t0)
			u.Asked(from, now, sale.EvPaying)
		case sale.DoTurn:
			intent = sale.Undo
		case sale.DoReversal:
			return queries, answered, now.Sub(t0)
		default:
			t.Fatalf("%s at +%s", step.Do, now.Sub(t0))
		}
	}
	t.Fatal("never reversed")
	return nil, 0, 0
}

// Alipay prescribes queries every 3 to 6 s until 60 s, and cancel without a gap after the
// last; Alipay+ an inquiry every 3 s for 60 s, then cancel.
func TestSchedulesOfAlipay(t *testing.T) {
	for name, c := range map[string]struct {
		clock sale.Clock
		first time.Duration
	}{"alipay": {alipay.Clock(), 5 * time.Second}, "alipayplus": {alipayplus.Clock(), 3 * time.Second}} {
		for _, latency := range []time.Duration{0, 200 * time.Millisecond, time.Second} {
			queries, answered, reversed := follow(t, c.clock, latency)
			if queries[0] != c.first {
				t.Errorf("%s: the first query leaves at %s, want %s", name, queries[0], c.first)
			}
			last := len(queries) - 1
			for i := 1; i <= last; i++ {
				gap := queries[i] - queries[i-1]
				if gap > 6*time.Second || gap < 3*time.Second && i != last {
					t.Errorf("%s, latency %s: query %d leaves %s after the one before it", name, latency, i, gap)
				}
			}
			// On the minute, or as soon after it as the spacing lets, when one is under way then.
			if queries[last] < time.Minute || queries[last] > time.Minute && queries[last-1]+latency < time.Minute {
				t.Errorf("%s, latency %s: the last query leaves at %s, want 1m", name, latency, queries[last])
			}
			if reversed != answered {
				t.Errorf("%s, latency %s: cancelled %s after the last query's answer", name, latency, reversed-answered)
			}
		}
	}
}
