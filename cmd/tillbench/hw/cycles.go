package hw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
)

// cycles pulls the plug in the middle of a code and puts it back, again and again. Nothing of
// the broken code is delivered, the scanner is back in time, and the next code is read once.
func (t *trial) cycles(ctx context.Context) hands.Verdict {
	v := hands.Verdict{Rule: "unplugged in mid-code, and back", Of: t.n.cycles}
	if !slices.Contains(t.device.Deeds, hands.Unplug) {
		return hands.Verdict{}
	}
	events, err := listen()
	if err != nil {
		v.Why = err.Error()
		return v
	}
	defer events.close()
	var noticed, back time.Duration
	for range v.Of {
		lost, err := t.unplug(ctx, events)
		if err != nil {
			v.Why = err.Error()
			return v
		}
		found, err := t.plug(ctx, 0)
		if err != nil {
			v.Why = err.Error()
			return v
		}
		noticed, back = max(noticed, lost), max(back, found)
		if err := t.arm(ctx); err != nil {
			v.Why = err.Error()
			return v
		}
		if _, err := t.once(ctx, true); err != nil {
			v.Why = "back again: " + err.Error()
			return v
		}
		v.Done++
	}
	v.Found = fmt.Sprintf("noticed within %s, back within %s", short(noticed), short(back))
	switch {
	case t.Few: // a machine with much else to do
	case noticed > noticedWithin:
		v.Why = fmt.Sprintf("more than %s after the kernel's event", noticedWithin)
	case back > backWithin:
		v.Why = fmt.Sprintf("more than %s after the plug was in", backWithin)
	}
	return v
}

// unplug pulls the plug, in mid-code where the hands can, and says how long after the kernel
// that was noticed.
func (t *trial) unplug(ctx context.Context, events *removals) (time.Duration, error) {
	text := t.code(true)
	cut := 1 + t.r.IntN(len(text)) // bytes, or a keyboard's reports
	if t.device.Protocol == "hidpos" {
		cut = 1 // of two reports
	}
	began, node := hands.Now(), t.hub.Devices()[0].Port
	_, err := t.scan(ctx, hands.Order{Text: text, Cut: cut})
	if errors.Is(err, hands.ErrCannot) {
		_, err = t.hands.Do(ctx, hands.Order{Do: hands.Unplug, Device: t.device.Name})
	}
	if err != nil {
		return 0, err
	}
	at, err := t.await(ctx, false, backWithin)
	if err != nil {
		return 0, err
	}
	// The session is over: what it had to deliver it has delivered.
	if got, ok := t.next(ctx, time.Millisecond); ok {
		return 0, fmt.Errorf("%d of %d characters of a code were delivered when the plug was pulled", len(got), len(text))
	}
	told, ok := events.since(began, node)
	if !ok {
		return at - began, nil
	}
	return max(0, at-told), nil
}

// plug puts the plug in and says how long it took until the scanner was open.
func (t *trial) plug(ctx context.Context, port int) (time.Duration, error) {
	a, err := t.hands.Do(ctx, hands.Order{Do: hands.Plug, Device: t.device.Name, Port: port})
	if err != nil {
		return 0, err
	}
	at, err := t.await(ctx, true, 3*backWithin)
	return at - a.At, err
}

// replugCheck puts a scanner that has a number of its own into one port after the other.
func replugCheck(ctx context.Context, b *Bench) error {
	tree, stop := b.tree(ctx)
	defer stop()
	for i, d := range b.scanners() {
		if d.Ports < 2 || !b.alone(d) {
			continue
		}
		t := &trial{Bench: b, n: b.tries(), hands: b.Hands, r: newRand(uint64(i))}
		v := hands.Verdict{Device: d.Name, Rule: "plugged into another port", Of: min(d.Ports, 2+t.n.swaps)}
		err := t.throughPorts(ctx, tree, d, &v)
		if err != nil {
			v.Why = err.Error()
		}
		v.OK = err == nil && v.Done == v.Of
		b.Report(v)
	}
	return nil
}

func (t *trial) throughPorts(ctx context.Context, tree *uevent.Tree, d hands.Device, v *hands.Verdict) (err error) {
	if t.stack, err = t.newStack(ctx, tree, d, ""); err != nil {
		return err
	}
	defer t.close()
	defer t.hands.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name})
	var most time.Duration
	for port := d.Ports; v.Done < v.Of; port-- {
		if _, err := t.hands.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name}); err != nil {
			return err
		}
		if _, err := t.await(ctx, false, backWithin); err != nil {
			return err
		}
		took, err := t.plug(ctx, port)
		if err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
		if most = max(most, took); took > backWithin {
			return fmt.Errorf("port %d: back after %s", port, short(took))
		}
		if err := t.arm(ctx); err != nil {
			return err
		}
		if _, err := t.once(ctx, false); err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
		v.Done++
	}
	v.Found = "found within " + short(most)
	return nil
}
