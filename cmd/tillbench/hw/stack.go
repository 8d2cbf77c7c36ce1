package hw

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/evdev"
	"github.com/tilld/tilld/drivers/hidraw"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/bytecmd"
	"github.com/tilld/tilld/scanner/gm65"
	"github.com/tilld/tilld/scanner/hidpos"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
	"github.com/tilld/tilld/scanner/ssi"
	"github.com/tilld/tilld/scanner/wedge"
)

// way is how a protocol's devices are opened: the driver, and the codec that goes with it.
type way struct {
	open  uevent.Opener
	codec scanner.Codec
}

// wayOf is the way of a device, as tilld goes it.
func wayOf(d hands.Device) (w way, err error) {
	serial := func(ctx context.Context, path string) (drivers.Transport, error) {
		return asTransport(serialport.Open(ctx, serialport.Config{Path: path, Baud: 115200}))
	}
	switch d.Protocol {
	case "line":
		w.open = serial
		w.codec, err = asCodec(line.New(line.Config{Terminator: line.CRLF, AIM: true}))
	case "ssi":
		w.open = serial
		w.codec, err = asCodec(ssi.New(ssi.Config{AIM: true}))
	case "gm65", "gm812":
		w.open = serial
		w.codec, err = asCodec(gm65.New(gm65.Config{Model: gm65.Model(d.Protocol)}))
	case "honeywell", "newland", "mindeo":
		w.open = serial
		w.codec, err = asCodec(menu.New(menu.Config{Dialect: menu.Dialect(d.Protocol)}))
	case "datalogic", "opticon", "cipherlab":
		w.open = serial
		w.codec, err = asCodec(bytecmd.New(bytecmd.Config{Dialect: bytecmd.Dialect(d.Protocol), Line: line.Config{Terminator: line.CR, AIM: true}}))
	case "hidpos":
		var c *hidpos.Codec
		c, err = hidpos.New(hidpos.Config{})
		w.codec = c
		w.open = func(ctx context.Context, path string) (drivers.Transport, error) {
			return asTransport(hidraw.OpenScanner(ctx, hidraw.Config{Path: path}, c))
		}
	case "wedge":
		w.codec, err = asCodec(wedge.New(wedge.Config{}))
		w.open = func(ctx context.Context, path string) (drivers.Transport, error) {
			return asTransport(evdev.Open(ctx, evdev.Config{Path: path}))
		}
	default:
		err = fmt.Errorf("the suite knows no protocol %q", d.Protocol)
	}
	return w, err
}

// asTransport and asCodec keep nil pointers out of interfaces.
func asTransport[T drivers.Transport](t T, err error) (drivers.Transport, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

func asCodec[T scanner.Codec](c T, err error) (scanner.Codec, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// stack is one scanner with all that tilld has above it, except tilld.
type stack struct {
	device hands.Device
	open   func(context.Context) (drivers.Transport, error)
	codec  scanner.Codec
	wake   <-chan struct{}

	// Of one start:
	hub  *scanner.Hub
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex // guards what follows
	states  []change
	changed chan struct{} // closed at the next change
}

// change is a device's state from a moment on, on the clock of hands.Now.
type change struct {
	at    time.Duration
	state drivers.State
	cause string
}

// newStack keeps a device that is found in tree, at a place where more than one of its
// identity are attached.
func (b *Bench) newStack(ctx context.Context, tree *uevent.Tree, d hands.Device, place string) (*stack, error) {
	w, err := wayOf(d)
	if err != nil {
		return nil, err
	}
	s := &stack{device: d, codec: w.codec, wake: tree.Wake()}
	if d.Node != "" {
		s.open = tree.OpenPath(d.Node, w.open)
	} else {
		id := d.ID
		if place != "" {
			id += " port=" + place
		}
		m, err := drivers.ParseMatch(id)
		if err != nil {
			return nil, err
		}
		s.open = tree.Open(m, d.Subsystem, w.open)
	}
	s.start(ctx)
	return s, nil
}

// start begins to keep the device, for the first time or after close.
func (s *stack) start(ctx context.Context) {
	s.mu.Lock()
	s.states, s.changed = nil, make(chan struct{})
	s.mu.Unlock()
	s.hub = scanner.NewHub(scanner.NewReader(scanner.Config{Name: s.device.Name, Codec: s.codec, Open: s.open, Wake: s.wake, Report: s.report}))
	s.done = make(chan struct{})
	ctx, s.stop = context.WithCancel(ctx)
	go func(hub *scanner.Hub, done chan struct{}) {
		defer close(done)
		_ = hub.Run(ctx) // it ends with ctx
	}(s.hub, s.done)
}

// close ends the stack and waits for it.
func (s *stack) close() {
	s.stop()
	<-s.done
}

func (s *stack) report(st drivers.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, change{hands.Now(), st.State, st.Cause})
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until the state is, or is not, Open, and says since when.
func (s *stack) await(ctx context.Context, open bool, most time.Duration) (at time.Duration, err error) {
	limit := time.NewTimer(most)
	defer limit.Stop()
	for {
		s.mu.Lock()
		last, changed := change{}, s.changed
		if n := len(s.states); n > 0 {
			last = s.states[n-1]
		}
		if open == (last.state == drivers.Open) {
			at = s.since(open)
			s.mu.Unlock()
			return at, nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-limit.C:
			return 0, fmt.Errorf("%s is %s after %s (%s)", s.device.Name, last.state, most, last.cause)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// since is when the device was found to be open, or not to be. s.mu is held.
func (s *stack) since(open bool) time.Duration {
	at := time.Duration(0)
	for _, c := range slices.Backward(s.states) {
		if open != (c.state == drivers.Open) {
			break
		}
		at = c.at
	}
	return at
}

// next is the text of the next scan.
func (s *stack) next(ctx context.Context, most time.Duration) (text string, ok bool) {
	limit := time.NewTimer(most)
	defer limit.Stop()
	select {
	case scan := <-s.hub.Scans():
		text = string(scan.Text.Reveal())
		scan.Text.Wipe()
		return text, true
	case <-limit.C:
	case <-ctx.Done():
	}
	return "", false
}

// scanners are the devices that scan, in the order of the list.
func (b *Bench) scanners() (list []hands.Device) {
	for _, d := range b.Devices {
		if _, err := wayOf(d); err == nil && slices.Contains(d.Deeds, hands.Scan) {
			list = append(list, d)
		}
	}
	return list
}

// alone reports whether the device is the only one of its identity, and so found in any port.
func (b *Bench) alone(d hands.Device) bool {
	n := 0
	for _, o := range b.Devices {
		if o.ID == d.ID && o.Subsystem == d.Subsystem {
			n++
		}
	}
	return n == 1 && strings.Contains(d.ID, "serial=")
}

// place is the name of a device's port; empty where it is found without.
func (b *Bench) place(d hands.Device, port int) string {
	if d.Node != "" || b.alone(d) || port < 1 || port > len(d.Places) {
		return ""
	}
	return d.Places[port-1]
}
