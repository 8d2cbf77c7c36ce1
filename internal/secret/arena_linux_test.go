package secret

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// vmFlags are what the kernel says of the mapping that holds p.
func vmFlags(t *testing.T, p *byte) []string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	inside := false
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= uintptr(unsafe.Pointer(p)) && uintptr(unsafe.Pointer(p)) < to
		} else if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	t.Skip("the kernel does not tell the flags of mappings")
	return nil
}

func TestArenaLocked(t *testing.T) {
	a := newArena(t, 1<<16)
	if err := a.Locked(); err != nil {
		t.Skip(err)
	}
	if unix.Madvise(a.mem, 9999) == nil {
		t.Skip("an emulator that takes advice and does not follow it")
	}
	flags := vmFlags(t, &a.Bytes(1)[0])
	for flag, means := range map[string]string{"lo": "locked", "dd": "not dumped", "wf": "wiped in a child"} {
		if !slices.Contains(flags, flag) {
			t.Errorf("flags are %v: not %s", flags, means)
		}
	}
}

func TestArenaGuards(t *testing.T) {
	a := newArena(t, 1)
	b := a.Bytes(len(a.mem))
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, off := range []int{-1, len(b)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("byte %d beside the arena could be written", off)
				}
			}()
			*(*byte)(unsafe.Add(unsafe.Pointer(&b[0]), off)) = 1
		}()
	}
}
