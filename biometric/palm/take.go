package palm

import (
	"context"
	"errors"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/biometric/template"
)

const (
	// stillFor is how many frames in a row a hand is well placed and still before it is taken.
	stillFor = 2
	// awayFor is how many frames in a row show no hand before the next sample is asked for.
	awayFor = 5
	// mostFailed is how many samples of one presentation may be of no use.
	mostFailed = 4
	// darkFor is how many frames in a row show no hand before what is seen without a lamp is
	// looked at again: the light around changes.
	darkFor = 30
)

var (
	errSlow    = errors.New("nobody held a hand still in time")
	errBlurred = errors.New("no sample was good enough")
)

// take is one call of Present.
type take struct {
	p      *Pipeline
	ch     biometric.Challenge
	guide  func(biometric.Guidance)
	said   biometric.Guidance
	close  func() error
	stream *capture.Stream
	b      *bench
	taken  int // samples
	seen   int // frames in a row with a hand
	order  capture.Order
	hand   roi.Hand // of the sample at hand
	side   roi.Side // of all samples, as far as it is known
	worst  float64  // quality of all samples

	protector *template.Protector
}

// begin opens the camera, with the lamps off.
func (p *Pipeline) begin(ctx context.Context, ch biometric.Challenge, guide func(biometric.Guidance)) (*take, error) {
	if err := ch.Check(); err != nil {
		return nil, &biometric.Error{Op: op, Fault: biometric.FaultKeys, Err: err, Hint: "the provider's answer cannot be used: ask the provider"}
	}
	if guide == nil {
		guide = func(biometric.Guidance) {}
	}
	protector, err := template.New(ch.Provider, ch.Transform)
	if err != nil {
		return nil, &biometric.Error{Op: op, Fault: biometric.FaultKeys, Err: err, Hint: "the provider's answer cannot be used: ask the provider"}
	}
	t := &take{p: p, ch: ch, guide: guide, protector: protector}
	if err := t.open(ctx); err != nil {
		t.end(context.WithoutCancel(ctx))
		return nil, p.device(ctx, err)
	}
	return t, nil
}

func (t *take) open(ctx context.Context) error {
	cam, lamp, err := t.p.o.Open(ctx)
	if err != nil {
		return err
	}
	t.close = func() error { return errors.Join(cam.Close(), lamp.Close()) }
	if t.stream, err = capture.Open(ctx, cam, lamp, t.p.o.Capture); err != nil {
		return err
	}
	return t.memory()
}

// memory is the bench for the camera's size of picture.
func (t *take) memory() (err error) {
	p, m := t.p, t.stream.Mode()
	if p.bench != nil && (p.bench.w != m.Width || p.bench.h != m.Height) {
		err = p.bench.close()
		p.bench = nil
	}
	if p.bench == nil && err == nil {
		p.bench, err = newBench(m.Width, m.Height, p.o.Light)
	}
	if err != nil {
		return err
	}
	t.b = p.bench
	return nil
}

// device is the error of a camera or a lamp.
func (p *Pipeline) device(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var known *biometric.Error
	if errors.As(err, &known) {
		return err
	}
	hint := "look at the camera's and the lamps' cables"
	var h interface{ HintText() string }
	if errors.As(err, &h) && h.HintText() != "" {
		hint = h.HintText()
	}
	return &biometric.Error{Op: op, Fault: biometric.FaultDevice, Err: err, Hint: hint}
}

// end leaves camera and lamps off, and nothing of the person.
func (t *take) end(ctx context.Context) {
	if t.stream != nil {
		t.stream.Close(ctx) // the device goes with the next lines, whatever it says
	}
	if t.close != nil {
		t.p.left(t.close())
	}
	if t.b != nil {
		t.b.wipe()
	}
	t.protector.Wipe()
}

// say guides the person, once for every change.
func (t *take) say(g biometric.Guidance) {
	if g != t.said {
		t.said = g
		t.guide(g)
	}
}

// samples takes as many presentations as the challenge asks for. One that is not bona fide
// ends it.
func (t *take) samples(ctx context.Context) (v biometric.Verdict, err error) {
	for tries := 0; t.taken < t.ch.Samples; tries++ {
		if tries == t.ch.Samples+mostFailed {
			return v, &biometric.Error{Op: op, Fault: biometric.FaultQuality, Err: errBlurred, Hint: "show a code instead"}
		}
		if err := t.sample(ctx); errors.Is(err, capture.ErrPhases) && tries < t.ch.Samples+mostFailed-1 {
			t.again() // a board that is busy loses frames
			continue
		} else if err != nil {
			return v, err
		}
		if err := t.cut(); err != nil {
			// A recording shows no hand under the lamps that were driven; nor does somebody who
			// takes the hand away. Both may try again, and it is on record.
			if err := t.audit(t.verdict(t.frames())); err != nil {
				return v, err
			}
			t.again()
			continue
		}
		if v = t.judge(); v.Decision != biometric.BonaFide {
			return v, nil
		}
		if !t.fits() {
			t.again()
			continue
		}
		t.taken++
		t.b.forget()
		t.say(biometric.SensorComplete)
	}
	return v, nil
}

// again lets the person try once more.
func (t *take) again() {
	t.b.forget()
	t.say(biometric.FailedRead)
}

// sample takes the frames of one presentation, within the person's time.
func (t *take) sample(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, t.p.o.Wait)
	defer cancel()
	err := t.await(wait)
	if err == nil {
		err = t.shoot(wait)
	}
	if err != nil {
		return t.late(ctx, wait, err)
	}
	return nil
}

// late tells the end of the person's time from that of the caller's.
func (t *take) late(ctx, wait context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wait.Err() == nil {
		return t.p.device(ctx, err)
	}
	fault := biometric.FaultNobody
	switch t.said {
	case biometric.OneOnly:
		fault = biometric.FaultMany
	case biometric.SensorReady, "":
	default:
		fault = biometric.FaultQuality
	}
	return &biometric.Error{Op: op, Fault: fault, Err: errSlow, Hint: "hold an open hand above the camera, or show a code"}
}

// await guides a hand until it is well placed and held still. Before the second sample the
// hand must have been away: three looks at one moment are one sample.
func (t *take) await(ctx context.Context) error {
	if t.taken > 0 {
		t.say(biometric.MoveAway)
		if err := t.follow(ctx, func(_ roi.Hand, err error, none int) bool { return none >= awayFor }); err != nil {
			return err
		}
	}
	t.seen = 0
	t.b.track.Reset()
	t.say(biometric.SensorReady)
	still := 0
	return t.follow(ctx, func(h roi.Hand, err error, _ int) bool {
		still = t.look(h, err, still)
		return still >= stillFor
	})
}

// follow shows frame after frame under the NIR lamp until enough says that it is enough.
// none is how many frames in a row there was nothing.
func (t *take) follow(ctx context.Context, enough func(h roi.Hand, err error, none int) bool) error {
	b := t.b
	if err := t.seeDark(ctx); err != nil {
		return err
	}
	for none := 0; ; {
		shot, err := t.stream.Next(ctx, b.lit)
		if err != nil {
			return err
		}
		if !shot.Settled {
			continue
		}
		h, err := b.finder.Find(b.lit, b.dark)
		if none++; !errors.Is(err, roi.ErrNone) {
			none = 0
		}
		if enough(h, err, none) {
			return nil
		}
		if none > 0 && none%darkFor == 0 {
			if err := t.seeDark(ctx); err != nil {
				return err
			}
		}
	}
}

// look makes of one frame what the person should do, and counts those in which it is nothing.
func (t *take) look(h roi.Hand, err error, still int) int {
	if err != nil {
		t.seen = 0
		t.b.track.Reset()
		g := h.Guide
		if errors.Is(err, roi.ErrNone) || g == "" {
			g = biometric.SensorReady
		}
		t.say(g)
		return 0
	}
	h, step := t.b.track.Add(h)
	switch {
	case h.Guide != "":
		t.say(h.Guide)
		return 0
	case !step.Still:
		if t.seen++; t.seen > 1 { // the first frame has nothing to be compared with
			t.say(biometric.MoveSlower)
		}
		return 0
	}
	return still + 1
}

// seeDark keeps what is to be seen without a lamp, and puts the NIR lamp on.
func (t *take) seeDark(ctx context.Context) error {
	if err := t.stream.Switch(ctx, capture.Dark); err != nil {
		return err
	}
	for {
		shot, err := t.stream.Next(ctx, t.b.dark)
		if err != nil {
			return err
		}
		if shot.Settled {
			return t.stream.Switch(ctx, capture.NIR)
		}
	}
}

// shoot takes the frames that are judged, in an order that nobody could know before.
func (t *take) shoot(ctx context.Context) error {
	order, err := capture.DrawOrder(t.p.o.Rand)
	if err != nil {
		return err
	}
	t.order = order
	t.b.shots, err = t.stream.Take(ctx, order, t.b.luma, t.b.shots[:0])
	return err
}
