package scanner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/secret"
)

const (
	// Quiet is the silence on a line that proves that no code is under way: no codec lets a
	// frame pause for longer.
	Quiet = 100 * time.Millisecond
	// tick is how often a codec with an unfinished frame is asked about silence.
	tick = 10 * time.Millisecond
	// idle bounds a read while nothing is under way; commands and ctx end it earlier.
	idle = time.Minute
	// triggerEvery is how often a scanner is triggered again while it is to look for codes: its
	// read session ends by itself after some seconds.
	triggerEvery = 2500 * time.Millisecond
	// maxCues bounds what waits for a device that does not listen; the oldest are forgotten.
	maxCues = 8
	// replyPatience bounds the write of a codec's reply.
	replyPatience = 250 * time.Millisecond
)

// Config is one scanner.
type Config struct {
	Name  string // in the configuration; becomes Scan.Source
	Codec Codec  // owned by the Reader from here on
	// Open opens the device; see drivers.Keeper.
	Open func(context.Context) (drivers.Transport, error)
	// Wake, if not nil, says that a device was plugged in somewhere.
	Wake <-chan struct{}
	// Report, if not nil, is told of every change of state. It must not block.
	Report func(drivers.Status)
	// Trigger makes the device look for codes while the hub is armed and not otherwise; its
	// codec must know the cues Trigger and Untrigger.
	Trigger bool
	// Feedback lets the device beep for what came of a payment.
	Feedback bool
	// Line, if not nil, takes the cues Trigger and Untrigger in place of the codec: a pin at
	// the device's trigger input. It must not block.
	Line func(Cue)
}

// DeviceState is what an operator sees of a scanner. It holds no scan.
type DeviceState struct {
	drivers.Status
	Port     string         `json:"port,omitempty"` // while open
	Scans    int            `json:"scans"`          // delivered
	LastScan time.Time      `json:"last_scan,omitzero"`
	Drops    map[string]int `json:"drops,omitempty"` // by reason
	Bytes    int64          `json:"bytes"`           // received
}

// Reasons of the Reader and the Hub for dropping a scan, besides the codecs'.
const (
	DropDisarmed  DropReason = "disarmed"  // no priced sale was armed when it began to arrive
	DropDuplicate DropReason = "duplicate" // the same bytes again
	DropOverflow  DropReason = "overflow"  // nobody took the scans before it
	DropGone      DropReason = "gone"      // the device went in the middle of it
)

// Reader owns one scanner: its device, its codec and the goroutine that joins them. It
// belongs to one Hub.
type Reader struct {
	c Config
	// sink takes a scan that began to arrive at began; it reports why it was dropped, or "".
	sink func(began time.Time, s Scan) DropReason

	mu        sync.Mutex
	state     DeviceState
	arming    chan struct{}      // closed when the line was found quiet; nil when no Arm waits
	cues      []Cue              // to be given to the codec
	looking   bool               // the device is to look for codes
	interrupt context.CancelFunc // ends the read under way
}

// NewReader makes a Reader. It does nothing until its Hub runs.
func NewReader(c Config) *Reader {
	return &Reader{c: c, state: DeviceState{
		Status: drivers.Status{Name: c.Name, State: drivers.Stopped},
		Drops:  map[string]int{},
	}}
}

// State is a copy of the scanner's state.
func (r *Reader) State() DeviceState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Drops = make(map[string]int, len(r.state.Drops))
	for k, v := range r.state.Drops {
		s.Drops[k] = v
	}
	return s
}

// run keeps the device until ctx ends.
func (r *Reader) run(ctx context.Context) error {
	k := drivers.Keeper{Name: r.c.Name, Open: r.c.Open, Use: r.serve, Wake: r.c.Wake, Report: r.report}
	err := k.Run(ctx)
	r.mu.Lock()
	r.state.State, r.state.Since, r.state.Port = drivers.Stopped, time.Now(), ""
	r.settled()
	r.mu.Unlock()
	return err
}

func (r *Reader) report(s drivers.Status) {
	r.mu.Lock()
	r.state.Status = s
	if s.State != drivers.Open {
		r.state.Port = ""
		r.settled()
	}
	r.mu.Unlock()
	if r.c.Report != nil {
		r.c.Report(s)
	}
}

// arm asks the owner goroutine to flush everything and to find the line quiet. The channel
// is closed when it has; at once if the device is not open: serve begins with the same.
func (r *Reader) arm() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled()
	quiet := make(chan struct{})
	if r.state.State != drivers.Open {
		close(quiet)
		return quiet
	}
	r.arming = quiet
	if r.interrupt != nil {
		r.interrupt()
	}
	return quiet
}

// cue tells the device to do something, if it can and is open.
func (r *Reader) cue(c Cue) {
	switch c {
	case Trigger, Untrigger:
		if !r.c.Trigger {
			return
		}
		if r.c.Line != nil {
			r.c.Line(c)
			return
		}
	case BeepGood, BeepBad:
		if !r.c.Feedback {
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c == Trigger || c == Untrigger {
		r.looking = c == Trigger
	}
	if r.state.State != drivers.Open {
		return
	}
	if len(r.cues) == maxCues {
		r.cues = append(r.cues[:0], r.cues[1:]...)
	}
	r.cues = append(r.cues, c)
	if r.interrupt != nil {
		r.interrupt()
	}
}

// takeCues empties the list of cues. r.mu is held.
func (r *Reader) takeCues() []Cue {
	c := r.cues
	r.cues = nil
	return c
}

// settled tells a waiting Arm to go on. r.mu is held.
func (r *Reader) settled() {
	if r.arming != nil {
		close(r.arming)
		r.arming = nil
	}
}

func (r *Reader) dropped(why DropReason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Drops[string(why)]++
}

// session is one opening of a device. Only the owner goroutine touches it.
type session struct {
	r   *Reader
	t   drivers.Transport
	buf []byte
	// commander is the codec where it talks to the device; nil otherwise.
	commander Commander
	opened    time.Time
	triggered time.Time       // when the device was told last to look for codes
	armed     <-chan struct{} // the Arm being served; nil while scans are delivered
	began     time.Time       // when the frame under way began to arrive
	last      time.Time       // of the last byte, as far as known
	err       error           // of a reply
}

// serve is the owner goroutine of an open device.
func (r *Reader) serve(ctx context.Context, t drivers.Transport) error {
	s := &session{r: r, t: t, buf: make([]byte, 4096), opened: time.Now()}
	defer secret.Zero(s.buf)
	defer s.end()
	r.mu.Lock()
	r.state.Port = t.String()
	r.cues = nil
	r.mu.Unlock()
	s.commander, _ = r.c.Codec.(Commander)
	if c, ok := r.c.Codec.(Restarter); ok {
		c.Restart()
	}
	// What was under way when the device was opened is no scan either.
	if err := s.flush(make(chan struct{})); err != nil {
		return err
	}
	for {
		if err := s.step(ctx); err != nil {
			return err
		}
	}
}

// end drops the frame that the device left unfinished.
func (s *session) end() {
	if s.r.c.Codec.Pending() {
		s.r.dropped(DropGone)
	}
	s.r.c.Codec.Reset()
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.interrupt = nil
	s.r.settled()
}

// step reads once and decodes what came.
func (s *session) step(ctx context.Context) error {
	s.r.mu.Lock()
	patience := s.patience(s.r.looking)
	read, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.r.interrupt = cancel
	wanted, cues, looking := s.r.arming, s.r.takeCues(), s.r.looking
	s.r.mu.Unlock()
	cues = s.lookOn(looking, cues)
	if s.tell(cues); s.err != nil {
		return s.err
	}
	if wanted != nil && s.armed != wanted {
		if err := s.flush(wanted); err != nil {
			return err
		}
		return nil
	}
	n, err := s.t.Read(read, s.buf)
	now := time.Now()
	defer secret.Zero(s.buf[:n])
	switch {
	case n > 0:
		s.bytes(n, now)
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errors.Is(err, drivers.ErrTimeout), errors.Is(err, context.Canceled):
		s.silent(now)
	default:
		return err
	}
	return s.err
}

// patience is how long to wait for bytes until something else is due.
func (s *session) patience(looking bool) time.Duration {
	wait := idle
	if looking && s.commander != nil {
		wait = max(time.Millisecond, time.Until(s.triggered.Add(triggerEvery)))
	}
	switch {
	case s.r.c.Codec.Pending():
		wait = tick
	case s.armed != nil:
		wait = max(time.Millisecond, Quiet-time.Since(s.last))
	}
	if due := s.due(); !due.IsZero() {
		wait = min(wait, max(time.Millisecond, time.Until(due)))
	}
	return wait
}

// due is when the codec wants to be asked; the zero time is never.
func (s *session) due() time.Time {
	if s.commander == nil {
		return time.Time{}
	}
	return s.commander.Due()
}

// lookOn adds a Trigger where the last one is long ago, or was for the device before this
// opening.
func (s *session) lookOn(looking bool, cues []Cue) []Cue {
	now := time.Now()
	if slices.Contains(cues, Trigger) {
		s.triggered = now
	} else if looking && s.commander != nil && !s.r.c.Codec.Pending() && now.Sub(s.triggered) >= triggerEvery {
		s.triggered = now
		cues = append(cues, Trigger)
	}
	return cues
}

// tell gives cues to the codec and sends what it has to say.
func (s *session) tell(cues []Cue) {
	if s.commander == nil {
		return
	}
	for _, c := range cues {
		s.commander.Do(c)
	}
	if due, now := s.due(), time.Now(); !due.IsZero() && !due.After(now) {
		s.commander.Tick(now, func(res Result) { s.emit(res, now) })
	}
}

// flush empties device, tty queue and codec, and begins to wait for a quiet line.
func (s *session) flush(armed <-chan struct{}) error {
	s.armed = armed
	if err := s.t.Flush(); err != nil {
		return err
	}
	s.r.c.Codec.Reset()
	s.last = time.Now()
	// A transport that knows when the last byte came saves the wait on a line long quiet. What
	// the device sent before it was opened nobody knows.
	if t, ok := s.t.(interface{ LastByte() time.Time }); ok {
		s.last = t.LastByte()
		if s.last.Before(s.opened) {
			s.last = s.opened
		}
	}
	s.settle(time.Now())
	return nil
}

// settle ends the wait for a quiet line. Bytes that began to arrive before the Arm cannot
// complete into a scan: none came for longer than a frame may pause.
func (s *session) settle(now time.Time) {
	if now.Sub(s.last) < Quiet {
		return
	}
	s.r.mu.Lock()
	if s.r.arming == nil || s.r.arming == s.armed {
		s.r.settled()
	}
	s.r.mu.Unlock()
	s.armed = nil
}

func (s *session) bytes(n int, now time.Time) {
	s.r.mu.Lock()
	s.r.state.Bytes += int64(n)
	s.r.mu.Unlock()
	s.last = now
	if !s.r.c.Codec.Pending() {
		s.began = now
	}
	s.r.c.Codec.Feed(s.buf[:n], now, func(res Result) {
		s.emit(res, now)
		s.began = now
	})
}

func (s *session) silent(now time.Time) {
	due := s.due()
	if s.r.c.Codec.Pending() || !due.IsZero() && !due.After(now) {
		s.r.c.Codec.Tick(now, func(res Result) { s.emit(res, now) })
	}
	if s.armed != nil {
		s.settle(now)
	}
}

// emit answers the device and passes a scan on.
func (s *session) emit(res Result, now time.Time) {
	if len(res.Reply) > 0 && s.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), replyPatience)
		_, s.err = s.t.Write(ctx, res.Reply)
		cancel()
		if s.err != nil {
			s.err = fmt.Errorf("answer the scanner: %w", s.err)
		}
	}
	if res.Fault != nil && s.err == nil {
		s.err = &drivers.Error{Op: "use", Subject: s.t.String(), Err: fmt.Errorf("%w: %w", drivers.ErrMute, res.Fault),
			Hint: "switch the scanner off and on; check its cable and that the configured protocol is the one it is set to"}
	}
	if res.Drop != "" {
		s.r.dropped(res.Drop)
		return
	}
	if len(res.Text) == 0 {
		return
	}
	if s.armed != nil {
		s.r.dropped(DropDisarmed)
		return
	}
	scan := Scan{At: now, Text: secret.Copy(res.Text), AIM: res.AIM, Symbology: res.Symbology, Source: s.r.c.Name}
	if why := s.r.sink(s.began, scan); why != "" {
		scan.Text.Wipe()
		s.r.dropped(why)
		return
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.state.Scans++
	s.r.state.LastScan = now
}
