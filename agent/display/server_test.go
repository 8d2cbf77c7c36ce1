package display

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// request asks a server without a network, as a browser on this machine would.
func request(s *Server, method, target, body string, head ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:8090"
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		name, body string
		head       []string
		refuse     error
		status     int
		decided    []agent.Confirmation
	}{
		{"yes", `{"payment":"P1","ok":true}`, nil, nil, 200, []agent.Confirmation{{Payment: "P1", OK: true}}},
		{"no", `{"payment":"P1","ok":false}`, nil, nil, 200, []agent.Confirmation{{Payment: "P1"}}},
		{"from the page", `{"payment":"P1","ok":true}`, []string{"Origin", "http://127.0.0.1:8090", "Sec-Fetch-Site", "same-origin"}, nil, 200, []agent.Confirmation{{Payment: "P1", OK: true}}},
		{"from another site", `{"payment":"P1","ok":true}`, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, nil, 403, nil},
		{"from another port", `{"payment":"P1","ok":true}`, []string{"Origin", "http://127.0.0.1:9999"}, nil, 403, nil},
		{"as a form", `payment=P1&ok=true`, []string{"Content-Type", "application/x-www-form-urlencoded"}, nil, 415, nil},
		{"as text", `{"payment":"P1","ok":true}`, []string{"Content-Type", "text/plain"}, nil, 415, nil},
		{"no decision", `{"payment":"P1"}`, nil, nil, 400, nil},
		{"no payment", `{"ok":true}`, nil, nil, 400, nil},
		{"more than was asked", `{"payment":"P1","ok":true,"amount":1}`, nil, nil, 400, nil},
		{"too long", `{"payment":"` + strings.Repeat("P", 2000) + `","ok":true}`, nil, nil, 400, nil},
		{"too late", `{"payment":"P1","ok":true}`, nil, errNotWaiting, 409, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			till := newStage()
			till.refuse = c.refuse
			w := request(New(Options{Till: till}), "POST", "/confirm", c.body, append([]string{"Content-Type", "application/json"}, c.head...)...)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if got := till.decisions(); len(got) != len(c.decided) || len(got) == 1 && got[0] != c.decided[0] {
				t.Errorf("decided %v, want %v", got, c.decided)
			}
		})
	}
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		path string
		test bool
		want string
	}{
		{"/", true, "frame-ancestors http://127.0.0.1:* http://localhost:*"},
		{"/", false, "frame-ancestors 'none'"},
		{"/console", true, "frame-ancestors 'none'"},
		{"/console", false, "frame-ancestors 'none'"},
	} {
		w := request(New(Options{Till: newStage(), Test: c.test}), "GET", c.path, "")
		p := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.HasSuffix(p, c.want) || !strings.HasPrefix(p, "default-src 'none'; script-src 'self';") {
			t.Errorf("%s, test %v: %d, policy %q, want it to end with %q", c.path, c.test, w.Code, p, c.want)
		}
	}
}

func TestAssets(t *testing.T) {
	s := New(Options{Till: newStage()})
	for _, p := range []string{"/", "/console"} {
		body := request(s, "GET", p, "").Body.String()
		for _, bad := range []string{"http://", "https://", "<script>", "style=", "onclick"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q: a strict policy refuses that", p, bad)
			}
		}
	}
	for path, want := range map[string]int{"/assets/customer.js": 200, "/assets/console.css": 200, "/assets/customer.html": 404, "/assets/none.js": 404, "/nothing": 404} {
		if w := request(s, "GET", path, ""); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

func somePayments() []sale.Payment {
	amount := sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}
	attempt := func(n string, s sale.State) []sale.Attempt {
		return []sale.Attempt{{ID: "7K2M9QX1ABCDEF0000001" + n, State: s, Amount: amount, CodeMAC: []byte("canary-mac"), Contract: sale.ContractRef{Name: "wechat-main", Merchant: "canary-merchant"}}}
	}
	begun := time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC)
	asked := sale.Asked{SaleID: "POS-1", ServiceID: "77", TransactionID: "B-1001", Echo: []byte("canary-echo"), Hash: []byte("canary-hash")}
	return []sale.Payment{
		{ID: "P4", Amount: amount, Begun: begun, Asked: asked, Attempts: attempt("4", sale.Manual)},
		{ID: "P3", Amount: amount, Begun: begun, Asked: asked, Intent: sale.Undo, Attempts: attempt("3", sale.Reversing)},
		{ID: "P2", Amount: amount, Begun: begun, Asked: asked, Attempts: attempt("2", sale.Paid), Ending: sale.EndPaid, Reply: []byte("canary-reply")},
		{ID: "P1", Amount: amount, Begun: begun, Asked: asked, Attempts: attempt("1", sale.Declined), Ending: sale.EndDeclined, Delivered: true},
	}
}

func TestPayments(t *testing.T) {
	till := newStage()
	till.payments = somePayments()
	s := New(Options{Till: till})
	w := request(s, "GET", "/payments?lang=en", "")
	if strings.Contains(w.Body.String(), "canary") || strings.Contains(w.Body.String(), "Y2FuYXJ5") {
		t.Errorf("a page learns what it must not: %s", w.Body)
	}
	var rows []row
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if r := rows[0]; !r.Manual || !r.Open || r.InDoubt || r.StateText != "needs a person" || r.Undelivered {
		t.Errorf("manual payment: %+v", r)
	}
	if r := rows[1]; !r.InDoubt || !r.Open || r.Written != "CNY\u00a012.80" {
		t.Errorf("payment in doubt: %+v", r)
	}
	if r := rows[2]; !r.Undelivered || r.Open || r.EndingText != "Paid" {
		t.Errorf("undelivered payment: %+v", r)
	}
	if r := rows[3]; r.Undelivered || r.Open || r.InDoubt {
		t.Errorf("settled payment: %+v", r)
	}
	if err := json.Unmarshal(request(s, "GET", "/payments?open=true", "").Body.Bytes(), &rows); err != nil || len(rows) != 2 {
		t.Errorf("open payments: %d, %v", len(rows), err)
	}
	till.payments = nil
	if got := request(s, "GET", "/payments", "").Body.String(); got != "[]\n" {
		t.Errorf("no payments are %q", got)
	}
}

func TestScreenJSON(t *testing.T) {
	till := newStage()
	till.screen = agent.Screen{Seq: 7, Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY", Payment: "P1"}
	var got shown
	w := request(New(Options{Till: till, Test: true, Language: "ja"}), "GET", "/screen", "")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Seq != 7 || got.Kind != agent.ScreenPay || !got.Test || got.Lang != "ja" || got.Words.Amount != "12.80元" {
		t.Errorf("screen %+v", got)
	}
}

// nextEvent reads one server-sent event, "retry" lines left out.
func nextEvent(t *testing.T, r *bufio.Reader) (name, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("read events: %v", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" && name != "" {
			return name, data
		}
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			name = v
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		}
	}
}

func TestEvents(t *testing.T) {
	till, board := newStage(), health.NewBoard()
	url, stop := serve(t, Options{Till: till, Health: board, Beat: time.Hour})
	res, err := http.Get(url + "/events?lang=en")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	want := func(name, part string) {
		t.Helper()
		if n, d := nextEvent(t, r); n != name || !strings.Contains(d, part) {
			t.Fatalf("event %s %s, want %s with %q", n, d, name, part)
		}
	}
	want("health", "[]")
	want("screen", `"kind":"idle"`)
	till.show(agent.Screen{Kind: agent.ScreenPay, Amount: "12.80", Currency: "CNY"})
	want("screen", `"headline":"Please pay"`)
	till.emit(agent.Event{Kind: "scan", Text: "a code was read"})
	want("event", `"kind":"scan"`)
	board.Set(health.Cause{Code: "offline", Severity: health.Closed, Text: "no network"})
	want("health", "no network")
	board.Clear("offline", "")
	want("health", "[]")

	stop()                 // open streams must not hold the server back
	io.Copy(io.Discard, r) // returns: the connection was closed, cleanly or not
	until(t, "the watcher leaves", func() bool { return till.watched() == 0 })
}

func TestEventsOnlyScreen(t *testing.T) {
	till, board := newStage(), health.NewBoard()
	url, _ := serve(t, Options{Till: till, Health: board, Beat: time.Hour})
	res, err := http.Get(url + "/events?only=screen")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	nextEvent(t, r)
	till.emit(agent.Event{Kind: "scan"})
	board.Set(health.Cause{Code: "offline"})
	till.show(agent.Screen{Kind: agent.ScreenPaid})
	if n, d := nextEvent(t, r); n != "screen" || !strings.Contains(d, `"paid"`) {
		t.Errorf("event %s %s, want the screen alone", n, d)
	}
}

func TestTooManyPages(t *testing.T) {
	s := New(Options{Till: newStage()})
	for range mostStreams {
		if _, _, ok := s.join(); !ok {
			t.Fatal("refused too early")
		}
	}
	if w := request(s, "GET", "/events", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
}

// flushed hands every write of a stream to a channel.
type flushed struct {
	http.ResponseWriter
	wrote chan string
}

func (f flushed) Write(p []byte) (int, error) { f.wrote <- string(p); return len(p), nil }
func (f flushed) Flush()                      {}

func TestBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Till: newStage(), Beat: 2 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequest("GET", "/events?only=screen", nil).WithContext(ctx)
		r.RemoteAddr, r.Host = "127.0.0.1:1", "localhost"
		w := flushed{httptest.NewRecorder(), make(chan string, 10)}
		ended := make(chan struct{})
		go func() { defer close(ended); s.ServeHTTP(w, r) }()
		<-w.wrote // retry
		<-w.wrote // the current screen
		begun := time.Now()
		for i := range 3 {
			if got := <-w.wrote; !strings.HasPrefix(got, "event: beat\n") || time.Since(begun) != time.Duration(i+1)*2*time.Second {
				t.Errorf("%q after %s", got, time.Since(begun))
			}
		}
		cancel()
		<-ended
		synctest.Wait()
	})
}
