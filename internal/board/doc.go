// Package board is a board that is not there: a Debian kernel for ARM in QEMU, with the
// programs that ship, and around it what a shop would plug in. It is the outside: it makes
// the disk and the initramfs, starts the emulator, and plays the scanner on the serial line,
// the hands on the GPIO lines and the time server. The inside is guest, which is /init there.
//
// Emulation is always in software (TCG): it runs wherever the tests run.
package board
