package clock

import (
	"runtime"
	"testing"
	"time"
)

func TestKernelReads(t *testing.T) {
	k := NewKernel()
	wall, first := k.Read()
	if d := time.Since(wall); d < 0 || d > time.Minute {
		t.Errorf("wall clock is %v off time.Now", d)
	}
	if _, second := k.Read(); second < first {
		t.Errorf("monotonic clock ran backwards: %v then %v", first, second)
	}
	if _, err := k.Synchronised(); err != nil && runtime.GOOS == "linux" {
		t.Error(err) // reading needs no privilege
	}
}
