// Package scanner turns the bytes of a code scanner into scans.
//
// A Codec is pure: it knows one wire protocol, has no I/O and no clock of its own. A Reader
// owns one device: it reads the transport, feeds the codec, and delivers at most the scans
// of the current arming. Codecs live below this package, one per protocol (line, ...);
// what a code is worth is decided by paycode.
package scanner

import (
	"context"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Symbology is the kind of bar code, in the words of the wire vectors: "qr", "code128",
// "ean13"; empty when the scanner does not tell.
type Symbology string

// Scan is one presentation. Text is a secret: it may be a bearer credential.
type Scan struct {
	At        time.Time // when the last byte arrived
	Text      *secret.Bytes
	AIM       string // "]Q1", or empty when the scanner sends none
	Symbology Symbology
	Source    string // the device's name in the configuration
}

// DropReason says why bytes were dropped instead of delivered.
type DropReason string

// Reasons in the words of the wire vectors.
const (
	DropPartial   DropReason = "partial"   // the frame ended by silence where a terminator is declared
	DropMalformed DropReason = "malformed" // not a frame of this protocol, or too long
	DropChecksum  DropReason = "checksum"
)

// Result is what a codec emits: a scan or a drop, and bytes to send back, if any.
type Result struct {
	// Text is valid during the emit call only; the receiver copies what it keeps.
	Text      []byte
	AIM       string
	Symbology Symbology
	Drop      DropReason // not empty: nothing may be delivered
	Reply     []byte     // to be written to the device, before anything else; valid during the call
	// Event is what the device said that is no scan: a reply to a command, a parameter, a
	// button. It is one of the codec's own exported types, for those who watch a device;
	// nil otherwise.
	Event Told
	// Fault says that the device does not do what it was told, or does not answer: the
	// device is closed and opened anew. Its text holds nothing that was scanned.
	Fault error
}

// Codec decodes one wire protocol. It is not safe for concurrent use. Feed and Tick do not
// allocate.
type Codec interface {
	// Feed decodes bytes that arrived at now, in any split.
	Feed(p []byte, now time.Time, emit func(Result))
	// Tick ends frames by silence. Call it at least every 10 ms while Pending.
	Tick(now time.Time, emit func(Result))
	// Pending reports whether a frame has begun and not ended.
	Pending() bool
	// Reset forgets a frame in progress. Arm calls it. What the device still sends of that
	// frame must not pass for one.
	Reset()
}

// Restarter is a Codec that can start afresh: the device was opened anew, and nothing that
// was sent before is still under way.
type Restarter interface {
	Restart()
}

// Source delivers scans of the current arming and nothing else. It is what a till sees of
// all its scanners together.
type Source interface {
	// Arm flushes everything buffered (codec, tty queue, device) and opens the gate. A code
	// that was read before Arm returned is never delivered.
	Arm(ctx context.Context) error
	// Disarm closes the gate: nothing is delivered after it returned.
	Disarm()
	// Scans delivers while armed. The receiver owns and wipes Scan.Text.
	Scans() <-chan Scan
	// Ready reports whether at least one scanner is open, and why not in words.
	Ready() (ok bool, why string)
}
