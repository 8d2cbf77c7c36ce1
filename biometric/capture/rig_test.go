package capture

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers/sense"
)

const (
	rigW, rigH = 16, 24
	frameTime  = time.Second / 30
)

// levels are how bright a frame is under each light.
var levels = [3]byte{Dark: 10, NIR: 110, White: 190}

// rig is a camera with a rolling shutter and two lamps, on the clock of time. Its frames are
// computed from when the lamps really shone.
type rig struct {
	start    time.Time
	interval time.Duration
	exposure time.Duration
	late     time.Duration                // from the end of readout to Next
	lampLate time.Duration                // from the call to the light
	held     sense.Held                   // what Lock says
	untimed  bool                         // At is when the frame arrived
	jitter   func(k uint64) time.Duration // of At
	lose     func(k uint64) bool
	damage   func(k uint64) bool
	slow     func(k uint64) time.Duration // how much later than planned frame k begins
	lampErr  func(c sense.Channel, on bool) error
	silent   bool // no frame ever comes

	next    uint64
	mu      sync.Mutex // guards history
	history []moment
	alive   int // frames that were not released
	running bool
}

type moment struct {
	at time.Duration
	on [2]bool // white, NIR
}

func newRig() *rig {
	return &rig{start: time.Now(), interval: frameTime, exposure: 10 * time.Millisecond, late: 6 * time.Millisecond,
		held: sense.Held{Time: 10 * time.Millisecond, TimeFixed: true, GainFixed: true, RateFixed: true}, history: []moment{{}}}
}

var errRig = errors.New("broken")

func (r *rig) since() time.Duration { return time.Since(r.start) }
func (r *rig) now() sense.Time      { return sense.Time(r.since()) }
func (r *rig) options() Options     { return Options{Mode: r.mode(), Now: r.now} }
func (r *rig) mode() sense.Mode {
	return sense.Mode{Pixel: sense.GREY, Width: rigW, Height: rigH, Interval: frameTime}
}
func (r *rig) String() string            { return "rig" }
func (r *rig) Close() error              { return nil }
func (r *rig) Channels() []sense.Channel { return []sense.Channel{ChannelNIR, ChannelWhite} }

func (r *rig) lit() [2]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history[len(r.history)-1].on
}

func (r *rig) Modes(context.Context) ([]sense.Mode, error) {
	m := r.mode()
	m.Width, m.Height = 640, 480
	return []sense.Mode{m}, nil
}

func (r *rig) Start(_ context.Context, m sense.Mode) (sense.Mode, error) {
	r.running = true
	return m, nil
}

func (r *rig) Stop(context.Context) error { r.running = false; return nil }

func (r *rig) Lock(context.Context, sense.Exposure) (sense.Held, error) { return r.held, nil }

func (r *rig) Switch(ctx context.Context, c sense.Channel, on bool) (sense.Step, error) {
	if r.lampErr != nil {
		if err := r.lampErr(c, on); err != nil {
			return sense.Step{}, err
		}
	}
	time.Sleep(r.lampLate)
	m := moment{r.since(), r.lit()}
	m.on[slices.Index([]sense.Channel{ChannelWhite, ChannelNIR}, c)] = on
	r.mu.Lock()
	r.history = append(r.history, m)
	r.mu.Unlock()
	return sense.Step{Channel: c, On: on, At: r.now()}, nil
}

// Next waits until the oldest frame that was not taken has arrived.
func (r *rig) Next(ctx context.Context) (*sense.Frame, error) {
	for {
		if r.silent {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		k := r.next
		begin := time.Duration(k) * r.interval
		if r.slow != nil {
			begin += r.slow(k)
		}
		arrives := begin + frameTime + r.late
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(arrives - r.since()):
		}
		r.next++
		if r.lose != nil && r.lose(k) {
			continue
		}
		return r.frame(k, begin, arrives), nil
	}
}

func (r *rig) frame(k uint64, begin, arrives time.Duration) *sense.Frame {
	h := sense.Header{Seq: k, At: sense.Time(begin), Timed: !r.untimed, Pixel: sense.GREY, Width: rigW, Height: rigH, Stride: rigW}
	if r.untimed {
		h.At = sense.Time(arrives)
	}
	if r.jitter != nil {
		h.At = h.At.Add(r.jitter(k))
	}
	h.Damaged = r.damage != nil && r.damage(k)
	data := make([]byte, rigW*rigH)
	for y := range rigH {
		end := begin + frameTime*time.Duration(y)/rigH
		v := r.light(end-r.exposure, end)
		for x := range rigW {
			data[y*rigW+x] = v
		}
	}
	r.alive++
	return sense.NewFrame(h, data, func([]byte) { r.alive-- })
}

// light is the mean brightness between two moments.
func (r *rig) light(from, to time.Duration) byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := 0.0
	for i, m := range r.history {
		a, b := max(from, m.at), to
		if i+1 < len(r.history) {
			b = min(b, r.history[i+1].at)
		}
		if i == 0 {
			a = from
		}
		level := float64(levels[Dark])
		if m.on[0] {
			level += float64(levels[White] - levels[Dark])
		}
		if m.on[1] {
			level += float64(levels[NIR] - levels[Dark])
		}
		sum += level * max(0, b-a).Seconds()
	}
	return byte(sum/(to-from).Seconds() + 0.5)
}
