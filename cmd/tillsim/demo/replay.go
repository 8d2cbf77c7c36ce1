package demo

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
)

// Paths of the provider that a thief knows.
const (
	pathChallenge = "/v1/challenge"
	pathIdentify  = "/v1/identify"
)

// thief has all that a till sent to its provider, and the terminal's key.
type thief struct {
	p        *play
	key      crypto.Signer
	all      []providertest.Request
	template providertest.Request // the one that was paid with
}

// replayed: somebody has what the till sent when a palm paid. Nothing that can be made of it
// is worth a second credential, whoever signs it.
func replayed(p *play) {
	stop := p.rig.Palm.Record()
	p.paysWithPalm(p.basket())
	t := &thief{p: p, all: stop()}
	if p.err != nil {
		return
	}
	p.do("take the terminal's key", func(context.Context) (err error) {
		t.key, err = p.rig.PalmKey()
		return err
	})
	t.template = t.last(pathIdentify)
	before := p.rig.Palm.Provider.Counts()

	t.wantRefused("the same request", t.template)
	t.wantSame("the same template in a new request")
	s := t.sealed()
	s.Binding.Minor *= 10
	t.wantNothing("with another amount", s, false)
	t.wantNothing("with another amount, signed anew", s, true)
	t.challenge(&s)
	t.wantNothing("for the challenge of another payment", s, false)
	t.wantNothing("for it, signed anew", s, true)

	p.counted(before, "issued", 0)
	// Whoever can do all this could as well have kept the credential: it is used.
	p.paysWithPalm(p.basket())
}

// last is the last request of a kind.
func (t *thief) last(path string) (r providertest.Request) {
	for _, q := range t.all {
		if q.Path == path {
			r = q
		}
	}
	if r.Path == "" {
		t.p.fail("the till did not ask for %s", path)
	}
	return r
}

// answer sends a request and reads what is answered.
func (t *thief) answer(r providertest.Request, into any) (status int) {
	t.p.do("send "+r.Path+" again", func(ctx context.Context) error {
		var body []byte
		var err error
		if status, body, err = t.p.rig.Palm.Provider.Send(ctx, r); err != nil || status != http.StatusOK {
			return err
		}
		return json.Unmarshal(body, into)
	})
	return status
}

// signed gives a request another body and a signature of the terminal's.
func (t *thief) signed(r providertest.Request, body any) providertest.Request {
	t.p.do("sign "+r.Path+" anew", func(context.Context) (err error) {
		if body != nil {
			if r.Body, err = json.Marshal(body); err != nil {
				return err
			}
		}
		r, err = r.Sign(t.key, t.p.rig.Serial(), time.Now())
		return err
	})
	return r
}

type identified struct {
	Outcome    string
	Credential string
}

func (t *thief) wantRefused(what string, r providertest.Request) {
	var a identified
	if status := t.answer(r, &a); t.p.err == nil && status == http.StatusOK {
		t.p.fail("%s: answered with %q", what, a.Outcome)
	}
}

// wantSame: a till that did not hear the answer may ask again, and gets the same credential or,
// once that is over, none.
func (t *thief) wantSame(what string) {
	var a, b identified
	t.answer(t.signed(t.template, nil), &a)
	t.answer(t.signed(t.template, nil), &b)
	if t.p.err == nil && (a.Credential != b.Credential && b.Credential != "" || a.Outcome != "matched" && a.Credential != "") {
		t.p.fail("%s: answered with %q, then with %q", what, a.Outcome, b.Outcome)
	}
}

// sealed is the template that was sent.
func (t *thief) sealed() (s biometric.Sealed) {
	t.p.do("read the template's seal", func(context.Context) error {
		var body struct{ Sealed biometric.Sealed }
		err := json.Unmarshal(t.template.Body, &body)
		s = body.Sealed
		return err
	})
	return s
}

// wantNothing sends an altered template, with the terminal's signature over it renewed or not.
func (t *thief) wantNothing(what string, s biometric.Sealed, renew bool) {
	if renew {
		t.p.do("sign a template anew", func(context.Context) error {
			sum, err := s.Digest()
			if err == nil {
				s.Signature, err = t.key.Sign(rand.Reader, sum[:], crypto.SHA256)
			}
			return err
		})
	}
	var a identified
	status := t.answer(t.signed(t.template, map[string]any{"sealed": s}), &a)
	if t.p.err == nil && (a.Outcome == "matched" || a.Credential != "") {
		t.p.fail("%s: HTTP %d, %q", what, status, a.Outcome)
	}
}

// challenge asks for a nonce for another payment, and binds the template to it.
func (t *thief) challenge(s *biometric.Sealed) {
	var a struct{ Nonce []byte }
	b := &s.Binding
	b.Payment += "X"
	status := t.answer(t.signed(t.last(pathChallenge), map[string]any{"purpose": b.Purpose, "modality": b.Modality, "merchant": b.Merchant,
		"terminal": b.Terminal, "payment": b.Payment, "minor": b.Minor, "currency": b.Currency, "claim": b.Claim}), &a)
	if t.p.err == nil && len(a.Nonce) == 0 {
		t.p.fail("no challenge for a thief: %s", fmt.Sprint("HTTP ", status))
	}
	b.Nonce = a.Nonce
}
