package provider_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/tilld/tilld/agent/provider/internal/wire"
	"github.com/tilld/tilld/biometric"
)

// rawAnswer is what came of a request that no client of ours would send.
type rawAnswer struct {
	status int
	body   string
}

// raw posts a body, signed as the terminal.
func (d *desk) raw(path string, body []byte) rawAnswer {
	d.t.Helper()
	return d.send(d.request(http.MethodPost, path, body))
}

// request makes a signed request that can be changed before it is sent.
func (d *desk) request(method, path string, body []byte) *http.Request {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.ctx(), method, d.options.Endpoint+path, bytes.NewReader(body))
	d.must(err)
	nonce := make([]byte, 16)
	copy(nonce, d.t.Name())
	d.raws++
	nonce[15] = byte(d.raws)
	d.must(wire.SignRequest(r.Header, wire.Request{Method: method, Authority: r.Host, Path: path, Body: body}, d.key, serial, d.clock.Now(), nonce))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (d *desk) send(r *http.Request) rawAnswer {
	d.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.options.Roots}}
	defer transport.CloseIdleConnections()
	a, err := transport.RoundTrip(r)
	d.must(err)
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	d.must(err)
	return rawAnswer{a.StatusCode, string(body)}
}

func presented(t *testing.T, s biometric.Sealed) []byte {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.Encode(wire.Presented{Sealed: text})
	if err != nil {
		t.Fatal(err)
	}
	return body
}
