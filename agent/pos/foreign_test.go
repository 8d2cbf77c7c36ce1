package pos

import (
	"bufio"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/peer"
)

// foreign is a point of sale that runs the public client in a process of its own.
type foreign struct {
	t     *testing.T
	in    io.WriteCloser
	lines chan foreignAnswer
}

type foreignAnswer struct {
	ID     string
	Millis int `json:"ms"`
	Error  string
	Answer struct {
		SaleToPOIResponse *struct {
			MessageHeader                                                                   struct{ MessageCategory, MessageType, ServiceID string }
			PaymentResponse, ReversalResponse, TransactionStatusResponse, DiagnosisResponse struct {
				Response struct{ Result, ErrorCondition, AdditionalResponse string }
				POIData  struct {
					POITransactionID struct{ TransactionID string }
				}
				PaymentResult struct {
					AmountsResp struct{ AuthorizedAmount json.Number }
				}
				RepeatedMessageResponse *struct {
					MessageHeader               struct{ ServiceID string }
					RepeatedResponseMessageBody struct {
						PaymentResponse struct{ Response struct{ Result string } }
					}
				}
				POIStatus struct{ GlobalStatus string }
			}
		}
	}
}

// foreignShop listens on port 8443, which the public client has built in, on some alias of
// loopback, so that several can run at the same time.
func foreignShop(t *testing.T, change func(*Options)) *shop {
	t.Helper()
	s := newShop(t)
	if change != nil {
		change(&s.options)
	}
	var err error
	for range 20 {
		var l net.Listener
		alias := net.IPv4(127, byte(1+rand.IntN(250)), byte(rand.IntN(250)), byte(1+rand.IntN(250)))
		if l, err = net.Listen("tcp", net.JoinHostPort(alias.String(), "8443")); err == nil {
			return s.open(l)
		}
	}
	t.Fatalf("the public client has port 8443 built in, and it is free on no address of loopback: %v", err)
	return nil
}

func (s *shop) foreign(t *testing.T, sealed bool, timeout time.Duration) *foreign {
	t.Helper()
	host, _, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	options, err := json.Marshal(map[string]any{
		"ca": s.caFile, "host": host, "sealed": sealed, "timeout": timeout.Milliseconds(),
		"keyIdentifier": "shop", "passphrase": phrase, "saleID": saleID, "poiID": poiID,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := peer.Command(t, "testdata/pos.js", string(options))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := &foreign{t: t, in: in, lines: make(chan foreignAnswer, 16)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var a foreignAnswer
			if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
				a.Error = "not JSON: " + lines.Text()
			}
			f.lines <- a
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		cmd.Wait() // killed as the test ended: what it had to say was read
	})
	return f
}

type js = map[string]any

func (f *foreign) send(step js) {
	f.t.Helper()
	line, err := json.Marshal(step)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		f.t.Fatal(err)
	}
}

// next is the answer to the step with this id.
func (f *foreign) next(id string) foreignAnswer {
	f.t.Helper()
	a := within(f.t, f.lines, "the public client's answer to "+id)
	if a.Error != "" || a.ID != id {
		f.t.Fatalf("waiting for %s: %+v", id, a)
	}
	return a
}

// TestPublicClient has the unmodified client from npm pay, ask, abort and reverse.
func TestPublicClient(t *testing.T) {
	s := foreignShop(t, nil)
	both(t, func(t *testing.T, sealed bool) {
		f := s.foreign(t, sealed, 0)
		id := func(n string) string { return map[bool]string{true: "s", false: "p"}[sealed] + n }

		f.send(js{"do": "pay", "id": id("1"), "basket": id("T1"), "amount": 0.1 + 0.2, "acquirerData": "metadata.pos_hmac=0a1b2c"})
		within(t, s.desk.armed, "the payment at the till")
		f.send(js{"do": "status", "id": id("2"), "of": id("1")})
		if r := f.next(id("2")).Answer.SaleToPOIResponse.TransactionStatusResponse.Response; r.Result != "Failure" || r.ErrorCondition != "InProgress" {
			t.Errorf("status of an open payment: %+v", r)
		}
		f.send(js{"do": "pay", "id": id("3"), "basket": id("T2"), "amount": 5})
		if r := f.next(id("3")).Answer.SaleToPOIResponse.PaymentResponse.Response; r.ErrorCondition != "Busy" {
			t.Errorf("another basket: %+v", r)
		}
		s.desk.shows("success")
		paid := f.next(id("1")).Answer.SaleToPOIResponse
		if r := paid.PaymentResponse; r.Response.Result != "Success" || r.PaymentResult.AmountsResp.AuthorizedAmount != "0.3" ||
			!strings.Contains(r.Response.AdditionalResponse, "metadata.pos_hmac=0a1b2c") || paid.MessageHeader.MessageType != "Response" {
			t.Errorf("payment: %+v", paid)
		}

		f.send(js{"do": "status", "id": id("4"), "of": id("1")})
		again := f.next(id("4")).Answer.SaleToPOIResponse.TransactionStatusResponse
		if m := again.RepeatedMessageResponse; again.Response.Result != "Success" || m == nil || m.MessageHeader.ServiceID != id("1") ||
			m.RepeatedResponseMessageBody.PaymentResponse.Response.Result != "Success" {
			t.Errorf("status of a paid payment: %+v", again)
		}
		f.send(js{"do": "status", "id": id("5"), "of": id("99")})
		if r := f.next(id("5")).Answer.SaleToPOIResponse.TransactionStatusResponse.Response; r.ErrorCondition != "NotFound" {
			t.Errorf("status of no payment: %+v", r)
		}

		original := paid.PaymentResponse.POIData.POITransactionID.TransactionID
		f.send(js{"do": "refund", "id": id("12"), "basket": id("R1"), "amount": 0.1, "transaction": original})
		if r := f.next(id("12")).Answer.SaleToPOIResponse.PaymentResponse; r.Response.Result != "Success" ||
			r.PaymentResult.AmountsResp.AuthorizedAmount != "0.1" || !strings.Contains(r.Response.AdditionalResponse, "refundState=REFUNDED") {
			t.Errorf("refund of a part: %+v", r)
		}
		f.send(js{"do": "refund", "id": id("13"), "basket": id("R2"), "amount": 0.3, "transaction": original})
		if r := f.next(id("13")).Answer.SaleToPOIResponse.PaymentResponse.Response; r.ErrorCondition != "NotAllowed" {
			t.Errorf("refund of more than is left: %+v", r)
		}
		f.send(js{"do": "reverse", "id": id("14"), "transaction": original, "amount": 0.1})
		if r := f.next(id("14")).Answer.SaleToPOIResponse.ReversalResponse.Response; r.Result != "Success" {
			t.Errorf("reversal of a part: %+v", r)
		}
		f.send(js{"do": "reverse", "id": id("6"), "transaction": paid.PaymentResponse.POIData.POITransactionID.TransactionID})
		if r := f.next(id("6")).Answer.SaleToPOIResponse.ReversalResponse.Response; r.Result != "Success" {
			t.Errorf("reversal: %+v", r)
		}
		f.send(js{"do": "reverse", "id": id("7"), "transaction": "nobody's"})
		if r := f.next(id("7")).Answer.SaleToPOIResponse.ReversalResponse.Response; r.ErrorCondition != "NotFound" {
			t.Errorf("reversal of no payment: %+v", r)
		}

		f.send(js{"do": "pay", "id": id("8"), "basket": id("T3"), "amount": 19.99})
		within(t, s.desk.armed, "the payment at the till")
		f.send(js{"do": "abort", "id": id("9"), "of": id("8")})
		got := map[string]foreignAnswer{}
		for range 2 {
			a := within(t, f.lines, "the abort's and the payment's answers")
			got[a.ID] = a
		}
		if a := got[id("9")]; a.Error != "" || a.Answer.SaleToPOIResponse != nil {
			t.Errorf("abort: %+v", a)
		}
		if a := got[id("8")]; a.Error != "" || a.Answer.SaleToPOIResponse.PaymentResponse.Response.ErrorCondition != "Aborted" {
			t.Errorf("aborted payment: %+v", a)
		}

		f.send(js{"do": "pay", "id": id("10"), "basket": id("T4"), "amount": 0})
		if r := f.next(id("10")).Answer.SaleToPOIResponse.PaymentResponse.Response; r.ErrorCondition != "MessageFormat" {
			t.Errorf("an amount of zero: %+v", r)
		}
		f.send(js{"do": "diagnose", "id": id("11")})
		if d := f.next(id("11")).Answer.SaleToPOIResponse.DiagnosisResponse; d.Response.Result != "Success" || d.POIStatus.GlobalStatus != "OK" {
			t.Errorf("diagnosis: %+v", d)
		}
	})
}

// TestPublicClientWaits has a payment take many times as long as the client would wait for
// a silent connection. With TILLD_TEST_LONG=1 in the environment it takes 100 s against the
// client's default of 30 s; else both are shorter.
func TestPublicClientWaits(t *testing.T) {
	client, wait, space := time.Second, 3*time.Second, 300*time.Millisecond
	if os.Getenv("TILLD_TEST_LONG") == "1" {
		client, wait, space = 0, 100*time.Second, 0
	}
	both(t, func(t *testing.T, sealed bool) {
		t.Parallel()
		s := foreignShop(t, func(o *Options) { o.Limits.Space = space })
		f := s.foreign(t, sealed, client)
		id := map[bool]string{true: "s", false: "p"}[sealed]
		f.send(js{"do": "pay", "id": id, "basket": id, "amount": 12.8})
		within(t, s.desk.armed, "the payment at the till")
		late := time.NewTimer(wait)
		defer late.Stop()
		select {
		case a := <-f.lines:
			t.Fatalf("the client gave up: %+v", a)
		case <-late.C:
		}
		s.desk.shows("success")
		a := f.next(id)
		if r := a.Answer.SaleToPOIResponse.PaymentResponse.Response; r.Result != "Success" || a.Millis < int(wait.Milliseconds()) {
			t.Errorf("got %+v", a)
		}
		if n := s.desk.deliveries(id); n != 1 {
			t.Errorf("delivered %d times", n)
		}
	})
}

// TestPublicClientGivesASilentTillUp shows that the spaces are what keeps it waiting.
func TestPublicClientGivesASilentTillUp(t *testing.T) {
	s := foreignShop(t, func(o *Options) { o.Limits.Space = time.Hour })
	f := s.foreign(t, true, 500*time.Millisecond)
	f.send(js{"do": "pay", "id": "1", "basket": "T1", "amount": 12.8})
	within(t, s.desk.armed, "the payment at the till")
	if a := within(t, f.lines, "the client to give up"); a.Error == "" {
		t.Errorf("the client got %+v", a)
	}
	if got := within(t, s.desk.gone, "the wait to end"); got != "1" || !s.desk.Busy() {
		t.Error("the payment ended with its client")
	}
}

// TestPublicClientWithAWrongPassphrase: what cannot be opened is an error at the client, and
// no exception of another kind.
func TestPublicClientWithAWrongPassphrase(t *testing.T) {
	s := foreignShop(t, func(o *Options) { o.Keys[0].Passphrase = secretOf("another") })
	f := s.foreign(t, true, 0)
	f.send(js{"do": "diagnose", "id": "1"})
	if a := within(t, f.lines, "the error"); !strings.Contains(a.Error, "the message cannot be opened") {
		t.Errorf("got %+v", a)
	}
}
