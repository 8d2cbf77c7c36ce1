package hw

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/drivers/gpio"
	"github.com/tilld/tilld/internal/board/hands"
)

const pinEdges = 20

// pinsCheck watches a line that hands drive, and drives one that hands look at.
func pinsCheck(ctx context.Context, b *Bench) error {
	for _, d := range b.Of("gpio") {
		in := hands.Verdict{Device: d.Class, Rule: "an input follows its line", Of: pinEdges}
		b.judged(&in, b.inputFollows(ctx, d, &in))
		out := hands.Verdict{Device: d.Class, Rule: "an output drives its line", Of: pinEdges}
		b.judged(&out, b.outputDrives(ctx, d, &out))
	}
	return nil
}

// judged reports a verdict that counts tries.
func (b *Bench) judged(v *hands.Verdict, err error) {
	if err != nil {
		v.Why = err.Error()
	}
	v.OK = err == nil && v.Done == v.Of
	b.Report(*v)
}

// lineOf is how line n of a device's chip is called.
func lineOf(d hands.Device, n int) (string, error) {
	for _, l := range gpio.Lines() {
		if strings.Contains(l.Chip, d.Node) && l.Offset == n {
			return l.String(), nil
		}
	}
	return "", fmt.Errorf("no line %d on a chip %q", n, d.Node)
}

func (b *Bench) inputFollows(ctx context.Context, d hands.Device, v *hands.Verdict) error {
	const at = 5
	name, err := lineOf(d, at)
	if err != nil {
		return err
	}
	if _, err := b.Do(ctx, hands.Order{Do: hands.Level, Device: d.Name, Line: at}); err != nil {
		return err
	}
	changes := make(chan gpio.Change, 4*pinEdges)
	in, err := gpio.OpenInput(gpio.InputConfig{Name: name, Debounce: time.Millisecond, Report: func(c gpio.Change) { changes <- c }})
	if err != nil {
		return err
	}
	defer in.Close()
	if first := <-changes; first.Err != nil || !first.First || first.Active {
		return fmt.Errorf("at the start %+v, want low", first)
	}
	var slowest time.Duration
	for i := range pinEdges {
		a, err := b.Do(ctx, hands.Order{Do: hands.Level, Device: d.Name, Line: at, High: i%2 == 0})
		if err != nil {
			return err
		}
		select {
		case c := <-changes:
			if c.Err != nil || c.Active != (i%2 == 0) {
				return fmt.Errorf("edge %d: %+v", i, c)
			}
			slowest = max(slowest, hands.Now()-a.At)
			v.Done++
		case <-time.After(5 * time.Second):
			return fmt.Errorf("edge %d was not seen in 5 s", i)
		}
	}
	v.Found = "seen in " + ms(slowest)
	return nil
}

func (b *Bench) outputDrives(ctx context.Context, d hands.Device, v *hands.Verdict) error {
	const at = 6
	name, err := lineOf(d, at)
	if err != nil {
		return err
	}
	out, err := gpio.OpenOutput(name, false)
	if err != nil {
		return err
	}
	defer out.Close()
	for i := range pinEdges {
		if err := out.Set(i%2 == 0); err != nil {
			return err
		}
		a, err := b.Do(ctx, hands.Order{Do: hands.Lines, Device: d.Name})
		if err != nil {
			return err
		}
		if high := a.High&(1<<at) != 0; high != (i%2 == 0) {
			return fmt.Errorf("set to %v, the line is %v", i%2 == 0, high)
		}
		v.Done++
	}
	return nil
}
