// Package harden makes a process that holds keys harder to read from outside.
package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// NoCore switches core dumps off, for this process and its children: memory that holds a
// payment code must not become a file.
func NoCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch core dumps off: setrlimit: %w", err)
	}
	return nil
}

// NoTrace keeps other processes of the same user from reading this one's memory, and the
// kernel from dumping it to a pipe, which no size limit stops. It also takes /proc/self
// away from debuggers.
func NoTrace() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid reading this process: prctl: %w", err)
	}
	return nil
}

// Private makes files that are created from now on readable by their owner alone.
func Private() { unix.Umask(0o077) }
