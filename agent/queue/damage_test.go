package queue

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/disk"
)

// copySparse copies a tree and leaves holes where pages are zero: a journal's log is
// mostly such pages.
func copySparse(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(to, rel))
		if err != nil {
			return err
		}
		defer f.Close()
		for at := 0; at < len(b); at += 4096 {
			page := b[at:min(at+4096, len(b))]
			if len(bytes.Trim(page, "\x00")) > 0 {
				if _, err := f.WriteAt(page, int64(at)); err != nil {
					return err
				}
			}
		}
		return f.Truncate(int64(len(b)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// smallStore makes a state with payments 1..n and returns what is in it.
func smallStore(t testing.TB, n uint64, closed bool) (dir string, want map[string]string) {
	t.Helper()
	dir = filepath.Join(fastDir(t), "store")
	work := fastDir(t)
	q, rec := mustOpen(t, testOptions(work))
	for i := range n {
		mustCommit(t, q, payment(rec.Token, i+1, i%5 == 0))
	}
	want = live(t, q)
	if closed {
		mustClose(t, q)
	}
	copySparse(t, work, dir)
	q.crash()
	os.Remove(filepath.Join(dir, "queue", "ballast"))
	for _, file := range filesOf(t, dir) { // megabytes of zeros behind the end say nothing
		path := filepath.Join(dir, file)
		b, err := os.ReadFile(path)
		if end := len(bytes.TrimRight(b, "\x00")); err == nil && len(b) > 1<<20 {
			err = os.Truncate(path, int64(end+2*4096))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, want
}

// fastDir is a directory in memory where there is one: damage is not about the disk.
func fastDir(t testing.TB) string {
	t.Helper()
	if free, err := disk.Free("/dev/shm"); err != nil || free < 1<<30 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "tilld-queue-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// unclean makes the witness say that the directories were not closed, so that the next
// Open tries them in a child and this process survives what they hold.
func unclean(t testing.TB, dir string) {
	t.Helper()
	ring, err := newKeyring(testKeys("root"), filepath.Join(dir, "queue", "key"))
	if err != nil {
		t.Fatal(err)
	}
	w, s, _, err := openWitness(filepath.Join(dir, "queue", "witness"), ring.witness)
	if err != nil || s == nil {
		t.Fatal(err)
	}
	defer w.close()
	s.Clean = false
	for range 2 { // both slots
		s.Generation++
		if err := w.write(s); err != nil {
			t.Fatal(err)
		}
	}
}

// accounted is the promise: every record is there unchanged, or its payment is in doubt or
// in a gap.
func accounted(t *testing.T, rec Recovery, got, want map[string]string) (missing int) {
	t.Helper()
	for n, v := range got {
		if want[n] != v {
			t.Errorf("%q was changed or came from nowhere", n)
		}
	}
	for n := range want {
		if _, ok := got[n]; ok {
			continue
		}
		missing++
		id := n[1:]
		var seq uint64
		fmt.Sscanf(strings.TrimLeft(id[14:], "0"), "%d", &seq)
		inGap := rec.Lost && slices.ContainsFunc(rec.Gaps, func(g Gap) bool {
			return g.Token == id[8:14] && g.From <= seq && seq <= g.To
		})
		if !inGap && !slices.Contains(rec.Doubt, sale.OrderID(id, 1, 0)) {
			t.Errorf("payment %d is silently gone: %+v", seq, rec)
		}
	}
	if rec.NextPayment <= uint64(len(want)) {
		t.Errorf("next payment %d: its number was used before", rec.NextPayment)
	}
	return missing
}

type damage struct {
	name string
	do   func(path string, b []byte) error
}

// damages lists what is done to a file with this content: single bits, zeroed pages, cuts,
// removal. every is the distance of the flipped bits.
func damages(b []byte, flips int) []damage {
	write := func(change func([]byte) []byte) func(string, []byte) error {
		return func(path string, b []byte) error { return os.WriteFile(path, change(slices.Clone(b)), 0o600) }
	}
	used := len(bytes.TrimRight(b, "\x00"))
	ds := []damage{{"removed", func(path string, _ []byte) error { return os.Remove(path) }}}
	if len(b) == 0 {
		return ds
	}
	for _, n := range []int{0, 10, used / 2, used - 1, used - 100, len(b) - 1} {
		if n >= 0 && n < len(b) {
			ds = append(ds, damage{fmt.Sprintf("cut to %d", n), write(func(b []byte) []byte { return b[:n] })})
		}
	}
	pages := (used + 4095) / 4096
	for p := 0; p < pages; p += max(1, pages*2/flips) {
		ds = append(ds, damage{fmt.Sprintf("page %d zeroed", p), write(func(b []byte) []byte {
			clear(b[p*4096 : min(len(b), (p+1)*4096)])
			return b
		})})
	}
	for i := range flips {
		at, bit := i*used/flips, byte(1)<<(i%8)
		ds = append(ds, damage{fmt.Sprintf("bit %d of byte %d flipped", i%8, at), write(func(b []byte) []byte { b[at] ^= bit; return b })})
	}
	return ds
}

// Every file of a small journal is damaged in every way; each time every record is there,
// or named as missing. Fails when the witness is not compared (a cut log reads as a
// shorter one), when the seal is not checked (Badger returns changed values whose CRC was
// set right, and a flipped bit in a table's index shows other records), or when a
// directory that does not open is an error instead of a quarantine.
func TestDamage(t *testing.T) {
	flips := 10
	if testing.Short() {
		flips = 3
	}
	for _, closed := range []bool{false, true} {
		store, want := smallStore(t, 40, closed)
		if closed {
			unclean(t, store)
		}
		var mu sync.Mutex
		outcomes := map[string]int{}
		t.Run(fmt.Sprintf("closed=%v", closed), func(t *testing.T) {
			for _, file := range filesOf(t, store) {
				content, err := os.ReadFile(filepath.Join(store, file))
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range damages(content, flips) {
					t.Run(file+"/"+d.name, func(t *testing.T) {
						t.Parallel()
						dir := fastDir(t)
						copySparse(t, store, dir)
						if err := d.do(filepath.Join(dir, file), content); err != nil {
							t.Fatal(err)
						}
						q, rec := mustOpen(t, testOptions(dir))
						missing := accounted(t, rec, live(t, q), want)
						mu.Lock()
						outcomes[outcome(rec, missing)]++
						mu.Unlock()
						// And trade goes on from there.
						mustCommit(t, q, payment(rec.Token, rec.NextPayment, false))
						q.crash()
					})
				}
			}
		})
		t.Logf("closed=%v: %v", closed, outcomes)
	}
}

func outcome(rec Recovery, missing int) string {
	switch {
	case rec.Quarantined != "":
		return "quarantine"
	case rec.Lost:
		return "lost, with gaps"
	case missing > 0:
		return "in doubt"
	default:
		return "nothing missing"
	}
}

func filesOf(t testing.TB, dir string) (files []string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err == nil && !e.IsDir() && e.Name() != "lock" && e.Name() != "LOCK" {
			files = append(files, rel)
		}
		return err
	})
	return files
}

// An older copy of the Badger directory is put back: the batches after it are named. Fails
// when the witness is not compared with what was found.
func TestOlderCopy(t *testing.T) {
	for _, tc := range []struct {
		behind uint64
		lost   bool
	}{{1, false}, {2, true}, {7, true}} {
		t.Run(fmt.Sprint(tc.behind, " batches"), func(t *testing.T) {
			o := testOptions(t.TempDir())
			q, rec := mustOpen(t, o)
			for i := range uint64(10) {
				mustCommit(t, q, payment(rec.Token, i+1, false))
			}
			older := t.TempDir()
			copySparse(t, filepath.Join(o.Dir, "queue", "day"), older)
			for i := range tc.behind {
				mustCommit(t, q, payment(rec.Token, 11+i, false))
			}
			want := live(t, q)
			q.crash()
			os.RemoveAll(filepath.Join(o.Dir, "queue", "day"))
			copySparse(t, older, filepath.Join(o.Dir, "queue", "day"))

			for again := range 2 { // nobody settled it: the second start says the same
				q, found := mustOpen(t, o)
				if missing := accounted(t, found, live(t, q), want); missing != int(tc.behind) || found.Lost != tc.lost {
					t.Fatalf("start %d: %d missing, %+v", again, missing, found)
				}
				if !tc.lost && (len(found.Doubt) != 1 || len(found.Gaps) != 0) {
					t.Fatalf("start %d: %+v", again, found)
				}
				if tc.lost && !slices.Equal(found.Gaps, []Gap{{rec.Token, 11, 10 + tc.behind}}) {
					t.Fatalf("start %d: gaps %v", again, found.Gaps)
				}
				if again == 1 {
					// Settled: what is in doubt is on record, the gaps were asked.
					if !tc.lost {
						mustCommit(t, q, payment(rec.Token, 11, true))
					} else if err := q.Recovered(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				q.crash()
			}
			_, last := mustOpen(t, o)
			if last.Lost || len(last.Doubt)+len(last.Gaps) > 0 {
				t.Fatalf("settled, and reported again: %+v", last)
			}
		})
	}
}

// A table damaged after a clean stop may end the process at the next start, once: the one
// after that tries it in a child and moves it aside. Fails when the state is marked as in
// use only after opening, or when there is no child.
func TestNoCrashLoop(t *testing.T) {
	store, want := smallStore(t, 40, true)
	tables, _ := filepath.Glob(filepath.Join(store, "queue", "day", "*", "*.sst"))
	if len(tables) != 1 {
		t.Fatal(tables)
	}
	for _, cut := range []int64{0, 100, 5000} {
		dir := t.TempDir()
		copySparse(t, store, dir)
		rel, _ := filepath.Rel(store, tables[0])
		if err := os.Truncate(filepath.Join(dir, rel), cut); err != nil {
			t.Fatal(err)
		}
		s, died := inspect(t, dir)
		if died {
			t.Logf("cut to %d: the first start died", cut)
			if s, died = inspect(t, dir); died {
				t.Fatal("a crash loop")
			}
		}
		if s.Err != "" || s.Rec.Quarantined == "" || !s.Rec.Lost {
			t.Fatalf("cut to %d: %+v", cut, s.Rec)
		}
		accounted(t, s.Rec, s.Live, want)
	}
}

// A directory that hangs or takes too long to open is moved aside too. Fails when the
// watchdog is taken out.
func TestProbeTimeout(t *testing.T) {
	store, _ := smallStore(t, 3, false)
	dirs, _ := filepath.Glob(filepath.Join(store, "queue", "day", "*"))
	if err := probe(t.Context(), dirs[0], 1); err == nil {
		t.Fatal("a nanosecond was enough")
	}
}
