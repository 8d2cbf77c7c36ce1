// Package hw is the suite for a board with devices attached: a virtual one, where hands is a
// socket of its /init, or a real one, where hands is a person who is told what to do. It runs
// the shipped tilld and prints one line for each device and rule.
package hw

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers/gpio"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
)

// Bench is what a check works with.
type Bench struct {
	Hands   hands.Hands
	Devices []hands.Device
	// Virtual: hands supervise tilld and set the clock, and nobody has to wait for a person.
	Virtual bool
	Dir     string // on a disk, for state
	Tilld   string
	Tree    uevent.Config // how devices are found; the zero value is this machine
	Few     bool          // put each rule to the test a few times

	name string // of the board, in lines for people
	json bool   // lines for programs
	out  io.Writer

	mu       sync.Mutex // guards what follows, and serialises lines
	bad      int
	reported int
}

// Check is one entry of the suite.
type Check struct {
	Name string
	// Alone: it runs only when it is named; it changes the board for all that follow.
	Alone bool
	Run   func(ctx context.Context, b *Bench) error
}

// Checks is the suite, in its order.
func Checks() []Check {
	return []Check{
		{"present", false, presentCheck},
		{"scanners", false, scannersCheck},
		{"plugs", true, plugsCheck},
		{"dialects", false, dialectsCheck},
		{"ports", false, replugCheck},
		{"swap", false, swapCheck},
		{"camera", false, cameraCheck},
		{"camera-plug", true, cameraPlugCheck},
		{"palm", true, palmCheck},
		{"pins", false, pinsCheck},
		{"chips", false, chipsCheck},
		{"goods", false, goodsCheck},
		{"sale", false, saleCheck},
		{"clock", true, clockCheck},
		{"watchdog", true, watchdogCheck},
	}
}

// ErrFailed: the lines say what failed.
var ErrFailed = errors.New("a check failed")

// Run is "tillbench hw".
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("tillbench hw", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "checks to run, by `NAMES`")
	list := flags.Bool("list", false, "list the checks, and run nothing")
	virtual := flags.Bool("board", false, "run inside the virtual board, whose hands are at $"+hands.Env)
	devices := flags.String("devices", "", "the `FILE` that lists what is attached to this machine (JSON)")
	dir := flags.String("dir", "/data", "the `FOLDER` for the till's state")
	tilld := flags.String("tilld", "/bin/tilld", "the tilld to run")
	stage := flags.String("stage", "", "write what the virtual board's palm camera is shown to a `FOLDER`, and run nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *stage != "" {
		return drawStage(*stage)
	}
	b := &Bench{Virtual: *virtual, Dir: *dir, Tilld: *tilld, out: stdout, json: *virtual, name: "here"}
	if host, err := os.Hostname(); err == nil {
		b.name = host
	}
	checks, err := choose(*only)
	if err != nil {
		return err
	}
	if *list {
		for _, c := range checks {
			fmt.Fprintln(stdout, c.Name)
		}
		return nil
	}
	// First of all: periph.io may close descriptors when it starts.
	if err := gpio.Init(); err != nil {
		return err
	}
	if err := b.reach(ctx, *devices, stdin); err != nil {
		return err
	}
	for _, c := range checks {
		before := b.reported
		err := c.Run(ctx, b)
		if err == nil && b.Virtual && b.reported == before {
			err = errors.New("it found nothing to check: the virtual board has every device")
		}
		if err != nil {
			b.Report(hands.Verdict{Device: "suite", Rule: c.Name, Why: err.Error()})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if b.bad > 0 {
		return ErrFailed
	}
	return nil
}

// choose is the checks of the given names, or all that do not run alone.
func choose(names string) (list []Check, err error) {
	wanted := strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	for _, c := range Checks() {
		if slices.Contains(wanted, c.Name) || len(wanted) == 0 && !c.Alone {
			list = append(list, c)
		}
	}
	for _, n := range wanted {
		if !slices.ContainsFunc(list, func(c Check) bool { return c.Name == n }) {
			return nil, fmt.Errorf("there is no check %q; \"tillbench hw --list\" lists them", n)
		}
	}
	return list, nil
}

// reach finds the hands and asks what they have.
func (b *Bench) reach(ctx context.Context, file string, stdin io.Reader) error {
	if b.Virtual {
		c, err := hands.Dial(ctx, os.Getenv(hands.Env))
		if err != nil {
			return err
		}
		b.Hands = c
	} else {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("read what is attached: %w", err)
		}
		defer f.Close()
		list, err := hands.ReadDevices(f)
		if err != nil {
			return err
		}
		b.Hands = hands.NewPerson(stdin, b.out, list)
	}
	a, err := b.Hands.Do(ctx, hands.Order{Do: hands.List})
	b.Devices = a.Devices
	return err
}

// moreHands are a pair that carries out orders beside the others, where there is one.
func (b *Bench) moreHands(ctx context.Context) (h hands.Hands, release func(), err error) {
	if !b.Virtual {
		return b.Hands, func() {}, nil
	}
	c, err := hands.Dial(ctx, os.Getenv(hands.Env))
	if err != nil {
		return nil, nil, err
	}
	return c, func() { c.Close() }, nil
}

// Do gives an order.
func (b *Bench) Do(ctx context.Context, o hands.Order) (hands.Answer, error) {
	return b.Hands.Do(ctx, o)
}

// Report prints a line. It may be called from any goroutine.
func (b *Bench) Report(v hands.Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reported++
	if !v.OK {
		b.bad++
	}
	if b.json {
		fmt.Fprintln(b.out, v.Line())
		return
	}
	fmt.Fprintln(b.out, v.Text(b.name))
}

// Of is the devices of a class.
func (b *Bench) Of(class string) (list []hands.Device) {
	for _, d := range b.Devices {
		if d.Class == class {
			list = append(list, d)
		}
	}
	return list
}

// ms writes a time as the lines do.
func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// Await asks until yes, or says what it waited for.
func Await(ctx context.Context, most time.Duration, what string, yes func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s", what, most)
		}
	}
	return nil
}
