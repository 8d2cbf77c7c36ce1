package queue

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

func TestMain(m *testing.M) {
	if handled, code := ProbeMain(os.Args[1:]); handled {
		os.Exit(code)
	}
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], childArg) {
		os.Exit(childMain(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// testKeys derives from a root in memory.
type testKeys string

func (k testKeys) Derive(label string) ([]byte, error) {
	m := hmac.New(sha256.New, []byte(k))
	m.Write([]byte(label))
	return m.Sum(nil), nil
}

// testClock is a wall clock that tests set.
type testClock struct {
	mu      sync.Mutex
	t       time.Time
	trusted bool
}

func newClock() *testClock {
	return &testClock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), trusted: true}
}

func (c *testClock) now() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t, c.trusted
}

func (c *testClock) set(t time.Time, trusted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t, c.trusted = t, trusted
}

func testOptions(dir string) Options {
	return Options{Dir: dir, Keys: testKeys("root"), Board: "board-1", Environment: "test",
		Now: newClock().now, MinNew: 8 << 20, MinHard: 4 << 20, Ballast: 1 << 20}
}

func mustOpen(t testing.TB, o Options) (*Queue, Recovery) {
	t.Helper()
	q, rec, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.crash() })
	return q, rec
}

func mustClose(t testing.TB, q *Queue) {
	t.Helper()
	if err := q.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func mustCommit(t testing.TB, q *Queue, puts ...Put) {
	t.Helper()
	if err := q.Commit(context.Background(), puts...); err != nil {
		t.Fatal(err)
	}
}

// crash lets go of a queue as the end of the process would: nothing more is written by us,
// and the state is not marked as closed. Badger is closed first so that it lets go of its
// mappings; use copyTree before it to keep the files as a crash leaves them.
func (q *Queue) crash() {
	q.closeOne.Do(func() {
		q.fail(errors.New("crashed by a test"))
		<-q.ended
		for _, d := range q.days {
			closeBadger(context.Background(), d.db, 5*time.Second)
		}
		q.letGo()
	})
}

// payment is a record like the till's: about 1.5 KiB.
func payment(token string, n uint64, open bool) Put {
	id := sale.PaymentID("TERMINAL", token, n)
	return Put{Kind: Payment, Key: id, Value: fmt.Appendf(nil, "payment %d of %s: %01500d", n, token, n),
		Open: open, PaymentSeq: n, Orders: []string{sale.OrderID(id, 1, 0)}}
}

// copyTree copies a state directory as it is on disk now.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// live counts the records that can be read, of all kinds.
func live(t testing.TB, q *Queue) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, k := range []Kind{Payment, Reply, Code, Outbox} {
		err := q.Each(k, func(key string, value []byte) error { all[name(k, key)] = string(value); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

const childArg = "--tilld-queue-child="
