package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a child may take to get ready and to go when asked.
const (
	readyWithin = 20 * time.Second
	stopWithin  = 10 * time.Second
)

// child is one run of tilld.
type child struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed once the process is gone and waited for
	err  error         // valid after done

	mu    sync.Mutex
	last  []string // the last lines it wrote, for the error that says why it did not start
	ready chan struct{}
	once  sync.Once
}

// startChild runs `path args...`, its output appended to the file log, and returns once it
// wrote a line that begins with "ready". A process that ends before, or takes longer than
// readyWithin, is an error that quotes its last lines.
//
// The child is in a process group of its own, so that a Ctrl-C at the terminal reaches this
// program alone, which then stops the child first. If this program dies, the kernel ends
// the child.
func startChild(ctx context.Context, path string, args []string, log string) (*child, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	c := &child{cmd: exec.Command(path, args...), log: f, done: make(chan struct{}), ready: make(chan struct{})}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.cmd.WaitDelay = time.Second
	c.cmd.Stdout, c.cmd.Stderr = c.sink(), c.sink()
	started := make(chan error, 1)
	go func() {
		// Pdeathsig is sent when the thread that forked ends, not the process: the thread
		// must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = c.cmd.Wait()
		f.Close()
		close(c.done)
	}()
	if err := <-started; err != nil {
		f.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	patience := time.NewTimer(readyWithin)
	defer patience.Stop()
	select {
	case <-c.ready:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("start %s: it ended before it was ready (%v)%s", path, c.err, c.words())
	case <-patience.C:
		c.kill()
		return nil, fmt.Errorf("start %s: not ready after %s%s", path, readyWithin, c.words())
	case <-ctx.Done():
		c.kill()
		return nil, fmt.Errorf("start %s: %w", path, ctx.Err())
	}
}

// sink takes one stream of the child, line by line.
func (c *child) sink() io.Writer {
	return &lineWriter{f: func(line string) {
		c.mu.Lock()
		fmt.Fprintln(c.log, line)
		if len(c.last) == 8 {
			c.last = append(c.last[:0], c.last[1:]...)
		}
		c.last = append(c.last, line)
		c.mu.Unlock()
		if strings.HasPrefix(line, "ready") {
			c.once.Do(func() { close(c.ready) })
		}
	}}
}

// words are the last lines of the child, indented.
func (c *child) words() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) == 0 {
		return ": it said nothing"
	}
	return ":\n  " + strings.Join(c.last, "\n  ")
}

// kill ends the process with SIGKILL, as a power cut would, and waits until it is gone.
func (c *child) kill() {
	c.cmd.Process.Kill() // an error means that it is gone already
	<-c.done
}

// stop asks the process to end, and kills it if it does not in stopWithin.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-c.done
		return nil
	}
	patience := time.NewTimer(stopWithin)
	defer patience.Stop()
	select {
	case <-c.done:
		if c.err != nil {
			return fmt.Errorf("stop %s: %w%s", filepath.Base(c.cmd.Path), c.err, c.words())
		}
		return nil
	case <-patience.C:
		c.kill()
		return fmt.Errorf("stop %s: still there %s after SIGTERM, killed", filepath.Base(c.cmd.Path), stopWithin)
	}
}

// lineWriter calls f for each complete line. exec.Cmd writes from one goroutine a stream.
type lineWriter struct {
	f    func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		n, line, err := bufio.ScanLines(w.rest, false)
		if err != nil || n == 0 {
			return len(p), err
		}
		w.f(string(line))
		w.rest = w.rest[n:]
	}
}
