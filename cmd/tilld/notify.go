package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells systemd how the daemon stands: "READY=1", "STOPPING=1", "WATCHDOG=1".
// Without NOTIFY_SOCKET it does nothing.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' {
		path = "\x00" + path[1:] // an abstract socket
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return // nobody to tell; systemd draws its own conclusion
	}
	defer c.Close()
	c.Write([]byte(state))
}

// watchdog feeds systemd's watchdog as long as every part of the chain answers. A part that
// hangs holds the chain up, and systemd starts the daemon again. The network is no part.
func watchdog(ctx context.Context, chain ...func() bool) {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return
	}
	tick := time.NewTicker(time.Duration(usec) * time.Microsecond / 3)
	defer tick.Stop()
	for {
		alive := true
		for _, part := range chain {
			alive = alive && part()
		}
		if alive {
			notify("WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
