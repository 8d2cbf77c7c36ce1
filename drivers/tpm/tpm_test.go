package tpm_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/tpm"
	"github.com/tilld/tilld/drivers/tpm/tpmtest"
)

func TestSeal(t *testing.T) {
	soft := tpmtest.Start(t, "")
	x := soft.Open(t)
	secret := []byte("0123456789abcdef0123456789abcdef")
	sealed, err := x.Seal(secret, tpm.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if string(secret) != "0123456789abcdef0123456789abcdef" {
		t.Error("Seal wiped its argument")
	}
	again, err := tpm.ParseSealed(sealed.Text())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed.Text(), secret) {
		t.Error("the file shows the secret")
	}
	for range 5 { // nothing is left behind in the TPM
		if got, err := x.Unseal(again, nil); err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	x.Close()
	if _, err := x.Unseal(again, nil); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	soft.Reboot(t)
	x = soft.Open(t)
	if got, err := x.Unseal(again, nil); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("after a reboot: %q, %v", got, err)
	}
	other := tpmtest.Start(t, "").Open(t)
	if _, err := other.Unseal(again, nil); !errors.Is(err, tpm.ErrOther) {
		t.Errorf("another TPM: %v", err)
	}
	again.Private[len(again.Private)-1] ^= 1
	if _, err := x.Unseal(again, nil); err == nil {
		t.Error("a damaged file opens")
	}
}

// The wires of a till are open to anyone with a screwdriver: no secret may cross them plain.
func TestNothingCrossesTheWirePlain(t *testing.T) {
	soft := tpmtest.Start(t, "")
	var tap sniffer
	x, err := tpm.Dial("tapped", func() (io.ReadWriteCloser, error) {
		rw, err := soft.Connect()
		return &tapped{rw, &tap}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	secret := []byte("a secret that nobody may overhear")
	sealed, err := x.Seal(secret, tpm.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := x.Unseal(sealed, nil); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%q, %v", got, err)
	}
	if len(tap.seen) < 1000 || bytes.Contains(tap.seen, secret) || bytes.Contains(tap.seen, secret[:16]) {
		t.Errorf("the secret is in the %d bytes that crossed the wire", len(tap.seen))
	}
}

type sniffer struct{ seen []byte }

type tapped struct {
	io.ReadWriteCloser
	tap *sniffer
}

func (t *tapped) Write(p []byte) (int, error) {
	t.tap.seen = append(t.tap.seen, p...)
	return t.ReadWriteCloser.Write(p)
}

func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.tap.seen = append(t.tap.seen, p[:n]...)
	return n, err
}

// extend changes PCR 11, as a boot loader or a new system does.
func extend(t *testing.T, soft *tpmtest.Soft, what string) {
	t.Helper()
	c, err := soft.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	digest := sha256.Sum256([]byte(what))
	_, err = tpm2.PCRExtend{PCRHandle: tpm2.AuthHandle{Handle: 11, Auth: tpm2.PasswordAuth(nil)},
		Digests: tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}}}.
		Execute(transport.FromReadWriter(c))
	if err != nil {
		t.Fatal(err)
	}
}

// An update of the system changes what was measured. The shop's key approves it, and no till
// is locked; a system that nobody approved opens nothing.
func TestApprovedBoots(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, authority := range map[string]crypto.Signer{"P-256": ec, "RSA": rs} {
		t.Run(name, func(t *testing.T) {
			soft := tpmtest.Start(t, "")
			extend(t, soft, "release 1")
			pcrs, secret := []int{7, 11}, []byte("root")
			x := soft.Open(t)
			sealed, err := x.Seal(secret, tpm.Policy{PCRs: pcrs, Authority: authority.Public()})
			if err != nil {
				t.Fatal(err)
			}
			if sealed, err = tpm.ParseSealed(sealed.Text()); err != nil {
				t.Fatal(err)
			}
			refused := func(when string, approvals []tpm.Approval) {
				t.Helper()
				got, err := x.Unseal(sealed, approvals)
				var e *drivers.Error
				if len(got) != 0 || !errors.Is(err, tpm.ErrNotApproved) || !errors.As(err, &e) || e.Hint == "" {
					t.Errorf("%s: %q, %v", when, got, err)
				}
			}
			refused("before any approval", nil)
			one, err := x.Boot(pcrs)
			if err != nil {
				t.Fatal(err)
			}
			first, err := tpm.Approve(one, "release 1", authority)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Unseal(sealed, []tpm.Approval{first}); err != nil || !bytes.Equal(got, secret) {
				t.Fatalf("approved: %q, %v", got, err)
			}
			x.Close()
			soft.Reboot(t)
			extend(t, soft, "release 2")
			x = soft.Open(t)
			refused("after an update", []tpm.Approval{first})
			two, err := x.Boot(pcrs)
			if err != nil || bytes.Equal(two.Policy, one.Policy) {
				t.Fatalf("the update is not measured: %v", err)
			}
			second, err := tpm.Approve(two, "release 2", authority)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Unseal(sealed, []tpm.Approval{first, second}); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("after its approval: %q, %v", got, err)
			}
			stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			forged, err := tpm.Approve(two, "release 2", stranger)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.Unseal(sealed, []tpm.Approval{forged}); err == nil {
				t.Errorf("a stranger's approval opens: %q", got)
			}
			moved := first
			moved.Policy = two.Policy
			if got, err := x.Unseal(sealed, []tpm.Approval{moved}); err == nil {
				t.Errorf("the approval of another release opens: %q", got)
			}
			// The file says no PCRs, the TPM knows better.
			open := sealed
			open.PCRs, open.Authority = nil, nil
			if got, err := x.Unseal(open, nil); err == nil {
				t.Errorf("opens without its policy: %q", got)
			}
		})
	}
}

func TestPolicyRefused(t *testing.T) {
	x := tpmtest.Start(t, "").Open(t)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []tpm.Policy{{PCRs: []int{7}}, {PCRs: []int{24}, Authority: good.Public()}, {PCRs: []int{7}, Authority: key.Public()}} {
		if _, err := x.Seal([]byte("x"), p); err == nil {
			t.Errorf("%v passes", p)
		}
	}
	if _, err := tpm.Approve(tpm.State{}, "", key); err == nil {
		t.Error("a P-384 authority passes")
	}
	if _, err := x.Boot(nil); err == nil {
		t.Error("no PCRs pass")
	}
}

func TestKeys(t *testing.T) {
	soft := tpmtest.Start(t, "")
	x := soft.Open(t)
	digest := sha256.Sum256([]byte("pay"))
	for _, kind := range []tpm.Kind{tpm.RSA2048, tpm.P256} {
		file, err := x.NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(file.Text()), "-----BEGIN TSS2 PRIVATE KEY-----\n") {
			t.Errorf("%s", file.Text())
		}
		again, err := tpm.ParseKeyFile(file.Text())
		if err != nil {
			t.Fatal(err)
		}
		key, err := x.LoadKey(again)
		if err != nil {
			t.Fatal(err)
		}
		if key.Extractable() {
			t.Error("a key of the TPM is extractable")
		}
		opts := []crypto.SignerOpts{crypto.SHA256}
		if kind == tpm.RSA2048 {
			opts = append(opts, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256})
		}
		for _, o := range opts {
			sig, err := key.Sign(nil, digest[:], o)
			if err != nil {
				t.Errorf("%s %T: %v", kind, o, err)
				continue
			}
			switch pub := key.Public().(type) {
			case *rsa.PublicKey:
				if pss, is := o.(*rsa.PSSOptions); is {
					err = rsa.VerifyPSS(pub, crypto.SHA256, digest[:], sig, pss)
				} else {
					err = rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig)
				}
				if err != nil {
					t.Error(err)
				}
			case *ecdsa.PublicKey:
				if !ecdsa.VerifyASN1(pub, digest[:], sig) {
					t.Error("not a signature")
				}
			}
		}
		for _, o := range []crypto.SignerOpts{nil, crypto.Hash(0), crypto.SHA384, crypto.MD5SHA1} {
			if _, err := key.Sign(nil, digest[:], o); err == nil {
				t.Errorf("signs with %v", o)
			}
		}
		// The TPM loses its power and keys while the till runs.
		soft.Reboot(t)
		if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			t.Errorf("after the TPM came back: %v", err)
		}
		if _, err := tpmtest.Start(t, "").Open(t).LoadKey(again); err == nil {
			t.Error("another TPM loads the key")
		}
	}
	if _, err := x.NewKey("dsa"); err == nil {
		t.Error("an unknown kind passes")
	}
}

// More keys than a TPM has room for, and secrets in between.
func TestManyKeys(t *testing.T) {
	x := tpmtest.Start(t, "").Open(t)
	sealed, err := x.Seal([]byte("root"), tpm.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []*tpm.Key
	for range 5 {
		file, err := x.NewKey(tpm.P256)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x.LoadKey(file)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	digest := sha256.Sum256(nil)
	var wg sync.WaitGroup
	for _, key := range keys {
		wg.Go(func() {
			for range 4 {
				if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
					t.Error(err)
				}
				if _, err := x.Unseal(sealed, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// While the till runs, its TPM is exchanged for another one.
func TestExchangedTPM(t *testing.T) {
	a, b := tpmtest.Start(t, ""), tpmtest.Start(t, "")
	now := a
	var broken bool
	x, err := tpm.Dial("exchanged", func() (io.ReadWriteCloser, error) {
		rw, err := now.Connect()
		return &breaking{rw, &broken}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	now, broken = b, true
	if _, err := x.Seal([]byte("x"), tpm.Policy{}); !errors.Is(err, tpm.ErrOther) {
		t.Errorf("%v", err)
	}
}

// breaking fails once when told to.
type breaking struct {
	io.ReadWriteCloser
	broken *bool
}

func (b *breaking) Write(p []byte) (int, error) {
	if *b.broken {
		*b.broken = false
		return 0, io.ErrClosedPipe
	}
	return b.ReadWriteCloser.Write(p)
}

func TestCounter(t *testing.T) {
	soft := tpmtest.Start(t, "")
	c, err := soft.Open(t).Monotonic(0)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Count(t.Context())
	if err != nil || first == 0 {
		t.Fatalf("%d, %v", first, err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := c.Increment(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	soft.Reboot(t)
	c, err = soft.Open(t).Monotonic(0)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Count(t.Context()); err != nil || n != first+4 {
		t.Errorf("%d after a reboot, want %d; %v", n, first+4, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	var e *drivers.Error
	if _, err := tpm.Open("/dev/no-tpm"); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("no device: %v", err)
	}
	if _, err := tpm.Open("/dev/null"); err == nil {
		t.Error("/dev/null is a TPM")
	}
}

func BenchmarkUnseal(b *testing.B) {
	x := tpmtest.Start(b, "").Open(b)
	sealed, err := x.Seal(make([]byte, 32), tpm.Policy{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := x.Unseal(sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignRSA(b *testing.B) {
	x := tpmtest.Start(b, "").Open(b)
	file, err := x.NewKey(tpm.RSA2048)
	if err != nil {
		b.Fatal(err)
	}
	key, err := x.LoadKey(file)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	for b.Loop() {
		if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}
