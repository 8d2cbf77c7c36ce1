// Package holder finds out which programs have a device open, to say why it is busy.
package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// Table is which programs have which files open, at one moment.
type Table struct {
	open  map[string][]Process // by the path behind all links
	modem *Process             // ModemManager, whatever it has open
}

const modemManager = "ModemManager"

// Look reads what the other processes have open, as far as the caller may know: without root
// it sees only its own user's. Proc is where procfs is mounted: "/proc".
func Look(proc string) *Table {
	t := &Table{open: map[string][]Process{}}
	for _, pid := range processes(proc) {
		p := Process{pid, name(proc, pid)}
		if p.Name == modemManager {
			t.modem = &p
		}
		fds := filepath.Join(proc, strconv.Itoa(pid), "fd")
		names, err := os.ReadDir(fds)
		if err != nil {
			continue
		}
		for _, n := range names {
			target, err := os.Readlink(filepath.Join(fds, n.Name()))
			if err == nil && strings.HasPrefix(target, "/") && !slices.Contains(t.open[target], p) {
				t.open[target] = append(t.open[target], p)
			}
		}
	}
	return t
}

// Of lists the processes that have a device node open.
func (t *Table) Of(node string) []Process {
	if real, err := filepath.EvalSymlinks(node); err == nil {
		node = real
	}
	return t.open[node]
}

// Reason says who has a node open, and what to do about that: "ModemManager (process 812)".
// Both are empty where nothing can be known. A ModemManager that runs and whose files cannot
// be seen is suspected of every serial line.
func (t *Table) Reason(node string) (who, hint string) {
	const keepAway = `keep ModemManager away: ENV{ID_MM_DEVICE_IGNORE}="1" in a udev rule for the device, then plug it in again`
	list := t.Of(node)
	switch {
	case slices.ContainsFunc(list, func(p Process) bool { return p.Name == modemManager }):
		return t.modem.String(), keepAway
	case len(list) > 0:
		return list[0].String(), "stop " + list[0].Name + ", or let it leave the device alone"
	case t.modem != nil && strings.HasPrefix(filepath.Base(node), "tty") && unix.Geteuid() != 0:
		return "perhaps " + t.modem.String(), keepAway
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
