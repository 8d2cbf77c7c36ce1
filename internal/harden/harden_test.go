//go:build linux

package harden

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The limits cannot be taken back, so a child applies them and reports.
func TestHardened(t *testing.T) {
	if os.Getenv("HARDEN_CHILD") != "" {
		if err := NoCore(); err != nil {
			t.Fatal(err)
		}
		if err := NoTrace(); err != nil {
			t.Fatal(err)
		}
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil || l.Cur != 0 || l.Max != 0 {
			t.Fatalf("core limit is %+v, %v", l, err)
		}
		if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || n != 0 {
			t.Fatalf("dumpable is %d, %v", n, err)
		}
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestHardened$", "-test.v")
	c.Env = append(os.Environ(), "HARDEN_CHILD=1")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}
