package queue

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/disk"
)

// rawFiles is every byte below a directory.
func rawFiles(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Business days: what is open moves over, what is settled is erased with its key when its
// time has passed, summaries stay. Fails when a day is erased with open records in it,
// when its key or bytes stay, when summaries go with it, or when untrusted time counts.
func TestDays(t *testing.T) {
	clock := newClock()
	o := testOptions(t.TempDir())
	o.Now = clock.now
	q, rec := mustOpen(t, o)
	maintain := func(step time.Duration, trusted bool) {
		t.Helper()
		clock.set(clock.t.Add(step), trusted)
		if err := q.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	maintain(0, true)
	paid := payment(rec.Token, 1, false)
	paid.Summary = &Summary{Order: "order-1", Payment: paid.Key, Amount: sale.Amount{Minor: 1280}, State: sale.Paid}
	mustCommit(t, q, paid, Put{Kind: Reply, Key: "reply", Value: []byte("the canary reply")})
	mustCommit(t, q, payment(rec.Token, 2, true))
	first := q.cur.number
	firstDir, firstKey := q.cur.dir, q.keys.path(first)

	maintain(36*time.Hour, false)
	if q.Stats().Days != 1 {
		t.Fatal("a day began on untrusted time")
	}
	maintain(0, true)
	if s := q.Stats(); s.Days != 2 || s.Live != 3 || s.Open != 1 {
		t.Fatalf("after the first midnight: %+v", s)
	}
	if v, err := q.Get(Reply, "reply"); err != nil || string(v) != "the canary reply" {
		t.Fatalf("yesterday's reply: %q, %v", v, err)
	}
	// A sealed record of the old day, to look for afterwards.
	var old []byte
	for _, b := range rawFiles(t, firstDir) {
		if at := bytes.Index(b, append([]byte{recordVersion}, seqKey(2)...)); at >= 0 {
			old = b[at : at+recordLeast+20]
		}
	}
	if old == nil {
		t.Fatal("the old day's record is not in its files: the search proves nothing")
	}
	// The directory may have a second name: the erased key must be gone from the blocks.
	link := filepath.Join(o.Dir, "link")
	if err := os.Link(firstKey, link); err != nil {
		t.Fatal(err)
	}

	mustCommit(t, q, Put{Kind: Outbox, Key: "o", Value: []byte("x")})
	maintain(47*time.Hour, true)
	if _, err := os.Stat(firstDir); err != nil {
		t.Fatal("erased too early")
	}
	maintain(90*time.Minute, true)
	if _, err := os.Stat(firstDir); !os.IsNotExist(err) {
		t.Fatal("the settled day is still there")
	}
	if _, err := os.Stat(firstKey); !os.IsNotExist(err) {
		t.Fatal("its key is still there")
	}
	for path, b := range rawFiles(t, o.Dir) {
		if bytes.Contains(b, old) {
			t.Fatalf("%s still holds a record of the erased day", path)
		}
		if path == link && len(bytes.Trim(b, "\x00")) > 0 {
			t.Fatal("the key's blocks were not overwritten")
		}
	}
	check := func(q *Queue) {
		t.Helper()
		if got := live(t, q); len(got) != 2 { // the open payment and the outbox entry
			t.Fatalf("%d records live", len(got))
		}
		if _, err := q.Get(Payment, payment(rec.Token, 2, true).Key); err != nil {
			t.Fatalf("the open payment: %v", err)
		}
		var sums []Summary
		if err := q.Summaries(func(s Summary) error { sums = append(sums, s); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(sums) != 1 || sums[0].Order != "order-1" || sums[0].Amount.Minor != 1280 {
			t.Fatalf("summaries %+v", sums)
		}
	}
	check(q)
	mustClose(t, q)
	q, again := mustOpen(t, o)
	if again.Lost || len(again.Notes) > 0 || again.NextPayment != 3 {
		t.Fatalf("%+v", again)
	}
	check(q)

	// A changed summary is found.
	file := q.summaryPath(1)
	b, _ := os.ReadFile(file)
	b[len(b)-1] ^= 1
	os.WriteFile(file, b, 0o600)
	if err := q.Summaries(func(Summary) error { return nil }); err == nil {
		t.Fatal("a changed summary was read")
	}
	q.crash()
	if _, found := mustOpen(t, o); len(found.Notes) == 0 {
		t.Fatal("a start did not notice the changed summary")
	}
}

// Fails when Maintain, reading or waiting writes anything.
func TestIdleWritesNothing(t *testing.T) {
	clock := newClock()
	o := testOptions(t.TempDir())
	o.Now = clock.now
	q, rec := mustOpen(t, o)
	mustCommit(t, q, payment(rec.Token, 1, true))
	if err := q.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		s := ""
		for path, b := range rawFiles(t, o.Dir) {
			info, _ := os.Stat(path)
			s += fmt.Sprintln(path, len(b), info.ModTime().UnixNano(), bytes.Count(b, []byte{0}))
		}
		lines := bytes.Split([]byte(s), []byte("\n"))
		slices.SortFunc(lines, bytes.Compare)
		return string(bytes.Join(lines, []byte("\n")))
	}
	before, count := state(), q.Stats()
	for i := range 100 {
		clock.set(clock.t.Add(time.Duration(i)*time.Second), true)
		if err := q.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.Room()
		live(t, q)
	}
	if now := q.Stats(); now.Witness != count.Witness || state() != before {
		t.Fatal("an idle queue wrote")
	}
}

// Many open records go over midnight, and a crash in between loses none. Fails when the
// old day is closed before the copies are durable.
func TestCarryOver(t *testing.T) {
	clock := newClock()
	o := testOptions(t.TempDir())
	o.Now = clock.now
	q, rec := mustOpen(t, o)
	const n = 300
	for i := uint64(1); i <= n; i += 50 {
		var puts []Put
		for j := range uint64(50) {
			p := payment(rec.Token, i+j, true)
			p.Orders = nil
			puts = append(puts, p)
		}
		mustCommit(t, q, puts...)
	}
	if err := q.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.set(clock.t.Add(24*time.Hour), true)
	if err := q.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := q.Stats(); s.Days != 2 || s.Open != n {
		t.Fatalf("%+v", s)
	}
	for _, e := range q.index {
		if e.day != q.cur {
			t.Fatal("an open record stayed behind")
		}
	}
	q.crash()
	q, found := mustOpen(t, o)
	if len(live(t, q)) != n || found.Lost {
		t.Fatalf("%d records, %+v", len(live(t, q)), found)
	}
}

// Quarantined directories hold personal data too. Fails when they are never erased.
func TestQuarantineIsErased(t *testing.T) {
	store, _ := smallStore(t, 5, true)
	unclean(t, store)
	manifest, _ := filepath.Glob(filepath.Join(store, "queue", "day", "*", "MANIFEST"))
	os.Truncate(manifest[0], 3)
	clock := newClock()
	o := testOptions(store)
	o.Now = clock.now
	q, rec := mustOpen(t, o)
	if rec.Quarantined == "" || !rec.Lost {
		t.Fatalf("%+v", rec)
	}
	if _, err := os.Stat(rec.Quarantined); err != nil {
		t.Fatal(err)
	}
	clock.set(clock.t.Add(49*time.Hour), true)
	if err := q.Maintain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(rec.Quarantined); !os.IsNotExist(err) {
		t.Fatal("the quarantine is still there")
	}
}

// Fails when the files that Badger maps do not have all their blocks, before and after it
// began new memory tables.
func TestMappedFilesHaveBlocks(t *testing.T) {
	q, rec := mustOpen(t, testOptions(t.TempDir()))
	check := func() {
		t.Helper()
		files, _ := filepath.Glob(filepath.Join(q.cur.dir, "*"))
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil || filepath.Ext(f) != ".mem" && filepath.Ext(f) != ".vlog" {
				continue
			}
			if got, err := disk.Allocated(f); err == nil && got < info.Size() {
				t.Errorf("%s: %d of %d bytes have blocks", filepath.Base(f), got, info.Size())
			}
		}
	}
	check()
	next := q.cur.nextMem
	for n := uint64(1); q.cur.nextMem == next; n++ {
		p := payment(rec.Token, n, false)
		p.Value = make([]byte, 60<<10)
		mustCommit(t, q, p)
		if n > 1000 {
			t.Fatal("no new memory table after 60 MB")
		}
		check()
	}
}
