package hw

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
)

// dialectsCheck has a scanner speak one protocol after the other, as others of other makes on
// the same wire would: each is set up from its factory settings and read, must find nothing
// wrong in what it is told, and is found again behind garbage.
func dialectsCheck(ctx context.Context, b *Bench) error {
	tree, stop := b.tree(ctx)
	defer stop()
	for _, d := range b.Devices {
		if !slices.Contains(d.Deeds, hands.Become) || d.Ports > 0 && d.Port == 0 {
			continue
		}
		for i, protocol := range d.Speaks {
			if protocol == d.Protocol {
				continue
			}
			if err := b.dialect(ctx, tree, d, protocol, uint64(i)); err != nil {
				return fmt.Errorf("%s: %w", protocol, err)
			}
		}
		if _, err := b.Do(ctx, hands.Order{Do: hands.Become, Device: d.Name, Text: d.Protocol}); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) dialect(ctx context.Context, tree *uevent.Tree, d hands.Device, protocol string, seed uint64) error {
	d.Protocol = protocol
	if _, err := wayOf(d); err != nil {
		return err
	}
	if _, err := b.Do(ctx, hands.Order{Do: hands.Become, Device: d.Name, Text: protocol}); err != nil {
		return err
	}
	t, err := b.newTrial(ctx, tree, d, seed)
	if err != nil {
		return err
	}
	defer t.end(ctx)
	t.n.scans, t.n.early, t.called = min(t.n.scans, 20), min(t.n.early, 3), d.Class+" "+protocol
	t.follow(ctx, (*trial).settles, (*trial).presentations, (*trial).early, (*trial).content, (*trial).garbage)
	return nil
}

// settles waits until the set-up is over and a code is read.
func (t *trial) settles(ctx context.Context) hands.Verdict {
	if !t.told() {
		return hands.Verdict{}
	}
	v := hands.Verdict{Rule: "set up", Of: 1}
	begun := time.Now()
	err := Await(ctx, 15*time.Second, "the first scan", func() bool {
		if t.arm(ctx) != nil {
			return false
		}
		_, err := t.recovers(ctx)
		return err == nil
	})
	if err != nil {
		v.Why = fmt.Sprintf("%v (%s)", err, t.drops())
		return v
	}
	took := time.Since(begun)
	t.silence(ctx) // to open the gate drops what is on its way to the scanner, too: an acknowledgement
	v.Found, v.Done = "reads after "+short(took), 1
	return v
}

// content asks the scanner what was wrong with what it was told.
func (t *trial) content(ctx context.Context) hands.Verdict {
	v := hands.Verdict{Rule: "the scanner is content with what it is told", Of: 1}
	a, err := t.hands.Do(ctx, hands.Order{Do: hands.Saw, Device: t.device.Name})
	switch {
	case err != nil:
		v.Why = err.Error()
	case a.Saw == nil:
		return hands.Verdict{}
	case len(a.Saw.Faults) > 0:
		v.Why = strings.Join(a.Saw.Faults[:min(3, len(a.Saw.Faults))], "; ")
	default:
		v.Found, v.Done = fmt.Sprintf("%d bytes, no fault", a.Saw.Written), 1
	}
	return v
}
