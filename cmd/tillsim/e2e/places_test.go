package e2e

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// keyNeedles are the private keys of a till, and the key of its records.
func keyNeedles(t testing.TB, l *till) (list []needle) {
	t.Helper()
	dir := filepath.Dir(l.Config())
	for _, w := range wallettest.Wallets() {
		text, err := os.ReadFile(filepath.Join(dir, "wallets", w+".key"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			t.Fatalf("no PEM in the key of %s", w)
		}
		for i, line := range strings.Fields(string(text)) {
			if len(line) == 64 {
				list = append(list, needle{fmt.Sprintf("%s key, line %d", w, i), []byte(line)})
			}
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		}
		private, ok := key.(*rsa.PrivateKey)
		if err != nil || !ok {
			t.Fatalf("the key of %s: %T, %v", w, key, err)
		}
		list = append(list, needle{w + " key, p", private.Primes[0].Bytes()}, needle{w + " key, q", private.Primes[1].Bytes()},
			needle{w + " key, d", private.D.Bytes()})
	}
	text, err := os.ReadFile(filepath.Join(dir, "keys.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, record, _ := strings.Cut(string(text), `record = "`)
	record, _, _ = strings.Cut(record, `"`)
	root, err := hex.DecodeString(record)
	if err != nil || len(root) != 32 {
		t.Fatalf("no record key in keys.toml: %d bytes, %v", len(root), err)
	}
	return append(list, needle{"record key", root})
}

// places are what can be seen of a till from outside, by name.
type places map[string][]byte

// command runs a tilld and keeps what it says.
func (p places) command(l *till, args ...string) string {
	out, errs, _ := l.command(args...)
	p["tilld "+strings.Join(args[:min(2, len(args))], " ")] = append(p["tilld "+strings.Join(args[:min(2, len(args))], " ")], out+errs...)
	return out
}

// files adds every file below a folder, but those that skip names.
func (p places) files(t testing.TB, name, dir string, skip func(path string) bool) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || skip(path) {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // the journal took it away just now
		}
		n++
		p[name] = append(append(p[name], b...), 0)
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("read %s: %d files, %v", dir, n, err)
	}
}

// page adds an answer of the display.
func (p places) page(t testing.TB, l *till, path string) {
	t.Helper()
	resp, err := http.Get(l.DisplayURL() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", path, resp.Status, err)
	}
	p["display "+path] = append(p["display "+path], b...)
}

// clean searches every place; none may hold a needle.
func (p places) clean(t testing.TB, h *haystack) {
	t.Helper()
	for name, b := range p {
		hits, err := h.search(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for _, hit := range hits {
			t.Errorf("%s holds %s", name, hit)
		}
	}
}

// found says whether a place holds a text that is no secret: that the search looks where it
// says it does.
func (p places) found(t testing.TB, name string, value string) {
	t.Helper()
	hits, err := spell([]needle{{"control", []byte(value)}}).search(bytes.NewReader(p[name]))
	if err != nil || len(hits) == 0 {
		t.Errorf("%s (%d bytes): the control %q is not found: %v", name, len(p[name]), value, err)
	}
}

// stream keeps every byte of the display's events, across the daemon's restarts.
type stream struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *stream) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

// follow begins to keep the events until the test ends or the daemon does.
func (s *stream) follow(t testing.TB, l *till) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(l.ctx), http.MethodGet, l.DisplayURL()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(s, resp.Body) // ends with the daemon
	}()
	t.Cleanup(func() {
		resp.Body.Close()
		<-done
	})
}
