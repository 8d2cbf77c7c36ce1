// Package palm recognises by the palm of a hand: it guides the hand, takes frames under
// lamps in an order that nobody could know before, judges liveness, cuts the palm's region
// out, computes its code, protects it for one provider and seals it for one payment.
//
// Frames, regions and codes live in memory that is locked and left out of core dumps, and
// are overwritten before Present returns, whatever came of it.
package palm

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/drivers/sense"
)

// DefaultWait is how long a person may take until a presentation is taken.
const DefaultWait = 20 * time.Second

const op = "present a palm"

// Options is what a Pipeline is made of.
type Options struct {
	// Open opens the camera and its lamps. They are closed when a presentation is over: until
	// the next person chooses to present a palm nothing can see.
	Open func(ctx context.Context) (sense.Camera, sense.Lamp, error)
	// Signer is the terminal's registered key, ECDSA P-256, and Level what holds it.
	Signer crypto.Signer
	Level  biometric.KeyLevel
	Build  string // SHA-256 of the running program, hex
	// Simulated says in every verdict that the camera is not one.
	Simulated bool
	// Light is what the till knows of its own lamps.
	Light pad.Config
	// Audit is told of every presentation that was judged and is not bona fide: the verdict,
	// signed, without the claim. Of a bona fide one the provider has the record. May be nil.
	Audit func(biometric.Record)
	// Capture is how frames are taken; the zero value is the product's.
	Capture capture.Options
	// Wait limits each sample; zero means DefaultWait.
	Wait time.Duration
	Now  func() time.Time // the wall clock; nil means time.Now
	Rand io.Reader        // nil means crypto/rand
}

// Pipeline is a biometric.Pipeline.
type Pipeline struct {
	o    Options
	busy sync.Mutex

	bench *bench // its memory, made by the first presentation; guarded by busy

	mu    sync.Mutex
	stuck error     // why camera or lamps may be on though nobody presents anything
	tried time.Time // when that was last seen to
}

var _ biometric.Pipeline = (*Pipeline)(nil)

// New makes a pipeline. It opens nothing.
func New(o Options) (*Pipeline, error) {
	if o.Open == nil || o.Signer == nil {
		return nil, errors.New("make a palm pipeline: no camera or no key")
	}
	if o.Wait <= 0 {
		o.Wait = DefaultWait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Pipeline{o: o}, nil
}

// Memory is how many bytes of locked memory a presentation takes, for pictures of 640x480.
const Memory = 4 << 20

// retry is how often devices that could not be switched off are tried again.
const retry = 10 * time.Second

// left notes whether the devices are off.
func (p *Pipeline) left(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck, p.tried = err, time.Now()
}

// Ready implements biometric.Pipeline. Whether there is a camera turns out when it is opened.
// While camera or lamps could not be switched off nobody can present anything, and Ready
// itself tries again, for at most 2 s.
func (p *Pipeline) Ready() error {
	p.mu.Lock()
	stuck, again := p.stuck, time.Since(p.tried) > retry
	p.mu.Unlock()
	if stuck != nil && again && p.busy.TryLock() {
		stuck = p.release()
		p.left(stuck)
		p.busy.Unlock()
	}
	if stuck == nil {
		return nil
	}
	return &biometric.Error{Op: "switch the palm camera and its lamps off", Fault: biometric.FaultDevice, Err: stuck,
		Hint: "look at the lamps; cover the camera; pull its plug"}
}

// release opens the devices, which switches the lamps off, and closes them.
func (p *Pipeline) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	cam, lamp, err := p.o.Open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(cam.Close(), lamp.Close())
}

// Present implements biometric.Pipeline.
func (p *Pipeline) Present(ctx context.Context, ch biometric.Challenge, guide func(biometric.Guidance)) (sealed biometric.Sealed, verdict biometric.Verdict, err error) {
	var none biometric.Sealed
	if !p.busy.TryLock() {
		return none, biometric.Verdict{}, &biometric.Error{Op: op, Fault: biometric.FaultBusy, Hint: "wait until the other presentation is over"}
	}
	defer p.busy.Unlock()
	defer func() {
		// Pictures come from outside: whatever they break, the till goes on selling.
		if r := recover(); r != nil {
			sealed, verdict = none, biometric.Verdict{}
			err = &biometric.Error{Op: op, Fault: biometric.FaultDevice, Err: fmt.Errorf("a picture could not be worked on: %v", r), Hint: "tell whoever made this program"}
		}
	}()
	t, err := p.begin(ctx, ch, guide)
	if err != nil {
		return none, biometric.Verdict{}, err
	}
	defer t.end(context.WithoutCancel(ctx))
	verdict, err = t.samples(ctx)
	if err != nil || verdict.Decision != biometric.BonaFide {
		return none, verdict, errors.Join(err, t.audit(verdict))
	}
	sealed, err = t.seal(verdict)
	if err != nil {
		return none, verdict, err
	}
	return sealed, verdict, nil
}

// Close wipes the pipeline's memory and gives it back, after the presentation that is under
// way.
func (p *Pipeline) Close() error {
	p.busy.Lock()
	defer p.busy.Unlock()
	if p.bench == nil {
		return nil
	}
	err := p.bench.close()
	p.bench = nil
	return err
}
