package provider_test

import (
	"testing"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/template"
)

// protect does what a pipeline does behind the region: codes, PT1, seal.
func (d *desk) protect(ch biometric.Challenge, palm *palms.Identity, occasion uint64) biometric.Sealed {
	d.t.Helper()
	x := bocv.New()
	codes := make([]*bocv.Code, ch.Samples)
	for i := range codes {
		codes[i] = new(bocv.Code)
		x.Code(codes[i], (*bocv.Region)(palm.Capture(occasion+uint64(i), palms.Plain(), palms.Vein)))
	}
	p, err := template.New(ch.Provider, ch.Transform)
	d.must(err)
	defer p.Wipe()
	f := template.Fields{Characteristic: biometric.PalmVein, Hand: biometric.RightHand, Quality: 80, PAD: biometric.BonaFide, At: d.clock.Now()}
	var made *biometric.Protected
	if ch.Purpose == biometric.Enrol {
		made, err = p.Enrol(codes, f)
	} else {
		made, err = p.Probe(codes[0], f)
	}
	d.must(err)
	return d.sealWith(ch, made, d.verdict())
}

// TestSyntheticPalms goes the whole way with palms of the generator, in both profiles.
func TestSyntheticPalms(t *testing.T) {
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		d := newDesk(t, func(o *providertest.Options) { o.Profile = profile })
		people := map[string]*palms.Identity{wang: palms.New(1), li: palms.New(2)}
		for member, palm := range people {
			e, err := d.client.Enrol(d.ctx(), d.protect(d.challenge(d.enrolment(d.code(member))), palm, 10))
			if err != nil || e.Outcome != provider.Enrolled {
				t.Fatalf("%s: %+v, %v", profile, e, err)
			}
		}
		for member, palm := range people {
			for claim := range people {
				want := provider.NotMatched
				if claim == member {
					want = provider.Matched
				}
				if a := d.identify(d.protect(d.challenge(payment(claim)), palm, 20)); a.Outcome != want {
					t.Errorf("%s: the palm of %s as %s: %s", profile, member, claim, a.Outcome)
				}
			}
		}
	}
}
