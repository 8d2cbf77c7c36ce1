// Package holder finds out which programs have a device open, to say why it is busy.
package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process is a program that runs.
type Process struct {
	PID  int
	Name string // at most 15 bytes, as the kernel keeps it
}

// String is "ModemManager (process 812)".
func (p Process) String() string { return fmt.Sprintf("%s (process %d)", p.Name, p.PID) }

// Of lists the other processes that have a device node open, as far as the caller may know:
// without root it sees only its own user's. Proc is where procfs is mounted: "/proc".
func Of(proc, node string) (list []Process) {
	if real, err := filepath.EvalSymlinks(node); err == nil {
		node = real
	}
	for _, p := range processes(proc) {
		fds := filepath.Join(proc, strconv.Itoa(p), "fd")
		names, err := os.ReadDir(fds)
		if err != nil {
			continue
		}
		for _, n := range names {
			if target, err := os.Readlink(filepath.Join(fds, n.Name())); err == nil && target == node {
				list = append(list, Process{p, name(proc, p)})
				break
			}
		}
	}
	return list
}

// Running finds a process by its name; false: there is none.
func Running(proc, want string) (Process, bool) {
	for _, p := range processes(proc) {
		if name(proc, p) == want {
			return Process{p, want}, true
		}
	}
	return Process{}, false
}

// Reason says who has a node open, and what to do about that: "ModemManager (process 812)".
// Both are empty where nothing can be known.
func Reason(proc, node string) (who, hint string) {
	const keepAway = `keep ModemManager away: ENV{ID_MM_DEVICE_IGNORE}="1" in a udev rule for the device, then plug it in again`
	list := Of(proc, node)
	for _, p := range list {
		if p.Name == "ModemManager" {
			return p.String(), keepAway
		}
	}
	if len(list) > 0 {
		return list[0].String(), "stop " + list[0].Name + ", or let it leave the device alone"
	}
	if p, ok := Running(proc, "ModemManager"); ok && strings.Contains(filepath.Base(node), "tty") {
		return "perhaps " + p.String(), keepAway
	}
	return "", ""
}

// Access reports why this program's user may not read and write a device node; nil: it may.
// It does not open the node: that would disturb the device.
func Access(node string) error { return unix.Access(node, unix.R_OK|unix.W_OK) }

func processes(proc string) (list []int) {
	names, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	own := os.Getpid()
	for _, n := range names {
		if pid, err := strconv.Atoi(n.Name()); err == nil && pid != own {
			list = append(list, pid)
		}
	}
	return list
}

func name(proc string, pid int) string {
	b, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return "a program"
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), "?"))
}
