// Package device models the devices at a till: each speaks its real wire, as the device does,
// and checks what it is told.
//
// The models are the other side of the drivers and codecs and share no code with them, so that
// a mistake in one is not a mistake in both. In-process tests use them, and so does the virtual
// board, where they stand behind a UART, a USB device or an I2C bridge that its kernel believes
// in.
//
// A model with a byte stream serves it with Serve until the stream ends. People act on it with
// methods: Scan presents a code. Faults lists what the host did that the real device would
// refuse or suffer from. No model panics, whatever it is sent.
package device
