package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/cmd/tillbench/padeval"
)

// padOptions is the command line of tillbench palm-pad.
type padOptions struct {
	Data      string   `name:"data" placeholder:"DIR" xor:"from" required:"" help:"Evaluate DIR/bonafide|<instrument>/<try>/frames.json, with the pictures beside it."`
	Synthetic int      `name:"synthetic" placeholder:"N" xor:"from" required:"" help:"Evaluate N simulated presentations of live hands and of each instrument instead."`
	Kinds     []string `name:"kinds" placeholder:"NAME,..." help:"Simulate these alone: bonafide, and instruments."`
	JSON      bool     `name:"json" help:"Print JSON: every presentation with its cues."`
	Cues      bool     `name:"cues" help:"Print the scores of every cue as well."`
	Balance   float64  `name:"balance" placeholder:"RATIO" help:"Brightness of a matt white sheet under the NIR lamp over that under the white one, both less dark (default: not measured)."`
	Seed      uint64   `name:"seed" default:"1" help:"Of simulated presentations: the same seed gives the same figures."`
}

const padHelp = `Evaluate liveness (presentation attack detection) on recorded presentations: each is taken
through the region, the codes and the detectors as a terminal takes it. It prints APCER for
each instrument, BPCER, what stayed undetermined, and why.

` + padeval.FramesHelp + `

Examples:
  tillbench palm-pad --data DIR
  tillbench palm-pad --synthetic 100 --cues`

func runPad(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o padOptions
	if ok, err := parse(&o, "tillbench palm-pad", padHelp, args, stdout, stderr); !ok {
		return err
	}
	r, err := evaluatePad(ctx, o, stderr)
	if err != nil {
		return err
	}
	if o.JSON {
		return printJSON(stdout, r)
	}
	r.Print(stdout, o.Cues)
	return nil
}

func evaluatePad(ctx context.Context, o padOptions, stderr io.Writer) (*padeval.Report, error) {
	begun := time.Now()
	var src padeval.Source
	name := o.Data
	if o.Data == "" {
		s, err := padeval.NewSimulated(o.Synthetic, o.Kinds, o.Seed)
		if err != nil {
			return nil, err
		}
		src, name = s, fmt.Sprintf("%d simulated presentations of each kind, seed %d", o.Synthetic, o.Seed)
	} else {
		f, err := padeval.OpenFolder(o.Data)
		if err != nil {
			return nil, err
		}
		src = f
	}
	b := newBar(stderr)
	defer b.end()
	b.begin("judging", src.Len())
	r, err := padeval.Evaluate(ctx, src, pad.Config{Balance: o.Balance}, b.tick)
	if err != nil {
		return nil, err
	}
	r.Simulated, r.Source, r.Seconds = o.Data == "", name, time.Since(begun).Seconds()
	return r, nil
}
