package queue

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Tests that need a process of their own start this test binary with childArg and the name
// of a role.

func child(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, append([]string{childArg + role}, args...)...)
	c.Stderr = os.Stderr
	return c
}

func childMain(args []string) int {
	switch strings.TrimPrefix(args[0], childArg) {
	case "write":
		return childWrite(args[1], args[2] == "early")
	case "inspect":
		return childInspect(args[1])
	case "full":
		return childFull(args[1])
	}
	return 2
}

// childWrite commits payments from four writers until it is killed, and says each number
// on its standard output: after the commit, or before it (early) as the control that must
// lose.
func childWrite(dir string, early bool) int {
	q, rec, err := Open(context.Background(), testOptions(dir))
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("token", rec.Token, rec.NextPayment, rec.Lost, len(rec.Doubt))
	for w := range uint64(4) {
		go func() {
			for n := rec.NextPayment + w; ; n += 4 {
				if early {
					fmt.Println("ack", n)
				}
				if err := q.Commit(context.Background(), payment(rec.Token, n, false)); err != nil {
					return
				}
				if !early {
					fmt.Println("ack", n)
				}
			}
		}()
	}
	fmt.Println("error", <-q.Fatal())
	return 1
}

// seen is what a start in a child found.
type seen struct {
	Rec  Recovery
	Live map[string]string // value by record name
	Err  string
	Full bool // Err is ErrSpace
}

func childInspect(dir string) int {
	var s seen
	q, rec, err := Open(context.Background(), testOptions(dir))
	s.Rec, s.Live = rec, map[string]string{}
	if err != nil {
		s.Err, s.Full = err.Error(), errors.Is(err, ErrSpace)
	} else {
		for _, k := range []Kind{Payment, Reply, Code, Outbox} {
			if err := q.Each(k, func(key string, v []byte) error { s.Live[name(k, key)] = string(v); return nil }); err != nil {
				s.Err = err.Error()
			}
		}
		if err := q.Close(context.Background()); err != nil && s.Err == "" {
			s.Err = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(s)
	return 0
}

// inspect opens dir in a child. died means that the process ended without a word.
func inspect(t testing.TB, dir string) (s seen, died bool) {
	t.Helper()
	c := child(t, "inspect", dir)
	c.Stderr = nil
	out, err := c.Output()
	if err != nil {
		return s, true
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("child said %q: %v", out, err)
	}
	return s, false
}

// killed runs a writer in dir, kills it after it acknowledged some, and returns what it
// acknowledged.
func killed(t testing.TB, dir, mode string, after int, wait time.Duration) (token string, acked []uint64) {
	t.Helper()
	c := child(t, "write", dir, mode)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var n uint64
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "token":
			var lost bool
			var doubts int
			var next uint64
			fmt.Sscan(rest, &token, &next, &lost, &doubts)
			if lost {
				t.Errorf("a start after a kill reports a loss: %s", rest)
			}
		case "ack":
			fmt.Sscan(rest, &n)
			acked = append(acked, n)
			if len(acked) == after {
				time.AfterFunc(wait, func() { c.Process.Kill() })
			}
		case "error":
			t.Errorf("child: %s", rest)
		}
	}
	c.Wait()
	return token, acked
}
