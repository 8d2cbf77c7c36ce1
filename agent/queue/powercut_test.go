package queue

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tilld/tilld/agent/sale"
)

// run runs a system tool that needs root, or skips the test.
func run(t *testing.T, tool string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool, args...).CombinedOutput()
	if err != nil {
		t.Skipf("needs root, a loop device and e2fsprogs: %s: %v %s", tool, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The power goes away: only what reached the device is left. A writer is stopped, the
// image behind its file system is copied, and the copy is opened as the next start would.
// Nothing acknowledged may be missing. Fails when the log or the witness is not synced
// before the acknowledgement: the kernel still holds the pages then. It does not model a
// card that lies about its cache.
func TestPowerCut(t *testing.T) {
	cuts := 12
	if testing.Short() {
		cuts = 3
	}
	work := t.TempDir()
	image, disk := filepath.Join(work, "image"), filepath.Join(work, "disk")
	os.MkdirAll(disk, 0o700)
	run(t, "truncate", "-s", "160M", image)
	run(t, "mkfs.ext4", "-q", "-F", image)
	run(t, "mount", "-o", "loop", image, disk)
	defer exec.Command("umount", "-l", disk).Run()

	// The tests' thresholds leave room on so small a disk.
	state := filepath.Join(disk, "state")
	os.MkdirAll(state, 0o700)
	c := child(t, "write", state, "commit")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { c.Process.Kill(); io.Copy(io.Discard, out); c.Wait() }()
	lines := bufio.NewScanner(out)
	token, acked := "", map[uint64]bool{}
	read := func(n int) {
		for i := 0; i < n && lines.Scan(); i++ {
			var seq uint64
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "token":
				fmt.Sscan(rest, &token)
			case "ack":
				fmt.Sscan(rest, &seq)
				acked[seq] = true
			default:
				t.Fatal(lines.Text())
			}
		}
	}
	for cut := range cuts {
		read(100 + cut*37)
		if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(work, "copy")
		run(t, "cp", "--sparse=always", image, copied)
		if err := c.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		after := filepath.Join(work, "after")
		os.MkdirAll(after, 0o700)
		run(t, "mount", "-o", "loop", copied, after)
		s, died := inspect(t, filepath.Join(after, "state"))
		run(t, "umount", after)
		if died || s.Err != "" || s.Rec.Lost {
			t.Fatalf("cut %d: died %v, %q, %+v", cut, died, s.Err, s.Rec)
		}
		for seq := range acked {
			if _, ok := s.Live[name(Payment, sale.PaymentID("TERMINAL", token, seq))]; !ok {
				t.Errorf("cut %d: acknowledged payment %d is gone", cut, seq)
			}
		}
	}
	t.Logf("%d cuts, %d acknowledged, 0 lost", cuts, len(acked))
}
