package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/internal/peer"
)

// passphrase is what sealed tills and their points of sale share.
const passphrase = "Kanarienvogel im Kohlebergwerk 1986"

// withKey edits a configuration: sealed nexo besides, or instead of, plain.
func withKey(t testing.TB, plain bool) func(*rig.Rig, string) string {
	return func(r *rig.Rig, text string) string {
		file := filepath.Join(filepath.Dir(r.Config()), "nexo.pass")
		if err := os.WriteFile(file, []byte(passphrase+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if !plain {
			text = strings.Replace(text, "\nplain = true\n", "\nplain = false\n", 1)
		}
		return text + fmt.Sprintf("\n[[pos.keys]]\nidentifier = \"shop\"\nversion = 1\npassphrase_file = %q\n", file)
	}
}

// openForeign starts a till for the public client, which has port 8443 built in: on an alias
// of loopback, so that several can run at the same time.
func openForeign(t *testing.T, sealed bool, codeWait time.Duration) *till {
	t.Helper()
	var change func(*rig.Rig, string) string
	if sealed {
		change = withKey(t, false)
	}
	for range 20 {
		alias := net.IPv4(127, byte(1+rand.IntN(250)), byte(rand.IntN(250)), byte(1+rand.IntN(250)))
		address := net.JoinHostPort(alias.String(), "8443")
		if probe, err := net.Listen("tcp", address); err != nil {
			continue
		} else if err := probe.Close(); err != nil {
			t.Fatal(err)
		}
		l := open(t, rig.Options{POS: address, CodeWait: codeWait}, change)
		if strings.Contains(l.NexoURL(), address) {
			return l
		}
		t.Fatalf("the till listens at %s, not at %s", l.NexoURL(), address)
	}
	t.Fatal("port 8443 is free on no alias of loopback")
	return nil
}

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
			PaymentResponse, ReversalResponse, TransactionStatusResponse struct {
				Response struct{ Result, ErrorCondition string }
				POIData  struct {
					POITransactionID struct{ TransactionID string }
				}
				PaymentResult struct {
					AmountsResp struct{ AuthorizedAmount json.Number }
				}
				RepeatedMessageResponse *struct {
					RepeatedResponseMessageBody struct {
						PaymentResponse struct {
							Response struct{ Result, ErrorCondition string }
						}
					}
				}
			}
		}
	}
}

// startForeign runs the public client. A time-out of zero leaves its default.
func startForeign(t *testing.T, l *till, sealed bool, timeout time.Duration) *foreign {
	t.Helper()
	host, _, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(l.NexoURL(), "https://"), "/nexo"))
	if err != nil {
		t.Fatal(err)
	}
	options, err := json.Marshal(map[string]any{
		"ca": l.Authority(), "host": host, "sealed": sealed, "timeout": timeout.Milliseconds(),
		"keyIdentifier": "shop", "passphrase": passphrase, "saleID": "FOREIGN", "poiID": l.POIID(),
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := peer.Command(t, "../../../agent/pos/testdata/pos.js", string(options))
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

func (f *foreign) send(step map[string]any) {
	f.t.Helper()
	line, err := json.Marshal(step)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		f.t.Fatal(err)
	}
}

// next collects the answers to some steps, in whatever order they come.
func (f *foreign) next(ids ...string) map[string]foreignAnswer {
	f.t.Helper()
	got := map[string]foreignAnswer{}
	for range ids {
		a := take(f.t, fmt.Sprintf("the public client's answers to %v", ids), f.lines)
		if a.Error != "" {
			f.t.Fatalf("waiting for %v: %+v", ids, a)
		}
		got[a.ID] = a
	}
	for _, id := range ids {
		if _, ok := got[id]; !ok {
			f.t.Fatalf("waiting for %v: got %+v", ids, got)
		}
	}
	return got
}

type js = map[string]any

// TestForeignClient has the unmodified client from npm pay, ask, abort and reverse against
// the real daemon, plain and sealed, and holds its answers against the wallets' books.
func TestForeignClient(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "sealed"}[sealed], func(t *testing.T) {
			t.Parallel()
			l := openForeign(t, sealed, 0)
			f := startForeign(t, l, sealed, 0)
			payment := paysAndAsks(t, l, f)
			reverses(t, l, f, payment)
			aborts(t, l, f)
			if sealed {
				refusesPlain(t, l)
			}
		})
	}
}

func paysAndAsks(t *testing.T, l *till, f *foreign) (payment string) {
	for i, wallet := range wallettest.Wallets() {
		id := fmt.Sprintf("P%d", i)
		mark := l.Watch.Mark()
		f.send(js{"do": "pay", "id": id, "basket": "B" + id, "amount": 0.1 + 0.2}) // 0.30000000000000004
		l.armed(mark)
		f.send(js{"do": "status", "id": "Q" + id, "of": id})
		if r := f.next("Q" + id)["Q"+id].Answer.SaleToPOIResponse.TransactionStatusResponse.Response; r.Result != "Failure" || r.ErrorCondition != "InProgress" {
			t.Fatalf("status of an open payment: %+v", r)
		}
		l.show(l.World.NewCode(wallet))
		p := f.next(id)[id].Answer.SaleToPOIResponse.PaymentResponse
		if p.Response.Result != "Success" || p.PaymentResult.AmountsResp.AuthorizedAmount != "0.3" {
			t.Fatalf("%s: %+v", wallet, p)
		}
		payment = p.POIData.POITransactionID.TransactionID
	}
	f.send(js{"do": "status", "id": "Q", "of": "P2"})
	again := f.next("Q")["Q"].Answer.SaleToPOIResponse.TransactionStatusResponse
	if m := again.RepeatedMessageResponse; again.Response.Result != "Success" || m == nil || m.RepeatedResponseMessageBody.PaymentResponse.Response.Result != "Success" {
		t.Errorf("status of a paid payment: %+v", again)
	}
	f.send(js{"do": "status", "id": "Q9", "of": "NOSUCH"})
	if r := f.next("Q9")["Q9"].Answer.SaleToPOIResponse.TransactionStatusResponse.Response; r.ErrorCondition != "NotFound" {
		t.Errorf("status of no payment: %+v", r)
	}
	ledger := l.World.Ledger()
	if len(ledger) != 3 {
		t.Errorf("ledgers: %+v, want one order each", ledger)
	}
	for _, e := range ledger {
		if e.Charges != 1 || e.ChargedMinor != 30 || e.RefundedMinor != 0 {
			t.Errorf("ledger: %+v", e)
		}
	}
	return payment
}

func reverses(t *testing.T, l *till, f *foreign, payment string) {
	f.send(js{"do": "reverse", "id": "R1", "transaction": payment})
	if r := f.next("R1")["R1"].Answer.SaleToPOIResponse.ReversalResponse.Response; r.Result != "Success" {
		t.Fatalf("reversal: %+v", r)
	}
	refunded := int64(0)
	for _, e := range l.World.Ledger() {
		refunded += e.RefundedMinor
	}
	if refunded != 30 {
		t.Errorf("%d fen were given back, want 30", refunded)
	}
}

func aborts(t *testing.T, l *till, f *foreign) {
	before := len(l.World.Ledger())
	mark := l.Watch.Mark()
	f.send(js{"do": "pay", "id": "A1", "basket": "BA1", "amount": 19.99})
	l.armed(mark)
	f.send(js{"do": "abort", "id": "A2", "of": "A1"})
	got := f.next("A1", "A2")
	if a := got["A2"]; a.Answer.SaleToPOIResponse != nil {
		t.Errorf("abort: %+v", a)
	}
	if r := got["A1"].Answer.SaleToPOIResponse.PaymentResponse.Response; r.ErrorCondition != "Aborted" {
		t.Errorf("aborted payment: %+v", r)
	}
	if n := len(l.World.Ledger()); n != before {
		t.Errorf("a wallet saw %d orders of an aborted payment", n-before)
	}
}

// refusesPlain: a till that takes only sealed messages does not pay for a plain one.
func refusesPlain(t *testing.T, l *till) {
	if a, err := l.pos.Diagnose(l.ctx, l.id()); err != nil || a.HTTP != 400 || a.Result != "" {
		t.Errorf("a plain message was told %d %q, %v", a.HTTP, a.Raw, err)
	}
}

// TestForeignClientWaits: the customer takes longer than the client waits for a silent
// connection. With TILLD_TEST_LONG=1 in the environment it is 100 s against the client's
// default of 30 s; else the client's patience is just above the daemon's pause between two
// signs of life, which is 5 s.
func TestForeignClientWaits(t *testing.T) {
	client, wait := 6*time.Second, 8*time.Second
	if os.Getenv("TILLD_TEST_LONG") == "1" {
		client, wait = 0, 100*time.Second
	}
	for _, sealed := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "sealed"}[sealed], func(t *testing.T) {
			t.Parallel()
			l := openForeign(t, sealed, 3*time.Minute)
			f := startForeign(t, l, sealed, client)
			mark := l.Watch.Mark()
			f.send(js{"do": "pay", "id": "L1", "basket": "BL1", "amount": 12.8})
			l.armed(mark)
			late := time.NewTimer(wait)
			defer late.Stop()
			select {
			case a := <-f.lines:
				t.Fatalf("the client gave up: %+v", a)
			case <-late.C:
			}
			l.show(l.World.NewCode(wallettest.Alipay))
			a := f.next("L1")["L1"]
			if r := a.Answer.SaleToPOIResponse.PaymentResponse.Response; r.Result != "Success" || a.Millis < int(wait.Milliseconds()) {
				t.Errorf("told %+v after %d ms", r, a.Millis)
			}
		})
	}
}
