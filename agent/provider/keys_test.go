package provider_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

func TestKeyListIsRefused(t *testing.T) {
	for kind, says := range map[providertest.Kind]string{
		providertest.ForgedKeys: "no pinned root key",
		providertest.StaleKeys:  "too old",
		providertest.OldKeys:    "rolled back",
	} {
		d := newDesk(t, nil)
		d.must(d.client.Refresh(d.ctx()))
		d.must(d.provider.RotateKeys())
		d.must(d.client.Refresh(d.ctx()))
		d.must(d.provider.Inject(providertest.Fault{Kind: kind}, 1))
		err := d.client.Refresh(d.ctx())
		d.fault(err, provider.Protocol, "")
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", kind, err)
		}
		if d.client.Ready() == nil {
			t.Errorf("%s: ready", kind)
		}
		// A client that starts now has nothing to compare with but the pinned key and the time.
		fresh := d.options
		fresh.Serial = 2
		if err := d.open(fresh).Refresh(d.ctx()); err == nil {
			t.Errorf("%s: a client that starts takes it", kind)
		}
		d.must(d.provider.Clear())
		d.must(d.client.Refresh(d.ctx()))
		if err := d.client.Ready(); err != nil {
			t.Errorf("%s: afterwards: %v", kind, err)
		}
	}
}

func TestKeyListGrowsOld(t *testing.T) {
	d := newDesk(t, func(o *providertest.Options) { o.ListLife = 240 * time.Hour })
	d.must(d.client.Refresh(d.ctx()))
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.Down}, 1))
	d.clock.step(provider.DefaultMaxAge - time.Minute)
	if err := d.client.Ready(); err != nil {
		t.Error(err)
	}
	d.clock.step(time.Minute)
	d.fault(d.client.Ready(), provider.Stale, "")
	if _, ok := d.client.Policy(); ok {
		t.Error("the policy of an old list is used")
	}
	_, err := d.client.Challenge(d.ctx(), payment(wang))
	d.fault(err, provider.Unreachable, "")
}

func TestRootKeyRotates(t *testing.T) {
	d := newDesk(t, nil)
	old := d.options.RootKeys[0]
	d.must(d.client.Refresh(d.ctx()))
	next, err := d.provider.ReplaceRoot()
	d.must(err)
	d.fault(d.client.Refresh(d.ctx()), provider.Protocol, "")
	both := d.options
	both.RootKeys = []*ecdsa.PublicKey{old, next}
	d.must(d.open(both).Refresh(d.ctx()))
}

// TestKeysRotateMeanwhile rotates the provider's keys between a challenge and its answer, and
// before a client's next challenge.
func TestKeysRotateMeanwhile(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	ch := d.challenge(payment(wang))
	d.must(d.provider.RotateKeys())
	if a := d.identify(d.seal(ch, "wang")); a.Outcome != provider.Matched {
		t.Errorf("under way: %s", a.Outcome)
	}
	d.must(d.provider.RotateKeys())
	next := d.challenge(payment(wang))
	if next.SealKey.ID == ch.SealKey.ID {
		t.Error("the seal key is the old one")
	}
	if a := d.identify(d.seal(next, "wang")); a.Outcome != provider.Matched {
		t.Errorf("afterwards: %s", a.Outcome)
	}
	// A day later they rotated by themselves; the old ones are gone.
	d.clock.step(25 * time.Hour)
	later := d.challenge(payment(wang))
	if later.SealKey.ID == next.SealKey.ID {
		t.Error("they did not rotate in a day")
	}
	if a := d.identify(d.seal(later, "wang")); a.Outcome != provider.Matched {
		t.Errorf("a day later: %s", a.Outcome)
	}
}

func TestEpochEnds(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	d.must(d.provider.NewEpoch(biometric.Private))
	d.enrol(li, "li")
	one, two := d.challenge(payment(wang)), d.challenge(payment(li))
	if one.Transform.Epoch != 1 || two.Transform.Epoch != 2 || two.Transform.Profile != biometric.Private {
		t.Errorf("epochs %d and %d, %s", one.Transform.Epoch, two.Transform.Epoch, two.Transform.Profile)
	}
	if one.Transform.Key.Equal(two.Transform.Key) {
		t.Error("two epochs have one K")
	}
	if a := d.identify(d.seal(one, "wang")); a.Outcome != provider.Matched {
		t.Errorf("the old epoch: %s", a.Outcome)
	}
	if a := d.identify(d.seal(two, "li")); a.Outcome != provider.Matched {
		t.Errorf("the new epoch: %s", a.Outcome)
	}
	late := d.seal(d.challenge(payment(wang)), "wang")
	d.must(d.provider.EndEpoch(1))
	if a := d.identify(late); a.Outcome == provider.Matched {
		t.Errorf("a template of an epoch that ended: %s", a.Outcome)
	}
	if a := d.pay(wang, "wang"); a.Outcome != provider.NotEnrolled {
		t.Errorf("afterwards: %s", a.Outcome)
	}
	if d.provider.EndEpoch(2) == nil {
		t.Error("the last epoch ends")
	}
}

func TestForgedAnswer(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	s := d.seal(d.challenge(payment(wang)), "wang")
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.ForgedAnswer, Path: "/v1/identify"}, 1))
	_, err := d.client.Identify(d.ctx(), s)
	d.fault(err, provider.Protocol, "")
	if a := d.identify(s); a.Outcome != provider.Matched {
		t.Errorf("the answer itself: %s", a.Outcome)
	}
}

func TestLostAnswer(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	s := d.seal(d.challenge(payment(wang)), "wang")
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.LostAnswer, Path: "/v1/identify"}, 2))
	if a := d.identify(s); a.Outcome != provider.Matched {
		t.Errorf("%s", a.Outcome)
	}
	if n := d.provider.Counts(); n["issued"] != 1 || n["repeated"] != 2 {
		t.Errorf("%v", n)
	}
	// An enrolment likewise.
	code, err := d.provider.AccountCode(li)
	d.must(err)
	ch := d.challenge(d.enrolment(code))
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.LostAnswer, Path: "/v1/enrol"}, 1))
	e, err := d.client.Enrol(d.ctx(), d.seal(ch, "li"))
	if err != nil || e.Outcome != provider.Enrolled || e.Replaced || len(d.provider.Consents()) != 2 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestDown(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	s := d.seal(d.challenge(payment(wang)), "wang")
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.Down}, 1))
	_, err := d.client.Challenge(d.ctx(), payment(wang))
	d.fault(err, provider.Unreachable, "")
	d.fault(d.client.Ready(), provider.Unreachable, "")
	ctx, cancel := context.WithTimeout(d.ctx(), 300*time.Millisecond)
	defer cancel()
	_, err = d.client.Identify(ctx, s)
	d.fault(err, provider.Unreachable, "")
	d.must(d.provider.Clear())
	if a := d.identify(s); a.Outcome != provider.Matched {
		t.Errorf("%s", a.Outcome)
	}
	if err := d.client.Ready(); err != nil {
		t.Error(err)
	}
}

func TestSlow(t *testing.T) {
	d := newDesk(t, nil)
	d.must(d.client.Refresh(d.ctx()))
	o := d.options
	o.Answer = 50 * time.Millisecond
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.Slow, Delay: time.Hour}, -1))
	_, err := d.open(o).Challenge(d.ctx(), payment(wang))
	if e := d.fault(err, provider.Unreachable, ""); !strings.Contains(e.Error(), "no answer in 50ms") {
		t.Error(e)
	}
	// A person who walks away says nothing of the provider.
	ctx, cancel := context.WithCancel(d.ctx())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := d.client.Challenge(ctx, payment(wang)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := d.client.Ready(); err != nil {
		t.Error(err)
	}
}

// TestClaimIsWipedMeanwhile has the caller give up and wipe what it asked with while the key
// list is fetched.
func TestClaimIsWipedMeanwhile(t *testing.T) {
	d := newDesk(t, nil)
	o := d.options
	ask := payment(wang)
	o.Rand = reader(func(p []byte) (int, error) { ask.Claim.Wipe(); return rand.Read(p) })
	ch, err := d.open(o).Challenge(d.ctx(), ask)
	d.must(err)
	if ch.Claim != wang {
		t.Errorf("the challenge is for %q", ch.Claim)
	}
	code := secret.Copy([]byte(d.code(wang)))
	o.Rand = reader(func(p []byte) (int, error) { code.Wipe(); return rand.Read(p) })
	d.must(d.open(o).Revoke(d.ctx(), code))
}

type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// TestWaitForKeysEnds gives up while somebody else fetches the key list.
func TestWaitForKeysEnds(t *testing.T) {
	asked := make(chan struct{}, 1)
	d := newDesk(t, nil)
	o := d.options
	o.Rand = reader(func(p []byte) (int, error) { asked <- struct{}{}; return rand.Read(p) })
	c := d.open(o)
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.Slow, Delay: time.Hour}, -1))
	fetch, stop := context.WithCancel(d.ctx())
	fetched := make(chan error, 1)
	go func() { fetched <- c.Refresh(fetch) }()
	<-asked
	gone, cancel := context.WithCancel(d.ctx())
	cancel()
	if _, err := c.Challenge(gone, payment(wang)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case err := <-fetched:
		t.Errorf("it waited for the other one's request: %v", err)
	default:
	}
	stop()
	if err := <-fetched; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRun has palm come up, go with the provider and come back, without anybody paying.
func TestRun(t *testing.T) {
	d := newDesk(t, nil)
	o := d.options
	o.Every = 10 * time.Millisecond
	var log bytes.Buffer
	lines := make(chan string, 100)
	o.Log = slog.New(slog.NewTextHandler(&tap{&log, lines}, nil))
	c := d.open(o)
	d.fault(c.Ready(), provider.Stale, "")
	ctx, cancel := context.WithCancel(d.ctx())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	await(t, lines, "keys")
	await2(t, func() bool { return c.Ready() == nil })
	d.must(d.provider.RotateKeys()) // the status tells of it
	await(t, lines, "serial=2")
	d.must(d.provider.Inject(providertest.Fault{Kind: providertest.Down}, 1))
	await(t, lines, "out of reach")
	d.fault(c.Ready(), provider.Unreachable, "")
	d.must(d.provider.Clear())
	await(t, lines, "answers again")
	// Denied by signature, while the unsigned status goes on to answer.
	d.provider.Block(serial)
	_, err := c.Challenge(d.ctx(), payment(wang))
	d.fault(err, provider.Denied, "terminal")
	await(t, lines, "out of reach")
	d.fault(c.Ready(), provider.Denied, "terminal")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d.must(c.Close())
	d.fault(c.Ready(), provider.Misused, "")
	if _, err := c.Challenge(d.ctx(), payment(wang)); err == nil {
		t.Error("a closed client asks")
	}
}

// tap passes on each line of a log.
type tap struct {
	w     *bytes.Buffer
	lines chan string
}

func (t *tap) Write(p []byte) (int, error) {
	t.lines <- string(p)
	return t.w.Write(p)
}

func await(t *testing.T, lines chan string, word string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case line := <-lines:
			if strings.Contains(line, word) {
				return
			}
		case <-late:
			t.Fatalf("the log does not say %q", word)
		}
	}
}

func await2(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not come")
		}
	}
}
