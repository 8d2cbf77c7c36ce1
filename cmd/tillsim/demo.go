package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/tilld/tilld/cmd/tillsim/demo"
)

type demoCmd struct {
	Tilld string `placeholder:"PATH" help:"The daemon's program. Default: tilld beside this one."`
	Dir   string `placeholder:"DIR" help:"Where everything is written, and stays. Default: a new temporary folder."`
	Break string `enum:",double-charge,lost-sale,over-refund" default:"" placeholder:"KIND" help:"Plant an accident that the comparison must find: double-charge, lost-sale or over-refund."`
	Only  string `enum:",counter,doubt,crash,offer,refund,palm" default:"" placeholder:"TILL" help:"Play on one of the tills alone: counter, doubt, crash, offer, refund or palm."`
	Scale int    `default:"10" help:"Divide all clock tables by this."`
	Storm int    `placeholder:"N" help:"Instead: N random stories, with faults, aborts and kills at odd moments."`
	Seed  uint64 `placeholder:"N" help:"Make the same stories again. Default: drawn, and printed."`
	JSON  bool   `name:"json" help:"Write the verdict as JSON."`
}

func (demoCmd) Help() string {
	return `Plays every kind of payment through the two real programs: bytes through a pseudo-terminal,
HTTPS to the wallets, nexo from the point of sale; tilld is killed where the story says so.
Writes DIR/pos.jsonl and DIR/ledger.jsonl, and ends with 0 only if both sides agree.

  tillsim demo
  tillsim demo --break double-charge     must end with 1
  tillsim demo --storm 100               stories that nobody thought of`
}

func (c demoCmd) Run(ctx context.Context, s streams) error {
	tilld, err := findTilld(c.Tilld)
	if err != nil {
		return err
	}
	dir, _, err := workDir(c.Dir)
	if err != nil {
		return err
	}
	if c.Storm > 0 && c.Seed == 0 {
		c.Seed = rand.Uint64()
		fmt.Fprintf(s.errs, "seed %d\n", c.Seed)
	}
	progress, done := progressLine(s.errs)
	played, err := demo.Run(ctx, demo.Options{Tilld: tilld, Dir: dir, Break: c.Break, Only: c.Only, Scale: c.Scale, Storm: c.Storm, Seed: c.Seed, Progress: progress})
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
	}
	return report(s.out, "demo", v, c.JSON)
}

// progressLine shows what is being played on one line of a terminal, and nothing in a pipe.
func progressLine(w io.Writer) (progress func(done, all int, name string), end func()) {
	f, ok := w.(*os.File)
	if !ok {
		return nil, func() {}
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	const clear = "\r\x1b[K"
	return func(done, all int, name string) { fmt.Fprintf(f, "%s%d/%d %s", clear, done, all, name) }, func() { fmt.Fprint(f, clear) }
}
