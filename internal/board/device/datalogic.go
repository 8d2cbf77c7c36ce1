package device

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"
)

// Datalogic is a scanner that takes commands of a single byte: PowerScan's, with the Magellan's
// "not on file". It sends AIM identifiers and CR, and it starts enabled.
type Datalogic struct {
	now func() time.Time

	mu       sync.Mutex
	wire     io.Writer
	enabled  bool
	pulled   bool
	deafTill time.Time // after a reset it ignores commands
	counts   DatalogicCounts
	faults   []string
}

// DatalogicCounts is what became of a scanner.
type DatalogicCounts struct {
	GoodTones, BadTones, Pulls, Resets int
	Sent, Unread                       int // scans, and codes presented while it was disabled
}

// NewDatalogic makes a scanner; now is its clock.
func NewDatalogic(now func() time.Time) *Datalogic { return &Datalogic{now: now, enabled: true} }

// Serve answers on a wire until it ends.
func (d *Datalogic) Serve(ctx context.Context, wire io.ReadWriter) error {
	d.mu.Lock()
	d.wire = wire
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.wire = nil
		d.mu.Unlock()
	}()
	for buf := make([]byte, 256); ctx.Err() == nil; {
		n, err := wire.Read(buf)
		if err != nil {
			return err
		}
		if reply := d.Command(buf[:n]); len(reply) > 0 {
			if _, err := wire.Write(reply); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Command takes bytes from the host and gives what the scanner answers.
func (d *Datalogic) Command(b []byte) (reply []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range b {
		if d.now().Before(d.deafTill) {
			d.fault("a command while it starts")
			continue
		}
		reply = append(reply, d.do(c)...)
	}
	return reply
}

func (d *Datalogic) do(c byte) string {
	switch c {
	case 'E':
		d.enabled = true
	case 'D':
		d.enabled = false
	case 'R':
		d.counts.Resets++
		d.enabled, d.pulled, d.deafTill = true, false, d.now().Add(30*time.Second)
	case 'F':
		d.counts.BadTones++
		d.enabled = false
	case 'B', 0x01:
		d.counts.GoodTones++
	case 'T':
		d.counts.Pulls++
		d.pulled = true
	case 'X':
		d.pulled = false
	case 'i':
		return "\x01\x02PowerScan PD9630\r\nS/N 1234\x03\x04"
	case 'h':
		return "\x01\x02HEALTH OK\x03\x04"
	case 's':
		return "\x01\x02SCANS 12\x03\x04"
	default:
		d.fault("a byte that is no command")
	}
	return ""
}

// Scan is a person who presents a code. A disabled scanner sends nothing.
func (d *Datalogic) Scan(symbology, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wire == nil {
		return errNoWire
	}
	if !d.enabled || d.now().Before(d.deafTill) {
		d.counts.Unread++
		return nil
	}
	d.counts.Sent++
	_, err := io.WriteString(d.wire, AIM(symbology)+text+"\r")
	return err
}

// Enabled reports whether it reads codes.
func (d *Datalogic) Enabled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.enabled
}

// Counts is what became of the scanner so far.
func (d *Datalogic) Counts() DatalogicCounts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}

// Faults is what the host did wrong, the first hundred.
func (d *Datalogic) Faults() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.faults)
}

func (d *Datalogic) fault(text string) {
	if len(d.faults) < 100 {
		d.faults = append(d.faults, text)
	}
}
