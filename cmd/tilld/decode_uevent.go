package main

import (
	"time"

	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/scanner"
)

// ueventCodec shows the kernel's messages about devices as events. Each Feed is one
// datagram.
type ueventCodec struct{}

func (ueventCodec) Feed(p []byte, _ time.Time, emit func(scanner.Result)) {
	m, err := uevent.Parse(p)
	if err != nil {
		emit(scanner.Result{Drop: scanner.DropMalformed})
		return
	}
	emit(scanner.Result{Event: m})
}

func (ueventCodec) Tick(time.Time, func(scanner.Result)) {}
func (ueventCodec) Pending() bool                        { return false }
func (ueventCodec) Reset()                               {}
