package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tilld/tilld/biometric/biometrictest/attack"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/cmd/tillbench/palmeval"
)

// palmOptions is the command line of tillbench palm.
type palmOptions struct {
	Data      string `name:"data" placeholder:"DIR" xor:"from" required:"" help:"Evaluate DIR/<subject>/<session>-<n>[-green|-nir].{png,bmp,pgm}. A subject is one hand."`
	Synthetic int    `name:"synthetic" placeholder:"N" xor:"from" required:"" help:"Evaluate N simulated palms instead."`
	ROI       bool   `name:"roi" help:"The pictures are regions of palms already: squares, resampled to 128x128 where they are not."`
	JSON      bool   `name:"json" help:"Print JSON."`
	Shift     int    `name:"shift" default:"-1" placeholder:"CELLS" help:"Shifts of all comparisons in cells of 4 pixels, 0 to 8 (default: what each profile has, 2 and 3). Loosely cut regions need 4."`
	Limit     int    `name:"limit" default:"40000" help:"Probes compared with subjects, over all; impostors beyond it are left out by chance."`
	Seed      uint64 `name:"seed" default:"1" help:"Of keys, chance and simulated palms: the same seed gives the same figures."`
	Repeats   int    `name:"repeats" default:"200" help:"Draws of identities for the bounds."`
	Brief     bool   `name:"brief" help:"No linkability and no pre-images."`
	Hard      bool   `name:"hard" help:"Simulated palms: poorly cut regions, so that there are errors to count."`
}

const palmHelp = `Evaluate palm recognition and template protection on a folder of pictures.

The samples of a subject's first session are enrolled, those of later sessions are compared
with them; where there is one session, all pairs are compared. Pictures named -green and
-nir are two bands of one capture and are fused as well. Without --roi the palm is looked for
in each picture, and what fails is listed and counted. Nothing leaves this program but figures.

Examples:
  tillbench palm --data DIR --roi
  tillbench palm --data DIR --json >palms.json
  tillbench palm --synthetic 120 --hard
  tillbench palm-make --subjects 120 DIR    (writes simulated palms as such a folder)`

func runPalm(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o palmOptions
	ok, err := parse(&o, "tillbench palm", palmHelp, args, stdout, stderr)
	if !ok {
		return err
	}
	if o.Shift < -1 || o.Shift > attack.MaxRadius {
		return fmt.Errorf("evaluate palms: --shift is 0 to %d cells", attack.MaxRadius)
	}
	r, err := evaluatePalms(ctx, o, stderr)
	if err != nil {
		return err
	}
	if o.JSON {
		return printJSON(stdout, r)
	}
	r.Print(stdout)
	return nil
}

// parse reads the command line of a subcommand. It returns false where there is nothing more
// to do: help was asked for, or there is an error.
func parse(o any, name, help string, args []string, stdout, stderr io.Writer) (bool, error) {
	done := false
	parser, err := kong.New(o, kong.Name(name), kong.Writers(stdout, stderr), kong.Description(help), kong.Exit(func(int) { done = true }))
	if err != nil {
		return false, err
	}
	_, err = parser.Parse(args)
	return !done && err == nil, ignore(err, done)
}

// ignore is no error once help was shown: parsing goes on without what is required.
func ignore(err error, done bool) error {
	if done {
		return nil
	}
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// evaluatePalms loads what the options name and evaluates it.
func evaluatePalms(ctx context.Context, o palmOptions, stderr io.Writer) (*palmeval.Report, error) {
	begun := time.Now()
	src, r, err := o.source()
	if err != nil {
		return nil, err
	}
	b := newBar(stderr)
	defer b.end()
	b.begin("reading", len(src.Items()))
	loaded, err := palmeval.Load(ctx, src, b.tick)
	if err != nil {
		return nil, err
	}
	r.Loaded(loaded)
	options := palmeval.Options{Shift: o.Shift, Limit: o.Limit, Seed: o.Seed, Repeats: o.Repeats, Brief: o.Brief}
	for _, s := range loaded.Sets {
		b.begin("comparing", palmeval.Stages(s))
		result, err := palmeval.Evaluate(ctx, s, options, b.tick)
		if err != nil {
			return nil, fmt.Errorf("%w%s", err, r.Hurdle())
		}
		r.Sets = append(r.Sets, result)
	}
	if len(r.Sets) == 0 {
		return nil, fmt.Errorf("evaluate palms: none of %d pictures gave a code%s", loaded.Pictures, r.Hurdle())
	}
	region, err := firstRegion(src)
	if err != nil {
		return nil, err
	}
	if r.Steps, err = palmeval.Times(region); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(begun).Seconds()
	return r, nil
}

// source opens the folder, or makes the palms.
func (o palmOptions) source() (palmeval.Source, *palmeval.Report, error) {
	if o.Data == "" {
		s, err := palmeval.NewSynthetic(o.Synthetic, 3, 3, variation(o.Hard), o.Seed)
		return s, &palmeval.Report{Simulated: true, Regions: true, Source: fmt.Sprintf("%d simulated palms, seed %d", o.Synthetic, o.Seed)}, err
	}
	f, err := palmeval.OpenFolder(o.Data)
	if err != nil {
		return nil, nil, err
	}
	r := &palmeval.Report{Source: o.Data, Regions: o.ROI, Skipped: f.Skipped, Others: f.Others}
	p := palmeval.NewPictures(f, o.ROI)
	if o.ROI {
		r.Notes = append(r.Notes, p.Sizes()...)
		return p, r, nil
	}
	return p, r, nil
}

// firstRegion is a region to take times on.
func firstRegion(src palmeval.Source) (*roi.Region, error) {
	var last error
	for i := range src.Items() {
		region, err := src.Region(i, palmeval.NewWorkspace())
		if err == nil {
			return region, nil
		}
		last = err
	}
	return nil, last
}
