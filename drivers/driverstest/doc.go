// Package driverstest plays the other side of a wire: pseudo-terminals whose plug can be
// pulled, recorded and played-back device traffic, and transports that fail on purpose.
//
//   - [OpenPty] gives a terminal in the kernel, for tests of everything from the open call
//     upwards and for simulated devices.
//   - [Record] writes down what a real device said; [Playback] says it again and fails when
//     the program did something else, or stopped early.
//   - [Faulty] is a Transport made of a script: short reads, EIO, EAGAIN, a hang-up,
//     garbage, slow bytes, a plug pulled in the middle of a frame.
//
// # A new scanner
//
// Who has a scanner that tilld does not understand needs no Go for the first step:
//
//	tillsim record /dev/ttyACM0 > scanner.dump    scan codes that are worth nothing, pull the plug
//	tilld decode --profile serial-aim --show scanner.dump
//
// When what tilld makes of the dump is right, the dump becomes a test: it goes to
// testdata/NAME.dump of the codec's package, and the test reads it with [ReadOps], plays it
// with [NewPlayback] to a scanner.Reader (or feeds the codec itself), and compares the scans.
// A playback that is not used up, or that was sent other bytes than the real device was, is
// an error of its Close.
package driverstest
