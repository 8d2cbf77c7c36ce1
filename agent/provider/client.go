package provider

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
)

// Client asks one provider. It is safe for concurrent use. Nothing it does is kept over a
// restart, queued or repeated later: without a network palm is off.
type Client struct {
	o    Options
	link *link
	log  *slog.Logger
	// failed tells Run that something went wrong meanwhile; one is enough.
	failed chan struct{}

	// fetching has room for one: who fetches the key list. It is held across the request, so
	// whoever waits for it must be able to give up.
	fetching chan struct{}

	mu      sync.Mutex // guards what follows
	keys    *keyring   // nil until a list came
	serial  uint64     // highest ever seen
	down    *Error     // what the last request failed with; nil when it was answered
	pending map[string]pending
	closed  bool
}

// pending is a challenge that was not answered yet.
type pending struct {
	expires time.Time // by the machine's own clock, which no correction moves
	gallery int
}

// New checks the options and prepares a client. It sends nothing.
func New(o Options) (*Client, error) {
	host, err := o.check()
	if err != nil {
		return nil, &Error{Op: "talk to the biometric provider " + o.Name, Kind: Misused, Err: err, Hint: "the [palm] section of the configuration"}
	}
	o.defaults()
	c := &Client{o: o, log: o.Log, serial: o.Serial, pending: map[string]pending{}, failed: make(chan struct{}, 1),
		fetching: make(chan struct{}, 1)}
	c.link = newLink(o, host)
	return c, nil
}

// Run keeps the key list fresh and knows whether the provider can be reached, until ctx
// ends. The error is the context's.
func (c *Client) Run(ctx context.Context) error {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.failed: // a request of somebody else
			wait.Reset(c.pause(max(1, failures)))
			continue
		case <-wait.C:
		}
		if err := c.look(ctx); err != nil {
			failures++
		} else {
			failures = 0
		}
		wait.Reset(c.pause(failures))
	}
}

// pause is how long Run waits: briefly after a first failure, so that one lost packet does
// not keep palm off for long.
func (c *Client) pause(failures int) time.Duration {
	if failures == 0 {
		return c.o.Every
	}
	return min(c.o.Every, time.Second<<min(failures-1, 10))
}

// look asks the provider how it is, and fetches the list when it is old or another one is in
// force, or when a signed request was denied: an answer that needs no signature does not tell
// whether the next one will be.
func (c *Client) look(ctx context.Context) error {
	c.mu.Lock()
	signed := c.keys == nil || c.keys.aging(c.o.Clock()) || c.down != nil && c.down.Kind != Unreachable
	c.mu.Unlock()
	if signed {
		return c.Refresh(ctx)
	}
	op := "ask " + c.o.Name + " whether it is there"
	var s wire.Status
	if err := c.unsigned(ctx, op, wire.PathStatus, &s); err != nil {
		return err
	}
	if s.Provider != c.o.Name {
		return c.heard(&Error{Op: op, Kind: Protocol, Hint: "check endpoint and provider in [palm]", Err: errOther})
	}
	if k := c.ring(); k == nil || uint64(s.Serial) != k.serial {
		return c.Refresh(ctx)
	}
	return nil
}

// Close wipes the keys and ends idle connections. The client cannot be used afterwards.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.keys.wipe()
	c.keys = nil
	clear(c.pending)
	c.link.close()
	return nil
}

// Ready says whether a challenge could be asked for now, and if not, why: *Error. It asks
// nobody; Run and the requests themselves find out.
func (c *Client) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := "use palm with " + c.o.Name
	switch now := c.o.Clock(); {
	case c.closed:
		return &Error{Op: op, Kind: Misused, Err: errClosed}
	case c.down != nil:
		return c.down
	case c.keys == nil:
		return &Error{Op: op, Kind: Stale, Err: errNoKeys, Hint: "it is fetched at the start; wait a moment"}
	case !c.keys.fresh(now):
		return &Error{Op: op, Kind: Stale, Err: errOldKeys, Hint: "check the terminal's clock and the network"}
	}
	return nil
}

// heard remembers what came of a request, for Ready, and returns it.
func (c *Client) heard(err *Error) error {
	if err != nil && errors.Is(err.Err, context.Canceled) {
		return err // the caller's own will: it says nothing of the provider
	}
	c.mu.Lock()
	before := c.down
	c.down = nil
	if err != nil && (err.Kind == Unreachable || err.Kind == Protocol || err.Kind == Stale || err.Code == wire.CodeTerminal ||
		err.Code == wire.CodeClock || err.Code == wire.CodeSignature) {
		c.down = err
	}
	after := c.down
	c.mu.Unlock()
	if before == nil && after != nil {
		select {
		case c.failed <- struct{}{}:
		default:
		}
	}
	if c.log != nil && (before == nil) != (after == nil) {
		if after != nil {
			c.log.Warn("biometric provider is out of reach: palm is off", "provider", c.o.Name, "error", after)
		} else {
			c.log.Info("biometric provider answers again", "provider", c.o.Name)
		}
	}
	if err == nil {
		return nil
	}
	return err
}

// unsigned gets an answer that is believed for what TLS is worth.
func (c *Client) unsigned(ctx context.Context, op, path string, answer any) error {
	body, _, fault := c.link.do(ctx, op, http.MethodGet, path, nil, nil)
	if fault != nil {
		return c.heard(fault)
	}
	if err := wire.Decode(body, answer); err != nil {
		return c.heard(protocolFault(op, err))
	}
	return c.heard(nil)
}

func (c *Client) ring() *keyring {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys
}

// remember keeps what is needed of a challenge until it is answered or expires.
func (c *Client) remember(nonce []byte, p pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for n, p := range c.pending {
		if !now.Before(p.expires) {
			delete(c.pending, n)
		}
	}
	c.pending[string(nonce)] = p
}

// recall finds a challenge that has not expired.
func (c *Client) recall(nonce []byte) (pending, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, known := c.pending[string(nonce)]
	return p, known && time.Now().Before(p.expires)
}

// Policy is what the key list in use says; false while there is none, or it is too old.
func (c *Client) Policy() (Policy, bool) {
	k := c.ring()
	if k == nil || !k.fresh(c.o.Clock()) {
		return Policy{}, false
	}
	return k.policy, true
}

// Identification is the part of the policy about telling one of many: none without a list.
func (c *Client) Identification() Identification {
	p, _ := c.Policy()
	return p.Identification
}

func (o *Options) defaults() {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.MaxAge = cmp.Or(o.MaxAge, DefaultMaxAge)
	o.Answer = cmp.Or(o.Answer, DefaultAnswer)
	o.Every = cmp.Or(o.Every, DefaultEvery)
}
