package localweb

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	passed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, c := range []struct {
		name, method, peer, host, origin, site string
		want                                   int
	}{
		{"own page", "GET", "127.0.0.1:4000", "127.0.0.1:8090", "", "", 204},
		{"by name", "GET", "127.0.0.1:4000", "localhost:8090", "", "", 204},
		{"IPv6", "GET", "[::1]:4000", "[::1]:8090", "", "", 204},
		{"IPv6 without a port", "GET", "[::1]:4000", "[::1]", "", "", 204},
		{"mapped peer", "GET", "[::ffff:127.0.0.1]:4000", "127.0.0.1", "", "", 204},
		{"from the network", "GET", "192.0.2.7:4000", "127.0.0.1:8090", "", "", 403},
		{"rebound name", "GET", "127.0.0.1:4000", "till.example:8090", "", "", 421},
		{"a name that begins like ours", "GET", "127.0.0.1:4000", "localhost.example", "", "", 421},
		{"an address of the network", "GET", "127.0.0.1:4000", "10.0.0.5:8090", "", "", 421},
		{"no host", "GET", "127.0.0.1:4000", "", "", "", 421},
		{"post from the page", "POST", "127.0.0.1:4000", "127.0.0.1:8090", "http://127.0.0.1:8090", "same-origin", 204},
		{"post from a tool", "POST", "127.0.0.1:4000", "127.0.0.1:8090", "", "", 204},
		{"post from another site", "POST", "127.0.0.1:4000", "127.0.0.1:8090", "https://shop.example", "cross-site", 403},
		{"post from another port", "POST", "127.0.0.1:4000", "127.0.0.1:8090", "http://127.0.0.1:9000", "same-site", 403},
		{"post from an old browser", "POST", "127.0.0.1:4000", "127.0.0.1:8090", "http://127.0.0.1:9000", "", 403},
		{"rebound post", "POST", "127.0.0.1:4000", "till.example", "http://till.example", "same-origin", 421},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/", nil)
			r.RemoteAddr, r.Host = c.peer, c.host
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if c.site != "" {
				r.Header.Set("Sec-Fetch-Site", c.site)
			}
			w := httptest.NewRecorder()
			Guard(passed).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("status %d, want %d (%s)", w.Code, c.want, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func FuzzLoopbackHost(f *testing.F) {
	for _, s := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "[::1]", "::1", "a:b:c", "[", "]", "[]", "localhost:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if LoopbackHost(host) && !strings.Contains(host, "localhost") && !strings.Contains(host, "127.") && !strings.Contains(host, ":") {
			t.Errorf("%q is taken for this machine", host)
		}
	})
}

func TestStream(t *testing.T) {
	w := httptest.NewRecorder()
	s, err := OpenStream(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send("screen", map[string]string{"text": "a\nb"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Beat(); err != nil {
		t.Fatal(err)
	}
	want := "retry: 1000\n\nevent: screen\ndata: {\"text\":\"a\\nb\"}\n\nevent: beat\ndata: {}\n\n"
	if got := w.Body.String(); got != want {
		t.Errorf("stream is %q, want %q", got, want)
	}
	if err := s.Send("screen", func() {}); err == nil {
		t.Error("a value that is not JSON was sent")
	}
}

func TestLanguage(t *testing.T) {
	have := []string{"zh", "en", "ja"}
	for _, c := range []struct{ query, first, want string }{
		{"", "ja", "ja"}, {"?lang=en", "ja", "en"}, {"?lang=xx", "ja", "ja"}, {"", "", "zh"}, {"?lang=", "de", "zh"},
	} {
		if got := Language(httptest.NewRequest("GET", "/"+c.query, nil), have, c.first); got != c.want {
			t.Errorf("%q with %q first: %q, want %q", c.query, c.first, got, c.want)
		}
	}
}
