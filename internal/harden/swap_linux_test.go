package harden

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

func TestSwaps(t *testing.T) {
	const heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	const file = heading + "/swapfile                               file\t\t524284\t\t0\t\t-2\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"no swap":               {map[string]string{"proc/swaps": heading}, false},
		"a kernel without swap": {map[string]string{"proc/self/cgroup": "0::/\n"}, false},
		"nothing is known":      {map[string]string{}, true},
		"a file":                {map[string]string{"proc/swaps": file}, true},
		"a file, not for this unit": {map[string]string{
			"proc/swaps": file, "proc/self/cgroup": "0::/system.slice/tilld.service\n",
			"sys/fs/cgroup/system.slice/tilld.service/memory.swap.max": "0\n",
		}, false},
		"a file, not for its slice": {map[string]string{
			"proc/swaps": file, "proc/self/cgroup": "1:name=systemd:/\n0::/system.slice/tilld.service\n",
			"sys/fs/cgroup/system.slice/tilld.service/memory.swap.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.swap.max":               "0\n",
		}, false},
		"a file, for everybody": {map[string]string{
			"proc/swaps": file, "proc/self/cgroup": "0::/system.slice/tilld.service\n",
			"sys/fs/cgroup/system.slice/tilld.service/memory.swap.max": "max\n",
		}, true},
		"no cgroup": {map[string]string{"proc/swaps": file, "proc/self/cgroup": "0::/\n"}, true},
	} {
		root := fstest.MapFS{}
		for path, text := range c.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := swaps(root); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestLockAll locks all memory of a child, lets it grow and shrink, and looks whether it is
// locked.
func TestLockAll(t *testing.T) {
	if os.Getenv("HARDEN_LOCK") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestLockAll$", "-test.v")
		c.Env = append(os.Environ(), "HARDEN_LOCK=1")
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "SKIP") {
			t.Skip("locking all memory is not allowed here")
		}
		return
	}
	if raiseLock() != unlimited && !mayLock() {
		t.Skip("memory that may be locked is limited")
	}
	if err := lockAll(); err != nil {
		t.Skip(err)
	}
	for range 4 {
		b := make([]byte, 32<<20)
		b[len(b)-1] = 1
		runtime.KeepAlive(b)
		b = nil
		debug.FreeOSMemory() // gives pages back, which locked ones resist
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	if strings.Contains(string(status), "VmLck:\t       0 kB") {
		t.Error("nothing is locked")
	}
	if err := unix.Munlockall(); err != nil {
		t.Error(err)
	}
}

func TestNoSwap(t *testing.T) {
	if swaps(os.DirFS("/")) {
		t.Skip("this machine swaps: the whole test would be locked")
	}
	if err := NoSwap(); err != nil {
		t.Error(err)
	}
}
