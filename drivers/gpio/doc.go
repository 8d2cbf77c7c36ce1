// Package gpio drives the pins of a board: lamps, a buzzer, trigger lines, and the inputs of
// a door and a tamper switch. Chips are found through periph.io, by label and by the names
// of their lines, never by number: gpiochip numbers change between releases of a system, and
// a Raspberry Pi 5 has its header on another chip than the ones before it.
//
// A line is named as the board calls it ("GPIO17"), or by its chip ("pinctrl-rp1:17",
// "pinctrl-rp1:GPIO17").
//
// Faults of periph.io/x/host v3.8.5, and what is done about them here:
//
//   - Where two device nodes lead to one chip (Raspberry Pi OS on a Pi 5 links gpiochip4 to
//     gpiochip0) its start closes file descriptor 0, and the descriptor of the second node
//     twice. Init holds descriptor 0. Call Init first, before anything else opens files:
//     what another goroutine opens between the two closes would be closed.
//   - periph.io/x/host itself starts all of its drivers at the same time, and they open
//     files. Only its package gpioioctl is linked, so that its start is alone. A law in
//     internal/archtest keeps it so. With that the Raspberry Pi driver is not linked either,
//     which does not know a CM5 and a Pi 500.
//   - WaitForEdge(-1) returns false at once, WaitForEdge(0) waits for ever. It is called
//     with times above zero alone.
//   - WaitForEdge and Read do not tell a failure from "nothing" and from "low". After a wait
//     that ends before its time the level is not read; three of them are a line that is gone.
//   - Out drives a line low before it drives it high. Outputs are requested from the kernel
//     here, with their first level in the request.
//   - A line object can be opened twice without an error. OpenInput refuses it.
//
// Numbers and structures of the kernel are those of include/uapi/linux/gpio.h, version 2 of
// its line requests (Linux 5.10).
package gpio
