//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/internal/board/hands"
)

// mounts makes the file systems that programs expect.
func mounts() error {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"devtmpfs", "/dev"}, {"sysfs", "/sys"}, {"debugfs", "/sys/kernel/debug"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	return os.MkdirAll("/data", 0o755)
}

// commandLine reads the words of the kernel's command line that have a value.
func commandLine() (map[string]string, error) {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	words := map[string]string{}
	for _, w := range strings.Fields(string(text)) {
		key, value, _ := strings.Cut(w, "=")
		words[key] = value
	}
	return words, nil
}

// loadModules loads what /lib/modules/order lists. Parameters are "vivid:n_devs=1+n=2;x:y=1".
func loadModules(parameters string) error {
	order, err := os.ReadFile("/lib/modules/order")
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, p := range strings.Split(parameters, ";") {
		name, values, _ := strings.Cut(p, ":")
		given[name] = strings.ReplaceAll(values, "+", " ")
	}
	begun := hands.Now()
	names := strings.Fields(string(order))
	for _, name := range names {
		if err := loadModule(name, given[name]); err != nil {
			return fmt.Errorf("load module %s: %w", name, err)
		}
	}
	say("%d modules loaded in %.2f s", len(names), (hands.Now() - begun).Seconds())
	return nil
}

func loadModule(name, parameters string) error {
	f, err := os.Open("/lib/modules/" + name + ".ko")
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), parameters, 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// loopback brings 127.0.0.1 up.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	return nil
}

func mountDisk(ctx context.Context, disk string) error {
	if err := await(ctx, 5*time.Second, func() bool { _, err := os.Stat(disk); return err == nil }); err != nil {
		return fmt.Errorf("disk %s does not appear: %w", disk, err)
	}
	if err := unix.Mount(disk, "/data", "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	return nil
}

// await asks until yes, at most for the given time.
func await(ctx context.Context, most time.Duration, yes func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
