package palm

import (
	"errors"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/biometric/template"
)

var errExpired = errors.New("the provider's challenge is too old")

// seal protects what was taken and seals it for the challenge.
func (t *take) seal(v biometric.Verdict) (biometric.Sealed, error) {
	if !time.Now().Before(t.ch.Expires) {
		return biometric.Sealed{}, &biometric.Error{Op: op, Fault: biometric.FaultExpired, Err: errExpired, Hint: "begin again"}
	}
	protected, err := t.protect(v)
	if err != nil {
		return biometric.Sealed{}, t.keys(err)
	}
	sealed, err := biometric.Seal(t.ch, protected, v, t.p.o.Signer)
	if err != nil {
		return biometric.Sealed{}, t.keys(err)
	}
	return sealed, nil
}

func (t *take) keys(err error) error {
	return &biometric.Error{Op: op, Fault: biometric.FaultKeys, Err: err, Hint: "the terminal's key or the provider's answer cannot be used"}
}

func (t *take) protect(v biometric.Verdict) (*biometric.Protected, error) {
	f := template.Fields{Characteristic: biometric.PalmVein, Hand: handOf(t.side), Quality: int(100 * t.worst), PAD: v.Decision, At: v.At}
	if t.ch.Purpose == biometric.Pay {
		return t.protector.Probe(t.b.codes[0], f)
	}
	return t.protector.Enrol(t.b.codes[:t.taken], f)
}

func handOf(s roi.Side) biometric.Hand {
	switch s {
	case roi.SideLeft:
		return biometric.LeftHand
	case roi.SideRight:
		return biometric.RightHand
	}
	return biometric.UnknownHand
}

// audit signs a verdict that nothing is sealed with, for who looks into it afterwards.
func (t *take) audit(v biometric.Verdict) error {
	if t.p.o.Audit == nil || v.Decision == biometric.BonaFide || len(v.Cues) == 0 {
		return nil
	}
	ch := t.ch
	ch.Claim = ""
	r, err := biometric.SignVerdict(ch, v, t.p.o.Signer)
	if err != nil {
		return t.keys(err)
	}
	t.p.o.Audit(r)
	return nil
}
