// Package tpmtest runs software TPMs for tests: swtpm, from Debian's package of that name.
package tpmtest

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tilld/tilld/drivers/tpm"
)

// Soft is a running software TPM.
type Soft struct {
	Dir  string // its state: its seeds and counters
	sock string
	cmd  *exec.Cmd
}

// Start runs a TPM with the state in dir, a new one when dir is empty. The test fails, and is
// not skipped, where swtpm is not installed.
func Start(t testing.TB, dir string) *Soft {
	t.Helper()
	// The path of a socket is short; a test's folder may not be.
	run, err := os.MkdirTemp("", "tpm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	if dir == "" {
		dir = t.TempDir()
	}
	s := &Soft{Dir: dir, sock: filepath.Join(run, "s")}
	s.boot(t)
	t.Cleanup(s.stop)
	return s
}

func (s *Soft) boot(t testing.TB) {
	t.Helper()
	os.Remove(s.sock)
	s.cmd = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+s.Dir,
		"--server", "type=unixio,path="+s.sock, "--flags", "not-need-init,startup-clear")
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("%v: install the Debian package swtpm", err)
	}
	c, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func (s *Soft) stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// Reboot is a power cycle: what was loaded and the PCRs are gone, seeds and counters stay.
func (s *Soft) Reboot(t testing.TB) {
	t.Helper()
	s.stop()
	s.boot(t)
}

// Device is the name under which tpm.Open finds it.
func (s *Soft) Device() string { return tpm.Socket + s.sock }

// Connect opens a connection to the TPM, for tpm.Dial.
func (s *Soft) Connect() (io.ReadWriteCloser, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); ; {
		c, err := net.Dial("unix", s.sock)
		if err == nil {
			return c, nil
		}
		select {
		case <-late:
			return nil, err
		case <-tick.C: // it does not listen yet
		}
	}
}

// Open opens the TPM.
func (s *Soft) Open(t testing.TB) *tpm.TPM {
	t.Helper()
	x, err := tpm.Dial("soft", s.Connect)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}
