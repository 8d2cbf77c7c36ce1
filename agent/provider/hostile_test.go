package provider_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// middle stands between the client and the provider with a certificate that the client
// trusts: a gateway that ends TLS and was broken into.
func (d *desk) middle(change func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) (done bool)) provider.Options {
	d.t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := httptest.NewRecorder()
		d.provider.ServeHTTP(a, r)
		if change != nil && change(w, r, a) {
			return
		}
		for k, v := range a.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(a.Code)
		w.Write(a.Body.Bytes())
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	d.t.Cleanup(srv.Close)
	o := d.options
	o.Endpoint = srv.URL
	o.Roots = x509.NewCertPool()
	o.Roots.AddCert(srv.Certificate())
	return o
}

// TestNobodyBetweenMakesAMatch has a gateway change answers of identify.
func TestNobodyBetweenMakesAMatch(t *testing.T) {
	for name, change := range map[string]func(w http.ResponseWriter, a *httptest.ResponseRecorder){
		"another body": func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Body.Reset()
			a.Body.WriteString(`{"outcome":"matched","name":"W*","credential":"130061098828009406","life_ms":60000}`)
			a.Header().Set("Content-Digest", wire.Digest(a.Body.Bytes()))
		},
		"no signature": func(w http.ResponseWriter, a *httptest.ResponseRecorder) { a.Header().Del("Signature") },
		"too large": func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Body.WriteString(strings.Repeat(" ", wire.MaxAnswer))
		},
		"a redirect": func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Code = http.StatusTemporaryRedirect
			a.Header().Set("Location", "https://other.example/")
		},
		"no problem": func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Code = http.StatusTeapot
		},
		"a problem of another status": func(w http.ResponseWriter, a *httptest.ResponseRecorder) {
			a.Code = http.StatusForbidden
			a.Body.Reset()
			a.Body.WriteString(`{"code":"busy","detail":""}`)
		},
	} {
		d := newDesk(t, nil)
		d.enrol(wang, "wang")
		d.client = d.open(d.middle(func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) bool {
			if r.URL.Path == wire.PathIdentify {
				change(w, a)
			}
			return false
		}))
		s := d.seal(d.challenge(payment(wang)), "stranger")
		answer, err := d.client.Identify(d.ctx(), s)
		d.fault(err, provider.Protocol, "")
		if answer.Outcome != "" || answer.Credential != nil {
			t.Errorf("%s: %+v", name, answer)
		}
	}
}

// TestAnswersDoNotTravel gives the answer to one presentation for another.
func TestAnswersDoNotTravel(t *testing.T) {
	d := newDesk(t, nil)
	d.enrol(wang, "wang")
	var kept *httptest.ResponseRecorder
	d.client = d.open(d.middle(func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) bool {
		if r.URL.Path != wire.PathIdentify {
			return false
		}
		if kept == nil {
			kept = a
			return false
		}
		for k, v := range kept.Header() {
			w.Header()[k] = v
		}
		w.Write(kept.Body.Bytes())
		return true
	}))
	if a := d.pay(wang, "wang"); a.Outcome != provider.Matched {
		t.Fatal(a.Outcome)
	}
	_, err := d.client.Identify(d.ctx(), d.seal(d.challenge(payment(wang)), "stranger"))
	d.fault(err, provider.Protocol, "")
}

// TestProviderThatErrs has the provider itself sign what the protocol does not allow.
func TestProviderThatErrs(t *testing.T) {
	for name, body := range map[string]string{
		"an outcome nobody knows":        `{"outcome":"probably"}`,
		"an enrolment":                   `{"outcome":"enrolled"}`,
		"a match without a credential":   `{"outcome":"matched","name":"W*","life_ms":1000}`,
		"a match without a name":         `{"outcome":"matched","credential":"1","life_ms":1000}`,
		"a match that lasts":             `{"outcome":"matched","name":"W*","credential":"1","life_ms":600001}`,
		"a name that turns the writing":  `{"outcome":"matched","name":"W\u202e*","credential":"1","life_ms":1000}`,
		"a stranger with a credential":   `{"outcome":"not-matched","credential":"1"}`,
		"a stranger with somebody's nam": `{"outcome":"not-matched","name":"W*"}`,
		"a word more":                    `{"outcome":"not-matched","score":0.4}`,
	} {
		d := newDesk(t, nil)
		answers := newKey(t)
		d.client = d.open(d.withAnswers(answers, map[string]string{wire.PathIdentify: body}))
		s := d.seal(d.challenge(payment(wang)), "wang")
		a, err := d.client.Identify(d.ctx(), s)
		d.fault(err, provider.Protocol, "")
		if a.Outcome != "" || a.Credential != nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	// The same with what the protocol does allow.
	d := newDesk(t, nil)
	d.client = d.open(d.withAnswers(newKey(t), map[string]string{wire.PathIdentify: `{"outcome":"not-matched"}`}))
	if a := d.pay(wang, "wang"); a.Outcome != provider.NotMatched {
		t.Errorf("%+v", a)
	}
}

func TestChallengesThatErr(t *testing.T) {
	good := `"nonce":"AAAAAAAAAAAAAAAAAAAAAA==","life_ms":1000,"epoch":%d,"profile":"%s","seal_key":"%s","salt":"%s","samples":%d,"gallery":%d`
	salt := "AAAAAAAAAAAAAAAAAAAAAA=="
	for name, body := range map[string]string{
		"what is allowed":       fmt.Sprintf(good, 1, "standard", "s", salt, 1, 1),
		"a short nonce":         strings.Replace(fmt.Sprintf(good, 1, "standard", "s", salt, 1, 1), "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", 1),
		"a nonce that lasts":    strings.Replace(fmt.Sprintf(good, 1, "standard", "s", salt, 1, 1), "1000", "60001", 1),
		"an epoch nobody knows": fmt.Sprintf(good, 2, "standard", "s", salt, 1, 1),
		"another profile":       fmt.Sprintf(good, 1, "private", "s", salt, 1, 1),
		"an unknown seal key":   fmt.Sprintf(good, 1, "standard", "t", salt, 1, 1),
		"a short salt":          fmt.Sprintf(good, 1, "standard", "s", "AAAA", 1, 1),
		"three samples to pay":  fmt.Sprintf(good, 1, "standard", "s", salt, 3, 1),
		"many for a claim":      fmt.Sprintf(good, 1, "standard", "s", salt, 1, 2),
	} {
		d := newDesk(t, nil)
		d.client = d.open(d.withAnswers(newKey(t), map[string]string{wire.PathChallenge: "{" + body + "}"}))
		_, err := d.client.Challenge(d.ctx(), payment(wang))
		if name == "what is allowed" {
			d.must(err)
			continue
		}
		if err == nil {
			t.Errorf("%s: a challenge", name)
			continue
		}
		d.fault(err, provider.Protocol, "")
	}
}

// withAnswers are the options of a client of a provider whose root signs a list with the key answers, and
// which answers some paths with fixed bodies.
func (d *desk) withAnswers(answers *ecdsa.PrivateKey, bodies map[string]string) provider.Options {
	d.t.Helper()
	root := newKey(d.t)
	o := d.middle(func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) bool {
		body := a.Body.Bytes()
		switch fixed, is := bodies[r.URL.Path]; {
		case is:
			body = []byte(fixed)
		case r.URL.Path == wire.PathKeys:
			body = d.list(root, answers)
		case r.URL.Path == wire.PathChallenge:
			body = []byte(strings.Replace(string(body), `"seal_key":"`, `"seal_key":"s","was":"`, 1))
			body = []byte(cutField(string(body), `,"was":"`))
		}
		sum := wire.Request{Method: r.Method, Authority: r.Host, Path: r.URL.Path}
		if err := wire.SignAnswer(w.Header(), 200, body, sum, r.Header, answers, "a", d.clock.Now()); err != nil {
			d.t.Error(err)
		}
		w.Write(body)
		return true
	})
	o.RootKeys = []*ecdsa.PublicKey{&root.PublicKey}
	return o
}

// cutField cuts a text field out of JSON.
func cutField(body, from string) string {
	before, after, _ := strings.Cut(body, from)
	_, after, _ = strings.Cut(after, `"`)
	return before + after
}

// list is a key list with one key of each kind, in an answer of GET /v1/keys.
func (d *desk) list(root, answers *ecdsa.PrivateKey) []byte {
	d.t.Helper()
	now := d.clock.Now().UTC()
	public, _, err := biometric.NewSealKey("s")
	d.must(err)
	der, err := x509.MarshalPKIXPublicKey(&answers.PublicKey)
	d.must(err)
	k := make([]byte, wire.KeyLen)
	until := now.Add(time.Hour)
	list := wire.KeyList{Provider: name, Serial: 1, Issued: now, Expires: until,
		SealKeys:   []wire.SealKey{{ID: "s", Public: public.Public, NotBefore: now, NotAfter: until}},
		AnswerKeys: []wire.AnswerKey{{ID: "a", Public: der, NotBefore: now, NotAfter: until}},
		Epochs:     []wire.Epoch{{Epoch: 1, Profile: "standard", KeyDigest: wire.KeyDigest(name, 1, k)}},
		Policy:     wire.Policy{KeyLevels: []string{"file"}}}
	if d.lists != nil {
		d.lists(&list)
	}
	text, err := wire.Encode(list)
	d.must(err)
	signatures, err := wire.SignList(text, root)
	d.must(err)
	sealed, err := wire.SealTransform(d.options.HPKE.PublicKey(), name, serial, 1, k)
	d.must(err)
	body, err := wire.Encode(wire.Keys{List: text, Signatures: signatures, Transforms: []wire.SealedTransform{sealed}})
	d.must(err)
	return body
}

// TestListsThatErr has lists under a good signature that cannot be used.
func TestListsThatErr(t *testing.T) {
	d := newDesk(t, nil)
	before := func() time.Time { return d.clock.Now().UTC().Add(-2 * time.Minute) }
	for name, change := range map[string]func(l *wire.KeyList){
		"":                     func(l *wire.KeyList) {},
		"another provider":     func(l *wire.KeyList) { l.Provider = "other.example" },
		"serial 0":             func(l *wire.KeyList) { l.Serial = 0 },
		"in the future":        func(l *wire.KeyList) { l.Issued = l.Issued.Add(2 * time.Minute) },
		"another K":            func(l *wire.KeyList) { l.Epochs[0].KeyDigest[0] ^= 1 },
		"an epoch without K":   func(l *wire.KeyList) { l.Epochs[0].Epoch = 2 },
		"an epoch twice":       func(l *wire.KeyList) { l.Epochs = append(l.Epochs, l.Epochs[0]) },
		"a profile":            func(l *wire.KeyList) { l.Epochs[0].Profile = "open" },
		"a short seal key":     func(l *wire.KeyList) { l.SealKeys[0].Public = l.SealKeys[0].Public[1:] },
		"no answer key":        func(l *wire.KeyList) { l.AnswerKeys = nil },
		"an answer key of old": func(l *wire.KeyList) { l.AnswerKeys[0].NotAfter = before() },
		"a negative policy":    func(l *wire.KeyList) { l.Policy.Identification.N = -1 },
	} {
		d.lists = change
		err := d.open(d.withAnswers(newKey(t), nil)).Refresh(d.ctx())
		if name == "" {
			d.must(err)
			continue
		}
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		d.fault(err, provider.Protocol, "")
	}
	d.lists = func(l *wire.KeyList) { l.SealKeys[0].NotAfter = before() }
	_, err := d.open(d.withAnswers(newKey(t), nil)).Challenge(d.ctx(), payment(wang))
	d.fault(err, provider.Protocol, "")
}

// TestListsAreAnswers gives a list that is good without the signature of the answer: whoever
// keeps old answers cannot play them.
func TestListsAreAnswers(t *testing.T) {
	d := newDesk(t, nil)
	var kept *httptest.ResponseRecorder
	o := d.middle(func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) bool {
		if kept == nil {
			kept = a
			return false
		}
		for k, v := range kept.Header() {
			w.Header()[k] = v
		}
		w.Write(kept.Body.Bytes())
		return true
	})
	d.must(d.open(o).Refresh(d.ctx()))
	d.fault(d.open(o).Refresh(d.ctx()), provider.Protocol, "")
}

// TestClientHoldsProviderToItsPolicy has a provider search more people than it measured, and
// one whose policy changes while somebody presents.
func TestClientHoldsProviderToItsPolicy(t *testing.T) {
	d := newDesk(t, nil)
	n := int64(10)
	d.lists = func(l *wire.KeyList) {
		l.Serial = 20 - n
		l.Policy.Identification = wire.Identification{N: n, FPIRUpper95: 1e-5}
	}
	gallery := int64(10)
	body := func() string {
		return fmt.Sprintf(`{"nonce":"AAAAAAAAAAAAAAAAAAAAAA==","life_ms":60000,"epoch":1,"profile":"standard","seal_key":"s","salt":"AAAAAAAAAAAAAAAAAAAAAA==","samples":1,"gallery":%d}`, gallery)
	}
	answers := map[string]string{wire.PathChallenge: body(), wire.PathIdentify: `{"outcome":"matched","name":"W*","credential":"1","life_ms":1000}`}
	d.client = d.open(d.withAnswers(newKey(t), answers))
	ch := d.challenge(payment(""))
	if a := d.identify(d.seal(ch, "wang")); a.Outcome != provider.Matched {
		t.Errorf("%s", a.Outcome)
	}
	n = 9
	d.must(d.client.Refresh(d.ctx()))
	if a := d.identify(d.seal(ch, "wang")); a.Outcome != provider.SecondFactor || a.Credential != nil {
		t.Errorf("after the policy changed: %+v", a)
	}
	_, err := d.client.Challenge(d.ctx(), payment(""))
	if e := d.fault(err, provider.Denied, "second-factor"); e.Outcome != provider.SecondFactor {
		t.Errorf("%+v", e)
	}
}

func TestTransportIsRefused(t *testing.T) {
	d := newDesk(t, nil)
	old := httptest.NewUnstartedServer(d.provider)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	o := d.options
	o.Endpoint, o.Roots = old.URL, x509.NewCertPool()
	o.Roots.AddCert(old.Certificate())
	d.fault(d.open(o).Refresh(d.ctx()), provider.Unreachable, "")
	// An authority that is not in the configuration.
	o = d.options
	o.Roots = x509.NewCertPool()
	err := d.open(o).Refresh(d.ctx())
	if d.fault(err, provider.Unreachable, ""); !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	// A certificate that is over, by the terminal's clock.
	o = d.options
	o.Clock = func() time.Time { return d.clock.Now().AddDate(2, 0, 0) }
	d.fault(d.open(o).Refresh(d.ctx()), provider.Unreachable, "")
}

func TestClientCertificate(t *testing.T) {
	ca := x509.NewCertPool()
	d := newDesk(t, func(o *providertest.Options) { o.ClientCAs = ca })
	d.fault(d.client.Refresh(d.ctx()), provider.Unreachable, "")
	authority, leaf := clientCertificate(t)
	ca.AddCert(authority)
	o := d.options
	o.ClientCert = func() *tls.Certificate { return leaf }
	d.must(d.open(o).Refresh(d.ctx()))
	o.ClientCert = func() *tls.Certificate { return nil }
	d.fault(d.open(o).Refresh(d.ctx()), provider.Unreachable, "")
}

// clientCertificate is a self-signed certificate, and itself as an authority.
func clientCertificate(t *testing.T) (*x509.Certificate, *tls.Certificate) {
	t.Helper()
	key := newKey(t)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestOptionsAreChecked(t *testing.T) {
	d := newDesk(t, nil)
	for name, change := range map[string]func(o *provider.Options){
		"http":        func(o *provider.Options) { o.Endpoint = strings.Replace(o.Endpoint, "https", "http", 1) },
		"a path":      func(o *provider.Options) { o.Endpoint += "/palm" },
		"a user":      func(o *provider.Options) { o.Endpoint = "https://a:b@palm.example" },
		"no name":     func(o *provider.Options) { o.Name = "" },
		"no terminal": func(o *provider.Options) { o.Terminal = "" },
		"no root key": func(o *provider.Options) { o.RootKeys = nil },
		"a nil key":   func(o *provider.Options) { o.RootKeys = []*ecdsa.PublicKey{nil} },
		"no signer":   func(o *provider.Options) { o.Signer = nil },
		"no HPKE key": func(o *provider.Options) { o.HPKE = nil },
	} {
		o := d.options
		change(&o)
		_, err := provider.New(o)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		d.fault(err, provider.Misused, "")
	}
	for name, change := range map[string]func(a *provider.Ask){
		"another terminal":    func(a *provider.Ask) { a.Terminal = "x" },
		"no amount":           func(a *provider.Ask) { a.Minor = 0 },
		"no currency":         func(a *provider.Ask) { a.Currency = "" },
		"no purpose":          func(a *provider.Ask) { a.Purpose = "" },
		"consent to pay":      func(a *provider.Ask) { a.Consent = d.consent() },
		"a claim with spaces": func(a *provider.Ask) { a.Claim = secret.Copy([]byte("a b")) },
		"a long claim":        func(a *provider.Ask) { a.Claim = secret.New(make([]byte, 513)) },
	} {
		a := payment(wang)
		change(&a)
		_, err := d.client.Challenge(d.ctx(), a)
		if err == nil {
			t.Errorf("%s: asked", name)
			continue
		}
		d.fault(err, provider.Misused, "")
	}
}

// TestRequestsAreAuthenticated sends what no client of ours would.
func TestRequestsAreAuthenticated(t *testing.T) {
	d := newDesk(t, nil)
	body := []byte(`{"nonce":"AAAAAAAAAAAAAAAAAAAAAA==","payment":"P"}`)
	again := d.request("POST", wire.PathVoid, body)
	if a := d.send(again); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, c := range map[string]struct {
		code   string
		change func(r *http.Request)
	}{
		"again":               {"replayed", func(r *http.Request) { r.Header = again.Header.Clone() }},
		"no signature":        {"signature", func(r *http.Request) { r.Header.Del("Signature") }},
		"another path":        {"signature", func(r *http.Request) { r.URL.Path = wire.PathRevoke }},
		"another method":      {"not-found", func(r *http.Request) { r.Method = "PUT" }},
		"a query":             {"not-found", func(r *http.Request) { r.URL.RawQuery = "a=1" }},
		"no path":             {"not-found", func(r *http.Request) { r.URL.Path = "/v2/void" }},
		"another type":        {"bad-request", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		"an unknown terminal": {"terminal", d.signedBy("000158000000009", d.key, 0)},
		"another key":         {"signature", d.signedBy(serial, newKey(t), 0)},
		"two minutes late":    {"clock", d.signedBy(serial, d.key, -2*time.Minute)},
		"two minutes early":   {"clock", d.signedBy(serial, d.key, 2*time.Minute)},
	} {
		r := d.request("POST", wire.PathVoid, body)
		c.change(r)
		if a := d.send(r); !strings.Contains(a.body, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %d %s, want %s", name, a.status, a.body, c.code)
		}
	}
	if a := d.raw(wire.PathVoid, []byte(`{"nonce":"","payment":"P","x":1}`)); a.status != 400 {
		t.Errorf("a word more: %d %s", a.status, a.body)
	}
	if a := d.raw(wire.PathVoid, make([]byte, wire.MaxRequest+1)); a.status != 413 {
		t.Errorf("too large: %d %s", a.status, a.body)
	}
	// What the client makes of it.
	o := d.options
	o.Signer = newKey(t)
	c := d.open(o)
	if e := d.fault(c.Refresh(d.ctx()), provider.Denied, "signature"); e.Outcome != provider.Refused {
		t.Errorf("%+v", e)
	}
	d.fault(c.Ready(), provider.Denied, "signature")
	o = d.options
	o.Clock = func() time.Time { return d.clock.Now().Add(3 * time.Minute) }
	d.fault(d.open(o).Refresh(d.ctx()), provider.Denied, "clock")
	other := payment(wang)
	other.Merchant = "M-2"
	_, err := d.client.Challenge(d.ctx(), other)
	d.fault(err, provider.Denied, "terminal")
	d.provider.Block(serial)
	d.fault(d.client.Refresh(d.ctx()), provider.Denied, "terminal")
}

// signedBy signs a request of signed_test's body as another terminal, key or time.
func (d *desk) signedBy(terminal string, key *ecdsa.PrivateKey, late time.Duration) func(r *http.Request) {
	return func(r *http.Request) {
		body, err := r.GetBody()
		d.must(err)
		content, err := io.ReadAll(body)
		d.must(err)
		d.must(wire.SignRequest(r.Header, wire.Request{Method: r.Method, Authority: r.Host, Path: r.URL.Path, Body: content}, key, terminal,
			d.clock.Now().Add(late), []byte("0123456789abcdef")))
	}
}

func TestParseTerminal(t *testing.T) {
	d := newDesk(t, nil)
	der, err := x509.MarshalPKIXPublicKey(&d.key.PublicKey)
	d.must(err)
	registration, err := json.Marshal(map[string]any{"terminal": serial, "provider": name, "merchant": merchant, "key_level": "tpm",
		"key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "seal_key": d.options.HPKE.PublicKey().Bytes()})
	d.must(err)
	r, err := providertest.ParseTerminal(registration)
	if err != nil || r.Serial != serial || !r.Key.Equal(&d.key.PublicKey) || r.Level != biometric.LevelTPM || r.Merchants[0] != merchant {
		t.Errorf("%+v, %v", r, err)
	}
	d.must(d.provider.Register(r))
	for _, bad := range []string{``, `{}`, `{"key":"x"}`, strings.Replace(string(registration), `"seal_key":"`, `"seal_key":"AAAA`, 1)} {
		if _, err := providertest.ParseTerminal([]byte(bad)); err == nil {
			t.Errorf("%.40q: read", bad)
		}
	}
}
