package attack

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/biometric/template"
	"github.com/tilld/tilld/internal/secret"
)

// TestLikeTheProduct: what is measured with a Map is what a terminal makes.
func TestLikeTheProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		k := vectorKey()
		p, err := template.New(k.Provider, biometric.Transform{Epoch: k.Epoch, Key: secret.New(k.K[:]), Salt: k.Salt[:], Profile: profile})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Wipe()
		m := newMap(t, k, profile.Bits(), profile.Shifts())
		fields := template.Fields{Characteristic: biometric.PalmVein, PAD: biometric.BonaFide, At: time.Unix(1e9, 0)}
		for range 5 {
			c := random(r)
			enrolled, err := p.Enrol([]*feature.Code{c}, fields)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(enrolled.Sample(0), reference(m, c)) {
				t.Errorf("%s: the reference is another one", profile)
			}
			probed, err := p.Probe(c, fields)
			if err != nil {
				t.Fatal(err)
			}
			mine := probe(m, c)
			for i := range probed.Samples() {
				if !slices.Equal(probed.Sample(i), mine[i*m.Words():][:m.Words()]) {
					t.Errorf("%s: shift %d of the probe is another one", profile, i)
				}
			}
		}
	}
}
