package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/serialport"
	models "github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/hidpos"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/wedge"
)

// scanFigure is what scanners cost: how soon a code is there, and what they take meanwhile.
var scanFigure = Figure{
	Name:   "scan",
	What:   "last byte of a code to Scan, on a pseudo-terminal; 4 idle scanners; codecs against a line of 115200 baud",
	Target: "p99 ≤ 1 ms; ≤ 0.5 % of a core; ≥ 1000 times the line, 0 allocations a scan",
	Measure: func(ctx context.Context, b *Bench) (Measured, error) {
		d, err := newDesk(ctx, b)
		if err != nil {
			return Measured{}, err
		}
		defer d.close()
		took, err := d.latencies(ctx, 1000)
		if err != nil {
			return Measured{}, err
		}
		idle, err := idleShare(ctx, min(b.Idle, 20*time.Second))
		if err != nil {
			return Measured{}, err
		}
		m := Measured{Values: []Value{
			atMost("p99", ms(quantile(took, 0.99)), "ms", 1), plain("p50", ms(quantile(took, 0.5)), "ms"),
			atMost("4 idle scanners", 100*idle, "% of a core", 0.5),
		}}
		for _, c := range codecs() {
			times, allocations := c.speed()
			m.Values = append(m.Values, atLeast(c.name, times, "x the line", 1000), atMost(c.name+", a scan", allocations, "allocations", 0))
		}
		return m, nil
	},
}

// desk is four scanners on pseudo-terminals.
type desk struct {
	ptys []*driverstest.Pty
	hub  *scanner.Hub
	stop context.CancelFunc
	done chan struct{}
}

func newDesk(ctx context.Context, b *Bench) (*desk, error) {
	dir, err := b.sub("scan")
	if err != nil {
		return nil, err
	}
	d := &desk{done: make(chan struct{})}
	var readers []*scanner.Reader
	for i := range 4 {
		pty, err := driverstest.OpenPty(filepath.Join(dir, "scanner"+strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		d.ptys = append(d.ptys, pty)
		codec, err := line.New(line.Config{Terminator: line.CR, AIM: true})
		if err != nil {
			return nil, err
		}
		readers = append(readers, scanner.NewReader(scanner.Config{Name: pty.Path(), Codec: codec, Open: func(ctx context.Context) (drivers.Transport, error) {
			p, err := serialport.Open(ctx, serialport.Config{Path: pty.Path(), LockDir: dir})
			if err != nil { // a nil pointer must not become a Transport
				return nil, err
			}
			return p, nil
		}}))
	}
	d.hub = scanner.NewHub(readers...)
	ctx, d.stop = context.WithCancel(ctx)
	go func() {
		defer close(d.done)
		_ = d.hub.Run(ctx) // it ends with ctx
	}()
	return d, d.opened(ctx)
}

func (d *desk) opened(ctx context.Context) error {
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		open := 0
		for _, s := range d.hub.Devices() {
			if s.State == drivers.Open {
				open++
			}
		}
		if open == len(d.ptys) {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return errors.New("the scanners are not open within 10 s")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *desk) close() {
	d.stop()
	<-d.done
	for _, p := range d.ptys {
		p.Close()
	}
}

// latencies are the times from the last byte of a code to its scan.
func (d *desk) latencies(ctx context.Context, n int) (took []time.Duration, err error) {
	if err := d.hub.Arm(ctx); err != nil {
		return nil, err
	}
	defer d.hub.Disarm()
	for i := range n {
		pty := d.ptys[i%len(d.ptys)]
		if _, err := fmt.Fprintf(pty, "]Q1%018d", i); err != nil {
			return nil, err
		}
		if err := pauseFor(ctx, 2*time.Millisecond); err != nil { // the code is read as it arrives
			return nil, err
		}
		begun := time.Now()
		if _, err := pty.Write([]byte{'\r'}); err != nil {
			return nil, err
		}
		select {
		case s := <-d.hub.Scans():
			took = append(took, time.Since(begun))
			s.Text.Wipe()
		case <-time.After(5 * time.Second):
			return nil, fmt.Errorf("code %d did not arrive", i)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return took, nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idleShare is the part of a core that this process takes while nobody does anything.
func idleShare(ctx context.Context, watch time.Duration) (float64, error) {
	if err := pauseFor(ctx, time.Second); err != nil {
		return 0, err
	}
	before, err := processorTime()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := pauseFor(ctx, watch); err != nil {
		return 0, err
	}
	after, err := processorTime()
	return float64(after-before) / float64(time.Since(begun)), err
}

// processorTime is what all threads of this process have run for: proc_pid_schedstat.
func processorTime() (sum time.Duration, err error) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, err
		}
		run, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(run, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", f, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// lineRate is what a serial line of 115200 baud carries, in bytes a second.
const lineRate = 11520

// fed is a codec with the bytes of one scan.
type fed struct {
	name  string
	codec scanner.Codec
	bytes []byte
}

// codecs are those whose device sends the same for every code, whatever it was told.
func codecs() (list []fed) {
	const text = "134567890123456789"
	if c, err := line.New(line.Config{Terminator: line.CR, AIM: true}); err == nil {
		list = append(list, fed{"line", c, []byte("]Q1" + text + "\r")})
	}
	if c, err := hidpos.New(hidpos.Config{}); err == nil {
		report := make([]byte, 64)
		report[0], report[1] = 2, byte(len(text))
		copy(report[2:], "]Q1"+text)
		list = append(list, fed{"hidpos", c, report})
	}
	c, err := wedge.New(wedge.Config{Record: wedge.Record64})
	events, err2 := models.Typist{}.Type(text)
	if err == nil && err2 == nil {
		list = append(list, fed{"wedge", c, models.EncodeEvents(events, wedge.Record64, time.Hour)})
	}
	return list
}

// speed is how many times as fast as the line a codec reads, and how often it allocates for
// one scan.
func (f fed) speed() (times, allocations float64) {
	const rounds = 20000
	now, scans := time.Now(), 0
	emit := func(r scanner.Result) {
		if len(r.Text) > 0 {
			scans++
		}
	}
	for range 100 { // what it makes once is no matter
		f.codec.Feed(f.bytes, now, emit)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scans = 0
	begun := time.Now()
	for range rounds {
		f.codec.Feed(f.bytes, now, emit)
	}
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	if scans != rounds {
		return 0, 0 // it does not read what it was given: the target is missed
	}
	return float64(rounds*len(f.bytes)) / took.Seconds() / lineRate, float64((after.Mallocs - before.Mallocs) / rounds)
}
