package stage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/capture"
)

// Names of the attack instruments.
const (
	LaserPrint    = "laser-print"      // toner takes both lights: the same lines in both bands
	InkjetPrint   = "inkjet-print"     // dye is clear at 850 nm: a blank sheet there
	PhoneScreen   = "phone-screen"     // makes visible light, throws back next to nothing
	TabletScreen  = "tablet-screen"    // the same, of a hand's size
	Replay        = "replayed-capture" // a live hand's frames, taken under an older lamp order
	Injection     = "injected-frames"  // perfect frames that know nothing of the lamps
	SecondBand    = "second-band"      // one palm under white light, another one at 850 nm
	BlankGlove    = "blank-glove"      // latex over a hand
	TwoLayer      = "two-layer"        // clear ink over a vein layer in toner, made to pass
	printed       = 0.5                // mm of the inked dot's blur, at most
	glassReflects = 0.04
)

// Instruments are the names of all attack instruments.
func Instruments() []string {
	return []string{LaserPrint, InkjetPrint, PhoneScreen, TabletScreen, Replay, Injection, SecondBand, BlankGlove, TwoLayer}
}

// Careful draws options of a hand that follows the guidance: Vary, with less roll, tilt and
// difference in distance.
func Careful(seed uint64) Options {
	o := Vary(seed)
	o.Roll, o.Pitch, o.Yaw = o.Roll*0.6, o.Pitch*0.6, o.Yaw*0.6
	o.Scale = 1 + 0.6*(o.Scale-1)
	return o
}

// Attack is a presentation of an instrument: which palm, how well made and how it is held
// follows from the seed. It panics for a name that is none of Instruments.
func Attack(name string, seed uint64) *Presentation {
	o := Careful(seed)
	o.Second, o.Plaster, o.Dirt, o.Rings = false, false, 0, 0
	return AttackOn(name, o, seed)
}

// AttackOn is Attack with the palm, the hand and the posture of o: whom it pretends to be.
func AttackOn(name string, o Options, seed uint64) *Presentation {
	m := &maker{o: o, rng: rand.New(rand.NewPCG(seed, 0xa77a))}
	p := m.make(name)
	p.Name = name
	p.done()
	return p
}

// maker makes an instrument.
type maker struct {
	o   Options
	rng *rand.Rand
}

func (m *maker) between(low, high float64) float64 { return low + (high-low)*m.rng.Float64() }

func (m *maker) make(name string) *Presentation {
	switch name {
	case LaserPrint, InkjetPrint:
		return m.print(name == InkjetPrint)
	case PhoneScreen:
		return m.screen(72, 152, 0.4)
	case TabletScreen:
		return m.screen(168, 245, 0.9)
	case Replay:
		return m.replay()
	case Injection:
		return m.injection()
	case SecondBand:
		return m.secondBand()
	case BlankGlove:
		return m.glove()
	case TwoLayer:
		return m.twoLayer()
	}
	panic(fmt.Sprintf("no attack instrument %q", name))
}

// flat is the victim's hand as a flat thing: nothing stands out.
func (m *maker) flat() *Presentation {
	m.o.Sleeve = false
	p := Live(m.o)
	t := &p.things[len(p.things)-1]
	s := t.sheet
	for i := range s.data {
		s.data[i].height = 0
	}
	s.flat, s.mean = true, 0
	t.truth.height = 0
	t.path.unsteady = m.between(0.5, 1.2)
	if m.rng.Float64() < 0.3 {
		t.path.unsteady = 0.05 // on a stand
	}
	return p
}

// print is a life-size print of the victim's palm: cut out, or on the whole sheet.
func (m *maker) print(clear bool) *Presentation {
	p := m.flat()
	t := &p.things[0]
	paper := [2]float64{m.between(0.8, 0.92), m.between(0.75, 0.9)}
	black := m.between(0.04, 0.12)
	toner := m.between(0.8, 1)
	veins := !clear && m.rng.Float64() < 0.4 // printed from a picture at 850 nm
	cut := m.rng.Float64() < 0.65
	s := t.sheet
	// Toner and fibres are uneven, and not alike in both lights.
	grain := [2]noise{{m.rng.Uint32(), m.between(2, 4)}, {m.rng.Uint32(), m.between(2, 4)}}
	uneven := m.between(0.04, 0.12)
	brightest := s.brightest(veins)
	curve := newTones(black, m.between(0.55, 0.97), m.between(0.8, 1.2))
	for i := range s.data {
		x := &s.data[i]
		source := x.white
		if veins {
			source = x.nir
		}
		r := black
		if x.cover > 0 {
			r = curve.at(float64(source) / brightest)
		} else if cut {
			continue
		}
		at := s.place(i%s.w, i/s.w)
		ink := 1 - r
		x.white = reflect16(paper[1] * (1 - ink*(1+uneven*grain[0].at(at.u, at.v))))
		if clear {
			x.nir = reflect16(paper[0] * (1 - 0.03*ink))
		} else {
			x.nir = reflect16(paper[0] * (1 - ink*toner*(1+uneven*grain[1].at(at.u, at.v))))
		}
		if !cut {
			x.cover = 255
		}
	}
	s.soften(m.between(0, printed))
	if clear && m.rng.Float64() < 0.5 { // photo paper
		s.gloss, s.polish = m.between(0.3, 1.5), m.between(0.03, 0.08)
	} else { // toner shines a little
		s.gloss, s.polish = m.between(0, 0.15), m.between(0.06, 0.2)
	}
	return p
}

// tones is how a printer renders a picture: from full ink to the little ink of its brightest
// places. Who knows of the lamps prints dark.
type tones struct{ table [257]float64 }

func newTones(black, bright, gamma float64) *tones {
	t := new(tones)
	for i := range t.table {
		t.table[i] = black + (bright-black)*math.Pow(float64(i)/256, gamma)
	}
	return t
}

func (t *tones) at(v float64) float64 { return t.table[int(clamp(v, 0, 1)*256)] }

// screen is a pane that shows the victim's palm, in a frame.
func (m *maker) screen(wide, high, scale float64) *Presentation {
	p := m.flat()
	t := &p.things[0]
	from := t.sheet
	centre := t.anchor
	s := newSheet(-wide/2, wide/2, -high/2, high/2, density)
	s.flat, s.gloss, s.polish = true, m.between(6, 20), m.between(0.008, 0.02)
	bezel := m.between(2, 6)
	brightest := from.brightest(false)
	for y := range s.h {
		for x := range s.w {
			q := s.place(x, y)
			i := &s.data[y*s.w+x]
			i.cover = 255
			i.nir, i.white = reflect16(glassReflects), reflect16(glassReflects)
			if min(wide/2-math.Abs(q.u), high/2-math.Abs(q.v)) < bezel {
				continue
			}
			if x := from.at(mm{centre.u + q.u/scale, centre.v + (q.v-0.08*high)/scale}); x != nil && x.cover > 0 {
				i.emit = uint8(255 * clamp(float64(x.white)/brightest, 0, 1))
			}
		}
	}
	f := t.truth.frame
	shrink := func(a mm) mm { return mm{(a.u - centre.u) * scale, (a.v-centre.v)*scale + 0.08*high} }
	t.truth.frame = frame{at: shrink(f.at), across: mm{f.across.u * scale, f.across.v * scale}, down: mm{f.down.u * scale, f.down.v * scale}}
	for i := range t.truth.valleys {
		t.truth.valleys[i] = shrink(t.truth.valleys[i])
	}
	t.sheet, t.anchor = s, mm{0, 0.08 * high}
	level := m.between(70, 230)
	t.glow = func(time.Duration) float64 { return level }
	if m.rng.Float64() < 0.5 { // a film of a capture, not a picture
		order := drawOrder(m.rng)
		t.glow = func(at time.Duration) float64 {
			return level * [...]float64{capture.Dark: 0.02, capture.NIR: 0.9, capture.White: 1}[playing(order, at)]
		}
	}
	return p
}

// playing is the light of an order that goes round and round.
func playing(order capture.Order, at time.Duration) capture.Light {
	const phase = PhaseFrames * time.Second / 30
	n := int(at/phase) % len(order)
	if n < 0 {
		n += len(order)
	}
	return order[n]
}

// replay is the frames of a live hand under an older order, in step with this one.
func (m *maker) replay() *Presentation {
	p := Live(m.o)
	order := drawOrder(m.rng)
	p.feed = func(at time.Duration, l Lighting) (time.Duration, Lighting) {
		start := time.Duration(0)
		if len(l) > 0 {
			start = l[0].At
		}
		return at, whole(at, playing(order, at-start+time.Millisecond))
	}
	return p
}

// whole is a lighting that does not change while a frame is taken.
func whole(at time.Duration, l capture.Light) Lighting {
	return Lighting{{At: at - time.Second, Lamps: LampsOf(l)}}
}

// injection is one perfect frame again and again, or lights that follow no order.
func (m *maker) injection() *Presentation {
	p := Live(m.o)
	lights := [3]capture.Light{capture.NIR, capture.White, capture.Dark}
	still, one := m.rng.IntN(2) == 0, lights[m.rng.IntN(2)]
	every := time.Duration(1+m.rng.IntN(4)) * time.Second / 30
	moment := p.Settled() + time.Second
	p.feed = func(at time.Duration, _ Lighting) (time.Duration, Lighting) {
		if still {
			return moment, whole(moment, one)
		}
		return at, whole(at, lights[uint64(at/every)*2654435761>>7%3])
	}
	return p
}

// secondBand is one palm's lines under white light and another's veins at 850 nm: a printed
// film over a living hand, or a card.
func (m *maker) secondBand() *Presentation {
	m.o.Sleeve = false
	p := Live(m.o)
	other := m.o
	other.Person ^= 0x5ec0
	s, q := p.things[0].sheet, otherSkin(m.o, other, m.rng)
	for i := range s.data {
		s.data[i].nir = q.data[i].nir
	}
	if m.rng.Float64() < 0.5 {
		for i := range s.data {
			s.data[i].height = 0
		}
		s.flat, s.mean, p.things[0].truth.height = true, 0, 0
		s.gloss, s.polish = m.between(0, 0.2), 0.1
	}
	return p
}

// otherSkin is the skin of another palm on the bones of this one.
func otherSkin(bones, skin Options, rng *rand.Rand) *sheet {
	h := newAnatomy(bones.Person, bones.Hand, bones.posture())
	rest := newAnatomy(bones.Person, bones.Hand, posture{spread: 3, thumb: 42})
	at, _ := rest.region()
	return skinOf(h, palms.NewHand(skin.Person, skin.Hand), at, skin.look(), rng.Uint64())
}

// glove is latex: it is as smooth in one light as in the other.
func (m *maker) glove() *Presentation {
	p := Live(m.o)
	h := newAnatomy(m.o.Person, m.o.Hand, m.o.posture())
	at, _ := h.region()
	l := look{glove: true, nir: m.between(0.55, 0.8), tone: m.between(0.3, 0.75)}
	if m.rng.Float64() < 0.3 { // blue or black nitrile
		l.tone = m.between(0.06, 0.3)
	}
	l.gloss = m.between(0, 0.12)
	p.things[0].sheet = skinOf(h, palms.NewHand(m.o.Person, m.o.Hand), at, l, m.rng.Uint64())
	p.things[0].sheet.polish = m.between(0.15, 0.4)
	return p
}

// twoLayer is a card, or a film over fingers and palm, whose reflectance in both lights is
// the victim's, as well as two printers can do it.
func (m *maker) twoLayer() *Presentation {
	m.o.Sleeve = false
	worn := m.rng.Float64() < 0.4
	p := Live(m.o)
	if !worn {
		p = m.flat()
	}
	s := p.things[0].sheet
	through := m.between(0, 0.12) // of the vein layer, seen under white light
	brightest := s.brightest(true)
	nir, white := m.between(0.9, 1.3), m.between(0.9, 1.3)
	for i := range s.data {
		x := &s.data[i]
		veins := float64(x.nir) / brightest
		x.white = reflect16(float64(x.white) / 65535 * white * (1 - through*(1-veins)))
		x.nir = reflect16(float64(x.nir) / 65535 * nir)
	}
	s.soften(m.between(0.2, printed))
	s.gloss, s.polish = m.between(0, 0.25), m.between(0.1, 0.3)
	return p
}
