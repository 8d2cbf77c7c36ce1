package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Fails when Commit does not write, when Get returns the wrong version, or when deletion
// is forgotten over a restart.
func TestRoundTripAndReopen(t *testing.T) {
	o := testOptions(t.TempDir())
	q, rec := mustOpen(t, o)
	if !rec.Fresh || rec.Lost || len(rec.Token) != 6 || rec.NextPayment != 1 {
		t.Fatalf("first start: %+v", rec)
	}
	mustCommit(t, q, payment(rec.Token, 1, true), Put{Kind: Reply, Key: "a\x1fb", Value: []byte("old")})
	mustCommit(t, q, Put{Kind: Reply, Key: "a\x1fb", Value: []byte("new")}, Put{Kind: Code, Key: "c", Value: []byte("x")})
	mustCommit(t, q, Put{Kind: Code, Key: "c"}, payment(rec.Token, 2, false))
	q.Later(Put{Kind: Outbox, Key: "o", Value: []byte("rides along")})
	if v, err := q.Get(Outbox, "o"); err != nil || string(v) != "rides along" {
		t.Fatalf("a later record cannot be read at once: %q, %v", v, err)
	}
	before := live(t, q)
	mac := q.CodeMAC([]byte("code"))
	mustClose(t, q)

	q, again := mustOpen(t, o)
	if again.Fresh || again.Lost || len(again.Doubt)+len(again.Gaps)+len(again.Notes) > 0 || again.NextPayment != 3 {
		t.Fatalf("second start: %+v", again)
	}
	if again.Token == rec.Token {
		t.Fatal("two starts with one token")
	}
	if after := live(t, q); len(after) != 4 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Fatalf("%d records, want 4 as before", len(after))
	}
	if v, _ := q.Get(Reply, "a\x1fb"); string(v) != "new" {
		t.Fatalf("reply %q", v)
	}
	if _, err := q.Get(Code, "c"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("deleted code: %v", err)
	}
	if !bytes.Equal(mac, q.CodeMAC([]byte("code"))) || bytes.Equal(mac, q.CodeMAC([]byte("edoc"))) {
		t.Fatal("CodeMAC does not outlive a restart, or does not depend on the code")
	}
}

// Fails when each Commit gets a sync of its own, or when records of a group are lost.
func TestGroupCommit(t *testing.T) {
	o := testOptions(t.TempDir())
	q, _ := mustOpen(t, o)
	const writers, each = 16, 60
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := q.Commit(context.Background(), Put{Kind: Outbox, Key: fmt.Sprint(w, "-", i), Value: make([]byte, 2048)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s := q.Stats()
	if s.Calls != writers*each || s.Records != writers*each || s.Groups*2 > s.Records {
		t.Fatalf("%d groups for %d records of %d calls", s.Groups, s.Records, s.Calls)
	}
	t.Logf("%d groups for %d records", s.Groups, s.Records)
	mustClose(t, q)
	q, _ = mustOpen(t, o)
	if n := len(live(t, q)); n != writers*each {
		t.Fatalf("%d records after reopening", n)
	}
}

// Fails when a Later record makes a commit of its own, or is lost when one follows.
func TestLaterRidesAlong(t *testing.T) {
	o := testOptions(t.TempDir())
	q, rec := mustOpen(t, o)
	start := q.Stats()
	for i := range 20 {
		q.Later(Put{Kind: Outbox, Key: fmt.Sprint(i), Value: []byte("x")})
	}
	if s := q.Stats(); s.Groups != start.Groups || s.Waiting != 20 {
		t.Fatalf("%d groups, %d waiting", s.Groups, s.Waiting)
	}
	mustCommit(t, q, payment(rec.Token, 1, true))
	if s := q.Stats(); s.Groups != start.Groups+1 || s.Waiting != 0 || s.Records != 21 {
		t.Fatalf("%d groups, %d waiting, %d records", s.Groups, s.Waiting, s.Records)
	}
	q.crash()
	q, _ = mustOpen(t, o)
	if n := len(live(t, q)); n != 21 {
		t.Fatalf("%d records after a crash", n)
	}
}

// Each row fails when its check is taken out of identify or Open.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(dir)
	q, rec := mustOpen(t, o)
	mustCommit(t, q, payment(rec.Token, 1, true))

	if _, _, err := Open(t.Context(), o); !errors.Is(err, ErrLocked) {
		t.Fatalf("second daemon: %v", err)
	}
	mustClose(t, q)
	content := func() string {
		var all bytes.Buffer
		for _, f := range []string{"meta.json", "witness"} {
			b, _ := os.ReadFile(filepath.Join(dir, "queue", f))
			all.Write(b)
		}
		return all.String()
	}
	for _, tc := range []struct {
		name   string
		change func(*Options)
		want   error
	}{
		{"another key", func(o *Options) { o.Keys = testKeys("other") }, ErrKey},
		{"live on a test directory", func(o *Options) { o.Environment = "live" }, ErrEnvironment},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := o
			tc.change(&o)
			before := content()
			if _, _, err := Open(t.Context(), o); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if content() != before {
				t.Fatal("a refused start changed the state")
			}
		})
	}
	t.Run("newer version", func(t *testing.T) {
		newer := t.TempDir()
		copyTree(t, dir, newer)
		// A newer program's witness does not open with ours: both slots are unreadable.
		os.WriteFile(filepath.Join(newer, "queue", "witness"), bytes.Repeat([]byte("N"), 2*slotSize), 0o600)
		meta := filepath.Join(newer, "queue", "meta.json")
		b, _ := os.ReadFile(meta)
		os.WriteFile(meta, bytes.Replace(b, []byte(`"format":1`), []byte(`"format":2`), 1), 0o600)
		o := o
		o.Dir = newer
		if _, _, err := Open(t.Context(), o); !errors.Is(err, ErrNewer) {
			t.Fatal(err)
		}
	})
	t.Run("another board", func(t *testing.T) {
		o := o
		o.Board = "board-2"
		for range 2 { // it stays foreign
			q, rec := mustOpen(t, o)
			if !rec.Foreign || len(live(t, q)) != 1 {
				t.Fatalf("%+v", rec)
			}
			mustClose(t, q)
		}
	})
	q, rec = mustOpen(t, o)
	if rec.Foreign || rec.Lost || len(live(t, q)) != 1 {
		t.Fatalf("after all that: %+v", rec)
	}
}

// Fails when a state directory that cannot be made gives no clear error.
func TestOpenUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	if _, _, err := Open(t.Context(), testOptions(file)); err == nil {
		t.Fatal("opened below a file")
	}
}

// Fails when tokens are not kept with their first numbers: a gap would name the wrong start.
func TestTokens(t *testing.T) {
	o := testOptions(t.TempDir())
	var tokens []string
	seq := uint64(0)
	for range 4 {
		q, rec := mustOpen(t, o)
		if slices.Contains(tokens, rec.Token) || rec.NextPayment != seq+1 {
			t.Fatalf("%+v after %v", rec, tokens)
		}
		tokens = append(tokens, rec.Token)
		for range 3 {
			seq++
			mustCommit(t, q, payment(rec.Token, seq, false))
		}
		for n := range seq {
			if got := q.st.tokenOf(n + 1); got != tokens[n/3] {
				t.Fatalf("payment %d belongs to %q, want %q", n+1, got, tokens[n/3])
			}
		}
		mustClose(t, q)
	}
	// Starts without a payment are forgotten.
	for range 3 * maxTokens {
		s := state{Highest: seq, Tokens: []start{{"AAAAAA", 1}, {"BBBBBB", seq + 1}}}
		s.addToken("CCCCCC")
		if len(s.Tokens) != 2 || s.Tokens[1].Token != "CCCCCC" {
			t.Fatalf("%v", s.Tokens)
		}
	}
}

// Fails when limits are not checked before anything is queued.
func TestLimits(t *testing.T) {
	q, _ := mustOpen(t, testOptions(t.TempDir()))
	many := make([]string, MaxOrders+1)
	for i := range many {
		many[i] = "x"
	}
	for _, p := range []Put{
		{Kind: Payment, Key: "", Value: []byte("x")},
		{Kind: Payment, Key: string(make([]byte, MaxKey+1)), Value: []byte("x")},
		{Kind: Payment, Key: "k", Value: make([]byte, MaxValue+1)},
		{Kind: Payment, Key: "k", Orders: many},
	} {
		if err := q.Commit(t.Context(), p); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d orders, key %d, value %d: %v", len(p.Orders), len(p.Key), len(p.Value), err)
		}
	}
	mustCommit(t, q, Put{Kind: Payment, Key: string(bytes.Repeat([]byte("k"), MaxKey)), Value: make([]byte, MaxValue), Orders: many[:MaxOrders]})
	if err := q.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// With more Later records waiting than fit into one group, a waiting record must not be
// written after a newer one of the same name. Fails without dropReplaced.
func TestLaterNeverAfterNewer(t *testing.T) {
	o := testOptions(t.TempDir())
	q, rec := mustOpen(t, o)
	put := func(value string) Put {
		p := payment(rec.Token, 1, false)
		p.Value = []byte(value)
		return p
	}
	check := func(when, want string) {
		t.Helper()
		if got, err := q.Get(Payment, put("").Key); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", when, got, err, want)
		}
	}
	q.Later(put("never durable before"))
	check("waiting, the first", "never durable before")
	mustCommit(t, q, put("paid"))
	check("the first, replaced", "paid")
	for i := range 120 {
		q.Later(Put{Kind: Reply, Key: fmt.Sprint("POS\x1fT\x1f", i), Value: bytes.Repeat([]byte("r"), 16<<10)})
	}
	q.Later(put("paid, delivered"))
	check("waiting", "paid, delivered")
	mustCommit(t, q, put("reversing"))
	check("replaced", "reversing")
	mustCommit(t, q, put("reversed"))
	for i := range 6 {
		mustCommit(t, q, Put{Kind: Outbox, Key: fmt.Sprint(i), Value: []byte("x")})
	}
	check("drained", "reversed")
	mustClose(t, q)
	q, _ = mustOpen(t, o)
	check("after a restart", "reversed")
	mustClose(t, q)
}
