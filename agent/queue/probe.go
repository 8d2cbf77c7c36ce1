package queue

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// A directory that was not closed is opened in a child process first: Badger may panic,
// hang or meet a mapped hole in one of its own goroutines, and no recover reaches there.
const (
	probeArg   = "--tilld-queue-probe"
	probeEnv   = "TILLD_QUEUE_PROBE"
	probeReady = "tilld queue probe 1" // the child's first line: proof that it is one
	probeDone  = "opened and closed"
)

var errNoProbe = errors.New("this program cannot try a directory in a child")

// ProbeMain is what a program that opens queues calls first, with its arguments
// (os.Args[1:]). When it was started to try a directory it does so, and handled is true:
// the program then exits with the code.
func ProbeMain(args []string) (handled bool, code int) {
	if len(args) != 2 || args[0] != probeArg || os.Getenv(probeEnv) != "1" {
		return false, 0
	}
	fmt.Println(probeReady)
	if err := tryDirectory(args[1]); err != nil {
		fmt.Println(err)
		return true, 1
	}
	fmt.Println(probeDone)
	return true, 0
}

// tryDirectory opens a directory, reads all of it and closes it.
func tryDirectory(dir string) error {
	const limit = time.Hour // the parent's patience counts
	log := slog.New(slog.DiscardHandler)
	db, err := openBadger(context.Background(), dir, false, limit, log)
	if err != nil {
		return err
	}
	err = db.View(func(txn *badger.Txn) error {
		iter := txn.NewIterator(badger.DefaultIteratorOptions)
		defer iter.Close()
		for iter.Rewind(); iter.Valid(); iter.Next() {
			if err := iter.Item().Value(func([]byte) error { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, closeBadger(context.Background(), db, limit))
}

// probe tries a directory in a child. It returns errNoProbe when the program at hand
// cannot be started as one; any other error is the directory's.
func probe(ctx context.Context, dir string, limit time.Duration) error {
	self, err := os.Executable()
	if err != nil || os.Getenv(probeEnv) != "" {
		return errNoProbe
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	child := exec.CommandContext(ctx, self, probeArg, dir)
	child.Env = append(os.Environ(), probeEnv+"=1")
	child.WaitDelay = time.Second
	var complaint bytes.Buffer
	child.Stderr = &capped{w: &complaint, left: 4 << 10}
	out, err := child.StdoutPipe()
	if err != nil {
		return errNoProbe
	}
	if err := child.Start(); err != nil {
		return errNoProbe
	}
	// A program that does not call ProbeMain would start in earnest: it is stopped at its
	// first line, or after a while without one.
	late := time.AfterFunc(min(5*time.Second, limit), cancel)
	lines := bufio.NewReader(io.LimitReader(out, 16<<10))
	first, _ := lines.ReadString('\n')
	if !late.Stop() || strings.TrimSpace(first) != probeReady {
		cancel()
		child.Wait()
		return errNoProbe
	}
	rest, _ := io.ReadAll(lines)
	err = child.Wait()
	said := strings.TrimSpace(string(rest))
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("it did not open within %v", limit)
	case err == nil && said == probeDone:
		return nil
	default:
		said, _, _ = strings.Cut(said+complaint.String(), "\n")
		return fmt.Errorf("it does not open: %s", said)
	}
}

// capped keeps the beginning of what is written.
type capped struct {
	w    io.Writer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}
