package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	lights "github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/cmd/tillbench/padeval"
	"github.com/tilld/tilld/cmd/tillbench/palmeval"
)

// makeOptions is the command line of tillbench palm-make.
type makeOptions struct {
	Dir      string   `arg:"" help:"The folder to write, which must be empty or not be there."`
	What     string   `name:"what" enum:"regions,hands,presentations" default:"regions" help:"regions of 128x128 pixels in two bands, for palm --roi; whole hands under the 850 nm lamp, for palm; presentations of live hands and attack instruments, for palm-pad."`
	Subjects int      `name:"subjects" default:"20" help:"How many palms, or presentations of each kind."`
	Kinds    []string `name:"kinds" placeholder:"NAME,..." help:"Of presentations, these alone: bonafide, and instruments."`
	First    int      `name:"first" default:"3" help:"Captures of each in session 1."`
	Second   int      `name:"second" default:"3" help:"Captures of each in session 2."`
	Seed     uint64   `name:"seed" default:"1" help:"The same seed gives the same palms."`
	Hard     bool     `name:"hard" help:"Poorly cut regions, so that there are errors to count."`
}

const makeHelp = `Write simulated data as a folder that tillbench palm or tillbench palm-pad reads: to see
what a folder looks like, and that reading it gives the same figures as --synthetic.`

func runPalmMake(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o makeOptions
	if ok, err := parse(&o, "tillbench palm-make", makeHelp, args, stdout, stderr); !ok {
		return err
	}
	if entries, err := os.ReadDir(o.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("write %s: %s is not empty", o.What, o.Dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write %s: %w", o.What, err)
	}
	n, write, err := o.writer()
	if err != nil {
		return err
	}
	b := newBar(stderr)
	defer b.end()
	b.begin("writing", n)
	for i := range n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := write(i); err != nil {
			return fmt.Errorf("write %s: %w", o.What, err)
		}
		b.tick()
	}
	b.end()
	fmt.Fprintf(stdout, "%s: %d simulated %s\n", o.Dir, n, o.What)
	return nil
}

// writer is how many things are written, and what writes each.
func (o makeOptions) writer() (n int, write func(i int) error, err error) {
	if o.What == "presentations" {
		src, err := padeval.NewSimulated(o.Subjects, o.Kinds, o.Seed)
		if err != nil {
			return 0, nil, err
		}
		return src.Len(), func(i int) error {
			t, err := src.Take(i)
			if err != nil {
				return err
			}
			return writeTake(filepath.Join(o.Dir, src.Kind(i), src.Try(i)), t)
		}, nil
	}
	src, err := palmeval.NewSynthetic(o.Subjects, o.First, o.Second, variation(o.Hard), o.Seed)
	if err != nil {
		return 0, nil, err
	}
	if o.What == "hands" {
		film, captures := stage.NewFilm(stage.DefaultSensor()), o.First+o.Second
		return o.Subjects * captures, func(i int) error { return o.hand(film, i/captures, i%captures) }, nil
	}
	return len(src.Items()), func(i int) error {
		region, err := src.Region(i, nil)
		if err != nil {
			return err
		}
		return writeGrey(filepath.Join(o.Dir, src.Name(i)), roi.Size, roi.Size, region[:])
	}, nil
}

// hand writes one picture of a whole hand, held with care.
func (o makeOptions) hand(film *stage.Film, subject, capture int) error {
	h := stage.Careful(o.Seed<<32 + uint64(subject*1000+capture))
	h.Person, h.Hand, h.Arrive, h.Second = o.Seed*1_000_003+uint64(subject), palms.Hand(subject%2), -1, false
	session, number := 1, capture+1
	if capture >= o.First {
		session, number = 2, capture-o.First+1
	}
	name := fmt.Sprintf("simulated-%03d/%d-%d-nir.png", subject+1, session, number)
	sensor := stage.DefaultSensor()
	return writeGrey(filepath.Join(o.Dir, name), sensor.Width, sensor.Height, stage.Still(film, stage.Live(h), 0, lights.NIR))
}

// writeTake writes the frames of a presentation and their list.
func writeTake(dir string, t padeval.Take) error {
	type frame struct {
		File    string   `json:"file"`
		MS      float64  `json:"ms"`
		Lamps   []string `json:"lamps"`
		Settled bool     `json:"settled"`
	}
	var list []frame
	for i, s := range t.Shots {
		f := frame{File: fmt.Sprintf("%03d.png", i), MS: float64(s.At-t.Shots[0].At) / 1e6, Lamps: []string{}, Settled: s.Settled}
		if s.Light != lights.Dark {
			f.Lamps = append(f.Lamps, s.Light.String())
		}
		if err := writeGrey(filepath.Join(dir, f.File), s.Width, s.Height, s.Luma); err != nil {
			return err
		}
		list = append(list, f)
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "frames.json"), append(data, '\n'), 0o644)
}

func variation(hard bool) palms.Variation {
	if hard {
		return palms.Hard()
	}
	return palms.Plain()
}

func writeGrey(path string, width, height int, pix []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = png.Encode(f, &image.Gray{Pix: pix, Stride: width, Rect: image.Rect(0, 0, width, height)})
	return errors.Join(err, f.Close())
}
