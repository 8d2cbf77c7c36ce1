package main

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestDateOfAWallet(t *testing.T) {
	asked := make(chan *http.Request, 1)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("Date", "Sun, 22 Nov 2026 12:00:00 GMT")
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	want := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	date, ok := dateOf(t.Context(), dateSource{"w", srv.URL, roots})
	if r := <-asked; !ok || !date.Equal(want) || r.Method != "HEAD" || r.URL.Path != "/" || r.Header.Get("Authorization") != "" {
		t.Fatalf("%v, %v, %s %s", date, ok, r.Method, r.URL)
	}
	// A server that nobody vouches for tells no time.
	if date, ok := dateOf(t.Context(), dateSource{"w", srv.URL, x509.NewCertPool()}); ok {
		t.Fatalf("%v from a stranger", date)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan time.Time, 1)
	ended := make(chan struct{})
	go func() {
		askDates(ctx, []dateSource{{"w", srv.URL, roots}}, func(_ string, at time.Time) { got <- at }, func() (bool, string) { return true, "" })
		close(ended)
	}()
	if at := <-got; !at.Equal(want) {
		t.Fatalf("told %v", at)
	}
	cancel()
	<-ended
}
