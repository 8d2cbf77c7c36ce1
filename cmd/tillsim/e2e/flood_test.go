package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// usage is what a process has used so far, and holds now.
func usage(t testing.TB, pid int) (cpu time.Duration, resident int64) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	const tick = time.Second / 100 // USER_HZ, the same on every Linux
	for _, f := range []string{fields[11], fields[12]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cpu += time.Duration(n) * tick
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return cpu, pages * int64(os.Getpagesize())
}

// TestGarbageWithoutEnd: for some seconds a scanner sends noise, twenty times as fast as the
// usual serial line, with a line end only every 5000 bytes. The daemon stays small and answers,
// and the next sale works.
func TestGarbageWithoutEnd(t *testing.T) {
	t.Parallel()
	l := open(t, rig.Options{}, nil)
	l.good("1.00")
	const flood, every, piece = 4 * time.Second, 20 * time.Millisecond, 5000 // 250 kB/s
	noise := make([]byte, piece)
	cpu0, held0 := usage(t, l.PID())
	began, sent := time.Now(), 0
	var slowest time.Duration
	var most int64
	tick := time.NewTicker(every)
	defer tick.Stop()
	for time.Since(began) < flood {
		<-tick.C
		for i := range noise {
			if noise[i] = byte(rand.Uint32()); noise[i] == '\r' || noise[i] == '\n' || noise[i] == 3 {
				noise[i] = 'x'
			}
		}
		if err := l.Scan(string(noise)); err != nil {
			t.Fatalf("after %d bytes nobody reads: %v", sent, err)
		}
		if sent += piece; sent%(20*piece) == 0 {
			asked := time.Now()
			resp, err := http.Get(l.DisplayURL() + "/screen")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			slowest = max(slowest, time.Since(asked))
			_, held := usage(t, l.PID())
			most = max(most, held)
		}
	}
	cpu, _ := usage(t, l.PID())
	took := time.Since(began)
	t.Logf("%d kB in %s: %s of CPU, %d MB more memory, the slowest answer took %s", sent/1000, took.Round(time.Millisecond),
		cpu-cpu0, (most-held0)>>20, slowest.Round(time.Millisecond))
	if cpu-cpu0 > took/2 {
		t.Errorf("the noise cost %s of CPU in %s", cpu-cpu0, took)
	}
	if most-held0 > 32<<20 {
		t.Errorf("the noise cost %d MB of memory", (most-held0)>>20)
	}
	if slowest > 2*time.Second {
		t.Errorf("an answer took %s", slowest)
	}
	if n := len(l.World.Ledger()); n != 1 {
		t.Errorf("a wallet saw %d orders of noise", n-1)
	}
	l.good("2.00")
}
