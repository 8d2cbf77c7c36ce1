package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// runTilld runs a tilld of any configuration to its end.
func runTilld(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// crash ends the daemon as a fault of its own would, and waits for the rig to start it again.
func (c *canaries) crash() {
	t := c.t
	t.Helper()
	pid := c.PID()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			if f := strings.Fields(rest); len(f) < 2 || f[0] != "0" || f[1] != "0" {
				t.Errorf("the daemon may write core files: %q", line)
			}
		}
	}
	before := cores(t, pid)
	streams := c.Watch.Streams()
	if err := syscall.Kill(pid, syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if err := c.Watch.AwaitStream(ctx, streams+1); err != nil {
		t.Fatal(err)
	}
	if now := cores(t, pid); len(now) > len(before) {
		t.Errorf("the daemon left core files: %v", now)
	}
	log, err := os.ReadFile(c.Log())
	if err != nil || !bytes.Contains(log, []byte("SIGABRT: abort")) {
		t.Errorf("the daemon did not die of SIGABRT, %v", err)
	}
	c.control(t)
}

// cores lists the core files that a process may have left: in its folder, and where the
// kernel is told to put them.
func cores(t testing.TB, pid int) []string {
	t.Helper()
	folders := []string{"."}
	if text, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err == nil && strings.HasPrefix(string(text), "/") {
		folders = append(folders, filepath.Dir(strings.TrimSpace(string(text))))
	}
	var found []string
	for _, dir := range folders {
		for _, name := range []string{"core", "core.*", fmt.Sprintf("*%d*", pid)} {
			list, err := filepath.Glob(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, list...)
		}
	}
	return found
}

// control shows whether this machine writes core files at all, for a process that may.
func (c *canaries) control(t testing.TB) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", "ulimit -c unlimited 2>/dev/null; kill -ABRT $$")
	cmd.Dir = dir
	err := cmd.Run()
	list, globErr := filepath.Glob(filepath.Join(dir, "core*"))
	if globErr != nil {
		t.Fatal(globErr)
	}
	if err == nil {
		t.Error("the control survived SIGABRT")
	}
	t.Logf("the control left %d core files beside itself", len(list))
	if len(list) == 0 {
		t.Log("this machine puts no core file beside a process that may write one: here only the limit of 0 is shown")
	}
}
