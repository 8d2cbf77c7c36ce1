package gpio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
)

// Lamps are the lamp strings of a capture, one line each. They implement sense.Lamp and are
// safe for concurrent use.
type Lamps struct {
	mu    sync.Mutex
	lines map[sense.Channel]*Output
}

var _ sense.Lamp = (*Lamps)(nil)

// OpenLamps requests the lines that the channels are wired to, all of them off. Init must
// have run.
func OpenLamps(lines map[sense.Channel]string, activeLow bool) (*Lamps, error) {
	return openLamps(lines, activeLow, OpenOutput)
}

func openLamps(lines map[sense.Channel]string, activeLow bool, output func(string, bool) (*Output, error)) (*Lamps, error) {
	l := &Lamps{lines: map[sense.Channel]*Output{}}
	for _, c := range slices.Sorted(maps.Keys(lines)) {
		o, err := output(lines[c], activeLow)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.lines[c] = o
	}
	return l, nil
}

// Channels implements sense.Lamp.
func (l *Lamps) Channels() []sense.Channel { return slices.Sorted(maps.Keys(l.lines)) }

// Switch implements sense.Lamp. It does not wait.
func (l *Lamps) Switch(ctx context.Context, c sense.Channel, on bool) (sense.Step, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.lines[c]
	if o == nil {
		return sense.Step{}, &drivers.Error{Op: "switch", Subject: fmt.Sprintf("lamp %q", c), Err: errors.New("no such channel")}
	}
	if on && ctx.Err() != nil { // nobody is there to switch it off
		return sense.Step{}, &drivers.Error{Op: "switch", Subject: fmt.Sprintf("lamp %q", c), Err: ctx.Err()}
	}
	if err := o.Set(on); err != nil {
		return sense.Step{}, err
	}
	return sense.Step{Channel: c, On: on, At: sense.Now()}, nil
}

// Close switches all off and lets go of the lines.
func (l *Lamps) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, o := range l.lines {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}
