// Package hands is what people do at a till's devices, as messages: pull a plug, show a code,
// open a door. On the virtual board /init carries them out, on a real one a person does.
//
// The wire is one JSON object a line: an Order, then its Answer. Orders of one connection are
// carried out one after the other; several connections may be open at a time.
//
//	{"do":"plug","device":"pos1","port":2}
//	{"at":81234567890,"node":["/dev/hidraw0"]}
package hands

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Env is the variable that holds the path of the socket where hands take orders.
const Env = "TILLD_HANDS"

// Deed is what to do.
type Deed string

const (
	// List asks for the devices there are: Answer.Devices.
	List Deed = "list"
	// Plug puts the plug of Device into Port, or into the port it was in last. It returns
	// once the plug is in, not once the kernel has made its nodes.
	Plug Deed = "plug"
	// Unplug pulls the plug. To pull the plug of what is not plugged in is no error.
	Unplug Deed = "unplug"
	// Scan presents a code: Symbology and Text, Times times, Every apart. With Cut the plug
	// is pulled after that many bytes of the code (reports, for a HID device); the code was
	// then never complete.
	Scan Deed = "scan"
	// Raw has the device send Bytes as they are: bytes of a serial line, one report of a HID
	// device, pairs of key and value of a keyboard. Times and Every as for Scan.
	Raw Deed = "raw"
	// Fault has the device misbehave in the way named by Text, Times times. Which ways it
	// knows is in Device.Faults.
	Fault Deed = "fault"
	// Become makes another make of scanner of a device, as if it had been taken away and the
	// other put on the same wire: Text is what it speaks, one of Device.Speaks.
	Become Deed = "become"
	// Hold has something held before a camera: Text is what, "live", "print" or "replay";
	// nothing is empty. It stays until the next.
	Hold Deed = "hold"
	// Saw asks what the device was told since the last Saw: Answer.Saw.
	Saw Deed = "saw"
	// Level drives the GPIO line Line of a chip from outside: High or not.
	Level Deed = "level"
	// Lines asks for the levels the machine drives: Answer.High, bit n is line n.
	Lines Deed = "lines"
	// Clock sets the time of the machine to When, as a time server would.
	Clock Deed = "clock"
	// Start starts tilld with the arguments Args and supervises it: it is a child of /init,
	// is told NOTIFY_SOCKET and WATCHDOG_USEC, and feeds the machine's watchdog by it.
	// It returns once tilld says READY=1. Answer.Process is its number.
	Start Deed = "start"
	// Stop asks tilld to end (SIGTERM) and waits until it has.
	Stop Deed = "stop"
	// Kill ends tilld with SIGKILL.
	Kill Deed = "kill"
	// Freeze stops tilld with SIGSTOP, as a hang does. The watchdog is no longer fed by it.
	Freeze Deed = "freeze"
)

// Order is one thing to do.
type Order struct {
	Do     Deed   `json:"do"`
	Device string `json:"device,omitempty"`
	// Port is the place of the plug, from 1; 0 is the one it was in last.
	Port int `json:"port,omitempty"`
	// Symbology is in the words of the wire vectors: "qr", "code128", "ean13".
	Symbology string `json:"symbology,omitempty"`
	Text      string `json:"text,omitempty"`
	// Bytes is base64 in JSON.
	Bytes []byte        `json:"bytes,omitempty"`
	Times int           `json:"times,omitempty"` // 0 is 1
	Every time.Duration `json:"every,omitempty"` // nanoseconds in JSON
	Cut   int           `json:"cut,omitempty"`   // 0: the plug stays in
	Line  int           `json:"line,omitempty"`
	High  bool          `json:"high,omitempty"`
	When  time.Time     `json:"when,omitzero"`
	Args  []string      `json:"args,omitempty"`
}

// Answer says what came of an order.
type Answer struct {
	// Error is why it was not carried out; empty when it was.
	Error string `json:"error,omitempty"`
	// At is when the deed was done, on the clock of Now: the last byte of a code was handed
	// over, the plug was out.
	At      time.Duration `json:"at,omitempty"`
	Devices []Device      `json:"devices,omitempty"`
	Saw     *Sight        `json:"saw,omitempty"`
	High    uint64        `json:"high,omitempty"`
	Process int           `json:"process,omitempty"`
}

// Device is one device that hands can do something with.
type Device struct {
	Name string `json:"name"`
	// Class is what it is: "uart", "hidpos", "cdc", "wedge", "camera", "palm", "gpio", "i2c", "tpm",
	// "watchdog", "disk", "clock".
	Class string `json:"class"`
	// Protocol is what it speaks, in the words of a [[scanner]] section: "line", "ssi",
	// "hidpos"; empty for what is no scanner.
	Protocol string `json:"protocol,omitempty"`
	// Speaks is what else it can be made to speak.
	Speaks []string `json:"speaks,omitempty"`
	// Subsystem and ID say how a program finds it: ID is in the words of the device section of
	// a configuration, without the port. Node is its name where it never changes.
	Subsystem string `json:"subsystem,omitempty"`
	ID        string `json:"id,omitempty"`
	Node      string `json:"node,omitempty"`
	// Ports is how many places its plug fits in; 0: it cannot be unplugged. Port is where it
	// is now, 0 for nowhere. Places names them as the kernel does, from port 1 on.
	Ports  int      `json:"ports,omitempty"`
	Port   int      `json:"port,omitempty"`
	Places []string `json:"places,omitempty"`
	// Faults are the ways in which it can be made to misbehave.
	Faults []string `json:"faults,omitempty"`
	// Deeds are what can be done with it.
	Deeds []Deed `json:"deeds"`
}

// Sight is what a device was told, since it was asked last.
type Sight struct {
	Written int64 `json:"written"` // bytes, or reports of a HID device
	// Told is the last bytes of it, at most 4 KiB.
	Told []byte `json:"told,omitempty"`
	// Faults are the mistakes the device found in what it was told: a wrong checksum, a
	// command it does not know. At most the last 64.
	Faults []string `json:"faults,omitempty"`
	Scans  int      `json:"scans"` // presentations, complete ones
	Opened int      `json:"opened,omitempty"`
	Grab   bool     `json:"grab,omitempty"`
}

// Hands carry out orders. An error is a reason why it could not be done; Answer.Error is then
// empty. Safe for concurrent use.
type Hands interface {
	Do(ctx context.Context, o Order) (Answer, error)
}

// ErrCannot is what hands answer to a deed that the device does not know.
var ErrCannot = errors.New("hands cannot do that")

// Now is the clock of Answer.At: CLOCK_MONOTONIC, the same for all processes of a machine.
func Now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // a kernel without this clock runs no Go program
	}
	return time.Duration(t.Nano())
}
