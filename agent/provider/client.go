package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// Options is what a client is made of. All fields are needed unless they say otherwise.
type Options struct {
	Endpoint string // https://host[:port]
	Name     string // the provider's own: "provider.example"; its lists must carry it
	Terminal string // the serial number that Signer's key is registered under
	// Roots are the authorities that the provider's server certificate must come from. There
	// is no default: the system's are not asked.
	Roots *x509.CertPool
	// RootKeys sign the provider's key list; one signature by any of them is enough, so that
	// listing two makes a rotation. ECDSA P-256.
	RootKeys []*ecdsa.PublicKey
	// Signer is the terminal's registered key, ECDSA P-256.
	Signer crypto.Signer
	// HPKE is the terminal's registered X-Wing key (MLKEM768X25519) that the transform keys
	// are sealed to.
	HPKE hpke.PrivateKey
	// ClientCert is shown to a server that asks for one; nil, or a nil result, means none.
	ClientCert func() *tls.Certificate
	// Clock is the trusted wall clock, with a monotonic reading where possible; nil means
	// time.Now.
	Clock func() time.Time
	// Serial is the highest serial number of a key list seen before this start, where that is
	// remembered; 0 otherwise.
	Serial uint64
	// MaxAge is how long after its issue a key list is used, whatever it says itself. Zero
	// means DefaultMaxAge.
	MaxAge time.Duration
	// Answer limits one request from its call to the last byte of its answer. Zero means
	// DefaultAnswer.
	Answer time.Duration
	// Every is how often Run looks whether the provider can be reached. Zero means
	// DefaultEvery.
	Every time.Duration
	// Log hears of keys that came and of the provider going and coming back; nil means nobody.
	Log *slog.Logger
	// Rand makes request nonces; nil means crypto/rand.
	Rand io.Reader
	// Dial replaces the TCP dialler, for tests; nil normally.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Defaults of Options.
const (
	DefaultMaxAge = 24 * time.Hour
	DefaultAnswer = 5 * time.Second
	DefaultEvery  = 30 * time.Second
)

// Client asks one provider. It is safe for concurrent use. Nothing it does is kept over a
// restart, queued or repeated later: without a network palm is off.
type Client struct {
	o Options
}

// New checks the options and prepares a client. It sends nothing.
func New(o Options) (*Client, error) { return &Client{o: o}, nil }

// Run keeps the key list fresh and knows whether the provider can be reached, until ctx
// ends. The error is the context's.
func (c *Client) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Close wipes the keys and ends idle connections. The client cannot be used afterwards.
func (c *Client) Close() error { return nil }

// Ready says whether a challenge could be asked for now, and if not, why: *Error. It asks
// nobody; Run and the requests themselves find out.
func (c *Client) Ready() error { return errNotMade }

// Refresh fetches the key list now.
func (c *Client) Refresh(ctx context.Context) error { return errNotMade }

// Policy is what the key list in use says; false while there is none, or it is too old.
func (c *Client) Policy() (Policy, bool) { return Policy{}, false }

// Challenge asks for a challenge for one presentation. The caller wipes its Transform.Key
// and Transform.Salt when the presentation is over.
//
// Without a claim, or with one made by Tail, it asks for one of many, and is refused with
// the Outcome SecondFactor unless what the provider measured allows it for that many.
func (c *Client) Challenge(ctx context.Context, a Ask) (biometric.Challenge, error) {
	return biometric.Challenge{}, errNotMade
}

// Identify sends a sealed probe and returns what the provider makes of it. When an answer is
// lost it sends the same bytes again, until ctx ends or the challenge's minute is over: the
// provider gives the same credential for them. The caller wipes Answer.Credential.
//
// The error is nil for every Outcome that the provider itself decided.
func (c *Client) Identify(ctx context.Context, s biometric.Sealed) (Answer, error) {
	return Answer{}, errNotMade
}

// Enrol sends sealed references, likewise.
func (c *Client) Enrol(ctx context.Context, s biometric.Sealed) (Enrolment, error) {
	return Enrolment{}, errNotMade
}

// Revoke withdraws the consent of the member who was shown this one-time code by the
// provider's app: template and salt are gone when it returns nil.
func (c *Client) Revoke(ctx context.Context, code *secret.Bytes) error { return errNotMade }

// Void gives a credential back unused, because the person did not confirm. b is the binding
// it was given for. Voiding twice is no error.
func (c *Client) Void(ctx context.Context, b biometric.Binding) error { return errNotMade }

var errNotMade = errors.New("not made yet")
