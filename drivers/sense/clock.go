package sense

import "golang.org/x/sys/unix"

// Now is the present. A Lamp uses it to say when it switched, in the clock of the frames.
func Now() Time {
	var t unix.Timespec
	// Fails for a wrong clock or a wrong pointer only.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return Time(t.Nano())
}
