//go:build !linux

package clock

import "errors"

func synchronised() (bool, error) {
	return false, errors.New("ask the kernel whether the clock is synchronised: only Linux can tell")
}
