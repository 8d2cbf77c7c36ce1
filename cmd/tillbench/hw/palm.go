package hw

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/palm"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/gpio"
	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/drivers/v4l2"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/secret"
)

// palmWait is how long a thing may be held before the camera until it is taken. An emulated
// board is slower than any that is sold.
const palmWait = 10 * time.Second

// errNoSample ends a presentation whose frames could not be used.
var errNoSample = errors.New("no hand under the lamps that were driven")

// palmBench is the product's pipeline before the virtual board's palm camera: the kernel's
// driver and its GPIO lines between them.
type palmBench struct {
	*Bench
	about    hands.Device
	pipeline *palm.Pipeline
	key      *ecdsa.PrivateKey
	others   hands.Hands // they act while a presentation is under way

	seal    biometric.SealKey
	private hpke.PrivateKey
	k, salt [32]byte
	cameras int // opened and not yet closed
}

// palmCheck presents a simulated hand, a print of it, and a recording of it.
func palmCheck(ctx context.Context, b *Bench) (err error) {
	if !b.Virtual { // nobody can say of a person whether the verdict is right
		return nil
	}
	for _, d := range b.Of("palm") {
		if err := b.palm(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) palm(ctx context.Context, d hands.Device) (err error) {
	p := &palmBench{Bench: b, about: d}
	var release func()
	if p.others, release, err = b.moreHands(ctx); err != nil {
		return err
	}
	defer release()
	if err := p.make(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.pipeline.Close()) }()
	if _, err := b.Do(ctx, hands.Order{Do: hands.Plug, Device: d.Name}); err != nil {
		return err
	}
	defer func() {
		_, out := b.Do(ctx, hands.Order{Do: hands.Unplug, Device: d.Name})
		err = errors.Join(err, out)
	}()
	p.rule("a live hand is sealed", func(v *hands.Verdict) error { return p.live(ctx, v) })
	p.rule("camera and lamps are off", func(*hands.Verdict) error { return p.off(ctx) })
	p.rule("a print is refused", func(v *hands.Verdict) error { return p.refused(ctx, "print", v) })
	p.rule("a recording is refused", func(v *hands.Verdict) error { return p.refused(ctx, "replay", v) })
	p.rule("camera and lamps are off after refusals", func(*hands.Verdict) error { return p.off(ctx) })
	return nil
}

// rule runs one check and prints its line.
func (p *palmBench) rule(name string, check func(*hands.Verdict) error) {
	v := hands.Verdict{Device: p.about.Name, Rule: name}
	begun := time.Now()
	err := check(&v)
	v.Took = time.Since(begun)
	if v.OK = err == nil; err != nil {
		v.Why = err.Error()
	}
	p.Report(v)
}

func (p *palmBench) make(ctx context.Context) (err error) {
	match, err := drivers.ParseMatch(p.about.ID)
	if err != nil {
		return err
	}
	tree := uevent.NewTree(uevent.Config{})
	go tree.Run(ctx) // it ends with ctx
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if p.seal, p.private, err = biometric.NewSealKey("day-1"); err != nil {
		return err
	}
	rand.Read(p.k[:])
	rand.Read(p.salt[:])
	p.pipeline, err = palm.New(palm.Options{Signer: p.key, Level: biometric.LevelFile, Build: "board", Simulated: true, Wait: palmWait,
		Open: func(ctx context.Context) (sense.Camera, sense.Lamp, error) { return p.open(ctx, tree, match) }})
	return err
}

// open opens the camera and its lamps as tilld does.
func (p *palmBench) open(ctx context.Context, tree *uevent.Tree, m drivers.Match) (sense.Camera, sense.Lamp, error) {
	var cam *v4l2.Device
	err := Await(ctx, 10*time.Second, "a palm camera that opens", func() bool {
		nodes, err := tree.Nodes(ctx)
		if err != nil {
			return false
		}
		for _, n := range nodes {
			if n.Subsystem != "video4linux" || !m.Is(n.ID) {
				continue
			}
			if c, err := v4l2.Open(ctx, v4l2.Config{Path: n.Path, Stream: "palm"}); err == nil {
				if _, err := c.Modes(ctx); err == nil {
					cam = c
					return true
				}
				c.Close() // the node for metadata
			}
		}
		return false
	})
	if err != nil {
		return nil, nil, err
	}
	lamps, err := p.lamps()
	if err != nil {
		return nil, nil, errors.Join(err, cam.Close())
	}
	p.cameras++
	return closing{cam, &p.cameras}, lamps, nil
}

func (p *palmBench) lamps() (*gpio.Lamps, error) {
	list := p.Of("gpio")
	if len(list) == 0 {
		return nil, errors.New("no GPIO lines for the lamps")
	}
	nir, err := lineOf(list[0], device.LampNIR)
	if err != nil {
		return nil, err
	}
	white, err := lineOf(list[0], device.LampWhite)
	if err != nil {
		return nil, err
	}
	return gpio.OpenLamps(map[sense.Channel]string{"nir850": nir, "white": white}, false)
}

// closing counts a camera down when it is closed.
type closing struct {
	sense.Camera
	open *int
}

func (c closing) Close() error { *c.open--; return c.Camera.Close() }

func (p *palmBench) challenge() biometric.Challenge {
	nonce := make([]byte, 32)
	rand.Read(nonce)
	return biometric.Challenge{Binding: biometric.Binding{Purpose: biometric.Pay, Modality: biometric.Palm, Provider: "provider.example",
		Merchant: "M-1", Terminal: "000158000000001", Payment: "P-1", Minor: 1280, Currency: "CNY", Claim: "100200300", Nonce: nonce},
		Expires: time.Now().Add(time.Hour), SealKey: p.seal, Samples: 1, Transform: biometric.Transform{Epoch: 1,
			Key: secret.New(p.k[:]), Salt: p.salt[:biometric.TransformSaltSize], Profile: biometric.Standard}}
}

// seen is what came of a presentation, and when, since the thing was held there.
type seen struct {
	sealed  biometric.Sealed
	verdict biometric.Verdict
	guided  []string
	took    time.Duration
}

// present begins with nothing there and holds a thing before the camera as soon as the
// pipeline asks for one.
func (p *palmBench) present(ctx context.Context, thing string) (s seen, err error) {
	if _, err := p.Do(ctx, hands.Order{Do: hands.Hold, Device: p.about.Name}); err != nil {
		return s, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var held time.Duration
	var holding error
	s.sealed, s.verdict, err = p.pipeline.Present(ctx, p.challenge(), func(g biometric.Guidance) {
		if held == 0 {
			var a hands.Answer
			a, holding = p.others.Do(ctx, hands.Order{Do: hands.Hold, Device: p.about.Name, Text: thing})
			held = a.At
		}
		if s.guided = append(s.guided, fmt.Sprintf("%s at %s", g, ms(hands.Now()-held))); g == biometric.FailedRead {
			cancel(errNoSample)
		}
	})
	s.took = hands.Now() - held
	if holding != nil {
		return s, holding
	}
	return s, err
}

func (p *palmBench) live(ctx context.Context, v *hands.Verdict) error {
	s, err := p.present(ctx, "live")
	if err != nil {
		return fmt.Errorf("%w after %s, guided %v, verdict %s", err, ms(s.took), s.guided, words(s.verdict))
	}
	if s.verdict.Decision != biometric.BonaFide {
		return fmt.Errorf("a live hand is %s", words(s.verdict))
	}
	if err := s.sealed.Verify(&p.key.PublicKey); err != nil {
		return err
	}
	t, err := biometric.Open(s.sealed, p.private)
	if err != nil {
		return err
	}
	defer t.Wipe()
	v.Found = fmt.Sprintf("hover to sealed in %s, %d bytes, opened and verified; guided %v", ms(s.took), t.Size(), s.guided)
	return nil
}

// refused holds up what must not be taken.
func (p *palmBench) refused(ctx context.Context, thing string, v *hands.Verdict) error {
	s, err := p.present(ctx, thing)
	switch {
	case err == nil && s.verdict.Decision == biometric.BonaFide:
		return errors.New("it was taken for a live hand")
	case err == nil && s.verdict.Decision == biometric.Attack:
		v.Found = words(s.verdict) + " after " + ms(s.took)
	case errors.Is(err, errNoSample): // not even worth a verdict
		v.Found = err.Error() + ", after " + ms(s.took)
	default:
		return fmt.Errorf("%w, %s, guided %v", err, words(s.verdict), s.guided)
	}
	return nil
}

// words is a verdict in a line.
func words(v biometric.Verdict) string {
	text := fmt.Sprintf("%s (%s)", v.Decision, v.Reason)
	for _, c := range v.Cues {
		if c.Decision != biometric.BonaFide {
			text += fmt.Sprintf(", %s %.2f", c.Name, c.Score)
		}
	}
	return text
}

// off looks from outside whether anything is still at work: the lines of the lamps, and the
// camera, of which no frame is fetched any more.
func (p *palmBench) off(ctx context.Context) error {
	if p.cameras != 0 {
		return fmt.Errorf("%d cameras were not closed", p.cameras)
	}
	for _, d := range p.Of("gpio") {
		a, err := p.Do(ctx, hands.Order{Do: hands.Lines, Device: d.Name})
		if err != nil {
			return err
		}
		if a.High&(1<<device.LampNIR|1<<device.LampWhite) != 0 {
			return fmt.Errorf("lines %b are high", a.High)
		}
	}
	before, err := p.Do(ctx, hands.Order{Do: hands.Saw, Device: p.about.Name})
	if err != nil {
		return err
	}
	time.Sleep(5 * device.StageMode().Interval)
	after, err := p.Do(ctx, hands.Order{Do: hands.Saw, Device: p.about.Name})
	if err != nil {
		return err
	}
	if string(before.Saw.Told) != string(after.Saw.Told) {
		return fmt.Errorf("the camera goes on: %s, then %s", before.Saw.Told, after.Saw.Told)
	}
	return nil
}
