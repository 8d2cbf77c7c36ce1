package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/tilld/tilld/cmd/tillsim/demo"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

type chaosCmd struct {
	Tilld string `placeholder:"PATH" help:"The daemon's program. Default: tilld beside this one."`
	Dir   string `placeholder:"DIR" help:"Where everything is written, and stays. Default: a new temporary folder."`
	Sales int    `default:"300" help:"How many sales."`
	Tills int    `default:"6" help:"On how many tills beside each other."`
	Scale int    `default:"10" help:"Divide all clock tables by this."`
	Seed  uint64 `placeholder:"N" help:"Make the same stories again. Default: drawn, and printed."`
	JSON  bool   `name:"json" help:"Write the verdict as JSON."`
}

func (chaosCmd) Help() string {
	return `Random sales through the two real programs. In each of them tilld is killed at one named
point of the payment's life, the wallets fail, the network is cut and restored, the cashier aborts
and asks again. When all of it is over, what the points of sale were told is compared with the
wallets' ledgers, nothing may be open after 60 s, and every sum that was given back must have been
wanted back. Exit status 1 if anything differs.

  tillsim chaos
  tillsim chaos --sales 10000 --tills 12 --seed 7`
}

func (c chaosCmd) Run(ctx context.Context, s streams) error {
	tilld, err := findTilld(c.Tilld)
	if err != nil {
		return err
	}
	dir, _, err := workDir(c.Dir)
	if err != nil {
		return err
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	fmt.Fprintf(s.errs, "seed %d\n", c.Seed)
	var struck map[string]int
	progress, done := progressLine(s.errs)
	played, err := demo.Run(ctx, demo.Options{Tilld: tilld, Dir: dir, Scale: c.Scale, Chaos: c.Sales, Tills: c.Tills, Seed: c.Seed,
		Struck: func(at map[string]int) { struck = at }, Progress: progress})
	done()
	if err != nil {
		return err
	}
	pos, ledger := demo.Files(dir)
	v, err := compareFiles(pos, ledger)
	if err != nil {
		return err
	}
	v.Differences = append(v.Differences, played...)
	if !c.JSON {
		fmt.Fprintf(s.out, "both sides: %s %s\n", pos, ledger)
		kills := 0
		for _, at := range slices.Sorted(maps.Keys(struck)) {
			fmt.Fprintf(s.out, "killed at %-22s %d\n", at, struck[at])
			kills += struck[at]
		}
		fmt.Fprintf(s.out, "killed %d times\n", kills)
	}
	if c.JSON {
		return report(s.out, "chaos", v, true)
	}
	// Thousands of rows that agree tell nobody anything.
	shown := v
	shown.Rows = slices.DeleteFunc(slices.Clone(v.Rows), func(r verdict.Row) bool { return r.OK })
	if err := shown.Print(s.out); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "chaos: %s\n", v.Summary())
	if len(v.Differences) > 0 {
		return errDifferences
	}
	return nil
}
