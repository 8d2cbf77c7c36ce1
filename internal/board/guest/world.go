//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/tilld/tilld/internal/board/hands"
)

// socket is where the hands take orders.
const socket = "/run/hands"

// gadget is one device of the world around the board.
type gadget interface {
	hands.Hands
	describe() hands.Device
}

// world is what the hands have at hand. What it has not is outside, with whoever runs the
// emulator: the scanner on the serial line, the GPIO lines.
type world struct {
	gadgets []gadget
	till    *supervisor
	outside *hands.Client // nil without a port to it
	ln      net.Listener
	stop    context.CancelFunc
	done    chan struct{}
}

func newWorld(ctx context.Context, words map[string]string, kids *children) (w *world, err error) {
	w = &world{done: make(chan struct{})}
	ctx, w.stop = context.WithCancel(ctx)
	if w.till, err = newSupervisor(ctx, kids, words["board.watchdog"]); err != nil {
		return nil, err
	}
	if w.outside, err = reachOutside(); err != nil {
		return nil, err
	}
	w.gadgets = usbGadgets(ctx)
	switch t, err := newTPM(ctx); {
	case err != nil:
		return nil, err
	case t != nil:
		w.gadgets = append(w.gadgets, t)
	}
	if w.ln, err = net.Listen("unix", socket); err != nil {
		return nil, err
	}
	go func() {
		defer close(w.done)
		hands.Listen(ctx, w.ln, w) // it ends with ctx
	}()
	return w, nil
}

func (w *world) close() {
	w.stop()
	<-w.done
}

// reachOutside opens the port to whoever runs the emulator.
func reachOutside() (*hands.Client, error) {
	path, err := virtioPort("hands")
	if err != nil {
		return nil, err
	}
	f, err := openBlocking(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	return hands.NewClient(f), nil
}

// Do passes an order to the gadget, the supervisor, or on to the outside.
func (w *world) Do(ctx context.Context, o hands.Order) (hands.Answer, error) {
	switch o.Do {
	case hands.List:
		return w.list(ctx)
	case hands.Clock:
		return hands.Answer{}, setClock(o.When)
	case hands.Start, hands.Stop, hands.Kill, hands.Freeze:
		return w.till.Do(ctx, o)
	}
	i := slices.IndexFunc(w.gadgets, func(g gadget) bool { return g.describe().Name == o.Device })
	if i >= 0 {
		return w.gadgets[i].Do(ctx, o)
	}
	a, err := w.outside.Do(ctx, o)
	a.At = hands.Now() // its clock is another
	return a, err
}

func (w *world) list(ctx context.Context) (hands.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := w.outside.Do(ctx, hands.Order{Do: hands.List})
	for _, g := range w.gadgets {
		a.Devices = append(a.Devices, g.describe())
	}
	return a, err
}

// errAbsent is what a gadget says when its plug is out.
var errAbsent = errors.New("not plugged in")

func cannot(o hands.Order) error { return fmt.Errorf("%s: %w", o.Do, hands.ErrCannot) }
