package pos

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal/authority"
)

// pipes is a listener in memory, so that a test can run in fake time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }

// loop gives one end of a pipe the address of loopback, as a listener there would.
type loop struct{ net.Conn }

func (loop) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }
func (loop) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }

func (l *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- loop{there}:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inFakeTime runs a test with a server on a listener in memory.
func inFakeTime(t *testing.T, f func(t *testing.T, s *shop)) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		s := newShop(t)
		s.dial = l.dial
		s.open(l)
		f(t, s)
	})
}

const onePayment = `{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Payment","MessageType":"Request","ServiceID":"1","SaleID":"POS-1","POIID":"` + poiID + `"},"PaymentRequest":{"SaleData":{"SaleTransactionID":{"TransactionID":"T1","TimeStamp":"x"}},"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":12.8}}}}}`

const oneAbort = `{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Abort","MessageType":"Request","ServiceID":"2","SaleID":"POS-1","POIID":"` + poiID + `"},"AbortRequest":{"MessageReference":{"ServiceID":"1"}}}}`

// TestAbortOfAClientThatDoesNotStay has the point of sale hang up before its Abort is done.
func TestAbortOfAClientThatDoesNotStay(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *shop) {
		go io.Copy(io.Discard, s.post(onePayment))
		<-s.desk.armed
		s.desk.slowAbort = make(chan string)
		c := s.post(oneAbort)
		<-s.desk.slowAbort
		c.NetConn().Close()
		synctest.Wait()
		select {
		case s.desk.slowAbort <- "go on":
		case <-time.After(time.Second):
		}
		synctest.Wait()
		if s.desk.Busy() {
			t.Error("the abort was dropped with its client")
		}
	})
}

func TestWaitingAnswerIsSpaces(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *shop) {
		begun := time.Now()
		c := bufio.NewReader(s.post(onePayment))
		resp, err := http.ReadResponse(c, nil)
		if err != nil || resp.StatusCode != 200 || time.Since(begun) > time.Second {
			t.Fatalf("header %v after %v, %v", resp, time.Since(begun), err)
		}
		<-s.desk.armed
		b := make([]byte, 1)
		for n := 1; n <= 20; n++ { // 100 s
			if _, err := io.ReadFull(resp.Body, b); err != nil || b[0] != ' ' {
				t.Fatalf("space %d: %q, %v", n, b, err)
			}
			if at := time.Since(begun).Round(time.Second); at != time.Duration(n)*defaultSpace {
				t.Fatalf("space %d after %v", n, at)
			}
		}
		s.desk.shows("success")
		rest, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.HasPrefix(rest, []byte(`{"SaleToPOIResponse"`)) || !bytes.Contains(rest, []byte(`"Success"`)) {
			t.Fatalf("got %q, %v", rest, err)
		}
		synctest.Wait()
		if s.desk.deliveries("1") != 1 {
			t.Error("the answer is not noted as delivered")
		}
	})
}

// TestConnectionIsUsedAgain has an empty answer follow a long one on the same connection,
// much later than the time that a client has to take a piece.
func TestConnectionIsUsedAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *shop) {
		c := s.connect()
		r := bufio.NewReader(c)
		send := func(body string) *http.Response {
			t.Helper()
			if _, err := fmt.Fprintf(c, "POST /nexo HTTP/1.1\r\nHost: till\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			return resp
		}
		first := send(onePayment)
		<-s.desk.armed
		s.desk.shows("success")
		if got, err := io.ReadAll(first.Body); err != nil || !bytes.Contains(got, []byte(`"Success"`)) {
			t.Fatalf("got %q, %v", got, err)
		}
		time.Sleep(3 * defaultWrite)
		second := send(oneAbort)
		if got, err := io.ReadAll(second.Body); err != nil || second.StatusCode != 200 || len(got) != 0 {
			t.Fatalf("got %d %q, %v", second.StatusCode, got, err)
		}
	})
}

func TestUndecidedIsNeverAnswered(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *shop) {
		begun := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(s.post(onePayment)), nil)
		if err != nil {
			t.Fatal(err)
		}
		<-s.desk.armed
		got, err := io.ReadAll(resp.Body)
		if err == nil {
			t.Fatalf("an orderly end with %q", got)
		}
		if took := time.Since(begun); took != defaultAnswer || strings.Trim(string(got), " ") != "" {
			t.Errorf("closed after %v with %q", took, got)
		}
		if <-s.desk.gone != "1" || !s.desk.Busy() {
			t.Error("the payment ended with its connection")
		}
		s.desk.shows("success")
		synctest.Wait()
		if s.desk.deliveries("1") != 0 {
			t.Error("noted as delivered")
		}
	})
}

func TestClientThatHangsUpLeavesThePayment(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *shop) {
		c := s.post(onePayment)
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
		<-s.desk.armed
		c.NetConn().Close()
		if <-s.desk.gone != "1" || !s.desk.Busy() {
			t.Error("the payment ended with its client")
		}
		s.desk.shows("success")
		synctest.Wait()
		if s.desk.deliveries("1") != 0 {
			t.Error("noted as delivered to a client that is gone")
		}
		if a, ok := s.desk.Payment(s.desk.known[sale.MessageKey{SaleID: saleID, POIID: poiID, ServiceID: "1"}].pay.ID); !ok || a.Ending != sale.EndPaid {
			t.Errorf("the payment is %+v", a)
		}
	})
}

func TestShutdownLeavesThePayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newPipes(), newShop(t)
		s.dial = l.dial
		server, err := New(s.options)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(ctx, l) }()
		resp, err := http.ReadResponse(bufio.NewReader(s.post(onePayment)), nil)
		if err != nil {
			t.Fatal(err)
		}
		<-s.desk.armed
		begun := time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(begun) > shutdownTime {
			t.Errorf("ended after %v with %v", time.Since(begun), err)
		}
		if got, err := io.ReadAll(resp.Body); err == nil || strings.Trim(string(got), " ") != "" {
			t.Errorf("the client got %q, %v", got, err)
		}
		if !s.desk.Busy() {
			t.Error("the payment ended with the server")
		}
	})
}

func TestSlowClients(t *testing.T) {
	for name, text := range map[string]string{
		"header never ends": "POST /nexo HTTP/1.1\r\nHost: till\r\nX-Slow: ",
		"body never comes":  "POST /nexo HTTP/1.1\r\nHost: till\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *shop) {
				begun := time.Now()
				c := s.connect()
				if _, err := io.WriteString(c, text); err != nil {
					t.Fatal(err)
				}
				io.ReadAll(c)
				if took := time.Since(begun); took > defaultRead+time.Second {
					t.Errorf("kept for %v", took)
				}
			})
		})
	}
	t.Run("answer never read", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *shop) {
			begun := time.Now()
			s.post(onePayment)
			<-s.desk.armed
			// A pipe has no buffer: the first piece that nobody reads fails after its time.
			if <-s.desk.gone != "1" || time.Since(begun) > defaultWrite+defaultSpace {
				t.Errorf("waited for %v", time.Since(begun))
			}
		})
	})
}

func TestHTTPManners(t *testing.T) {
	s := newShop(t).open(nil)
	roots := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots, ServerName: "localhost"}}}
	defer roots.CloseIdleConnections()
	for _, c := range []struct {
		method, path, body, origin string
		status                     int
		says                       string
	}{
		{"GET", "/", "", "", 200, "payment terminal " + poiID},
		{"POST", "/", "", "", 405, "/nexo"},
		{"GET", "/nexo", "", "", 405, "POST"},
		{"PUT", "/nexo/", "{}", "", 405, "POST"},
		{"GET", "/favicon.ico", "", "", 404, "/nexo"},
		{"POST", "/nexo", "{}", "https://shop.example", 403, "web pages"},
		{"POST", "/nexo", "{}", "", 400, "there is no SaleToPOIRequest"},
		{"POST", "/nexo", `{"a":1,"A":2}`, "", 400, "a name occurs twice"},
		{"POST", "/nexo", "hello", "", 400, "read JSON, byte 0"},
		{"POST", "/nexo", strings.Repeat("[", 5000), "", 400, "levels"},
		{"POST", "/nexo", strings.Repeat(" ", 300<<10), "", 413, "larger than 262144 bytes"},
		{"POST", "/nexo", `{"SaleToPOIRequest":{"MessageHeader":{},"NexoBlob":"","SecurityTrailer":{}}}`, "", 400, unreadable},
	} {
		req, err := http.NewRequest(c.method, "https://"+s.address+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		resp, err := roots.Do(req)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(got), c.says) {
			t.Errorf("%s %s: %d %q, %v", c.method, c.path, resp.StatusCode, got, err)
		}
		if c.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
	}
}

func TestHTTPToTheHTTPSPort(t *testing.T) {
	s := newShop(t).open(nil)
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST /nexo HTTP/1.1\r\nHost: till\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(got), "HTTP request to an HTTPS server") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := newShop(t)
	s.options.Limits.Conns = 3
	s.open(nil)
	var open []net.Conn
	for range 3 {
		open = append(open, s.connect())
	}
	raw, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := io.ReadAll(raw); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("one too many: %v", err)
	}
	open[0].Close()
	deadline := time.Now().Add(10 * time.Second)
	for {
		raw, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, &tls.Config{RootCAs: s.roots, ServerName: "localhost"})
		err = c.Handshake()
		raw.Close()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the place of a closed connection is not free: %v", err)
		}
	}
}

func TestRefusedCertificateIsSaid(t *testing.T) {
	s := newShop(t)
	changed := make(chan health.Cause, 8)
	s.board.OnChange(func(c health.Cause, cleared bool) {
		if !cleared {
			changed <- c
		}
	})
	s.open(nil)
	stranger, err := posclient.New(posclient.Options{URL: "https://" + s.address + "/nexo", SaleID: saleID, POIID: poiID,
		TLS: &tls.Config{MaxVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Diagnose(context.Background(), "1"); err == nil {
		t.Fatal("a stranger trusts the certificate")
	}
	if c := within(t, changed, "the notice"); c.Code != "pos-certificate" || c.Subject != "refused" || c.Hint == "" {
		t.Errorf("got %+v", c)
	}
	if _, err := s.client(false).Diagnose(context.Background(), "1"); err != nil {
		t.Fatal(err)
	}
	if got := s.board.Causes(); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
}

func TestExpiryIsSaid(t *testing.T) {
	s := newShop(t)
	server, err := New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		at   time.Time
		says string
	}{
		{now, ""}, {now.Add(authority.DefaultLeafValid - 24*time.Hour), "ends on"},
		{now.Add(authority.DefaultLeafValid + time.Hour), "ended on"}, {now, ""},
	} {
		server.checkExpiry(c.at)
		got := s.board.Causes()
		if c.says == "" && len(got) != 0 || c.says != "" && (len(got) != 1 || !strings.Contains(got[0].Text, c.says)) {
			t.Errorf("at %v: %+v", c.at, got)
		}
	}
}

func TestOneAnswerToWhatCannotBeOpened(t *testing.T) {
	s := newShop(t)
	s.options.Plain = false
	s.open(nil)
	var first string
	for _, v := range vectorsOf[opening](t, "open") {
		if v.Name == "open-adyen-recorded-event" || v.Expect.OK {
			continue
		}
		got, err := io.ReadAll(s.post(string(v.Input.Message)))
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(got), "\r\n\r\n")
		status, _, _ := strings.Cut(string(got), "\r\n")
		if answer := status + body; first == "" {
			first = answer
		} else if answer != first {
			t.Errorf("%s: %q, another had %q", v.Name, answer, first)
		}
	}
	if !strings.HasPrefix(first, "HTTP/1.1 400") {
		t.Errorf("got %q", first)
	}
}

func TestOptionsThatWouldBeDangerous(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *Options)
		says   string
	}{
		"plain on the network":              {func(o *Options) { o.Listen, o.SaleIDs = "0.0.0.0:8443", []string{"P"} }, "plain"},
		"plain on all addresses":            {func(o *Options) { o.Listen, o.SaleIDs = ":8443", []string{"P"} }, "plain"},
		"plain on a name":                   {func(o *Options) { o.Listen, o.SaleIDs = "till.shop.example:8443", []string{"P"} }, "plain"},
		"no list of SaleIDs on the network": {func(o *Options) { o.Listen, o.Plain = "192.168.1.5:8443", false }, "SaleIDs"},
		"no key on the network":             {func(o *Options) { o.Listen, o.Keys, o.SaleIDs = "192.168.1.5:8443", nil, []string{"P"} }, "key"},
		"neither plain nor key":             {func(o *Options) { o.Plain, o.Keys = false, nil }, "neither plain nor a key"},
		"one key twice":                     {func(o *Options) { o.Keys = append(o.Keys, o.Keys[0]) }, "twice"},
		"another environment's name":        {func(o *Options) { o.Environment = "live" }, "another environment"},
		"no environment":                    {func(o *Options) { o.Environment = "" }, "neither test nor live"},
		"POIID of another terminal":         {func(o *Options) { o.Terminal.POIID = "X-1" }, "POIID"},
		"empty SaleID":                      {func(o *Options) { o.SaleIDs = []string{""} }, "empty SaleID"},
		"empty passphrase":                  {func(o *Options) { o.Keys[0].Passphrase = nil }, "passphrase"},
		"no certificate": {func(o *Options) {
			o.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("gone") }
		}, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			c.change(&s.options)
			if _, err := New(s.options); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	s := newShop(t)
	s.options.Listen, s.options.Plain, s.options.SaleIDs = "0.0.0.0:8443", false, []string{saleID}
	if _, err := New(s.options); err != nil {
		t.Errorf("encrypted, with a list, on the network: %v", err)
	}
}

// TestListenerElsewhere gives a server that was configured for loopback a listener that is
// not there.
func TestListenerElsewhere(t *testing.T) {
	s := newShop(t)
	server, err := New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(context.Background(), l); err == nil || !strings.Contains(err.Error(), "loopback only") {
		t.Errorf("got %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

// TestPlainIsRefusedWhereOthersReach covers what the checks above leave: a plain message
// that arrives over another address than loopback.
func TestPlainIsRefusedWhereOthersReach(t *testing.T) {
	s := newShop(t)
	server, err := New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.open([]byte(onePayment), true); err == nil {
		t.Error("taken")
	}
	if _, err := server.open([]byte(onePayment), false); err != nil {
		t.Errorf("refused on loopback: %v", err)
	}
}

func TestKeyRotation(t *testing.T) {
	s := newShop(t)
	s.options.Keys = append(s.options.Keys, Key{"shop", 2, secretOf("the next one")})
	s.open(nil)
	for version, pass := range map[int64]string{1: phrase, 2: "the next one"} {
		c, err := posclient.New(posclient.Options{URL: "https://" + s.address + "/nexo", Roots: s.roots, SaleID: saleID, POIID: poiID,
			Key: &posclient.Key{Identifier: "shop", Version: version, Passphrase: secretOf(pass)}})
		if err != nil {
			t.Fatal(err)
		}
		if a, err := c.Diagnose(context.Background(), "1"); err != nil || a.Result != "Success" {
			t.Errorf("version %d: %+v, %v", version, a, err)
		}
	}
}

// FuzzMessage sends anything to the server's opening and, when it opens, through the whole
// of what a message can ask.
func FuzzMessage(f *testing.F) {
	s := newShop(f)
	s.options.Limits.Answer = time.Millisecond
	server, err := New(s.options)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vectorsOf[opening](f, "open") {
		f.Add([]byte(v.Input.Message))
	}
	f.Add([]byte(onePayment))
	for _, category := range []string{"Reversal", "TransactionStatus", "Abort", "Diagnosis", "Login", "Display"} {
		f.Add([]byte(strings.ReplaceAll(onePayment, "Payment", category)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := server.open(raw, false)
		defer q.wipe()
		if err != nil {
			return
		}
		if server.admitted(q) == nil && (q.header.POIID != poiID || q.header.SaleID == "") {
			t.Fatalf("admitted %+v", q.header)
		}
		q.content.Hash()
	})
}
