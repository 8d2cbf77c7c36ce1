package biometric

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestSealOpen(t *testing.T) {
	for _, b := range []Binding{payBinding(), enrolBinding()} {
		l := newTill(t, b)
		want, err := l.template(t).AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := l.template(t)
		words := p.words
		s, err := Seal(l.ch, p, verdict(), l.signer)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(words, func(w uint64) bool { return w != 0 }) {
			t.Error("the template was not wiped")
		}
		if size := len(s.Enc) + len(s.Ciphertext); size > 8192 {
			t.Errorf("sealed in %d bytes", size)
		}
		if err := s.Verify(&l.signer.PublicKey); err != nil {
			t.Error(err)
		}
		opened, err := Open(s, l.private)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := opened.AppendBinary(nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: opened to something else, %v", b.Purpose, err)
		}
	}
}

// TestEveryField changes each single thing that a sealed template consists of. The fields are
// found by reflection, so that one that is added later cannot be forgotten.
func TestEveryField(t *testing.T) {
	l := newTill(t, payBinding())
	s := l.seal(t)
	changed := 0
	try := func(name string, change func(*Sealed)) {
		t.Run(name, func(t *testing.T) {
			changed++
			c := cloned(s)
			change(&c)
			if reflect.DeepEqual(c, s) {
				t.Fatal("nothing was changed")
			}
			if c.Verify(&l.signer.PublicKey) == nil {
				t.Error("the signature is still good")
			}
			if p, err := Open(c, l.private); err == nil && name != "Signature" {
				t.Errorf("opened: %v", p)
			}
		})
	}
	for i := range reflect.TypeFor[Sealed]().NumField() {
		f := reflect.TypeFor[Sealed]().Field(i)
		if f.Type == reflect.TypeFor[Binding]() {
			continue
		}
		try(f.Name, func(c *Sealed) { alter(reflect.ValueOf(c).Elem().Field(i)) })
	}
	for i := range reflect.TypeFor[Binding]().NumField() {
		try("Binding."+reflect.TypeFor[Binding]().Field(i).Name, func(c *Sealed) {
			alter(reflect.ValueOf(&c.Binding).Elem().Field(i))
		})
	}
	try("verdict's score", func(c *Sealed) { c.Verdict = bytes.Replace(c.Verdict, []byte("0.47"), []byte("0.48"), 1) })
	try("verdict's time", func(c *Sealed) { c.Verdict = bytes.Replace(c.Verdict, []byte("07:08:00"), []byte("07:09:00"), 1) })
	try("space in the verdict", func(c *Sealed) { c.Verdict = append(c.Verdict, ' ') })
	if changed != 7-1+10+3 {
		t.Errorf("%d changes tried", changed)
	}
}

// alter changes one bit of a value.
func alter(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		b := []byte(v.String())
		b[len(b)-1] ^= 1
		v.SetString(string(b))
	case reflect.Int64:
		v.SetInt(v.Int() ^ 1)
	case reflect.Uint32:
		v.SetUint(v.Uint() ^ 1)
	case reflect.Slice:
		b := v.Bytes()
		b[len(b)/2] ^= 1
	default:
		panic(v.Kind())
	}
}

func cloned(s Sealed) Sealed {
	s.Binding.Nonce = bytes.Clone(s.Binding.Nonce)
	s.Enc, s.Ciphertext = bytes.Clone(s.Enc), bytes.Clone(s.Ciphertext)
	s.Verdict, s.Signature = bytes.Clone(s.Verdict), bytes.Clone(s.Signature)
	return s
}

// TestEveryByte flips a bit in every byte of the encapsulated key and the ciphertext.
func TestEveryByte(t *testing.T) {
	l := newTill(t, enrolBinding())
	s := l.seal(t)
	step := 1
	if testing.Short() {
		step = 37
	}
	for i := 0; i < len(s.Enc); i += step {
		c := cloned(s)
		c.Enc[i] ^= 1 << (i % 8)
		if _, err := Open(c, l.private); err == nil {
			t.Fatalf("opened with byte %d of the encapsulated key changed", i)
		}
	}
	for i := 0; i < len(s.Ciphertext); i += step {
		c := cloned(s)
		c.Ciphertext[i] ^= 1 << (i % 8)
		if _, err := Open(c, l.private); err == nil {
			t.Fatalf("opened with byte %d of the ciphertext changed", i)
		}
	}
}

// TestMovedBetweenFields shifts a byte from one field into the next: lengths are bound too.
func TestMovedBetweenFields(t *testing.T) {
	a, b := payBinding(), payBinding()
	a.Merchant, a.Terminal = "M-1T", "T-1"
	b.Merchant, b.Terminal = "M-1", "TT-1"
	if a.Digest(at(), nil) == b.Digest(at(), nil) {
		t.Fatal("two bindings have the same digest")
	}
	s, c := Sealed{Binding: a, KeyID: "a", Enc: []byte("xy"), Ciphertext: []byte("z")}, Sealed{Binding: a, KeyID: "a", Enc: []byte("x"), Ciphertext: []byte("yz")}
	if bytes.Equal(s.Record().Payload, c.Record().Payload) {
		t.Fatal("two payloads have the same digest")
	}
}

func TestOtherKeys(t *testing.T) {
	l, other := newTill(t, payBinding()), newTill(t, payBinding())
	s := l.seal(t)
	if _, err := Open(s, other.private); err == nil {
		t.Error("opened with another provider's key")
	}
	if _, err := Open(s, nil); err == nil {
		t.Error("opened without a key")
	}
	x25519, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s, x25519); err == nil {
		t.Error("opened with a key of another kind")
	}
	if s.Verify(&other.signer.PublicKey) == nil {
		t.Error("verified with another terminal's key")
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if s.Verify(nil) == nil || s.Verify(&p384.PublicKey) == nil {
		t.Error("verified without a key of P-256")
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Seal(l.ch, l.template(t), verdict(), ed); err == nil {
		t.Error("signed with Ed25519")
	}
	if _, err := Seal(l.ch, l.template(t), verdict(), nil); err == nil {
		t.Error("signed without a key")
	}
}

// TestNeverTwice seals the same template twice: nothing of the two is the same.
func TestNeverTwice(t *testing.T) {
	l := newTill(t, payBinding())
	a, b := l.seal(t), l.seal(t)
	if bytes.Equal(a.Enc, b.Enc) || bytes.Equal(a.Ciphertext, b.Ciphertext) {
		t.Fatal("sealed twice in the same context")
	}
	p := l.template(t)
	if _, err := Seal(l.ch, p, verdict(), l.signer); err != nil {
		t.Fatal(err)
	}
	if _, err := Seal(l.ch, p, verdict(), l.signer); err == nil {
		t.Fatal("a template was sealed twice")
	}
}

func TestSealRefuses(t *testing.T) {
	l := newTill(t, payBinding())
	for name, spoil := range map[string]func(*Challenge, *Header, *Verdict){
		"an attack":             func(_ *Challenge, _ *Header, v *Verdict) { v.Decision = Attack },
		"undetermined":          func(_ *Challenge, _ *Header, v *Verdict) { v.Decision = Undetermined },
		"a header's doubt":      func(_ *Challenge, h *Header, _ *Verdict) { h.PAD = Undetermined },
		"another epoch":         func(_ *Challenge, h *Header, _ *Verdict) { h.Epoch++ },
		"another minute":        func(_ *Challenge, h *Header, _ *Verdict) { h.At = h.At.Add(time.Minute) },
		"another modality":      func(_ *Challenge, _ *Header, v *Verdict) { v.Modality = Face },
		"a face":                func(ch *Challenge, _ *Header, v *Verdict) { ch.Modality, v.Modality = Face, Face },
		"another profile":       func(ch *Challenge, _ *Header, _ *Verdict) { ch.Transform.Profile = Private },
		"another purpose":       func(ch *Challenge, _ *Header, _ *Verdict) { ch.Purpose, ch.Minor, ch.Currency = Enrol, 0, "" },
		"too few shifts":        func(_ *Challenge, h *Header, _ *Verdict) { h.Shifts = 1 },
		"a short nonce":         func(ch *Challenge, _ *Header, _ *Verdict) { ch.Nonce = ch.Nonce[:15] },
		"no amount":             func(ch *Challenge, _ *Header, _ *Verdict) { ch.Minor = 0 },
		"a seal key of 32":      func(ch *Challenge, _ *Header, _ *Verdict) { ch.SealKey.Public = ch.SealKey.Public[:32] },
		"a seal key of nothing": func(ch *Challenge, _ *Header, _ *Verdict) { ch.SealKey.Public = bytes.Repeat([]byte{0xff}, 1216) },
		"a seal key without id": func(ch *Challenge, _ *Header, _ *Verdict) { ch.SealKey.ID = "" },
		"three samples":         func(ch *Challenge, _ *Header, _ *Verdict) { ch.Samples = 3 },
		"no level":              func(_ *Challenge, _ *Header, v *Verdict) { v.Level = "" },
	} {
		t.Run(name, func(t *testing.T) {
			ch, h, v := l.ch, header(true), verdict()
			spoil(&ch, &h, &v)
			p := protected(t, h, h.Samples())
			s, err := Seal(ch, p, v, l.signer)
			if err == nil || !reflect.DeepEqual(s, Sealed{}) {
				t.Errorf("sealed: %v, %v", s, err)
			}
			if p.Samples() != 0 {
				t.Error("the template was not wiped")
			}
		})
	}
}

// TestContradiction opens what a terminal with other software may have sealed: well sealed
// and signed, with a header that says otherwise.
func TestContradiction(t *testing.T) {
	l := newTill(t, payBinding())
	for name, spoil := range map[string]func(*Header){
		"reference":    func(h *Header) { *h = header(false) },
		"epoch":        func(h *Header) { h.Epoch++ },
		"undetermined": func(h *Header) { h.PAD = Undetermined },
		"time":         func(h *Header) { h.At = h.At.Add(time.Minute) },
	} {
		h := header(true)
		spoil(&h)
		p := protected(t, h, min(h.Samples(), 25))
		plain, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(sealedRaw(t, l, plain), l.private); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	plain, err := l.template(t).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(sealedRaw(t, l, plain), l.private); err != nil {
		t.Error(err)
	}
	if _, err := Open(sealedRaw(t, l, plain[:len(plain)-1]), l.private); err == nil {
		t.Error("half a template opened")
	}
}

func sealedRaw(t *testing.T, l till, plain []byte) Sealed {
	t.Helper()
	v, err := EncodeVerdict(verdict())
	if err != nil {
		t.Fatal(err)
	}
	s := Sealed{Binding: l.ch.Binding, Epoch: 3, KeyID: "k-1", Verdict: v}
	enc, sender, err := hpke.NewSender(l.private.PublicKey(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), s.info())
	if err != nil {
		t.Fatal(err)
	}
	aad := s.Binding.Digest(at(), v)
	s.Enc = enc
	if s.Ciphertext, err = sender.Seal(aad[:], plain); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecord verifies what is kept of a presentation after the template is gone.
func TestRecord(t *testing.T) {
	l := newTill(t, payBinding())
	r := l.seal(t).Record()
	if err := r.Verify(&l.signer.PublicKey); err != nil {
		t.Error(err)
	}
	for i := range reflect.TypeFor[Record]().NumField() {
		f := reflect.TypeFor[Record]().Field(i)
		c := r
		c.Payload, c.Verdict, c.Signature = bytes.Clone(r.Payload), bytes.Clone(r.Verdict), bytes.Clone(r.Signature)
		if v := reflect.ValueOf(&c).Elem().Field(i); f.Type == reflect.TypeFor[Binding]() {
			c.Binding.Minor++
		} else {
			alter(v)
		}
		if c.Verify(&l.signer.PublicKey) == nil {
			t.Errorf("%s changed: verified", f.Name)
		}
	}
	v := verdict()
	v.Decision, v.Reason = Attack, "nir-reflectance"
	refused, err := SignVerdict(l.ch, v, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := refused.Verify(&l.signer.PublicKey); err != nil {
		t.Error(err)
	}
	if len(refused.Payload) != 0 {
		t.Error("an attack has a payload")
	}
	if got, err := ParseVerdict(refused.Verdict); err != nil || got.Decision != Attack {
		t.Errorf("verdict is %+v, %v", got, err)
	}
}

func BenchmarkSeal(b *testing.B) {
	l := newTill(b, payBinding())
	p := NewProtected(make([]uint64, 25*32))
	h := header(true)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Reset(h, 25); err != nil {
			b.Fatal(err)
		}
		if _, err := Seal(l.ch, p, verdict(), l.signer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	l := newTill(b, payBinding())
	s := l.seal(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Verify(&l.signer.PublicKey); err != nil {
			b.Fatal(err)
		}
		if _, err := Open(s, l.private); err != nil {
			b.Fatal(err)
		}
	}
}
