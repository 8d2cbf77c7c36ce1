//go:build !linux

package secret

import (
	"errors"
	"unsafe"
)

// A terminal runs Linux. Elsewhere an arena is ordinary memory, for development.
func (a *Arena) open(size int) error {
	size = alignUp(size)
	a.mapped = make([]byte, size+arenaAlign)
	skip := -uintptr(unsafe.Pointer(&a.mapped[0])) & (arenaAlign - 1)
	a.mem = a.mapped[skip:][:size:size]
	a.locked = errors.New("lock memory against swapping: not done on this system")
	return nil
}

func unmap([]byte) error { return nil }
