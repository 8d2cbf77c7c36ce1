package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/cmd/tillbench/hw"
)

// version is set by the build.
var version = "dev"

// Options is the command line.
type Options struct {
	JSON    string           `name:"json" placeholder:"FILE" help:"Write the figures to FILE as JSON."`
	Only    []string         `name:"only" placeholder:"NAME,..." help:"Measure these figures alone."`
	List    bool             `name:"list" help:"List the figures and their targets, and measure nothing."`
	Dir     string           `name:"dir" placeholder:"DIR" help:"Measure on the disk of DIR (default: build)."`
	Tilld   string           `name:"tilld" placeholder:"FILE" help:"The tilld to measure (default: the one beside this program)."`
	Idle    time.Duration    `name:"idle" default:"20s" help:"How long to watch an idle till; the README's figure takes 10m."`
	Sales   int              `name:"sales" default:"1000" help:"Sales at 1 % packet loss; the README's figure takes 10000."`
	Palms   int              `name:"palms" default:"110" help:"Simulated palms; linkability takes 100 or more."`
	Tries   int              `name:"tries" default:"8" help:"Simulated presentations of each kind; a rate of 1 % takes 300."`
	Samples int              `name:"samples" default:"200" help:"Sales for the latency of one code."`
	Strict  bool             `name:"strict" help:"Exit with 1 when a figure misses its target or was not measured."`
	Version kong.VersionFlag `name:"version" help:"Print the version."`
}

func main() {
	if handled, code := queue.ProbeMain(os.Args[1:]); handled {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "tillbench:", err)
		var h interface{ HintText() string }
		if errors.As(err, &h) && h.HintText() != "" {
			fmt.Fprintln(os.Stderr, "hint:", h.HintText())
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if handled, err := asWorker(ctx, args); handled {
		return err
	}
	if len(args) > 0 {
		switch args[0] {
		case "hw":
			return hw.Run(ctx, args[1:], os.Stdin, stdout, stderr)
		case "powercuts":
			return powerCuts(ctx, args[1:], stdout, stderr)
		case "palm":
			return runPalm(ctx, args[1:], stdout, stderr)
		case "palm-pad":
			return runPad(ctx, args[1:], stdout, stderr)
		case "palm-make":
			return runPalmMake(ctx, args[1:], stdout, stderr)
		}
	}
	var o Options
	parser, err := kong.New(&o, kong.Name("tillbench"), kong.Writers(stdout, stderr), kong.Vars{"version": version},
		kong.Description("Measure what the README claims: a table, and JSON.\n\nExamples:\n"+
			"  tillbench --only size,start\n  tillbench --idle 10m --sales 10000 --json bench.json"))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(o.Only)
	if err != nil {
		return err
	}
	if o.List {
		for _, f := range chosen {
			fmt.Fprintf(stdout, "%-10s %s: %s\n", f.Name, f.What, f.Target)
		}
		return nil
	}
	b, err := newBench(o, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	report := Report{Machine: b.machine(), At: time.Now().UTC().Truncate(time.Second)}
	for _, f := range chosen {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.progress("measuring %s ...", f.Name)
		report.Figures = append(report.Figures, f.take(ctx, b))
	}
	b.progress("")
	report.print(stdout)
	if o.JSON != "" {
		if err := report.write(o.JSON); err != nil {
			return err
		}
	}
	if o.Strict {
		return report.strict()
	}
	return nil
}

// choose is the figures of the given names, in the order of the table; all if none is given.
func choose(names []string) ([]Figure, error) {
	var chosen []Figure
	for _, f := range figures {
		if len(names) == 0 || slices.Contains(names, f.Name) {
			chosen = append(chosen, f)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(figures, func(f Figure) bool { return f.Name == n }) {
			var all []string
			for _, f := range figures {
				all = append(all, f.Name)
			}
			return nil, fmt.Errorf("choose figures: there is no %q; there are %s", n, strings.Join(all, ", "))
		}
	}
	return chosen, nil
}
