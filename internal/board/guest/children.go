//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// children are the processes that we wait for ourselves, and everybody else's orphans, which
// fall to PID 1.
type children struct {
	mu  sync.Mutex
	own map[int]bool
}

func newChildren() *children { return &children{own: map[int]bool{}} }

// start runs cmd and passes what it writes to out, which returns at its end. What wait returns
// is the child's error.
func (c *children) start(cmd *exec.Cmd, out func(io.Reader)) (wait func() error, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	c.mu.Lock() // an own child must not be taken for an orphan before it is known
	if err = cmd.Start(); err == nil {
		c.own[cmd.Process.Pid] = true
	}
	c.mu.Unlock()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer r.Close()
		out(r)
	}()
	return func() error {
		err := cmd.Wait()
		c.mu.Lock()
		delete(c.own, cmd.Process.Pid)
		c.mu.Unlock()
		<-read
		return err
	}, nil
}

// run runs cmd to its end.
func (c *children) run(cmd *exec.Cmd, out func(io.Reader)) error {
	wait, err := c.start(cmd, out)
	if err != nil {
		return err
	}
	return wait()
}

// reap buries the orphans, for ever.
func (c *children) reap() {
	died := make(chan os.Signal, 8)
	signal.Notify(died, unix.SIGCHLD)
	for range died {
		for _, pid := range zombies() {
			c.mu.Lock()
			mine := c.own[pid]
			c.mu.Unlock()
			if mine {
				continue
			}
			for errors.Is(wait4(pid), unix.EINTR) {
			}
		}
	}
}

func wait4(pid int) error {
	_, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return err
}

// zombies are the dead processes whose parent we are.
func zombies() (list []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // gone meanwhile
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name may hold blanks
		if f := strings.Fields(rest); len(f) > 1 && f[0] == "Z" && f[1] == "1" {
			list = append(list, pid)
		}
	}
	return list
}
