// Command tillsim is the other side of every wire of a till: wallets that speak the real
// protocols over TLS, a code scanner on a pseudo-terminal, and the point of sale. It needs
// nothing plugged in.
//
//	tillsim run       a whole till on the desk, with a page to play cashier and customer
//	tillsim demo      every kind of payment, unattended, through the two real programs
//	tillsim chaos     random sales, tilld killed at every named point
//	tillsim compare   recompute from two files whether anybody was told something untrue
//	tillsim wallets   the wallets alone
//	tillsim bill      a wallet's bill, right or wrong in a named way
//	tillsim scanner   the scanner alone: lines from standard input
//	tillsim record    what a real scanner sends, written down for a test
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

// cli is the command line. Everything a command prints for people or programs goes to
// standard output; what went wrong goes to standard error with a "tillsim:" prefix.
type cli struct {
	Run     runCmd     `cmd:"" help:"A whole till on the desk: wallets, scanner, tilld, and a page to play the counter."`
	Demo    demoCmd    `cmd:"" help:"Play every kind of payment, unattended, and compare both sides."`
	Chaos   chaosCmd   `cmd:"" help:"Random sales, a kill at a named point in each; then compare both sides."`
	Compare compareCmd `cmd:"" help:"Recompute from two files whether what the points of sale were told is what the wallets hold."`
	Wallets walletsCmd `cmd:"" help:"The simulated wallets alone."`
	Bill    billCmd    `cmd:"" help:"Write a wallet's bill to standard output, right or wrong in a named way."`
	Scanner scannerCmd `cmd:"" help:"A simulated scanner alone: each line of standard input is one scan."`
	Record  recordCmd  `cmd:"" help:"Write down what a real device sends, for tilld decode and for tests."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// hinter is an error that knows what to do about it.
type hinter interface{ HintText() string }

// errDifferences makes the exit status 1 without a message: the differences were printed.
var errDifferences = errors.New("differences were found")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with everything passed in. The exit status is 0, 1 for differences and
// failures, 2 for a command line that cannot be read.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("tillsim"), kong.Description("The other side of every wire of a till."),
		kong.UsageOnError(), kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{in, out, errs}))
	if err != nil {
		fmt.Fprintln(errs, "tillsim:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintln(errs, "tillsim:", err)
		fmt.Fprintln(errs, "hint: tillsim --help lists the commands")
		return 2
	}
	err = k.Run()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errDifferences):
		return 1
	}
	fmt.Fprintln(errs, "tillsim:", err)
	var h hinter
	if errors.As(err, &h) && h.HintText() != "" {
		fmt.Fprintln(errs, "hint:", h.HintText())
	}
	return 1
}

// streams are the three standard streams.
type streams struct {
	in        io.Reader
	out, errs io.Writer
}

// hinted is an error and what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error    { return h.error }
func (h hinted) HintText() string { return h.hint }

type versionCmd struct{}

func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "tillsim", version)
	return err
}

// findTilld is the daemon to run: the one named, or the one beside this program.
func findTilld(named string) (string, error) {
	if named == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find tilld: %w", err)
		}
		named = filepath.Join(filepath.Dir(self), "tilld")
	}
	path, err := filepath.Abs(named)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return "", hinted{fmt.Errorf("find tilld: %w", err), "build it with \"make build\", or name it with --tilld"}
	}
	return path, nil
}

// workDir is the directory to write into: the one named, made if needed, or a new one in
// the system's temporary directory.
func workDir(named string) (dir string, made bool, err error) {
	if named == "" {
		dir, err = os.MkdirTemp("", "tillsim-")
		if err != nil {
			return "", false, fmt.Errorf("make a directory: %w", err)
		}
		return dir, true, nil
	}
	dir, err = filepath.Abs(named)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", false, hinted{fmt.Errorf("make a directory: %w", err), "name a directory that can be written with --dir"}
	}
	return dir, false, nil
}
