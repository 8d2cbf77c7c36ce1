package hw

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/scanner"
)

// What the rules allow.
const (
	closesWithin  = 250 * time.Millisecond
	noticedWithin = 100 * time.Millisecond // of the kernel's event
	backWithin    = 2 * time.Second
	scanWithin    = 3 * time.Second // until a presentation counts as lost
)

// tries is how often each rule is put to the test.
type tries struct{ scans, early, cycles, garbage, closes, swaps int }

// tries on a board that no person has to serve, and on one that a person does.
func (b *Bench) tries() tries {
	switch {
	case b.Few:
		return tries{scans: 20, early: 3, cycles: 3, garbage: 32 << 10, closes: 3, swaps: 1}
	case b.Virtual && strconv.IntSize == 32:
		// What differs there are the layouts of the kernel's structures, not the dice.
		return tries{scans: 30, early: 4, cycles: 3, garbage: 8 << 10, closes: 3, swaps: 1}
	case b.Virtual:
		return tries{scans: 100, early: 10, cycles: 6, garbage: 8 << 10, closes: 5, swaps: 2}
	}
	return tries{scans: 3, early: 2, cycles: 2, closes: 20, swaps: 1}
}

// scannersCheck holds every scanner to the rules: those about codes and plugs at all of them
// side by side, those about what a program takes one by one.
func scannersCheck(ctx context.Context, b *Bench) error {
	before := b.inUse()
	if err := b.withTrials(ctx, func(trials []*trial) { b.allRules(ctx, trials) }); err != nil {
		return err
	}
	return b.reportLeaks(ctx, before)
}

// plugsEach is how often each plug is pulled where nothing else is done: a hundred times in
// all, on the virtual board.
const plugsEach = 17

// plugsCheck is a board of which plugs are pulled in mid-code, again and again.
func plugsCheck(ctx context.Context, b *Bench) error {
	before := b.inUse()
	err := b.withTrials(ctx, func(trials []*trial) {
		for _, t := range trials {
			t.n.cycles = plugsEach
			t.follow(ctx, (*trial).cycles)
		}
	})
	if err != nil {
		return err
	}
	return b.reportLeaks(ctx, before)
}

// withTrials opens all scanners, lets f work with them, and leaves them as they were.
func (b *Bench) withTrials(ctx context.Context, f func([]*trial)) error {
	tree, stop := b.tree(ctx)
	defer stop()
	var trials []*trial
	defer func() {
		for _, t := range trials {
			t.end(ctx)
		}
	}()
	for i, d := range b.scanners() {
		t, err := b.newTrial(ctx, tree, d, uint64(i))
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		trials = append(trials, t)
	}
	f(trials)
	return nil
}

func (b *Bench) allRules(ctx context.Context, trials []*trial) {
	b.sideBySide(ctx, trials, (*trial).settles, (*trial).presentations, (*trial).twice, (*trial).early)
	if b.Few {
		b.sideBySide(ctx, trials, (*trial).garbage, (*trial).closing)
	} else {
		for _, t := range trials {
			t.follow(ctx, (*trial).garbage, (*trial).closing)
		}
	}
	if b.Few {
		b.sideBySide(ctx, trials, (*trial).cycles)
		return
	}
	for _, t := range trials { // plugs that move at the same time slow an emulated board down
		t.follow(ctx, (*trial).cycles)
	}
}

// rule is one thing that a scanner is held to.
type rule func(*trial, context.Context) hands.Verdict

// sideBySide holds all scanners to the rules at the same time, as far as the hands go.
func (b *Bench) sideBySide(ctx context.Context, trials []*trial, rules ...rule) {
	var wait sync.WaitGroup
	room := make(chan struct{}, b.atOnce())
	for _, t := range trials {
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			t.follow(ctx, rules...)
		})
	}
	wait.Wait()
}

// follow holds a scanner to rules, and reports.
func (t *trial) follow(ctx context.Context, rules ...rule) {
	for _, rule := range rules {
		begun := time.Now()
		v := rule(t, ctx)
		if v.Rule == "" {
			continue // not with these hands
		}
		v.Device = t.device.Class
		if len(t.Of(t.device.Class)) > 1 {
			v.Device = t.device.Name
		}
		if t.called != "" {
			v.Device = t.called
		}
		v.Took = time.Since(begun)
		v.OK = v.Why == "" && v.Done == v.Of
		t.Report(v)
	}
}

// atOnce is how many devices are looked at side by side: a person has two hands.
func (b *Bench) atOnce() int {
	if b.Virtual || b.Few {
		return 16
	}
	return 1
}

// tree watches this machine's devices.
func (b *Bench) tree(ctx context.Context) (*uevent.Tree, func()) {
	tree := uevent.NewTree(b.Tree)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tree.Run(ctx) // it ends with ctx
	}()
	return tree, func() { cancel(); <-done }
}

// trial is one scanner under test.
type trial struct {
	*Bench
	*stack
	n       tries
	hands   hands.Hands
	release func() // of the hands
	called  string // in lines; empty: by its class
	r       *rand.Rand
	was     int // the port it was found in
	number  int // of the code presented last
	again   int // codes that were shown again
}

// newTrial plugs a scanner in and opens it. The caller ends it.
func (b *Bench) newTrial(ctx context.Context, tree *uevent.Tree, d hands.Device, seed uint64) (t *trial, err error) {
	t = &trial{Bench: b, n: b.tries(), r: newRand(seed), was: d.Port}
	if of := b.Of(d.Class); len(of) > 0 && of[0].Name != d.Name {
		t.n.scans, t.n.early, t.n.cycles = min(t.n.scans, 20), min(t.n.early, 3), min(t.n.cycles, 3) // its like is looked at closely
	}
	if d.Protocol == "wedge" {
		t.n.scans = min(t.n.scans, 30) // a report a stroke
	}
	if t.hands, t.release, err = b.moreHands(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.release()
		}
	}()
	port := d.Port
	if d.Ports > 0 && port == 0 {
		if port, err = b.portOf(ctx, t.hands, d); err != nil {
			return nil, err
		}
	}
	if t.stack, err = b.newStack(ctx, tree, d, b.place(d, port)); err != nil {
		return nil, err
	}
	if _, err := t.await(ctx, true, 15*time.Second); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// end leaves the scanner as it was found.
func (t *trial) end(ctx context.Context) {
	t.close()
	if t.device.Ports > 0 && t.was == 0 {
		// What cannot be unplugged any more is unplugged.
		_, _ = t.hands.Do(ctx, hands.Order{Do: hands.Unplug, Device: t.device.Name})
	}
	t.release()
}

// portOf plugs a device in and says where it is.
func (b *Bench) portOf(ctx context.Context, h hands.Hands, d hands.Device) (int, error) {
	if _, err := h.Do(ctx, hands.Order{Do: hands.Plug, Device: d.Name}); err != nil {
		return 0, err
	}
	a, err := h.Do(ctx, hands.Order{Do: hands.List})
	if err != nil {
		return 0, err
	}
	for _, o := range a.Devices {
		if o.Name == d.Name {
			return o.Port, nil
		}
	}
	return 0, fmt.Errorf("%s is plugged in and not in the list", d.Name)
}

// code is a text that was never presented before, long enough for two reports of a HID device
// where long is set. A keyboard has a report for every stroke: its codes are short.
func (t *trial) code(long bool) string {
	t.number++
	text := fmt.Sprintf("%s %06d", t.device.Name, t.number)
	for long && len(text) < 100 && t.device.Protocol != "wedge" {
		text += fmt.Sprintf(" %06d", t.r.IntN(1e6))
	}
	return text
}

func (t *trial) scan(ctx context.Context, o hands.Order) (hands.Answer, error) {
	o.Do, o.Device, o.Symbology = hands.Scan, t.device.Name, "qr"
	return t.hands.Do(ctx, o)
}

// arm opens the gate.
func (t *trial) arm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, scanWithin)
	defer cancel()
	return t.hub.Arm(ctx)
}

// once presents a code and wants it once and whole. It returns how long that took. Where the
// emulator stood still in the middle of a code, which the codec rightly takes for its end, and
// where the scanner was being told something, the code is shown again, as a customer would.
func (t *trial) once(ctx context.Context, long bool) (took time.Duration, err error) {
	for range 5 {
		partial := t.partial()
		took, err = t.present(ctx, long)
		if err == nil || !t.told() && !(t.Virtual && t.partial() > partial) {
			break
		}
		t.again++
	}
	return took, err
}

// told reports whether the scanner is told things, which takes it a moment.
func (t *trial) told() bool {
	switch t.device.Protocol {
	case "line", "hidpos", "wedge":
		return false
	}
	return true
}

// partial is how many codes were dropped because they stopped in the middle.
func (t *trial) partial() int { return t.hub.Devices()[0].Drops[string(scanner.DropPartial)] }

func (t *trial) present(ctx context.Context, long bool) (time.Duration, error) {
	text := t.code(long)
	a, err := t.scan(ctx, hands.Order{Text: text})
	if err != nil {
		return 0, err
	}
	got, ok := t.next(ctx, scanWithin)
	took := hands.Now() - a.At
	switch {
	case !ok:
		return 0, fmt.Errorf("%q was presented and did not arrive (%s)", text, t.drops())
	case got != text:
		return 0, fmt.Errorf("%q was presented and %q arrived", text, got)
	}
	return took, nil
}

// drops says what the reader dropped.
func (t *trial) drops() string {
	s := t.hub.Devices()[0]
	return fmt.Sprintf("%s, %d bytes, dropped %v", s.State, s.Bytes, s.Drops)
}

// presentations: each is one scan.
func (t *trial) presentations(ctx context.Context) hands.Verdict {
	v := hands.Verdict{Rule: "one presentation, one scan", Of: t.n.scans}
	if err := t.arm(ctx); err != nil {
		v.Why = err.Error()
		return v
	}
	var took []time.Duration
	for i := range v.Of {
		d, err := t.once(ctx, i%2 == 0)
		if err != nil {
			v.Why = err.Error()
			return v
		}
		took = append(took, d)
		v.Done++
	}
	if text, ok := t.next(ctx, 50*time.Millisecond); ok {
		v.Why = fmt.Sprintf("%q arrived once more", text)
	}
	slices.Sort(took)
	v.Found = fmt.Sprintf("after %s, at most %s", short(took[len(took)/2]), short(took[len(took)-1]))
	if t.again > 0 {
		v.Found += fmt.Sprintf(", %d shown again", t.again)
	}
	return v
}

// twice: a scanner that reads the same code again at once has read one presentation.
func (t *trial) twice(ctx context.Context) hands.Verdict {
	v := hands.Verdict{Rule: "read twice at once, one scan", Of: t.n.early}
	if !t.Virtual && !t.Few {
		return hands.Verdict{} // people are not that fast
	}
	if err := t.arm(ctx); err != nil {
		v.Why = err.Error()
		return v
	}
	for range v.Of {
		text := t.code(false)
		if _, err := t.scan(ctx, hands.Order{Text: text, Times: 2}); err != nil {
			v.Why = err.Error()
			return v
		}
		first := time.Now()
		got, ok := t.next(ctx, scanWithin)
		if !ok || got != text {
			v.Why = fmt.Sprintf("%q was presented and %q arrived (%s)", text, got, t.drops())
			return v
		}
		if _, ok := t.next(ctx, 20*time.Millisecond); ok && time.Since(first) < scanner.DuplicateWithin {
			v.Why = fmt.Sprintf("%q arrived twice", text)
			return v
		}
		v.Done++
	}
	return v
}

// early: what is read before the gate opens is not delivered when it is open.
func (t *trial) early(ctx context.Context) hands.Verdict {
	v := hands.Verdict{Rule: "nothing from before the sale was armed", Of: t.n.early}
	for range v.Of {
		t.hub.Disarm()
		if err := t.unwanted(ctx); err != nil {
			v.Why = err.Error()
			return v
		}
		if err := t.arm(ctx); err != nil {
			v.Why = err.Error()
			return v
		}
		if _, err := t.once(ctx, false); err != nil { // what was read before would come first
			v.Why = err.Error()
			return v
		}
		v.Done++
	}
	return v
}

// unwanted presents a code while nobody wants one, and waits until it was read: a device's own
// delay is none of the driver's business.
func (t *trial) unwanted(ctx context.Context) error {
	before := t.hub.Devices()[0].Bytes
	if _, err := t.scan(ctx, hands.Order{Text: t.code(false)}); err != nil {
		return err
	}
	return Await(ctx, scanWithin, "a byte of "+t.device.Name, func() bool { return t.hub.Devices()[0].Bytes > before })
}

// garbage: it costs little, delivers nothing, and the next code is read.
func (t *trial) garbage(ctx context.Context) hands.Verdict {
	if t.n.garbage == 0 || !slices.Contains(t.device.Deeds, hands.Raw) || t.device.Protocol == "wedge" {
		return hands.Verdict{} // nobody can type garbage into a keyboard that the kernel checks
	}
	v := hands.Verdict{Rule: "garbage", Of: 1}
	if err := t.arm(ctx); err != nil {
		v.Why = err.Error()
		return v
	}
	unit, n := 1024, t.n.garbage/1024
	if t.device.Protocol == "hidpos" {
		unit, n = 64, t.n.garbage/64/4
	}
	heap := heapNow()
	for range n {
		b := make([]byte, unit)
		for i := range b {
			if b[i] = byte(t.r.Uint32()); b[i] == ']' {
				b[i] = '[' // no AIM identifier: nothing of it is a code
			}
		}
		if t.device.Protocol == "hidpos" {
			b[0], b[1] = 2, byte(57+t.r.IntN(190)) // a report of a length that cannot be
		}
		if _, err := t.hands.Do(ctx, hands.Order{Do: hands.Raw, Device: t.device.Name, Bytes: b}); err != nil {
			v.Why = err.Error()
			return v
		}
	}
	text, delivered := t.silence(ctx)
	grown := heapNow() - heap
	if delivered {
		v.Why = fmt.Sprintf("%d bytes of it were delivered", len(text))
		return v
	}
	v.Found = fmt.Sprintf("%d KiB: heap %+d KiB", n*unit>>10, grown>>10)
	if grown > 8<<20 {
		v.Why = "memory grew"
		return v
	}
	shown, err := t.recovers(ctx)
	if err != nil {
		v.Why = "after it: " + err.Error()
		return v
	}
	v.Found += fmt.Sprintf(", then a code is read when shown for the %s time", [...]string{"first", "second", "third"}[shown-1])
	v.Done = 1
	return v
}

// recovers presents codes until one is read, as a customer does: what comes soon after half a
// frame may be its rest, and is dropped.
func (t *trial) recovers(ctx context.Context) (shown int, err error) {
	for shown = 1; shown <= 3; shown++ {
		text := t.code(false)
		if _, err := t.scan(ctx, hands.Order{Text: text}); err != nil {
			return shown, err
		}
		got, ok := t.next(ctx, time.Second)
		switch {
		case ok && got == text:
			return shown, nil
		case ok:
			return shown, fmt.Errorf("%q was presented and %q arrived", text, got)
		}
	}
	return shown, fmt.Errorf("three codes were presented and none was read (%s)", t.drops())
}

// silence waits until the scanner has sent nothing for a while.
func (t *trial) silence(ctx context.Context) (text string, delivered bool) {
	for last := int64(-1); ; {
		if text, ok := t.next(ctx, 300*time.Millisecond); ok {
			return text, true
		}
		n := t.hub.Devices()[0].Bytes
		if n == last || ctx.Err() != nil {
			return "", false
		}
		last = n
	}
}

// closing: a transport with a reader closes in time.
func (t *trial) closing(ctx context.Context) hands.Verdict {
	v := hands.Verdict{Rule: "closes while it is read", Of: t.n.closes}
	t.close()
	var most time.Duration
	for range v.Of {
		took, err := t.closeOnce(ctx)
		if err != nil {
			v.Why = err.Error()
			break
		}
		if most = max(most, took); took > closesWithin {
			break
		}
		v.Done++
	}
	v.Found = "within " + short(most)
	t.start(ctx)
	if _, err := t.await(ctx, true, 5*time.Second); err != nil && v.Why == "" {
		v.Why = err.Error()
	}
	return v
}

func (t *trial) closeOnce(ctx context.Context) (time.Duration, error) {
	tr, err := t.open(ctx)
	if err != nil {
		return 0, err
	}
	read := make(chan error, 1)
	go func() {
		_, err := tr.Read(ctx, make([]byte, 64))
		read <- err
	}()
	runtime.Gosched()
	begun := time.Now()
	if err := tr.Close(); err != nil {
		return 0, err
	}
	if err := <-read; !errors.Is(err, drivers.ErrClosed) {
		return 0, fmt.Errorf("the reader was told %v, not that it was closed", err)
	}
	return time.Since(begun), nil
}

// inUse counts what must not grow.
type inUse struct{ goroutines, files int }

func (b *Bench) inUse() inUse {
	n := inUse{goroutines: runtime.NumGoroutine()}
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		n.files = len(list)
	}
	return n
}

func (b *Bench) reportLeaks(ctx context.Context, before inUse) error {
	v := hands.Verdict{Device: "suite", Rule: "nothing is left open"}
	var after inUse
	err := Await(ctx, 5*time.Second, "the end of what was started", func() bool {
		after = b.inUse()
		return after.goroutines <= before.goroutines && after.files <= before.files
	})
	v.Found = fmt.Sprintf("%+d goroutines, %+d files", after.goroutines-before.goroutines, after.files-before.files)
	if v.OK = err == nil; !v.OK {
		v.Why = err.Error()
	}
	b.Report(v)
	return nil
}

// short writes a time with the digits that matter.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return ms(d)
}

// heapNow is the memory in use.
func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
