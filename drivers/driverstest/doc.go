// Package driverstest plays the other side of a wire: pseudo-terminals whose plug can be
// pulled, recorded and played-back device traffic, and transports that fail on purpose.
//
//   - [OpenPty] gives a terminal in the kernel, for tests of everything from the open call
//     upwards and for simulated devices.
//   - [Record] writes down what a real device said; [Playback] says it again and fails when
//     the program did something else, or stopped early.
//   - [Faulty] is a Transport made of a script: short reads, EIO, EAGAIN, a hang-up,
//     garbage, slow bytes, a plug pulled in the middle of a frame.
package driverstest
