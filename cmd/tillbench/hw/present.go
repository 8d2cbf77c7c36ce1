package hw

import (
	"context"
	"fmt"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
)

// presentCheck plugs every device in once and waits for its node, then pulls all plugs and
// waits until the nodes are gone: what every other check builds on.
func presentCheck(ctx context.Context, b *Bench) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tree := uevent.NewTree(uevent.Config{})
	go tree.Run(ctx) // it ends with ctx
	port := 0
	for _, d := range b.Devices {
		if d.Ports == 0 || d.Port != 0 {
			continue
		}
		// Each in a place of its own, where it is found again by those who name none.
		port = port%d.Ports + 1
		v := hands.Verdict{Device: d.Name, Rule: "plugged in and out"}
		if err := b.inAndOut(ctx, tree, d, port, &v); err != nil {
			v.Why = err.Error()
		}
		v.OK = v.Why == ""
		b.Report(v)
	}
	return nil
}

func (b *Bench) inAndOut(ctx context.Context, tree *uevent.Tree, d hands.Device, port int, v *hands.Verdict) error {
	m, err := drivers.ParseMatch(d.ID + " port=" + d.Places[port-1])
	if err != nil {
		return err
	}
	there := func() bool {
		nodes, err := tree.Nodes(ctx)
		if err != nil {
			return false
		}
		for _, n := range nodes {
			if n.Subsystem == d.Subsystem && m.Is(n.ID) {
				v.Found = n.Path
				return true
			}
		}
		return false
	}
	in, err := b.Do(ctx, hands.Order{Do: hands.Plug, Device: d.Name, Port: port})
	if err != nil {
		return err
	}
	if err := Await(ctx, 10*time.Second, "node in "+d.Subsystem, there); err != nil {
		return err
	}
	v.Found += fmt.Sprintf(" after %s", ms(hands.Now()-in.At))
	out, err := b.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name})
	if err != nil {
		return err
	}
	found := v.Found
	if err := Await(ctx, 10*time.Second, "end of the node", func() bool { return !there() }); err != nil {
		return err
	}
	v.Found = found + ", gone after " + ms(hands.Now()-out.At)
	return nil
}
