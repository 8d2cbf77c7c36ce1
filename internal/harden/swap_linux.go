package harden

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// NoSwap keeps this process's memory out of swap space. Where nothing can be swapped, because
// there is no swap or the process's cgroup may not use it, there is nothing to do. Else all
// memory is locked, now and later, as it is touched; that needs CAP_IPC_LOCK, or no limit in
// RLIMIT_MEMLOCK, since beyond one the next allocation would end the process.
//
// It also raises RLIMIT_MEMLOCK as far as it may, for memory that is locked by itself.
func NoSwap() error {
	limit := raiseLock()
	if !swaps(os.DirFS("/")) {
		return nil
	}
	if limit != unlimited && !mayLock() {
		return fmt.Errorf("keep memory out of swap: only %d bytes may be locked: set LimitMEMLOCK=infinity or MemorySwapMax=0 in the unit, or switch swap off", limit)
	}
	return lockAll()
}

const unlimited = math.MaxUint64 // RLIM_INFINITY, on 32 bits too

// raiseLock raises the limit of locked memory, to none if that is allowed, and gives what it
// is then.
func raiseLock() uint64 {
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unlimited, Max: unlimited}) == nil {
		return unlimited
	}
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l) != nil {
		return 0
	}
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: l.Max, Max: l.Max}) == nil {
		return l.Max
	}
	return l.Cur
}

// mayLock reports whether the process has CAP_IPC_LOCK, for which there is no limit.
func mayLock() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	return unix.Capget(&header, &caps[0]) == nil && caps[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}

func lockAll() error {
	// Without MCL_ONFAULT the gigabyte of addresses that Go reserves would be filled.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("keep memory out of swap: mlockall: %w", err)
	}
	return nil
}

// swaps reports whether memory of this process could go to swap space. What cannot be read
// counts as yes.
func swaps(root fs.FS) bool {
	on, err := fs.ReadFile(root, "proc/swaps")
	if err == nil && strings.Count(strings.TrimSpace(string(on)), "\n") == 0 {
		return false
	}
	if _, seen := fs.Stat(root, "proc/self"); errors.Is(err, fs.ErrNotExist) && seen == nil {
		return false // a kernel that cannot swap has no such file
	}
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(groups)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		for ok {
			most, err := fs.ReadFile(root, path.Join("sys/fs/cgroup", group, "memory.swap.max"))
			if err == nil && strings.TrimSpace(string(most)) == "0" {
				return false
			}
			if group == "" || group == "." {
				break
			}
			group = path.Dir(group)
		}
	}
	return true
}
