package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tilld/tilld/cmd/tillbench/powercut"
)

// PowerCuts is the command line of "tillbench powercuts".
type PowerCuts struct {
	Guest   string        `name:"guest" required:"" placeholder:"FILE" help:"The program for linux/arm64 that becomes /init of the board (./cmd/tillbench/powercut/guest)."`
	Dir     string        `name:"dir" default:"build" placeholder:"DIR" help:"Where to keep the recordings meanwhile; 300 MB."`
	Cuts    int           `name:"cuts" default:"1000" help:"Cuts of the till as it ships."`
	Control int           `name:"control" default:"40" help:"Cuts of a till that does not sync; it must lose."`
	Lying   int           `name:"lying" default:"40" help:"Cuts of a card that lies about its last flushes."`
	Commits int           `name:"commits" default:"300" help:"How many commits are to be acknowledged in each boot."`
	Selling time.Duration `name:"selling" default:"60s" help:"How long that may take."`
	Boots   int           `name:"boots" default:"2" help:"How often the board is started; each later one begins on what a cut has left."`
	Workers int           `name:"workers" default:"3" help:"How many cuts are replayed at a time."`
	Seed    uint64        `name:"seed" default:"1" help:"Where the cuts are made."`
	Keep    bool          `name:"keep" help:"Keep the recordings."`
}

func powerCuts(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var p PowerCuts
	parser, err := kong.New(&p, kong.Name("tillbench powercuts"), kong.Writers(stdout, stderr),
		kong.Description("Cut the power of a virtual board while it sells, and look at what is left."))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	return powercut.Run(ctx, powercut.Options(p), stdout, stderr)
}

// asWorker does what a child of "tillbench powercuts" has to do, if this process is one.
func asWorker(ctx context.Context, args []string) (handled bool, err error) {
	if len(args) != 1 || args[0] != powercut.WorkerArg {
		return false, nil
	}
	return true, powercut.Work(ctx, os.Stdin, os.Stdout)
}
