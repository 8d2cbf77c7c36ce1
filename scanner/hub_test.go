package scanner_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/serialport"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

var _ scanner.Source = (*scanner.Hub)(nil)

const code = "134567890123456789"

// bench is a hub over pseudo-terminals, each a scanner that sends AIM identifiers and CR.
type bench struct {
	t    testing.TB
	hub  *scanner.Hub
	ptys []*driverstest.Pty
	stop func()
}

func newBench(t testing.TB, n int, c line.Config) *bench {
	t.Helper()
	b := &bench{t: t}
	dir := t.TempDir()
	var readers []*scanner.Reader
	for i := range n {
		pty, err := driverstest.OpenPty(filepath.Join(dir, fmt.Sprint("scanner", i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pty.Close() })
		codec, err := line.New(c)
		if err != nil {
			t.Fatal(err)
		}
		b.ptys = append(b.ptys, pty)
		readers = append(readers, scanner.NewReader(scanner.Config{
			Name: fmt.Sprint("s", i), Codec: codec,
			Open: func(ctx context.Context) (drivers.Transport, error) {
				p, err := serialport.Open(ctx, serialport.Config{Path: pty.Path(), LockDir: dir})
				if err != nil {
					return nil, err
				}
				return p, nil
			},
		}))
	}
	b.hub = scanner.NewHub(readers...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.hub.Run(ctx) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(b.stop)
	b.until("every scanner to open", func() bool {
		return !slices.ContainsFunc(b.hub.Devices(), func(d scanner.DeviceState) bool { return d.State != drivers.Open })
	})
	// What is sent before a scanner was found quiet is dropped unseen; the tests count.
	b.arm()
	b.hub.Disarm()
	return b
}

func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.t.Fatalf("waited in vain for %s: %+v", what, b.hub.Devices())
		}
	}
}

func (b *bench) arm() {
	b.t.Helper()
	if err := b.hub.Arm(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) send(s string) {
	b.t.Helper()
	if _, err := b.ptys[0].Write([]byte(s)); err != nil {
		b.t.Fatal(err)
	}
}

// want takes one scan and checks its text.
func (b *bench) want(text string) scanner.Scan {
	b.t.Helper()
	select {
	case s := <-b.hub.Scans():
		if got := string(s.Text.Reveal()); got != text {
			b.t.Fatalf("scanned %q, want %q", got, text)
		}
		return s
	case <-time.After(10 * time.Second):
		b.t.Fatalf("no scan: %+v", b.hub.Devices())
	}
	panic("unreachable")
}

// none fails if a scan comes within d.
func (b *bench) none(d time.Duration) {
	b.t.Helper()
	select {
	case s := <-b.hub.Scans():
		b.t.Fatalf("scanned %q", s.Text.Reveal())
	case <-time.After(d):
	}
}

func (b *bench) drops(why scanner.DropReason) int { return b.hub.Devices()[0].Drops[string(why)] }

// dropped waits until the first scanner has dropped n for a reason.
func (b *bench) dropped(why scanner.DropReason, n int) {
	b.t.Helper()
	b.until(fmt.Sprintf("%d dropped as %s", n, why), func() bool { return b.drops(why) >= n })
}

var aim = line.Config{AIM: true}

func TestOnlyWhileArmed(t *testing.T) {
	b := newBench(t, 1, aim)
	b.send("]Q1" + code + "\r")
	b.dropped(scanner.DropDisarmed, 1)
	b.arm()
	b.none(0)
	b.send("]Q1" + code + "\r")
	s := b.want(code)
	if s.AIM != "]Q1" || s.Symbology != scanner.QR || s.Source != "s0" || s.At.IsZero() {
		t.Errorf("%+v", s)
	}
	b.send("]Q1222222222222222222\r")
	b.until("a scan in the queue", func() bool { return len(b.hub.Scans()) == 1 })
	b.hub.Disarm()
	b.none(0)
	b.send("]Q1" + code + "\r")
	b.dropped(scanner.DropDisarmed, 2)
	b.none(0)
	d := b.hub.Devices()[0]
	if d.Scans != 2 || d.Name != "s0" || d.State != drivers.Open || d.Port == "" || d.LastScan.IsZero() {
		t.Errorf("%+v", d)
	}
}

// TestACodeBegunBeforeArmIsNotDelivered sends a code that straddles the Arm, cut at every
// byte: neither it nor its tail may come out, with identifiers or without.
func TestACodeBegunBeforeArmIsNotDelivered(t *testing.T) {
	for name, c := range map[string]line.Config{"aim": aim, "plain": {}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, c)
			in := "]Q1" + code + "\r"
			for cut := 1; cut < len(in); cut += 3 {
				b.send(in[:cut])
				armed := make(chan error, 1)
				go func() { armed <- b.hub.Arm(t.Context()) }()
				<-time.After(time.Duration(cut) * 2 * time.Millisecond)
				b.send(in[cut:])
				if err := <-armed; err != nil {
					t.Fatal(err)
				}
				b.none(20 * time.Millisecond)
				fresh := fmt.Sprintf("1%017d", cut)
				// Without identifiers the codec waits for the end of what it saw cut off.
				b.send("\r]Q1" + fresh + "\r")
				if c.AIM {
					b.want(fresh)
				} else {
					b.want("]Q1" + fresh)
				}
				b.hub.Disarm()
			}
		})
	}
}

// TestACodeBegunBeforeArmReturned: one scanner is quiet at once and reads a code while Arm
// still waits for the other. The code's end comes after Arm returned.
func TestACodeBegunBeforeArmReturned(t *testing.T) {
	b := newBench(t, 2, aim)
	armed, done := make(chan error, 1), make(chan struct{})
	go func() { armed <- b.hub.Arm(t.Context()) }()
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range 30 { // Arm waits for 500 ms at most
			<-tick.C
			b.ptys[1].Write([]byte("garbage\r"))
			if i >= 20 {
				b.ptys[0].Write([]byte("]Q1" + code)[(i-20)*2 : (i-19)*2])
			}
		}
	}()
	if err := <-armed; err != nil {
		t.Fatal(err)
	}
	<-done
	b.send("9\r")
	b.none(50 * time.Millisecond)
	b.send("\r]Q1123456789012345678\r")
	b.want("123456789012345678")
}

// TestArmUnderAStream: a scanner that never stops sending is not waited for, and nothing of
// the stream is delivered until the line was quiet.
func TestArmUnderAStream(t *testing.T) {
	b := newBench(t, 2, line.Config{})
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.ptys[0].Write([]byte("garbage\r"))
			case <-stop:
				return
			}
		}
	}()
	began := time.Now()
	b.arm()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Arm took %v", took)
	}
	b.none(100 * time.Millisecond)
	// The other scanner works.
	if _, err := b.ptys[1].Write([]byte(code + "\r")); err != nil {
		t.Fatal(err)
	}
	b.want(code)
	close(stop)
	<-done
	b.none(150 * time.Millisecond)
	b.send("130061098828009406\r")
	b.want("130061098828009406")
}

func TestDuplicates(t *testing.T) {
	b := newBench(t, 2, aim)
	b.arm()
	for range 3 {
		b.send("]Q1" + code + "\r")
	}
	b.want(code)
	b.dropped(scanner.DropDuplicate, 2)
	// The same phone held under the other scanner.
	if _, err := b.ptys[1].Write([]byte("]C0" + code + "\r")); err != nil {
		t.Fatal(err)
	}
	b.until("a duplicate", func() bool { return b.hub.Devices()[1].Drops[string(scanner.DropDuplicate)] == 1 })
	b.send("]Q1123456789012345678\r")
	b.want("123456789012345678")
	b.arm()
	b.send("]Q1" + code + "\r")
	b.want(code)
	b.none(0)
}

func TestPartialAndPulledPlugDeliverNothing(t *testing.T) {
	b := newBench(t, 1, line.Config{})
	b.arm()
	b.send(code[:9])
	b.dropped(scanner.DropPartial, 1)
	b.send(code[9:] + "\r") // the tail, late
	b.none(50 * time.Millisecond)

	b.send("99999")
	b.until("the bytes", func() bool { return b.hub.Devices()[0].Bytes == int64(len(code)+1+5) })
	if err := b.ptys[0].Hangup(); err != nil {
		t.Fatal(err)
	}
	b.until("the scanner to be absent", func() bool { return b.hub.Devices()[0].State == drivers.Absent })
	if b.drops(scanner.DropGone)+b.drops(scanner.DropPartial) < 2 {
		t.Errorf("%+v", b.hub.Devices())
	}
	if ok, why := b.hub.Ready(); ok || !strings.Contains(why, "s0: absent") {
		t.Errorf("%v %q", ok, why)
	}
	if err := b.hub.Arm(t.Context()); !errors.Is(err, drivers.ErrGone) {
		t.Errorf("armed without a scanner: %v", err)
	}
	began := time.Now()
	if err := b.ptys[0].Replug(); err != nil {
		t.Fatal(err)
	}
	b.until("the scanner to be back", func() bool { ok, _ := b.hub.Ready(); return ok })
	took := time.Since(began)
	t.Logf("back after %v", took)
	if took > 2500*time.Millisecond {
		t.Errorf("found again only after %v", took)
	}
	b.arm()
	b.send(code + "\r")
	b.want(code)
}

func TestReplugWhileArmedKeepsTheGateOpen(t *testing.T) {
	b := newBench(t, 1, line.Config{})
	b.arm()
	b.send("12345")
	if err := b.ptys[0].Replug(); err != nil {
		t.Fatal(err)
	}
	b.send("67890\r") // waits in the kernel for the next open, which drops it
	b.until("the scanner to be open again", func() bool { d := b.hub.Devices()[0]; return d.Opens == 2 && d.State == drivers.Open })
	<-time.After(150 * time.Millisecond)
	b.send(code + "\r")
	b.want(code)
	b.none(0)
}

func TestNobodyTakesTheScans(t *testing.T) {
	b := newBench(t, 1, line.Config{})
	b.arm()
	for i := range 40 {
		b.send(fmt.Sprintf("1300610988280%05d\r", i))
	}
	b.dropped(scanner.DropOverflow, 32)
	if n := len(b.hub.Scans()); n != 8 {
		t.Errorf("%d scans queued", n)
	}
	b.hub.Disarm()
	b.none(0)
}

// TestGarbageWithoutEnd pours as fast as the line takes it for a second.
func TestGarbageWithoutEnd(t *testing.T) {
	b := newBench(t, 1, aim)
	b.arm()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	junk := []byte(strings.Repeat("x", 4000))
	var sent int64
	end := time.Now().Add(time.Second)
	for time.Now().Before(end) {
		n, err := b.ptys[0].Write(junk)
		if err != nil {
			t.Fatal(err)
		}
		sent += int64(n)
	}
	b.until("all of it", func() bool { return b.hub.Devices()[0].Bytes == sent })
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("heap grew by %d bytes over %d bytes of garbage", grown, sent)
	}
	if b.drops(scanner.DropMalformed) != 1 {
		t.Errorf("%+v", b.hub.Devices())
	}
	b.send("\r]Q1" + code + "\r")
	b.want(code)
}

func TestStopsCleanly(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBench(t, 2, aim)
	b.arm()
	b.send("]Q1" + code + "\r")
	b.until("a scan", func() bool { return len(b.hub.Scans()) == 1 })
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("stopping took %v", took)
	}
	b.none(0)
	b.until("goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	if ok, _ := b.hub.Ready(); ok {
		t.Error("ready after the end")
	}
}

// BenchmarkByteToScan is from the write of a code's last byte to its scan in the channel.
func BenchmarkByteToScan(b *testing.B) {
	bench := newBench(b, 1, aim)
	bench.arm()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		text := fmt.Sprintf("13%016d", i)
		bench.send("]Q1" + text)
		began := time.Now()
		bench.send("\r")
		s := bench.want(text)
		took = append(took, time.Since(began))
		s.Text.Wipe()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-µs")
}
