package hw

import (
	"context"
	"fmt"
	"time"

	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
)

// swapCheck swaps the plugs of two scanners that nothing tells apart but their places: each
// place then has the other's codes, and no code comes under both names.
func swapCheck(ctx context.Context, b *Bench) error {
	tree, stop := b.tree(ctx)
	defer stop()
	first, second, ok := b.twins()
	if !ok {
		return nil
	}
	v := hands.Verdict{Device: first.Class, Rule: "two equal ones, swapped", Of: b.tries().swaps}
	err := b.swap(ctx, tree, first, second, &v)
	if err != nil {
		v.Why = err.Error()
	}
	v.OK = err == nil
	b.Report(v)
	return nil
}

// twins are two devices of one identity.
func (b *Bench) twins() (first, second hands.Device, ok bool) {
	list := b.scanners()
	for i, d := range list {
		for _, o := range list[i+1:] {
			if d.ID == o.ID && d.Subsystem == o.Subsystem && d.Ports > 1 {
				return d, o, true
			}
		}
	}
	return first, second, false
}

func (b *Bench) swap(ctx context.Context, tree *uevent.Tree, first, second hands.Device, v *hands.Verdict) (err error) {
	plugs := [2]hands.Device{first, second} // by place
	var at [2]int
	var places [2]*trial
	for i, d := range plugs {
		if at[i], err = b.portOf(ctx, b.Hands, d); err != nil {
			return err
		}
		t := &trial{Bench: b, n: b.tries(), hands: b.Hands, r: newRand(uint64(i))}
		if t.stack, err = b.newStack(ctx, tree, d, b.place(d, at[i])); err != nil {
			return err
		}
		defer t.close()
		defer b.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name})
		if _, err := t.await(ctx, true, 5*time.Second); err != nil {
			return err
		}
		places[i] = t
	}
	for range v.Of {
		for _, d := range plugs {
			if _, err := b.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name}); err != nil {
				return err
			}
		}
		for _, t := range places {
			if _, err := t.await(ctx, false, backWithin); err != nil {
				return err
			}
		}
		plugs[0], plugs[1] = plugs[1], plugs[0]
		for i, d := range plugs {
			if _, err := b.Do(ctx, hands.Order{Do: hands.Plug, Device: d.Name, Port: at[i]}); err != nil {
				return err
			}
		}
		for i, t := range places {
			if err := t.hears(ctx, plugs[i].Name, places[1-i]); err != nil {
				return err
			}
		}
		v.Done++
	}
	v.Found = "each place has the other's codes"
	return nil
}

// hears wants a code of the scanner that is at this place now here, and nowhere else.
func (t *trial) hears(ctx context.Context, name string, other *trial) error {
	for _, each := range []*trial{t, other} {
		if _, err := each.await(ctx, true, 3*backWithin); err != nil {
			return err
		}
		if err := each.arm(ctx); err != nil {
			return err
		}
	}
	text := t.code(false)
	if _, err := t.hands.Do(ctx, hands.Order{Do: hands.Scan, Device: name, Symbology: "qr", Text: text}); err != nil {
		return err
	}
	if got, ok := t.next(ctx, scanWithin); !ok || got != text {
		return fmt.Errorf("%s showed %q and %q arrived at its place (%s)", name, text, got, t.drops())
	}
	if got, ok := other.next(ctx, 20*time.Millisecond); ok {
		return fmt.Errorf("%s showed a code and %q arrived at the other place", name, got)
	}
	return nil
}
