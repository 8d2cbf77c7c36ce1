package e2e

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// area is one mapping of a process.
type area struct {
	from, to int64
	name     string
}

// privateMemory lists what a process may have written to that is in no file: heap, stacks,
// data.
func privateMemory(pid int) ([]area, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	var list []area
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(fields[1], "rw") || !strings.HasSuffix(fields[1], "p") {
			continue
		}
		var a area
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &a.from, &a.to); err != nil {
			return nil, fmt.Errorf("read the mappings: %q: %w", line, err)
		}
		if len(fields) > 5 {
			a.name = fields[5]
		}
		list = append(list, a)
	}
	return list, nil
}

// searchMemory looks through a running process, as root may.
func searchMemory(t testing.TB, pid int, h *haystack) (hits []hit, bytes int64) {
	t.Helper()
	areas, err := privateMemory(pid)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for _, a := range areas {
		counted := &counter{r: io.NewSectionReader(mem, a.from, a.to-a.from)}
		found, err := h.search(counted)
		// What the kernel does not give away (a guard page, a mapping that went) ends the area.
		if err != nil && counted.n == 0 && a.name != "[vvar]" {
			t.Logf("area %x-%x %s cannot be read: %v", a.from, a.to, a.name, err)
		}
		for i := range found {
			found[i].at += a.from
			found[i].of += " in " + a.name
		}
		hits, bytes = append(hits, found...), bytes+counted.n
	}
	return hits, bytes
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
