package hw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/drivers/v4l2"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/internal/board/hands"
)

// What a camera on the virtual board must reach.
const (
	cameraFrames = 30
	cameraOthers = 8   // of formats that take the same way
	cameraRate   = 100 // frames a second, as fast as the emulated bus goes
	cameraTries  = 5   // for the rate: another program may have the processor
)

// cameraBench is one camera at work.
type cameraBench struct {
	*Bench
	about hands.Device
	tree  *uevent.Tree
	match drivers.Match
	cam   *v4l2.Device
	modes []sense.Mode

	buffers int // of the kernel; 0 is the driver's own number
}

// cameraCheck looks at every camera: its pictures, its controls, its plug.
func cameraCheck(ctx context.Context, b *Bench) error { return b.cameras(ctx, (*cameraBench).all) }

func (b *Bench) cameras(ctx context.Context, check func(*cameraBench, context.Context)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tree := uevent.NewTree(uevent.Config{})
	go tree.Run(ctx) // it ends with ctx
	for _, d := range b.Of("camera") {
		m, err := drivers.ParseMatch(d.ID)
		if err != nil {
			return err
		}
		c := &cameraBench{Bench: b, about: d, tree: tree, match: m}
		if err := c.plugIn(ctx); err != nil {
			return err
		}
		if err := c.open(ctx); err != nil {
			return err
		}
		check(c, ctx)
		if err := errors.Join(c.close(), c.plugOut(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cameraBench) all(ctx context.Context) {
	// As many buffers as frames are looked at: whether one is lost is then not a matter of who
	// has the processor.
	if err := c.reopen(ctx, 32); err != nil {
		c.rule("opened again", func(*hands.Verdict) error { return err })
		return
	}
	seen := map[sense.PixelFormat]bool{}
	for _, m := range c.modes {
		if seen[m.Pixel] && !c.Virtual { // a camera of a shop has dozens
			continue
		}
		seen[m.Pixel] = true
		c.rule(m.Pixel.String()+" "+fmt.Sprintf("%dx%d", m.Width, m.Height), func(v *hands.Verdict) error { return c.stream(ctx, m, v) })
	}
	if slices.Contains(c.about.Deeds, hands.Fault) {
		c.rule("damaged frames are marked", func(v *hands.Verdict) error { return c.damage(ctx, v) })
	}
	if err := c.reopen(ctx, 0); err != nil {
		c.rule("opened again", func(*hands.Verdict) error { return err })
		return
	}
	c.rule("exposure and gain held", func(v *hands.Verdict) error { return c.hold(ctx, v) })
	c.rule("one owner", func(v *hands.Verdict) error { return c.owner(ctx, v) })
	pulls := cameraPulls
	if c.Few || !c.Virtual {
		pulls = 2
	}
	c.rule("unplugged while streaming", func(v *hands.Verdict) error { return c.pulls(ctx, pulls, v) })
}

// rule runs one check and prints its line.
func (c *cameraBench) rule(name string, check func(*hands.Verdict) error) {
	v := hands.Verdict{Device: c.about.Name, Rule: name}
	begun := time.Now()
	err := check(&v)
	v.Took = time.Since(begun)
	if v.OK = err == nil; err != nil {
		v.Why = err.Error()
	}
	c.Report(v)
}

func (c *cameraBench) plugIn(ctx context.Context) error {
	if c.about.Ports == 0 || c.about.Port != 0 {
		return nil
	}
	_, err := c.Do(ctx, hands.Order{Do: hands.Plug, Device: c.about.Name})
	return err
}

func (c *cameraBench) plugOut(ctx context.Context) error {
	if c.about.Ports == 0 || c.about.Port != 0 {
		return nil
	}
	_, err := c.Do(ctx, hands.Order{Do: hands.Unplug, Device: c.about.Name})
	return err
}

func (c *cameraBench) reopen(ctx context.Context, buffers int) error {
	c.buffers = buffers
	return errors.Join(c.close(), c.open(ctx))
}

// close takes a Close that ends later, in the kernel, for one that came back in time: how long
// it took is measured.
func (c *cameraBench) close() error {
	err := c.cam.Close()
	if errors.Is(err, drivers.ErrTimeout) {
		return nil
	}
	return err
}

// open waits for the node that takes pictures, and opens it.
func (c *cameraBench) open(ctx context.Context) error {
	return Await(ctx, 10*time.Second, "a camera that opens", func() bool {
		nodes, err := c.tree.Nodes(ctx)
		if err != nil {
			return false
		}
		for _, n := range nodes {
			if n.Subsystem != "video4linux" || !c.match.Is(n.ID) {
				continue
			}
			cam, err := v4l2.Open(ctx, v4l2.Config{Path: n.Path, Stream: c.about.Name, Buffers: c.buffers, Frames: 4 * cameraFrames})
			if err != nil {
				continue // the node for metadata, or one that goes away
			}
			if c.modes, err = cam.Modes(ctx); err == nil {
				c.cam = cam
				return true
			}
			cam.Close()
		}
		return false
	})
}

// known is the pictures of the virtual board's camera; nil of another.
func (c *cameraBench) known(m sense.Mode) (list [][]byte) {
	if !c.Virtual {
		return nil
	}
	for n := range device.UVCPictures {
		list = append(list, device.UVCPicture(device.UVCMode{Format: m.Pixel.String(), Width: m.Width, Height: m.Height}, n))
	}
	return list
}

func exact(f *sense.Frame, known [][]byte) bool {
	return known == nil || slices.ContainsFunc(known, func(p []byte) bool { return bytes.Equal(p, f.Data()) })
}

// stream takes frames of a mode. On the virtual board each must be one of its pictures.
func (c *cameraBench) stream(ctx context.Context, m sense.Mode, v *hands.Verdict) error {
	tries, best := 1, 0.0
	known := c.known(m)
	if c.Virtual && m.Pixel.Compressed() {
		tries = cameraTries
	}
	for range tries {
		rate, err := c.frames(ctx, m, known, v)
		if err != nil {
			return err
		}
		if best = max(best, rate); best >= cameraRate {
			break
		}
	}
	v.Found = fmt.Sprintf("%.0f frames/s, bit-exact", best)
	if known == nil {
		v.Found = fmt.Sprintf("%.1f frames/s, none lost", best)
	}
	if c.Virtual && m.Pixel.Compressed() && best < cameraRate {
		return fmt.Errorf("less than %d frames/s", cameraRate)
	}
	return nil
}

// frames takes so many frames and says how fast they came.
func (c *cameraBench) frames(ctx context.Context, m sense.Mode, known [][]byte, v *hands.Verdict) (rate float64, err error) {
	v.Done, v.Of = 0, cameraFrames
	if !m.Pixel.Compressed() && m.Pixel != sense.GREY {
		v.Of = cameraOthers
	}
	if _, err := c.cam.Start(ctx, m); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.cam.Stop(ctx)) }()
	var first, last sense.Time
	for range v.Of {
		f, err := c.next(ctx)
		if err != nil {
			return 0, err
		}
		same := exact(f, known)
		bad := !same || f.Damaged || f.Lost > 0 || !f.Timed || f.At <= last
		if bad {
			err = fmt.Errorf("frame %d: exact %v, damaged %v, %d lost before it, timed %v, %v after the one before",
				f.Seq, same, f.Damaged, f.Lost, f.Timed, f.At.Sub(last))
		}
		if last = f.At; first == 0 {
			first = last
		}
		f.Release()
		if err != nil {
			return 0, err
		}
		v.Done++
	}
	return float64(v.Of-1) / last.Sub(first).Seconds(), nil
}

func (c *cameraBench) next(ctx context.Context) (*sense.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return c.cam.Next(ctx)
}

// hold locks exposure and gain. The virtual camera says what it was told.
func (c *cameraBench) hold(ctx context.Context, v *hands.Verdict) error {
	want := sense.Exposure{Mains: 50}
	if c.Virtual {
		want = sense.Exposure{Time: 5 * time.Millisecond, Gain: sense.Gain{Set: true, Value: 17}, Mains: 50}
	}
	held, err := c.cam.Lock(ctx, want)
	if err != nil {
		return err
	}
	v.Found = fmt.Sprintf("%v, gain %d", held.Time, held.Gain)
	if !held.TimeFixed {
		return errors.New("this camera's exposure cannot be held")
	}
	if !c.Virtual {
		return nil
	}
	a, err := c.Do(ctx, hands.Order{Do: hands.Saw, Device: c.about.Name})
	if err != nil {
		return err
	}
	if told := string(a.Saw.Told); told != "mode=1 priority=0 time=50 gain=17 mains=1 white=0" {
		return fmt.Errorf("the camera was told %s", told)
	}
	return nil
}

// owner starts the camera a second time while it streams.
func (c *cameraBench) owner(ctx context.Context, v *hands.Verdict) error {
	if _, err := c.cam.Start(ctx, c.modes[0]); err != nil {
		return err
	}
	defer c.cam.Stop(ctx)
	other, err := v4l2.Open(ctx, v4l2.Config{Path: c.cam.String()})
	if err != nil {
		return err
	}
	defer other.Close()
	_, err = other.Start(ctx, c.modes[0])
	if !errors.Is(err, drivers.ErrBusy) {
		return fmt.Errorf("a second start: %w", err)
	}
	v.Found = "the second is told: " + strings.TrimPrefix(err.Error(), "start ")
	return nil
}

// damage has frames come to harm on the bus. The kernel may keep them to itself: then they are
// missing. None is taken for whole.
func (c *cameraBench) damage(ctx context.Context, v *hands.Verdict) error {
	marked, missing := 0, uint64(0)
	for _, fault := range c.about.Faults {
		for _, m := range c.modes[:min(2, len(c.modes))] { // compressed and not
			a, b, err := c.harm(ctx, fault, m)
			if err != nil {
				return fmt.Errorf("%s, %v: %w", fault, m.Pixel, err)
			}
			marked, missing = marked+a, missing+b
		}
	}
	v.Found = fmt.Sprintf("%d marked, %d kept back by the kernel, none taken for whole", marked, missing)
	return nil
}

// harm harms the first frames of a stream.
func (c *cameraBench) harm(ctx context.Context, fault string, m sense.Mode) (marked int, missing uint64, err error) {
	const harmed = 3
	known := c.known(m)
	if _, err := c.Do(ctx, hands.Order{Do: hands.Fault, Device: c.about.Name, Text: fault, Times: harmed}); err != nil {
		return 0, 0, err
	}
	if _, err := c.cam.Start(ctx, m); err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, c.cam.Stop(ctx)) }()
	for i := range cameraOthers {
		f, err := c.next(ctx)
		if err != nil {
			return 0, 0, err
		}
		whole := exact(f, known)
		if i == 0 {
			missing = f.Seq // the first of a stream is 0
		}
		missing += f.Lost
		if f.Damaged {
			marked++
		}
		f.Release()
		if !whole && !f.Damaged {
			return 0, 0, fmt.Errorf("frame %d is none of the camera's, and taken for whole", f.Seq)
		}
	}
	if marked+int(missing) < harmed {
		return 0, 0, fmt.Errorf("%d of %d damaged frames were not seen", harmed-marked-int(missing), harmed)
	}
	return marked, missing, nil
}
