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

// The controllers share the attributes of the first. Of each one socket is used: the kernel
// works at the plugs of one hub one after the other, and each takes it half a second.
const vhci = "/sys/devices/platform/vhci_hcd."

// Ports is how many sockets there are: the kernel's controllers.
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
	number, err := awaitFree(ctx, port)
	if err != nil {
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
	line := fmt.Sprintf("%s %d %d %d", number, fds[1], 0x10000+port, highSpeed)
	if err := os.WriteFile(vhci+"0/attach", []byte(line), 0); err != nil {
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

// awaitFree waits until a controller's list of sockets says that its first one is free, and
// returns the kernel's number for it. To try instead would have the kernel complain each time.
func awaitFree(ctx context.Context, port int) (number string, err error) {
	list := vhci + "0/status"
	if port > 1 {
		list += fmt.Sprintf(".%d", port-1)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(list)
		if err != nil {
			return "", err
		}
		number, free := firstSocket(string(text))
		if free {
			return number, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", errors.New("another plug is in it")
		}
	}
}

// firstSocket reads lines of "hub port status ...": the number of the first socket for high
// speed, and whether it is free.
func firstSocket(text string) (number string, free bool) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "hs" {
			return f[1], f[2] == portFree
		}
	}
	return "", false
}

// Pull takes the plug out. It returns when the device knows.
func (p *Plug) Pull() {
	p.conn.Close()
	<-p.done
}

// Place is how the kernel names the device in socket port: "3-1".
func Place(port int) (string, error) {
	// A controller has two root hubs; the first is the one for high speed.
	entries, err := os.ReadDir(fmt.Sprintf("%s%d", vhci, port-1))
	if err != nil {
		return "", fmt.Errorf("find the root hub: %w", err)
	}
	lowest := 0
	for _, e := range entries {
		bus, ok := strings.CutPrefix(e.Name(), "usb")
		if n, err := strconv.Atoi(bus); ok && err == nil && (lowest == 0 || n < lowest) {
			lowest = n
		}
	}
	if lowest == 0 {
		return "", fmt.Errorf("find the root hub: controller %d has none", port)
	}
	return fmt.Sprintf("%d-1", lowest), nil
}
