package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
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
func searchMemory(t testing.TB, pid int, h *haystack) (hits []hit, size int64) {
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
		}
		hits, size = append(hits, found...), size+counted.n
	}
	return hits, size
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

// A limit is a place where a code stays that this program cannot clear.
type limit struct {
	where string
	is    func(h hit) bool
	each  int // how often it may hold one code; 0: any number
}

// limits are all of them. Anything else is an error.
var limits = []limit{
	{
		"buffers of crypto/tls and net/http: a code that the point of sale scanned itself and sent unencrypted, over loopback. " +
			"tls.Conn keeps what it opened last (rawInput), http.Server its bufio.Reader, both until the memory is used again; " +
			"neither can be reached. A sealed message is still sealed there",
		func(h hit) bool {
			return h.of.name == plainFromPOS && strings.HasSuffix(string(h.around[:h.in]), `"SensitiveCardData":{"PAN":"`)
		}, 0,
	},
	{
		"vector registers: copying text moves it through them, where it stays until they are used again, and when the " +
			"runtime interrupts a thread the kernel saves them on that thread's signal stack. Only the runtime could clear it " +
			"(runtime/secret, an experiment of Go 1.26)",
		inSavedRegisters, 0,
	},
	{
		"the same registers, saved by the runtime itself when it interrupts a goroutine: pieces of at most 16 bytes",
		aloneInRegister, 0,
	},
}

// aloneInRegister recognises what fits one register: its slot is 32 or 64 bytes long, and
// only the first 16 are in use. A payment code is longer: found whole, it is never excused.
func aloneInRegister(h hit) bool {
	const register, word = 16, 8
	for from := h.in - int(h.at%word); from >= 0 && h.in+len(h.bytes) <= from+register; from -= word {
		if rest := h.around[min(from+register, len(h.around)):]; len(rest) >= register && len(bytes.Trim(rest[:register], "\x00")) == 0 {
			return true
		}
	}
	return false
}

// inSavedRegisters recognises the frame that Linux on amd64 saves registers in: the XMM
// registers from byte 160, a magic number at byte 464, the upper halves of YMM from 576.
func inSavedRegisters(h hit) bool {
	const magicAt, xmm, xmmEnd, ymm, ymmEnd = 464, 160, 416, 576, 832
	for rest, base := h.around, 0; ; {
		i := bytes.Index(rest, []byte("SXPF"))
		if i < 0 {
			return false
		}
		at := h.in - (base + i) + magicAt // of the hit, in the frame
		if at >= xmm && at < xmmEnd || at >= ymm && at < ymmEnd {
			return true
		}
		rest, base = rest[i+4:], base+i+4
	}
}

// memory searches the daemon's memory for codes once all sales are final.
func (c *canaries) memory(t *testing.T) {
	t.Helper()
	hits, size := searchMemory(t, c.PID(), spellPieces(c.shown))
	at, each := map[string]int{}, map[string]int{}
	for _, h := range hits {
		i := slices.IndexFunc(limits, func(l limit) bool { return l.is(h) })
		if i >= 0 {
			at[limits[i].where]++
			each[limits[i].where+h.of.name]++
		}
		if i < 0 || limits[i].each > 0 && each[limits[i].where+h.of.name] > limits[i].each {
			t.Errorf("the memory holds %s", h)
		}
	}
	t.Logf("%d MB of memory were searched for %d codes", size>>20, len(c.shown))
	for where, n := range at {
		t.Logf("known limit, %d times: %s", n, where)
	}
	control, _ := searchMemory(t, c.PID(), spell([]needle{{"control", []byte("basket-sealed")}}))
	if len(control) == 0 {
		t.Error("the search of the memory does not find the basket of the last sale")
	}
}
