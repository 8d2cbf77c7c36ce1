package provider_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

const (
	name     = "palm.example"
	serial   = "000158000000001"
	merchant = "M-1"
	wang     = "100200300"
	li       = "100200301"
)

// clock is a wall clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().Truncate(time.Second)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// desk is a provider and one registered terminal.
type desk struct {
	t        *testing.T
	clock    *clock
	provider *providertest.Provider
	options  provider.Options
	client   *provider.Client
	key      *ecdsa.PrivateKey
	raws     int
	lists    func(l *wire.KeyList) // changes what list makes
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newDesk(t *testing.T, change func(o *providertest.Options)) *desk {
	t.Helper()
	d := &desk{t: t, clock: newClock(), key: newKey(t)}
	o := providertest.Options{Name: name, Clock: d.clock.Now}
	if change != nil {
		change(&o)
	}
	p, err := providertest.New(o)
	d.must(err)
	d.provider = p
	t.Cleanup(func() { p.Close() })
	address, err := p.Listen("127.0.0.1:0")
	d.must(err)
	seal, err := hpke.MLKEM768X25519().GenerateKey()
	d.must(err)
	d.must(p.Register(providertest.Terminal{Serial: serial, Key: &d.key.PublicKey, Seal: seal.PublicKey(),
		Level: biometric.LevelFile, Merchants: []string{merchant}, Shard: "canteen"}))
	d.must(p.AddMember(providertest.Member{ID: wang, Name: "Wang Ming"}))
	d.must(p.AddMember(providertest.Member{ID: li, Name: "李小龙"}))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.CA())
	d.options = provider.Options{Endpoint: "https://" + address, Name: name, Terminal: serial, Roots: roots,
		RootKeys: []*ecdsa.PublicKey{p.RootKey()}, Signer: d.key, HPKE: seal, Clock: d.clock.Now, Answer: 20 * time.Second}
	d.client = d.open(d.options)
	return d
}

func (d *desk) open(o provider.Options) *provider.Client {
	d.t.Helper()
	c, err := provider.New(o)
	d.must(err)
	d.t.Cleanup(func() { c.Close() })
	return c
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) ctx() context.Context { return d.t.Context() }

func payment(claim string) provider.Ask {
	return provider.Ask{Purpose: biometric.Pay, Modality: biometric.Palm, Merchant: merchant, Terminal: serial,
		Payment: "P-1", Minor: 1200, Currency: "CNY", Claim: secret.Copy([]byte(claim))}
}

func (d *desk) enrolment(code string) provider.Ask {
	return provider.Ask{Purpose: biometric.Enrol, Modality: biometric.Palm, Merchant: merchant, Terminal: serial,
		Payment: "E-1", Claim: secret.Copy([]byte(code)), Consent: d.consent()}
}

func (d *desk) consent() *provider.Consent {
	return &provider.Consent{Text: "5b3c0a2b1d6f3f4b1a4c1a0d3a2b7c8e9f00112233445566778899aabbccddee", Version: "1", Language: "zh-CN",
		Provider: name, At: d.clock.Now(), AgeAtLeast: 14, Biometric: true, Transfer: true}
}

func (d *desk) challenge(a provider.Ask) biometric.Challenge {
	d.t.Helper()
	ch, err := d.client.Challenge(d.ctx(), a)
	d.must(err)
	return ch
}

// verdict is one that a provider accepts.
func (d *desk) verdict() biometric.Verdict {
	return biometric.Verdict{Decision: biometric.BonaFide, Modality: biometric.Palm, Lamps: 12, Level: biometric.LevelFile,
		Build: "ab", At: d.clock.Now(), PaymentGrade: true,
		Cues: []biometric.Cue{{Name: "nir", Version: 1, Score: 0.5, Low: 0.1, High: 1, Decision: biometric.BonaFide}}}
}

// bitsOf stands for PT1: bits that depend on the person, the key and the salt.
func bitsOf(person string, ch biometric.Challenge, to []uint64, flips int) {
	h := sha256.New()
	h.Write([]byte(person))
	h.Write(ch.Transform.Key.Reveal())
	h.Write(ch.Transform.Salt)
	var seed [32]byte
	h.Sum(seed[:0])
	r := mathrand.NewChaCha8(seed)
	for i := range to {
		to[i] = r.Uint64()
	}
	noise := make([]byte, 4*flips)
	rand.Read(noise)
	for i := range flips {
		bit := binary.LittleEndian.Uint32(noise[4*i:]) % uint32(64*len(to))
		to[bit/64] ^= 1 << (bit % 64)
	}
}

// template is what a pipeline would make of a person for a challenge.
func (d *desk) template(ch biometric.Challenge, person string, change func(h *biometric.Header)) *biometric.Protected {
	d.t.Helper()
	h := biometric.Header{Characteristic: biometric.PalmVein, Hand: biometric.RightHand, Algorithm: biometric.BOCV,
		Bits: ch.Transform.Profile.Bits(), Epoch: ch.Transform.Epoch, Quality: 75, PAD: biometric.BonaFide,
		Probe: ch.Purpose == biometric.Pay, At: d.clock.Now()}
	n := ch.Samples
	if h.Probe {
		h.Shifts = ch.Transform.Profile.Shifts()
		n = h.Samples()
	}
	if change != nil {
		change(&h)
	}
	p := biometric.NewProtected(nil)
	d.must(p.Reset(h.Coarse(), n))
	for i := range n {
		who := person
		if h.Probe && i != n/2 {
			who = person + " elsewhere"
		}
		bitsOf(who, ch, p.Sample(i), h.Bits/20)
	}
	return p
}

func (d *desk) seal(ch biometric.Challenge, person string) biometric.Sealed {
	d.t.Helper()
	return d.sealWith(ch, d.template(ch, person, nil), d.verdict())
}

func (d *desk) sealWith(ch biometric.Challenge, p *biometric.Protected, v biometric.Verdict) biometric.Sealed {
	d.t.Helper()
	s, err := biometric.Seal(ch, p, v, d.key)
	d.must(err)
	return s
}

func (d *desk) identify(s biometric.Sealed) provider.Answer {
	d.t.Helper()
	a, err := d.client.Identify(d.ctx(), s)
	d.must(err)
	return a
}

// pay presents a person for a payment of one claim.
func (d *desk) pay(claim, person string) provider.Answer {
	d.t.Helper()
	return d.identify(d.seal(d.challenge(payment(claim)), person))
}

// code is an account code of a member.
func (d *desk) code(member string) string {
	d.t.Helper()
	code, err := d.provider.AccountCode(member)
	d.must(err)
	return code
}

// enrol enrols a person as a member.
func (d *desk) enrol(member, person string) provider.Enrolment {
	d.t.Helper()
	code, err := d.provider.AccountCode(member)
	d.must(err)
	e, err := d.client.Enrol(d.ctx(), d.seal(d.challenge(d.enrolment(code)), person))
	d.must(err)
	if e.Outcome != provider.Enrolled {
		d.t.Fatalf("enrol %s: %s", member, e.Outcome)
	}
	return e
}

// fault is err as *provider.Error of one kind and code.
func (d *desk) fault(err error, kind provider.Kind, code string) *provider.Error {
	d.t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		d.t.Fatalf("%v: want *provider.Error", err)
	}
	if e.Kind != kind || e.Code != code {
		d.t.Fatalf("%v: kind %q and code %q, want %q and %q", err, e.Kind, e.Code, kind, code)
	}
	if e.Hint == "" && kind != provider.Misused {
		d.t.Errorf("%v: no hint", err)
	}
	return e
}
