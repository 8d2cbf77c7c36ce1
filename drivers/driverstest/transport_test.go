package driverstest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

func readAll(t *testing.T, tr drivers.Transport, patience time.Duration) (got string, reads int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := make([]byte, 16)
	for {
		n, err := tr.Read(ctx, b)
		got += string(b[:n])
		if err != nil {
			return got, reads, err
		}
		reads++
	}
}

func TestFaulty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFaulty(Bytes("ab"), Short("cdef", 3), Slow("gh", time.Second), Silence(time.Minute), Fail(unix.EAGAIN), Bytes("i"), HangUp(), Bytes("never"))
		began := time.Now()
		got, reads, err := readAll(t, f, time.Hour)
		if got != "abcdefgh" || reads != 5 || !errors.Is(err, unix.EAGAIN) || time.Since(began) != 62*time.Second {
			t.Errorf("%q in %d reads, %v, %v", got, reads, err, time.Since(began))
		}
		if got, _, err := readAll(t, f, time.Hour); got != "i" || !errors.Is(err, drivers.ErrGone) {
			t.Errorf("%q %v", got, err)
		}
		if got, _, err := readAll(t, f, time.Hour); got != "" || !errors.Is(err, drivers.ErrGone) {
			t.Errorf("gone, and then %q %v", got, err)
		}
		quiet := NewFaulty(Garbage(40, 1))
		if got, _, err := readAll(t, quiet, time.Second); len(got) != 40 || !errors.Is(err, drivers.ErrTimeout) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		go quiet.Close()
		if _, err := quiet.Read(context.Background(), make([]byte, 1)); !errors.Is(err, drivers.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

func TestRecordAndPlayback(t *testing.T) { synctest.Test(t, recordAndPlayback) }

func recordAndPlayback(t *testing.T) {
	dev := NewFaulty(Bytes("hello"), HangUp())
	rec := &Record{Transport: dev}
	if _, err := rec.Write(t.Context(), []byte("T\r")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readAll(t, rec, time.Second); !errors.Is(err, drivers.ErrGone) {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := WriteOps(&file, rec.Ops()); err != nil {
		t.Fatal(err)
	}
	if want := "0.000 > 540d\n0.000 < 68656c6c6f\n0.000 gone\n"; file.String() != want {
		t.Fatalf("recording %q", file.String())
	}
	ops, err := ReadOps(strings.NewReader("# a scanner\n\n" + file.String()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rec.Ops(), ops, cmp.Transformer("text", func(b []byte) string { return string(b) })); d != "" {
		t.Fatal(d)
	}

	play := NewPlayback(ops)
	got := make(chan string, 1)
	go func() {
		b := make([]byte, 16)
		n, _ := play.Read(context.Background(), b)
		got <- string(b[:n])
	}()
	for _, part := range []string{"T", "\r"} {
		if _, err := play.Write(t.Context(), []byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if s := <-got; s != "hello" {
		t.Fatalf("played %q", s)
	}
	if _, _, err := readAll(t, play, time.Second); !errors.Is(err, drivers.ErrGone) {
		t.Fatal(err)
	}
	if err := play.Close(); err != nil {
		t.Fatal(err)
	}

	unused := NewPlayback(ops)
	if err := unused.Close(); err == nil {
		t.Error("left over, and no error")
	}
	other := NewPlayback(ops)
	if _, err := other.Write(t.Context(), []byte("U")); err == nil || other.Close() == nil {
		t.Error("something else was sent, and no error")
	}
}

func FuzzReadOps(f *testing.F) {
	f.Add("< 5d51\n> 06\ngone\n")
	f.Add("# x\n<\n")
	f.Add("> zz\n")
	f.Fuzz(func(t *testing.T, text string) {
		ops, err := ReadOps(strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range ops {
			ops[i].At = ops[i].At.Truncate(time.Millisecond)
		}
		var out bytes.Buffer
		if err := WriteOps(&out, ops); err != nil {
			t.Fatal(err)
		}
		again, err := ReadOps(&out)
		if err != nil || !cmp.Equal(ops, again, cmp.Transformer("text", func(b []byte) string { return string(b) })) {
			t.Fatalf("round trip: %v %v", again, err)
		}
	})
}
