package board

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readCpio is the other side of cpio, written from the format's description alone.
func readCpio(t *testing.T, b []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	for {
		if len(b) < 110 || string(b[:6]) != "070701" {
			t.Fatalf("no header at %q", b[:min(len(b), 20)])
		}
		field := func(n int) int {
			v, err := strconv.ParseUint(string(b[6+8*n:14+8*n]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		size, nameSize := field(6), field(11)
		name := string(b[110 : 110+nameSize-1])
		b = b[(110+nameSize+3)&^3:]
		if name == "TRAILER!!!" {
			return files
		}
		files[name] = string(b[:size])
		b = b[(size+3)&^3:]
	}
}

func TestInitramfs(t *testing.T) {
	dir := t.TempDir()
	init, module := filepath.Join(dir, "guest"), filepath.Join(dir, "a.ko")
	for name, text := range map[string]string{init: "#!init", module: "module"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out.cpio")
	if err := WriteInitramfs(out, init, []Module{{"usb_a", module}}, File{Name: "/etc/x/y", Text: "12345", Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got := readCpio(t, data)
	for name, want := range map[string]string{"init": "#!init", "lib/modules/usb_a.ko": "module",
		"lib/modules/order": "usb_a\n", "etc/x/y": "12345", "etc/x": "", "dev/console": ""} {
		if text, ok := got[name]; !ok || text != want {
			t.Errorf("%s: %q, %v, want %q", name, text, ok, want)
		}
	}
}

func TestModules(t *testing.T) {
	tree := t.TempDir()
	dir := filepath.Join(tree, "lib", "modules", "6.1-test")
	for name, text := range map[string]string{
		filepath.Join(tree, "boot", "vmlinuz-6.1-test"): "kernel",
		filepath.Join(dir, "kernel", "usb-hid.ko"):      "",
		filepath.Join(dir, "modules.builtin"):           "kernel/hid/hidraw.ko\n",
		filepath.Join(dir, "modules.dep"): "kernel/usb-hid.ko: kernel/hid.ko kernel/usb-core.ko\n" +
			"kernel/hid.ko:\nkernel/usb-core.ko: kernel/usb-common.ko\nkernel/usb-common.ko:\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k, err := readKernel(ARM64, tree)
	if err != nil {
		t.Fatal(err)
	}
	list, err := k.Modules(t.Context(), "usb_hid", "hidraw")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "usb_common usb_core hid usb_hid" {
		t.Errorf("loaded as %q", got)
	}
	if _, err := k.Modules(t.Context(), "flux"); err == nil {
		t.Error("a module that there is not was found")
	}
}

func TestFindObject(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		in, out := json.NewDecoder(far), json.NewEncoder(far)
		out.Encode(map[string]any{"QMP": map[string]any{}})
		for {
			var call struct{ Execute string }
			if in.Decode(&call) != nil {
				return
			}
			out.Encode(map[string]any{"event": "RESUME"})
			switch call.Execute {
			case "qmp_capabilities":
				out.Encode(map[string]any{"return": map[string]any{}})
			case "qom-list":
				out.Encode(map[string]any{"return": []map[string]string{{"name": "device[3]", "type": "child<pl061>"}}})
			}
		}
	}()
	if path, err := findObject(near, "child<pl061>"); err != nil || path != "/machine/unattached/device[3]" {
		t.Errorf("%q, %v", path, err)
	}
}

func TestArgs(t *testing.T) {
	m := Machine{Kernel: Kernel{Arch: ARMHF, Image: "vmlinuz"}, Initramfs: "i", Disk: "d", RTC: "1970-01-01", Append: []string{"board.run=x"}}
	args := m.args("dir")
	for _, want := range []string{"virt,highmem=off", "base=1970-01-01", "console=ttyAMA0 quiet panic=-1 board.run=x", "-no-reboot"} {
		if !slices.Contains(args, want) {
			t.Errorf("%q is not in %q", want, args)
		}
	}
	if slices.Contains(args, "kvm") {
		t.Error("a board that needs KVM does not run everywhere")
	}
}

func TestReplaceIsWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	for _, text := range []string{"first", "second"} {
		if err := replace(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, []byte(text)) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestStartThatFails: who asks for a board that cannot start is told why.
func TestStartThatFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := Machine{Kernel: Kernel{Arch: ARM64, Image: "absent"}, Initramfs: "absent"}
	if b, err := Start(ctx, m, func(string) {}); err == nil {
		b.Close()
		t.Error("a board without a kernel was started")
	}
}
