package provider

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

var (
	errClosed  = errors.New("the client is closed")
	errNoKeys  = errors.New("the provider's key list has not come yet")
	errOldKeys = errors.New("the provider's key list is too old")
	errOther   = errors.New("it is another provider that answers")
)

// keyring is a key list that was found good, with the transform keys that came with it. It
// does not change, but for wipe.
type keyring struct {
	serial  uint64
	digest  [sha256.Size]byte // of the list as it was signed
	issued  time.Time
	expires time.Time // the list's own word, or MaxAge after its issue, whichever is earlier
	seal    []wire.SealKey
	answer  []answerKey
	epochs  map[uint32]epoch
	policy  Policy
}

type answerKey struct {
	id                  string
	key                 *ecdsa.PublicKey
	notBefore, notAfter time.Time
}

type epoch struct {
	profile biometric.Profile
	k       *secret.Bytes
}

// copyOf copies what an epoch protects templates with. The caller holds Client.mu, since wipe
// may run otherwise.
func (k *keyring) copyOf(number uint32) (epoch, bool) {
	e, ok := k.epochs[number]
	if !ok || e.k.Len() != wire.KeyLen {
		return epoch{}, false
	}
	return epoch{e.profile, secret.Copy(e.k.Reveal())}, true
}

func (k *keyring) fresh(now time.Time) bool { return now.Before(k.expires) }

// aging reports whether half of the list's time is over: time to fetch the next one.
func (k *keyring) aging(now time.Time) bool {
	return now.After(k.issued.Add(k.expires.Sub(k.issued) / 2))
}

func (k *keyring) wipe() {
	if k == nil {
		return
	}
	for _, e := range k.epochs {
		e.k.Wipe()
	}
}

// answerKey gives the key that answers may be signed with now, or nil.
func (k *keyring) answerKey(now time.Time) func(id string) *ecdsa.PublicKey {
	return func(id string) *ecdsa.PublicKey {
		for _, a := range k.answer {
			if a.id == id && within(now, a.notBefore, a.notAfter) {
				return a.key
			}
		}
		return nil
	}
}

// within allows for the skew of two clocks.
func within(now, notBefore, notAfter time.Time) bool {
	return !now.Add(wire.Skew).Before(notBefore) && now.Add(-wire.Skew).Before(notAfter)
}

// sealKey finds a key that templates may be sealed to now.
func (k *keyring) sealKey(id string, now time.Time) (biometric.SealKey, bool) {
	for _, s := range k.seal {
		if s.ID == id && within(now, s.NotBefore, s.NotAfter) {
			return biometric.SealKey{ID: s.ID, Public: bytes.Clone(s.Public)}, true
		}
	}
	return biometric.SealKey{}, false
}

// Refresh fetches the key list now, one call at a time.
func (c *Client) Refresh(ctx context.Context) error {
	if err := c.beginFetch(ctx, "fetch the key list of "+c.o.Name); err != nil {
		return err
	}
	defer c.endFetch()
	return c.fetch(ctx)
}

// beginFetch waits until nobody else fetches the key list, or ctx ends. That the wait was
// too long says nothing of the provider: what the other one's request comes to does.
func (c *Client) beginFetch(ctx context.Context, op string) error {
	select {
	case c.fetching <- struct{}{}:
		return nil
	case <-ctx.Done():
		return unreachable(op, ctx.Err())
	}
}

func (c *Client) endFetch() { <-c.fetching }

// current returns a list that is young enough, fetching one when it must.
func (c *Client) current(ctx context.Context, op string) (*keyring, error) {
	if k := c.ring(); k != nil && k.fresh(c.o.Clock()) {
		return k, nil
	}
	if err := c.beginFetch(ctx, op); err != nil {
		return nil, err
	}
	defer c.endFetch()
	if k := c.ring(); k != nil && k.fresh(c.o.Clock()) {
		return k, nil // somebody else fetched it meanwhile
	}
	if err := c.fetch(ctx); err != nil {
		return nil, err
	}
	if k := c.ring(); k != nil {
		return k, nil
	}
	return nil, &Error{Op: op, Kind: Misused, Err: errClosed}
}

// fetch runs between beginFetch and endFetch.
func (c *Client) fetch(ctx context.Context) error {
	op := "fetch the key list of " + c.o.Name
	sent, err := c.sign(op, http.MethodGet, wire.PathKeys, nil)
	if err != nil {
		return c.heard(err)
	}
	body, header, err := c.link.do(ctx, op, http.MethodGet, wire.PathKeys, sent.header, nil)
	if err != nil {
		return c.heard(err)
	}
	now := c.o.Clock()
	k, cause := c.read(body, now)
	if cause == nil {
		cause = wire.VerifyAnswer(header, http.StatusOK, body, sent.request, sent.header, k.answerKey(now))
	}
	if cause != nil {
		k.wipe()
		fault := protocolFault(op, cause)
		fault.Hint = "check the terminal's clock and root_keys in [palm]; if both are right, tell the provider"
		return c.heard(fault)
	}
	c.put(k)
	return c.heard(nil)
}

// put makes a list the one in use.
func (c *Client) put(k *keyring) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		k.wipe()
		return
	}
	before := c.keys
	c.keys, c.serial = k, k.serial
	before.wipe() // whoever needed one of its keys has a copy
	if c.log != nil && (before == nil || before.serial != k.serial) {
		c.log.Info("biometric provider's keys", "provider", c.o.Name, "serial", k.serial, "epochs", len(k.epochs), "until", k.expires)
	}
}

// read checks a key list as it came. Of an error it returns no keyring, or one to be wiped.
func (c *Client) read(body []byte, now time.Time) (*keyring, error) {
	var keys wire.Keys
	if err := wire.Decode(body, &keys); err != nil {
		return nil, err
	}
	if err := wire.VerifyList(keys, c.o.RootKeys); err != nil {
		return nil, err
	}
	k, list, err := c.readList(keys.List, now)
	if err != nil {
		return nil, err
	}
	return k, c.open(k, list, keys.Transforms)
}

// readList checks a list that was signed.
func (c *Client) readList(signed []byte, now time.Time) (*keyring, wire.KeyList, error) {
	var list wire.KeyList
	if err := wire.Decode(signed, &list); err != nil {
		return nil, list, fmt.Errorf("the signed key list: %w", err)
	}
	k := &keyring{serial: uint64(list.Serial), digest: sha256.Sum256(signed), issued: list.Issued, expires: list.Expires, seal: list.SealKeys}
	if limit := list.Issued.Add(c.o.MaxAge); limit.Before(k.expires) {
		k.expires = limit
	}
	if err := c.judge(list, k, now); err != nil {
		return nil, list, err
	}
	return k, list, k.take(list)
}

// judge refuses lists of another provider, of another time, and older than one seen before.
func (c *Client) judge(list wire.KeyList, k *keyring, now time.Time) error {
	c.mu.Lock()
	highest, held := c.serial, c.keys
	c.mu.Unlock()
	switch {
	case list.Provider != c.o.Name:
		return fmt.Errorf("the key list is of %.80q", list.Provider)
	case list.Serial < 1 || k.serial < highest:
		return fmt.Errorf("the key list was rolled back: its serial number is %d, and %d was seen", list.Serial, highest)
	case held != nil && k.serial == held.serial && k.digest != held.digest:
		return fmt.Errorf("there are two key lists with serial number %d", list.Serial)
	case list.Issued.After(now.Add(wire.Skew)):
		return fmt.Errorf("the key list was issued in the future, at %s", list.Issued.Format(time.RFC3339))
	case !now.Before(k.expires):
		return fmt.Errorf("the key list is too old: issued at %s, of use until %s", list.Issued.Format(time.RFC3339), k.expires.Format(time.RFC3339))
	}
	return nil
}

// take reads the keys of answers and checks those of seals.
func (k *keyring) take(list wire.KeyList) error {
	for _, s := range list.SealKeys {
		if _, err := wire.ParseSealKey(s.Public); err != nil || !wire.IsName(s.ID) {
			return fmt.Errorf("seal key %.64q cannot be used", s.ID)
		}
	}
	for _, a := range list.AnswerKeys {
		key, err := wire.ParseKey(a.Public)
		if err != nil || !wire.IsName(a.ID) {
			return fmt.Errorf("answer key %.64q cannot be used", a.ID)
		}
		k.answer = append(k.answer, answerKey{a.ID, key, a.NotBefore, a.NotAfter})
	}
	p := list.Policy
	if p.Identification.N < 0 || p.Identification.N > 1<<30 || p.Identification.FPIRUpper95 < 0 || p.MinAge < 0 || p.MinAge > 150 {
		return errors.New("the policy of the key list is not in range")
	}
	k.policy = Policy{Identification: Identification{int(p.Identification.N), p.Identification.FPIRUpper95},
		Consent: p.ConsentVersion, MinAge: int(p.MinAge)}
	for _, l := range p.KeyLevels {
		k.policy.Levels = append(k.policy.Levels, biometric.KeyLevel(l))
	}
	return nil
}

// open opens the transform keys, each of which must be the one that the list commits to.
func (c *Client) open(k *keyring, list wire.KeyList, sealed []wire.SealedTransform) error {
	k.epochs = map[uint32]epoch{}
	for _, e := range list.Epochs {
		profile := biometric.Profile(e.Profile)
		if profile != biometric.Standard && profile != biometric.Private {
			return fmt.Errorf("epoch %d has the profile %.32q, which this terminal does not know", e.Epoch, e.Profile)
		}
		if _, twice := k.epochs[e.Epoch]; twice {
			return fmt.Errorf("epoch %d is listed twice", e.Epoch)
		}
		key, err := c.transformKey(e, sealed)
		if err != nil {
			return err
		}
		k.epochs[e.Epoch] = epoch{profile, secret.New(key)}
	}
	return nil
}

func (c *Client) transformKey(e wire.Epoch, sealed []wire.SealedTransform) ([]byte, error) {
	for _, s := range sealed {
		if s.Epoch != e.Epoch {
			continue
		}
		key, err := wire.OpenTransform(c.o.HPKE, c.o.Name, c.o.Terminal, s)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(wire.KeyDigest(c.o.Name, e.Epoch, key), e.KeyDigest) {
			secret.Zero(key)
			return nil, fmt.Errorf("the key of epoch %d is not the one that the key list commits to", e.Epoch)
		}
		return key, nil
	}
	return nil, fmt.Errorf("the key of epoch %d did not come with the list", e.Epoch)
}
