// Command tilld is the agent on a checkout terminal: the daemon and its command line.
//
// What it says follows one rule: results go to standard output; everything else goes to
// standard error with a "tilld:" prefix, no capital at the start and no full stop at the
// end, and one "hint:" line when the reader can do something about it. Exit codes: 0 done,
// 1 not done, 2 wrong usage, 3 the daemon's journal failed.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tilld/tilld/agent/queue"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The queue tries a directory that was not closed in a child of this program.
	if handled, code := queue.ProbeMain(os.Args[1:]); handled {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default is back: a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
