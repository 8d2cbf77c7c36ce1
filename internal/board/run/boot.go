package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/board"
	"github.com/tilld/tilld/internal/board/attach"
	"github.com/tilld/tilld/internal/board/hands"
)

// bootWithin bounds one boot and all its checks.
const bootWithin = 10 * time.Minute

// boot runs one board to its end and prints what came of it.
func (p *plan) boot(ctx context.Context, j *job) {
	ctx, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	begun := time.Now()
	c := &console{plan: p, job: j, last: begun}
	b, err := board.Start(ctx, j.machine, c.line)
	if err != nil {
		p.report(j, hands.Verdict{Device: "board", Rule: j.part.name, Why: err.Error()})
		return
	}
	defer b.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	serve(ctx, b)
	b.Wait() // what it means is on the console
	v := hands.Verdict{Device: "board", Rule: j.part.name, OK: true, Took: time.Since(begun)}
	v.Found = fmt.Sprintf("%d checks in %.1f s", c.seen(), v.Took.Seconds())
	if j.resets {
		v.Found += c.reset()
	}
	if err := c.verdict(); err != nil {
		v.OK, v.Why = false, err.Error()
	}
	p.report(j, v)
	if !v.OK {
		p.print(c.tail())
	}
}

func (p *plan) report(j *job, v hands.Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.OK {
		p.passed++
	} else {
		p.failed++
	}
	fmt.Fprintln(p.out, v.Text(j.kind.name))
}

func (p *plan) print(lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lines {
		fmt.Fprintln(p.log, "  |", l)
	}
}

// console reads what a board writes.
type console struct {
	plan *plan
	job  *job

	mu       sync.Mutex
	recent   []string
	verdicts int
	failed   int
	ended    bool
	frozen   time.Time // when it was said that nobody feeds the watchdog
	last     time.Time
}

func (c *console) line(text string) {
	c.mu.Lock()
	c.last = time.Now()
	if len(c.recent) == 60 {
		c.recent = append(c.recent[:0], c.recent[1:]...)
	}
	c.recent = append(c.recent, text)
	v, is := hands.ParseVerdict(text)
	switch {
	case is:
		c.verdicts++
		if !v.OK {
			c.failed++
		}
	case strings.HasPrefix(text, "board: off"):
		c.ended = true
	case strings.HasPrefix(text, "board: frozen"):
		c.frozen = time.Now()
	}
	c.mu.Unlock()
	if is {
		c.plan.report(c.job, v)
	} else if c.plan.verbose {
		c.plan.print([]string{c.job.kind.name + " " + text})
	}
}

func (c *console) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verdicts
}

// reset says how long a frozen till was borne with.
func (c *console) reset() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen.IsZero() {
		return ""
	}
	return fmt.Sprintf(", reset %.1f s after the till was frozen", time.Since(c.frozen).Seconds())
}

func (c *console) tail() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent
}

// verdict says whether the board did its work to the end.
func (c *console) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.recent {
		if strings.HasPrefix(l, "board: FAILED") {
			return errors.New(strings.TrimPrefix(l, "board: "))
		}
	}
	switch {
	case c.job.resets && c.ended:
		return errors.New("the watchdog did not reset the board")
	case c.job.resets && c.frozen.IsZero():
		return errNoEnd
	case !c.job.resets && !c.ended:
		return errNoEnd
	case !c.job.resets && c.verdicts == 0:
		return errors.New("nothing was checked")
	case c.failed > 0:
		return fmt.Errorf("%d checks failed", c.failed)
	}
	return nil
}

// outside is the hands for what is not inside the board.
type outside struct {
	uart *attach.Stream
	pins *board.Pins
}

// serve plays the outside of a board until ctx ends.
func serve(ctx context.Context, b *board.Board) {
	o := &outside{uart: attach.NewStream(attach.Makes(), "line"), pins: b.Pins}
	o.uart.Attach(ctx, b.Serial)
	go hands.Serve(ctx, b.Hands, o) // it ends with the board
	context.AfterFunc(ctx, func() { b.Serial.Close() })
}

// Do is what a board's /init asks of the outside.
func (o *outside) Do(ctx context.Context, order hands.Order) (hands.Answer, error) {
	switch {
	case order.Do == hands.List:
		return hands.Answer{Devices: []hands.Device{
			{Name: "uart", Class: "uart", Protocol: "line", Subsystem: "tty", Node: "/dev/ttyS0",
				Speaks: o.uart.Speaks(), Deeds: o.uart.Deeds()},
			{Name: "gpio", Class: "gpio", Subsystem: "gpio", Node: "pl061", Deeds: []hands.Deed{hands.Level, hands.Lines}},
		}}, nil
	case order.Device == "uart":
		return o.uart.Do(ctx, order)
	case order.Device == "gpio" && order.Do == hands.Level:
		return hands.Answer{}, o.pins.Set(order.Line, order.High)
	case order.Device == "gpio" && order.Do == hands.Lines:
		high, err := o.pins.Driven()
		return hands.Answer{High: high}, err
	}
	return hands.Answer{}, fmt.Errorf("%s %q: %w", order.Do, order.Device, hands.ErrCannot)
}
