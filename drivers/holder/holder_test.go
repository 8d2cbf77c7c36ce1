package holder

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// procfs is one process "name" that has node open.
func procfs(t *testing.T, name, node string) string {
	t.Helper()
	proc := t.TempDir()
	dir := filepath.Join(proc, "812")
	if err := os.MkdirAll(filepath.Join(dir, "fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "comm"), []byte(name+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if node != "" {
		if err := os.Symlink(node, filepath.Join(dir, "fd", "3")); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func TestReason(t *testing.T) {
	type row struct{ name, node, who, hint string }
	suspect := row{"ModemManager", "", "perhaps ModemManager (process 812)", "ID_MM_DEVICE_IGNORE"}
	if os.Geteuid() == 0 { // sees that it has nothing open
		suspect = row{"ModemManager", "", "", ""}
	}
	for _, tc := range []row{
		{"ModemManager", "/dev/ttyX9", "ModemManager (process 812)", "ID_MM_DEVICE_IGNORE"},
		{"minicom", "/dev/ttyX9", "minicom (process 812)", "stop minicom"},
		suspect,
		{"minicom", "/dev/ttyX8", "", ""},
	} {
		who, hint := Look(procfs(t, tc.name, tc.node)).Reason("/dev/ttyX9")
		if who != tc.who || !strings.Contains(hint, tc.hint) || (tc.hint == "") != (hint == "") {
			t.Errorf("%+v: %q, %q", tc, who, hint)
		}
	}
	if who, hint := Look(t.TempDir()).Reason("/dev/ttyX9"); who != "" || hint != "" {
		t.Errorf("%q, %q", who, hint)
	}
}

func TestOfARealProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if list := Look("/proc").Of(file); len(list) != 0 {
		t.Errorf("the program itself is no other: %v", list)
	}
	cmd := exec.Command("cat")
	cmd.ExtraFiles = []*os.File{f}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	list := Look("/proc").Of(file)
	if len(list) != 1 || list[0].PID != cmd.Process.Pid {
		t.Errorf("%v, want process %d", list, cmd.Process.Pid)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
