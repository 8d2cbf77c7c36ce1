package device

import (
	"context"
	"errors"
	"io"
	"sync"
)

// errNoWire is what a scan meets when nobody serves the device.
var errNoWire = errors.New("the device is on no wire")

// Line is a scanner that sends each code as a line of text, with an AIM identifier before it:
// what nearly every scanner on a serial port does when it is told nothing.
type Line struct {
	terminator string

	mu   sync.Mutex
	wire io.Writer
}

// NewLine ends each code with terminator: "\r", "\n", "\r\n" or "\t".
func NewLine(terminator string) *Line { return &Line{terminator: terminator} }

// Serve takes what the host sends and heeds none of it.
func (l *Line) Serve(ctx context.Context, wire io.ReadWriter) error {
	l.mu.Lock()
	l.wire = wire
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.wire = nil
		l.mu.Unlock()
	}()
	for buf := make([]byte, 256); ctx.Err() == nil; {
		if _, err := wire.Read(buf); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Scan sends a code in one write.
func (l *Line) Scan(symbology, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wire == nil {
		return errNoWire
	}
	_, err := io.WriteString(l.wire, AIM(symbology)+text+l.terminator)
	return err
}

// AIM is the identifier a scanner sends for a symbology: ISO/IEC 15424. It is "]X0" (other) for
// one that it does not know.
func AIM(symbology string) string {
	switch symbology {
	case "qr":
		return "]Q1"
	case "code128":
		return "]C0"
	case "gs1-128":
		return "]C1"
	case "ean13", "upca":
		return "]E0"
	case "ean8":
		return "]E4"
	case "datamatrix":
		return "]d1"
	case "pdf417":
		return "]L0"
	case "aztec":
		return "]z0"
	case "code39":
		return "]A0"
	}
	return "]X0"
}
