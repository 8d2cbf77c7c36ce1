//go:build linux

package usb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Plug is a device in a socket of the kernel's virtual host controller, vhci_hcd.
type Plug struct {
	conn *os.File
	done chan struct{}
}

const vhci = "/sys/devices/platform/vhci_hcd.0/"

// Ports is how many sockets are used of those that the controller has.
const Ports = 8

// highSpeed is USB_SPEED_HIGH of linux/usb/ch9.h.
const highSpeed = 3

// freeWithin bounds how long the kernel may take to let go of a socket whose plug is out.
const freeWithin = 10 * time.Second

// PlugIn puts the device into socket port, from 1. A socket whose last plug the kernel has not
// let go of is waited for; one that holds another device is an error after 10 s. The kernel's
// driver comes later, when it has read the descriptors.
func PlugIn(ctx context.Context, d *Device, port int) (*Plug, error) {
	ctx, cancel := context.WithTimeout(ctx, freeWithin)
	defer cancel()
	if err := awaitFree(ctx, port); err != nil {
		return nil, fmt.Errorf("plug into USB port %d: %w", port, err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fds[1]) // the kernel takes its own reference
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		return nil, err
	}
	p := &Plug{conn: os.NewFile(uintptr(fds[0]), "usbip"), done: make(chan struct{})}
	line := fmt.Sprintf("%d %d %d %d", port-1, fds[1], 0x10000+port, highSpeed)
	if err := os.WriteFile(vhci+"attach", []byte(line), 0); err != nil {
		p.conn.Close()
		return nil, fmt.Errorf("plug into USB port %d: %w", port, err)
	}
	plugged := d.begin(p.conn)
	life := context.WithoutCancel(ctx)
	go func() {
		defer close(p.done)
		plugged.run(life) // it ends when the plug is out
	}()
	return p, nil
}

// portFree is VDEV_ST_NULL of the kernel's usbip_common.h.
const portFree = "004"

// awaitFree waits until the controller's list of sockets says that one is free. To try instead
// would have the kernel complain each time.
func awaitFree(ctx context.Context, port int) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(vhci + "status")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // hub, port, status, ...
			if len(f) < 3 || f[0] != "hs" {
				continue
			}
			if n, err := strconv.Atoi(f[1]); err == nil && n == port-1 && f[2] == portFree {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("another plug is in it")
		}
	}
}

// Pull takes the plug out. It returns when the device knows.
func (p *Plug) Pull() {
	p.conn.Close()
	<-p.done
}

// Place is how the kernel names the device in socket port: "1-3".
func Place(port int) (string, error) {
	// The controller has two root hubs; the first is the one for high speed.
	entries, err := os.ReadDir(vhci)
	if err != nil {
		return "", fmt.Errorf("find the root hub: %w", err)
	}
	for _, e := range entries {
		if n, ok := busNumber(e.Name()); ok {
			return fmt.Sprintf("%d-%d", n, port), nil
		}
	}
	return "", errors.New("find the root hub: vhci_hcd has none")
}

func busNumber(name string) (n int, ok bool) {
	_, err := fmt.Sscanf(name, "usb%d", &n)
	return n, err == nil
}
