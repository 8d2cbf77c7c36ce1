package providertest

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

// Options of New. The zero value of each but Name serves tests.
type Options struct {
	Name  string           // "palm.example"
	Clock func() time.Time // nil means time.Now
	// Threshold is the largest distance that is a match; zero means .36. It is to be calibrated
	// with the regions that terminals really cut.
	Threshold float64
	Profile   biometric.Profile // of epochs; empty means biometric.Standard
	// Issue makes the payment code that a match is answered with; nil means 18 digits of no
	// wallet. The code is the provider's to wipe.
	Issue func(ctx context.Context, c Credit) (code []byte, expires time.Time, err error)
	// Void takes a code back; ErrSpent when it was used. nil means that it always can.
	Void func(ctx context.Context, c Credit, code []byte) error
	// Levels are the holders of terminals' keys that are trusted; nil means all.
	Levels []biometric.KeyLevel
	// Simulated accepts verdicts about a camera that is none: for tests and desks.
	Simulated bool
	// LampBits is the least that a lamp order must leave open; zero means 8.
	LampBits int
	// Identification is what was measured of telling one of many; the zero value forbids it.
	Identification provider.Identification
	Consent        string        // version of the text that is accepted; empty means "1"
	MinAge         int           // zero means 14
	NonceLife      time.Duration // zero means 60 s, which is the most
	Lock           Lock
	// ListLife is how long a key list may be used; zero means a day. It is issued anew four
	// times in that time.
	ListLife time.Duration
	// Seen is told of every request that came whole, before it is answered; nil tells nobody.
	Seen func(Request)
	// Opened is shown every protected template that was opened, before it is matched, and keeps
	// none of the bytes' memory: for tests that look for it where it must not be. nil shows nobody.
	Opened func(template []byte)
	// Hosts are further names and addresses for the server's certificate, beside localhost and
	// 127.0.0.1.
	Hosts []string
	// ClientCAs, when it is not nil, has every terminal show a certificate of one of them too.
	ClientCAs *x509.CertPool
}

// Lock says when failures lock a member or a terminal out.
type Lock struct {
	Member   int           // failures of one claim; zero means 5
	Terminal int           // failures at one terminal; zero means 20
	Within   time.Duration // zero means 15 min
	For      time.Duration // zero means 15 min
}

// Credit is what a code is good for.
type Credit struct {
	Member, Merchant, Terminal, Payment string
	Minor                               int64
	Currency                            string
}

// Provider is a biometric provider. Its methods are safe for concurrent use; it is an
// http.Handler.
type Provider struct {
	o      Options
	server server

	mu        sync.Mutex // guards what follows; never held across Issue and Void
	root      *ecdsa.PrivateKey
	terminals map[string]*Terminal
	people    people
	keys      keys
	nonces    map[string]*challenge
	seen      map[string]time.Time // requests by terminal and nonce, until they are too old anyway
	locks     map[string]*failures
	faults    faults
	audit     audit
}

// New makes a provider with keys of its own. It listens nowhere yet.
func New(o Options) (*Provider, error) {
	if err := biometric.CheckProvider(o.Name); err != nil {
		return nil, fmt.Errorf("make a provider: %w", err)
	}
	o.defaults()
	p := &Provider{o: o, terminals: map[string]*Terminal{}, nonces: map[string]*challenge{},
		seen: map[string]time.Time{}, locks: map[string]*failures{}}
	p.people = newPeople()
	p.audit.counts = map[string]int{}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a provider: %w", err)
	}
	p.root = root
	if err := p.firstKeys(); err != nil {
		return nil, fmt.Errorf("make a provider: %w", err)
	}
	return p, nil
}

func (o *Options) defaults() {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Issue == nil {
		o.Issue = anyCode(o.Clock)
	}
	if o.Void == nil {
		o.Void = func(context.Context, Credit, []byte) error { return nil }
	}
	if o.Levels == nil {
		o.Levels = []biometric.KeyLevel{biometric.LevelTPM, biometric.LevelElement, biometric.LevelFile}
	}
	o.Threshold = cmp.Or(o.Threshold, 0.36)
	o.Profile = cmp.Or(o.Profile, biometric.Standard)
	o.LampBits = cmp.Or(o.LampBits, 8)
	o.Consent = cmp.Or(o.Consent, "1")
	o.MinAge = cmp.Or(o.MinAge, 14)
	o.NonceLife = min(cmp.Or(o.NonceLife, wire.MaxLife), wire.MaxLife)
	o.ListLife = cmp.Or(o.ListLife, 24*time.Hour)
	o.Lock.Member = cmp.Or(o.Lock.Member, 5)
	o.Lock.Terminal = cmp.Or(o.Lock.Terminal, 20)
	o.Lock.Within = cmp.Or(o.Lock.Within, 15*time.Minute)
	o.Lock.For = cmp.Or(o.Lock.For, 15*time.Minute)
}

// anyCode makes codes that no wallet knows.
func anyCode(clock func() time.Time) func(context.Context, Credit) ([]byte, time.Time, error) {
	return func(context.Context, Credit) ([]byte, time.Time, error) {
		code, err := digits(18)
		return code, clock().Add(time.Minute), err
	}
}

// digits makes n unpredictable decimal digits.
func digits(n int) ([]byte, error) {
	out := make([]byte, 0, n)
	var b [1]byte
	for len(out) < n {
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		if b[0] < 250 { // 250 = 25 * 10: every digit equally often
			out = append(out, '0'+b[0]%10)
		}
	}
	return out, nil
}

// sweep forgets what is over. The caller holds p.mu.
func (p *Provider) sweep(now time.Time) {
	for n, c := range p.nonces {
		if c.over(now) {
			c.forget()
			delete(p.nonces, n)
		}
	}
	for n, until := range p.seen {
		if now.After(until) {
			delete(p.seen, n)
		}
	}
	for k, f := range p.locks {
		if f.over(now, p.o.Lock) {
			delete(p.locks, k)
		}
	}
	p.people.sweep(now)
	p.keys.sweep(now)
}
