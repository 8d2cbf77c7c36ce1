package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readyWithin is how long a program may take until it says that it is ready.
const readyWithin = 30 * time.Second

// process is a running tilld.
type process struct {
	cmd   *exec.Cmd
	ready time.Duration // from exec to the line that says so
	ended chan error
}

// startProcess runs a program and waits for a line of its output that begins with "ready".
// Everything it writes goes to the file log.
func startProcess(ctx context.Context, log, path string, args ...string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(path, args...), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = w, f
	// A Ctrl-C at the terminal reaches this program alone, which then stops the other. If
	// this program dies, the kernel ends the other.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	said := make(chan time.Time, 1)
	var begun time.Time
	go func() {
		defer r.Close()
		// Pdeathsig is sent when the thread that forked ends: it must live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		begun = time.Now()
		err := p.cmd.Start()
		w.Close()
		started <- err
		if err != nil {
			return
		}
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready") {
				select {
				case said <- time.Now():
				default:
				}
			}
		}
		io.Copy(io.Discard, r)
		p.ended <- p.cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	patience := time.NewTimer(readyWithin)
	defer patience.Stop()
	select {
	case at := <-said:
		p.ready = at.Sub(begun)
		return p, nil
	case err = <-p.ended:
		return nil, fmt.Errorf("start %s: it ended before it was ready: %v%s", path, err, lastLines(log))
	case <-patience.C:
		err = fmt.Errorf("not ready after %s", readyWithin)
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.cmd.Process.Kill()
	<-p.ended
	return nil, fmt.Errorf("start %s: %w%s", path, err, lastLines(log))
}

// stop asks the program to end, and insists after 10 s.
func (p *process) stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case err := <-p.ended:
		return err
	case <-patience.C:
		p.cmd.Process.Kill()
		return fmt.Errorf("stop %s: still there after 10 s: %v", p.cmd.Path, <-p.ended)
	}
}

// resident is the program's resident memory in bytes.
func (p *process) resident() (int64, error) {
	text := field(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid), "VmRSS")
	kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read resident memory %q: %w", text, err)
	}
	return kb << 10, nil
}

// lastLines quotes the end of a log.
func lastLines(log string) string {
	data, err := os.ReadFile(log)
	if err != nil || len(data) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return ":\n  " + strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}
