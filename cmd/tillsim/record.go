package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/internal/dump"
)

type recordCmd struct {
	Device string `arg:"" help:"The device: /dev/ttyACM0, /dev/hidraw0, /dev/input/event3."`
	Baud   int    `help:"Rate of a serial line." default:"115200"`
}

func (recordCmd) Help() string {
	return `Opens a device and writes every read to standard output as a line of time, direction and
hexadecimal digits, until Ctrl-C or until the plug is pulled. Everything that is scanned is in
it: scan codes that are worth nothing. Stop tilld first; a device has one owner.

Examples:
  tillsim record /dev/ttyACM0 > scanner.dump
  tilld decode --profile serial-aim --show scanner.dump`
}

func (c recordCmd) Run(ctx context.Context, s streams) error {
	t, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	fmt.Fprintf(s.errs, "recording %s; Ctrl-C ends it\n", t)
	began := time.Now()
	buf := make([]byte, 4096)
	for {
		n, err := t.Read(ctx, buf)
		at := time.Since(began)
		if n > 0 {
			if err := dump.Write(s.out, dump.Line{At: at, Kind: dump.In, Data: buf[:n]}); err != nil {
				return err
			}
		}
		switch {
		case err == nil, errors.Is(err, drivers.ErrTimeout):
		case errors.Is(err, drivers.ErrGone):
			return dump.Write(s.out, dump.Line{At: at, Kind: dump.Gone})
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("record %s: %w", c.Device, err)
		}
	}
}

func (c recordCmd) open(ctx context.Context) (drivers.Transport, error) {
	switch {
	case strings.HasPrefix(c.Device, "/dev/hidraw"), strings.HasPrefix(c.Device, "/dev/input/"):
		return nil, hinted{fmt.Errorf("record %s: no driver", c.Device), "set the scanner to serial (virtual COM) mode"}
	}
	p, err := serialport.Open(ctx, serialport.Config{Path: c.Device, Baud: c.Baud})
	if err != nil {
		return nil, err // not a nil *Port in an interface
	}
	return p, nil
}
