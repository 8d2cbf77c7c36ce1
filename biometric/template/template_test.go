package template

import (
	"bytes"
	"crypto/sha3"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/internal/secret"
)

func transform(epoch uint32, profile biometric.Profile) biometric.Transform {
	return biometric.Transform{
		Epoch: epoch, Profile: profile,
		Key:  secret.New(bytes.Repeat([]byte{0x5a}, biometric.TransformKeySize)),
		Salt: bytes.Repeat([]byte{0xa5}, biometric.TransformSaltSize),
	}
}

func fields() Fields {
	return Fields{
		Characteristic: biometric.PalmVein, Hand: biometric.LeftHand, Quality: 83, PAD: biometric.BonaFide,
		At: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC),
	}
}

func newProtector(t testing.TB, provider string, tr biometric.Transform) *Protector {
	t.Helper()
	p, err := New(provider, tr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Wipe)
	return p
}

func randomCode(seed byte) *feature.Code {
	var c feature.Code
	copy(c.Data()[:], sha3.SumSHAKE256([]byte{seed}, feature.Bytes))
	return &c
}

// moved is c as it would look with the palm elsewhere; what comes in from outside is noise.
func moved(c *feature.Code, dx, dy int) *feature.Code {
	out := randomCode(200)
	for i := range feature.Bits {
		plane, row, col := i/1024, i/32%32, i%32
		if row+dy < 0 || row+dy > 31 || col+dx < 0 || col+dx > 31 {
			continue
		}
		from := plane*1024 + (row+dy)*32 + col + dx
		bit := c.Data()[from/8] >> (from % 8) & 1
		out.Data()[i/8] = out.Data()[i/8]&^(1<<(i%8)) | bit<<(i%8)
	}
	return out
}

func reference(t testing.TB, p *Protector, codes ...*feature.Code) *biometric.Protected {
	t.Helper()
	r, err := p.Enrol(codes, fields())
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := biometric.ParseProtected(b)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func distance(t testing.TB, ref *biometric.Protected, p *Protector, code *feature.Code) float64 {
	t.Helper()
	probe, err := p.Probe(code, fields())
	if err != nil {
		t.Fatal(err)
	}
	c, err := biometric.Match(ref, probe)
	if err != nil {
		t.Fatal(err)
	}
	return c.Distance
}

func TestSizes(t *testing.T) {
	for profile, want := range map[biometric.Profile][2]int{biometric.Standard: {800, 6432}, biometric.Private: {416, 6304}} {
		p := newProtector(t, "provider.example", transform(1, profile))
		if got := reference(t, p, randomCode(1), randomCode(2), randomCode(3)).Size(); got != want[0] {
			t.Errorf("%s: a reference has %d bytes, want %d", profile, got, want[0])
		}
		probe, err := p.Probe(randomCode(1), fields())
		if err != nil {
			t.Fatal(err)
		}
		if got := probe.Size(); got != want[1] {
			t.Errorf("%s: a probe has %d bytes, want %d", profile, got, want[1])
		}
	}
}

func TestHeaderTellsLittle(t *testing.T) {
	p := newProtector(t, "provider.example", transform(9, biometric.Standard))
	probe, err := p.Probe(randomCode(1), fields())
	if err != nil {
		t.Fatal(err)
	}
	h := probe.Header()
	if h.Quality != 75 || !h.At.Equal(time.Date(2026, 5, 6, 7, 8, 0, 0, time.UTC)) || h.Epoch != 9 || h.Shifts != 2 || !h.Probe {
		t.Errorf("probe has header %+v", h)
	}
	h = reference(t, p, randomCode(1)).Header()
	if h.Quality != 75 || !h.At.Equal(time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC)) || h.Shifts != 0 || h.Probe {
		t.Errorf("reference has header %+v", h)
	}
}

// TestMoved finds a palm again at every shift of the profile, and not beyond.
func TestMoved(t *testing.T) {
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		p := newProtector(t, "provider.example", transform(1, profile))
		code := randomCode(1)
		ref := reference(t, p, randomCode(5), code)
		for _, at := range [][2]int{{0, 0}, {1, -1}, {-profile.Shifts(), profile.Shifts()}} {
			if d := distance(t, ref, p, moved(code, at[0], at[1])); d > .2 {
				t.Errorf("%s: moved by %v, the distance is %.3f", profile, at, d)
			}
		}
		if d := distance(t, ref, p, moved(code, profile.Shifts()+1, 0)); d < .4 {
			t.Errorf("%s: moved too far, the distance is %.3f", profile, d)
		}
		if d := distance(t, ref, p, randomCode(9)); d < .4 {
			t.Errorf("%s: another palm is at %.3f", profile, d)
		}
	}
}

// TestRenewed makes the same palm unlike itself by each of the things that renew it.
func TestRenewed(t *testing.T) {
	tr := transform(1, biometric.Standard)
	code := randomCode(1)
	ref := reference(t, newProtector(t, "provider.example", tr), code)
	salt, key, epoch := tr, tr, tr
	salt.Salt = append([]byte(nil), tr.Salt...)
	salt.Salt[15] ^= 1
	key.Key = secret.Copy(tr.Key.Reveal())
	key.Key.Reveal()[0] ^= 1
	epoch.Epoch = 2
	for name, c := range map[string]struct {
		provider string
		tr       biometric.Transform
	}{
		"salt":     {"provider.example", salt},
		"key":      {"provider.example", key},
		"provider": {"provider.example.org", tr},
		"epoch":    {"provider.example", epoch},
	} {
		other := reference(t, newProtector(t, c.provider, c.tr), code)
		d := float64(biometric.Hamming(ref.Sample(0), other.Sample(0))) / 2048
		// 5 sigma of 2048 fair coins; the three draws are independent of those before.
		if math.Abs(d-.5) > 5*.5/math.Sqrt(2048) {
			t.Errorf("%s renewed: the distance is %.3f", name, d)
		}
	}
	probe, err := newProtector(t, "provider.example", epoch).Probe(code, fields())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := biometric.Match(ref, probe); err == nil {
		t.Error("templates of two epochs were compared")
	}
}

func TestRefused(t *testing.T) {
	good := transform(1, biometric.Standard)
	for name, spoil := range map[string]func(*biometric.Transform){
		"epoch":   func(tr *biometric.Transform) { tr.Epoch = 0 },
		"key":     func(tr *biometric.Transform) { tr.Key = secret.New(make([]byte, 31)) },
		"no key":  func(tr *biometric.Transform) { tr.Key = nil },
		"salt":    func(tr *biometric.Transform) { tr.Salt = nil },
		"profile": func(tr *biometric.Transform) { tr.Profile = "" },
	} {
		tr := good
		spoil(&tr)
		if p, err := New("provider.example", tr); err == nil {
			p.Wipe()
			t.Errorf("%s: taken", name)
		}
	}
	for _, provider := range []string{"", "a\x00b", "a b"} {
		if p, err := New(provider, good); err == nil {
			p.Wipe()
			t.Errorf("provider %q taken", provider)
		}
	}
	p := newProtector(t, "provider.example", good)
	for _, n := range []int{0, 4} {
		if _, err := p.Enrol(make([]*feature.Code, n), fields()); err == nil {
			t.Errorf("%d samples taken", n)
		}
	}
	f := fields()
	f.Characteristic = 0
	if _, err := p.Probe(randomCode(1), f); err == nil {
		t.Error("a probe of nothing taken")
	}
}

func TestNoAllocations(t *testing.T) {
	p := newProtector(t, "provider.example", transform(1, biometric.Standard))
	codes := []*feature.Code{randomCode(1), randomCode(2), randomCode(3)}
	ref := reference(t, p, codes...)
	f := fields()
	if n := testing.AllocsPerRun(20, func() {
		probe, err := p.Probe(codes[0], f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := biometric.Match(ref, probe); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Enrol(codes, f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNothingStays(t *testing.T) {
	p := newProtector(t, "provider.example", transform(1, biometric.Standard))
	probe, err := p.Probe(randomCode(1), fields())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.lanes {
		if w != 0 {
			t.Fatal("the code stays in the working memory")
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %x %v %#v", probe, *probe, probe, *probe, p, *p); len(s) > 100 {
		t.Errorf("shown: %s", s)
	}
	sample := probe.Sample(0)
	probe.Wipe()
	for _, w := range sample {
		if w != 0 {
			t.Fatal("a wiped template is still there")
		}
	}
	p.Wipe()
	p.Wipe()
}

func BenchmarkNew(b *testing.B) {
	tr := transform(1, biometric.Standard)
	for b.Loop() {
		p, err := New("provider.example", tr)
		if err != nil {
			b.Fatal(err)
		}
		p.Wipe()
	}
}

func BenchmarkProbe(b *testing.B) {
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		b.Run(string(profile), func(b *testing.B) {
			p := newProtector(b, "provider.example", transform(1, profile))
			code, f := randomCode(1), fields()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Probe(code, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEnrol(b *testing.B) {
	p := newProtector(b, "provider.example", transform(1, biometric.Standard))
	codes, f := []*feature.Code{randomCode(1), randomCode(2), randomCode(3)}, fields()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Enrol(codes, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		b.Run(string(profile), func(b *testing.B) {
			p := newProtector(b, "provider.example", transform(1, profile))
			ref := reference(b, p, randomCode(1), randomCode(2), randomCode(3))
			probe, err := p.Probe(randomCode(4), fields())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := biometric.Match(ref, probe); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
