// Command run boots virtual boards and prints one line for each device and rule that was
// checked on them. "make board" runs it. It fails, and never skips, where a board cannot run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tilld/tilld/internal/board"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "board:", err)
		os.Exit(1)
	}
}

// errFailed is what is left to say when the lines have said it all.
var errFailed = errors.New("a check failed")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("board", flag.ContinueOnError)
	flags.SetOutput(stderr)
	arch := flags.String("arch", "", "boards to run, by `NAMES`: arm64, v7, armmp; empty is all")
	only := flags.String("only", "", "parts to run, by `NAMES`: suite, plugs, watchdog, clock; empty is all")
	checks := flags.String("checks", "", "checks of the suite to run, by `NAMES`; empty is all")
	console := flags.Bool("console", false, "print all that the boards write")
	fetch := flags.Bool("fetch", false, "fetch the kernels, no more")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p, err := choose(split(*arch), split(*only), *checks)
	if err != nil {
		return err
	}
	p.verbose, p.out, p.log = *console, stdout, stderr
	if *fetch {
		for _, a := range []board.Arch{board.ARM64, board.ARMHF} {
			if _, err := board.FindKernel(ctx, a, board.Cache(), stderr); err != nil {
				return err
			}
		}
		return nil
	}
	return p.run(ctx)
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
