package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/disk"
)

// smallDisk mounts a file system of so many MiB of its own.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tilld-test", dir).CombinedOutput()
	if err != nil {
		t.Skipf("needs root to mount a small file system: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// fill writes a file until the file system has no byte left.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			if !disk.IsFull(err) {
				return err
			}
			size /= 2
		}
	}
	free, err := disk.Free(filepath.Dir(path))
	if err == nil && free > 0 {
		err = fmt.Errorf("%d bytes are still free", free)
	}
	return err
}

// childFull trades on a disk that fills at once. It is a process of its own because a
// write through a mapping without blocks would end it.
func childFull(dir string) int {
	o := testOptions(dir)
	o.Ballast = Ballast
	q, rec, err := Open(context.Background(), o)
	if err == nil {
		err = trade(q, rec, dir)
	}
	if err != nil {
		fmt.Println("child:", err)
		return 1
	}
	fmt.Println("done")
	return 0 // without Close: as if it died
}

const openSales = 5

func trade(q *Queue, rec Recovery, dir string) error {
	ctx := context.Background()
	for n := range uint64(openSales) {
		if err := q.Commit(ctx, payment(rec.Token, n+1, true)); err != nil {
			return err
		}
	}
	if err := q.Room(); err != nil {
		return err
	}
	if err := fill(filepath.Join(dir, "filler")); err != nil {
		return err
	}
	begin := time.Now()
	room := q.Room()
	commit := q.Commit(ctx, payment(rec.Token, 99, true))
	took := time.Since(begin)
	if !errors.Is(room, ErrSpace) || !errors.Is(commit, ErrSpace) || took > 100*time.Millisecond {
		return fmt.Errorf("a new sale on a full disk: %v, %v after %v", room, commit, took)
	}
	// Open sales go on, through several memory tables' worth of changes.
	written, refused := 0, 0
	for written+refused < 8*memTable/1600 {
		n := uint64((written+refused)%openSales) + 1
		switch err := q.Commit(ctx, payment(rec.Token, n, true)); {
		case err == nil && refused == 0:
			written++
		case errors.Is(err, ErrSpace):
			refused++
		default:
			return fmt.Errorf("open sale, after %d changes and %d refusals: %w", written, refused, err)
		}
	}
	fmt.Println("changes", written, "refused", refused)
	if written*1600 < memTable {
		return fmt.Errorf("only %d changes of open sales went through", written)
	}
	return nil
}

// The disk is filled to 0 bytes at once: new sales are refused within 100 ms, open ones
// finish, nothing dies; after a crash the journal opens on the full disk and finishes.
// Fails when mapped files are not allocated at creation (the child dies of SIGBUS), when
// space is not asked before a commit, or when the ballast is kept at a start.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, 160)
	c := child(t, "full", dir)
	c.Stderr = nil
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	t.Log(strings.TrimSpace(string(out)))
}

// Fails when the ballast is not given up before a directory is opened.
func TestReopenOnFullDisk(t *testing.T) {
	dir := smallDisk(t, 160)
	o := testOptions(dir)
	o.Ballast = Ballast
	q, rec := mustOpen(t, o)
	for n := range uint64(2000) { // a log worth replaying
		mustCommit(t, q, payment(rec.Token, n%openSales+1, true))
	}
	// A crash: Badger's files stay as they are.
	kept := t.TempDir()
	copySparse(t, filepath.Join(dir, "queue"), kept)
	q.crash()
	os.RemoveAll(filepath.Join(dir, "queue"))
	copySparse(t, kept, filepath.Join(dir, "queue"))
	ballast, err := os.OpenFile(filepath.Join(dir, "queue", "ballast"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.Allocate(ballast, o.Ballast); err != nil {
		t.Fatal(err)
	}
	ballast.Close()
	if err := fill(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	s, died := inspect(t, dir)
	if died || s.Err != "" || s.Rec.Lost || s.Rec.Quarantined != "" || len(s.Live) != openSales {
		t.Fatalf("died %v, %q, %+v, %d records", died, s.Err, s.Rec, len(s.Live))
	}
	if _, err := os.Stat(filepath.Join(dir, "queue", "ballast")); err == nil {
		t.Fatal("the ballast is still there")
	}
	// And again, with what is left; then without anything left it is a clear error, and no
	// quarantine.
	if s, died = inspect(t, dir); died || s.Err != "" && !s.Full {
		t.Fatalf("died %v, %q", died, s.Err)
	}
	if err := fill(filepath.Join(dir, "filler2")); err != nil {
		t.Fatal(err)
	}
	if s, died = inspect(t, dir); died || !s.Full || s.Rec.Quarantined != "" {
		t.Fatalf("with nothing left: died %v, %q, %+v", died, s.Err, s.Rec)
	}
	os.Remove(filepath.Join(dir, "filler"))
	if s, died = inspect(t, dir); died || s.Err != "" || s.Rec.Lost || len(s.Live) != openSales {
		t.Fatalf("with space again: died %v, %q, %+v, %d records", died, s.Err, s.Rec, len(s.Live))
	}
}
