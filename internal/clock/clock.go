// Package clock asks the kernel about the time: the wall clock, the monotonic clock, and
// whether something keeps the wall clock right. What to believe is decided in
// agent/terminal.
package clock

import "time"

// Kernel is the machine's own clock. The zero value is not usable; see NewKernel.
type Kernel struct{ start time.Time }

// NewKernel starts a monotonic clock at zero.
func NewKernel() *Kernel { return &Kernel{start: time.Now()} }

// Read returns the wall clock and the time since NewKernel on the monotonic clock, which
// no step of the wall clock moves. It stands still while the machine sleeps.
func (k *Kernel) Read() (wall time.Time, mono time.Duration) {
	now := time.Now()
	return now.Round(0), now.Sub(k.start)
}

// Synchronised reports whether the kernel believes that the wall clock is disciplined
// (adjtimex, STA_UNSYNC). A step of the clock makes it false until the next good sample.
func (k *Kernel) Synchronised() (bool, error) { return synchronised() }
