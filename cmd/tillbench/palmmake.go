package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/cmd/tillbench/palmeval"
)

// makeOptions is the command line of tillbench palm-make.
type makeOptions struct {
	Dir      string `arg:"" help:"The folder to write, which must be empty or not be there."`
	Subjects int    `name:"subjects" default:"20" help:"How many palms."`
	First    int    `name:"first" default:"3" help:"Captures of each in session 1."`
	Second   int    `name:"second" default:"3" help:"Captures of each in session 2."`
	Seed     uint64 `name:"seed" default:"1" help:"The same seed gives the same palms."`
	Hard     bool   `name:"hard" help:"Poorly cut regions, so that there are errors to count."`
}

const makeHelp = `Write simulated palms as a folder that tillbench palm --data DIR --roi reads: regions of
128x128 pixels in two bands, DIR/<subject>/<session>-<n>-green.png and -nir.png.`

func runPalmMake(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o makeOptions
	if ok, err := parse(&o, "tillbench palm-make", makeHelp, args, stdout, stderr); !ok {
		return err
	}
	if entries, err := os.ReadDir(o.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("write palms: %s is not empty", o.Dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write palms: %w", err)
	}
	src, err := palmeval.NewSynthetic(o.Subjects, o.First, o.Second, variation(o.Hard), o.Seed)
	if err != nil {
		return err
	}
	b := newBar(stderr)
	defer b.end()
	b.begin("writing", len(src.Items()))
	for i := range src.Items() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := writeRegion(filepath.Join(o.Dir, src.Name(i)), src, i); err != nil {
			return fmt.Errorf("write palms: %w", err)
		}
		b.tick()
	}
	b.end()
	fmt.Fprintf(stdout, "%d simulated pictures of %d palms in %s\n", len(src.Items()), o.Subjects, o.Dir)
	return nil
}

func variation(hard bool) palms.Variation {
	if hard {
		return palms.Hard()
	}
	return palms.Plain()
}

func writeRegion(path string, src palmeval.Source, i int) error {
	region, err := src.Region(i, nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = png.Encode(f, &image.Gray{Pix: region[:], Stride: roi.Size, Rect: image.Rect(0, 0, roi.Size, roi.Size)})
	return errors.Join(err, f.Close())
}
