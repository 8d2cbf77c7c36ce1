package evdev

import (
	"slices"
	"time"
)

// Press is one key that went down.
type Press struct {
	At   time.Time
	Code uint16 // of linux/input-event-codes.h
}

const (
	leastPresses = 6
	scannerGap   = 10 * time.Millisecond
	keyEnter     = 28
	keyKPEnter   = 96
)

// LooksScanned reports whether presses, in the order they came, look like a scanner's: at
// least six that end with Enter, half of the gaps at most 10 ms. People do not type like
// that; a machine that is no scanner may. It is good for a proposal to a person who decides,
// and for nothing else.
func LooksScanned(presses []Press) bool {
	n := len(presses)
	if n < leastPresses {
		return false
	}
	if last := presses[n-1].Code; last != keyEnter && last != keyKPEnter {
		return false
	}
	gaps := make([]time.Duration, 0, n-1)
	for i := 1; i < n; i++ {
		gap := presses[i].At.Sub(presses[i-1].At)
		if gap < 0 {
			return false
		}
		gaps = append(gaps, gap)
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2] <= scannerGap
}
