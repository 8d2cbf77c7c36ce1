package pos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
)

type step struct {
	Send          string
	ServiceID     string `json:"service_id"`
	TransactionID string `json:"transaction_id"`
	Reference     string
	Amount        json.Number
	Shopper       string
	Provider      string
}

type expected struct {
	For         string
	Result      string
	Condition   string `json:"error_condition"`
	HTTP        int
	Body        *string
	SameBytesAs *int `json:"same_bytes_as"`
	Repeats     string
}

type sequence struct {
	Name  string
	Input struct {
		Kind  string
		Steps []step
	}
	Expect struct{ Answers []expected }
}

func vectorsOf[T any](t testing.TB, kind string) []T {
	t.Helper()
	raw, err := os.ReadFile("testdata/nexo.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var out []T
	for _, one := range all.Vectors {
		var head struct{ Input struct{ Kind string } }
		if err := json.Unmarshal(one, &head); err != nil {
			t.Fatal(err)
		}
		if head.Input.Kind != kind {
			continue
		}
		var v T
		if err := json.Unmarshal(one, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		t.Fatalf("no vectors of kind %s", kind)
	}
	return out
}

func TestSequences(t *testing.T) {
	for _, v := range vectorsOf[sequence](t, "sequence") {
		t.Run(v.Name, func(t *testing.T) {
			both(t, func(t *testing.T, sealed bool) { playSequence(t, v, sealed) })
		})
	}
}

// player runs the steps and keeps the answers in the order in which they came.
type player struct {
	t       *testing.T
	shop    *shop
	client  *posclient.Client
	answers []told
	open    map[string]<-chan told // Payments that have no answer yet
	ended   map[string]bool        // ServiceIDs with an answer
}

func playSequence(t *testing.T, v sequence, sealed bool) {
	s := newShop(t).open(nil)
	p := &player{t: t, shop: s, client: s.client(sealed), open: map[string]<-chan told{}, ended: map[string]bool{}}
	for _, st := range v.Input.Steps {
		p.step(st)
	}
	for id := range p.open {
		if s.desk.Busy() {
			break // the vector ends with the payment undecided
		}
		p.collect(id)
	}
	if len(p.answers) != len(v.Expect.Answers) {
		t.Fatalf("%d answers, want %d", len(p.answers), len(v.Expect.Answers))
	}
	for i, want := range v.Expect.Answers {
		p.compare(i, want)
	}
}

func (p *player) step(st step) {
	switch {
	case st.Send == "Payment":
		p.payment(st)
	case st.Send == "Abort":
		p.now(func(ctx context.Context) (posclient.Answer, error) {
			return p.client.Abort(ctx, st.ServiceID, posclient.Reference{ServiceID: st.Reference})
		})
	case st.Send == "TransactionStatus":
		p.now(func(ctx context.Context) (posclient.Answer, error) {
			return p.client.Status(ctx, st.ServiceID, posclient.Reference{ServiceID: st.Reference})
		})
	case st.Shopper != "":
		p.shop.desk.shows(st.Provider)
		p.settle()
	case st.Provider != "":
		p.shop.desk.wallet(st.Provider)
		p.settle()
	default:
		p.t.Fatalf("unknown step %+v", st)
	}
}

// payment sends a Payment. It waits until the till has taken it, or has answered.
func (p *player) payment(st step) {
	basket := st.TransactionID
	if basket == "" {
		basket = "T1"
	}
	r := payRequest(st.ServiceID, basket, st.Amount.String())
	atOnce := p.ended[st.ServiceID] || p.shop.desk.Busy()
	answer := ask(func(ctx context.Context) (posclient.Answer, error) { return p.client.Pay(ctx, r) })
	if atOnce {
		p.answers = append(p.answers, within(p.t, answer, "the answer to Payment "+st.ServiceID))
		return
	}
	within(p.t, p.shop.desk.armed, "Payment "+st.ServiceID+" at the till")
	p.open[st.ServiceID] = answer
}

func (p *player) now(f func(context.Context) (posclient.Answer, error)) {
	p.answers = append(p.answers, within(p.t, ask(f), "an answer"))
	p.settle()
}

// settle collects the answer of the payment if it has just ended.
func (p *player) settle() {
	for id := range p.open {
		if !p.shop.desk.Busy() {
			p.collect(id)
		}
	}
}

func (p *player) collect(id string) {
	a := within(p.t, p.open[id], "the answer to Payment "+id)
	delete(p.open, id)
	p.ended[id] = true
	p.answers = append(p.answers, a)
}

func (p *player) compare(i int, want expected) {
	p.t.Helper()
	got := p.answers[i]
	if got.err != nil {
		p.t.Fatalf("answer %d: %v", i, got.err)
	}
	if got.HTTP != 200 || want.HTTP != 0 && got.HTTP != want.HTTP {
		p.t.Errorf("answer %d: HTTP %d", i, got.HTTP)
	}
	if want.Body != nil {
		if string(got.Raw) != *want.Body {
			p.t.Errorf("answer %d: body %q, want %q", i, got.Raw, *want.Body)
		}
		return
	}
	if want.SameBytesAs != nil {
		if string(got.Raw) != string(p.answers[*want.SameBytesAs].Raw) {
			p.t.Errorf("answer %d is not answer %d", i, *want.SameBytesAs)
		}
		return
	}
	if got.Result != want.Result || got.ErrorCondition != want.Condition || want.For != "" && got.ServiceID != want.For {
		p.t.Errorf("answer %d: got %s %s for %s, want %+v", i, got.Result, got.ErrorCondition, got.ServiceID, want)
	}
	if want.Repeats != "" && (got.Repeated == nil || got.Repeated.ServiceID != want.Repeats || got.Repeated.Result != "Success") {
		p.t.Errorf("answer %d repeats %+v", i, got.Repeated)
	}
}

type opening struct {
	Name  string
	Input struct {
		Kind string
		Key  struct {
			Passphrase    string
			KeyIdentifier string `json:"key_identifier"`
			KeyVersion    int64  `json:"key_version"`
		}
		Message json.RawMessage
	}
	Expect struct {
		OK        bool
		Reason    string
		Plaintext string
	}
}

// TestOpenings runs all vectors for sealed messages through the server's own opening, those
// about the two headers included.
func TestOpenings(t *testing.T) {
	const noHeader = "open-plaintext-of-whole-blocks" // a test of the cipher alone
	for _, v := range vectorsOf[opening](t, "open") {
		if v.Name == noHeader {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			s := newShop(t)
			s.options.Plain = false
			s.options.Keys = []Key{{v.Input.Key.KeyIdentifier, v.Input.Key.KeyVersion, secretOf(v.Input.Key.Passphrase)}}
			server, err := New(s.options)
			if err != nil {
				t.Fatal(err)
			}
			q, err := server.open(append([]byte(nil), v.Input.Message...), false)
			if v.Expect.OK != (err == nil) {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				if q.key != nil || q.content.Kind != nexo.Null && v.Expect.Reason == "crypto" {
					t.Error("something was left of a message that cannot be opened")
				}
				return
			}
			want, err := nexo.Parse([]byte(v.Expect.Plaintext))
			if err != nil || !q.content.Same(want.At("SaleToPOIRequest")) {
				t.Errorf("got %s, want %s", q.content.Append(nil), v.Expect.Plaintext)
			}
		})
	}
}

func TestEveryEndingHasAnAnswer(t *testing.T) {
	for _, e := range []sale.Ending{
		sale.EndPaid, sale.EndAborted, sale.EndCancelled, sale.EndDeclined, sale.EndBadCode, sale.EndNoContract,
		sale.EndUnreachable, sale.EndNoScanner, sale.EndNotAllowed, sale.EndClockUntrusty, sale.EndNoSpace,
		sale.EndStopped, sale.EndMistaken, sale.EndBusy, sale.EndBadMessage, sale.EndReversed, sale.EndNotFound,
	} {
		if _, ok := outcomes[e]; !ok {
			t.Errorf("%s has no row", e)
		}
	}
	for e, want := range map[sale.Ending]nexo.Condition{
		sale.EndBadCode: nexo.InvalidCard, sale.EndCancelled: nexo.Cancel, sale.EndAborted: nexo.Aborted,
		sale.EndDeclined: nexo.Refusal, sale.EndNoScanner: nexo.UnavailableDevice,
		sale.EndNoContract: nexo.PaymentRestriction, sale.EndBusy: nexo.Busy, sale.EndBadMessage: nexo.MessageFormat,
		sale.EndUnreachable: nexo.UnreachableHost, sale.EndNotAllowed: nexo.NotAllowed, sale.EndNoSpace: nexo.UnavailableService,
	} {
		if got := outcomeOf(e).condition; got != want {
			t.Errorf("%s: %s, want %s", e, got, want)
		}
	}
	if got := outcomeOf("something new").condition; got != nexo.UnavailableService {
		t.Errorf("an unknown ending is told as %q", fmt.Sprint(got))
	}
}
