package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// till is a Till of functions; what is nil is not called.
type till struct {
	pay       func(ctx context.Context, r agent.PayRequest) (agent.Reply, error)
	payments  []sale.Payment
	delivered chan sale.MessageKey
	settled   chan bool
	refund    func(ctx context.Context, r agent.RefundRequest) (agent.Reply, error)
	events    chan agent.Event
	offered   string
	screen    agent.Screen
}

func (t *till) Pay(ctx context.Context, r agent.PayRequest) (agent.Reply, error) {
	return t.pay(ctx, r)
}
func (t *till) Delivered(k sale.MessageKey) { t.delivered <- k }
func (t *till) Abort(context.Context, sale.MessageKey, string) error {
	return errors.New("nothing to abort")
}
func (t *till) Reverse(_ context.Context, r agent.ReverseRequest) (agent.Reply, error) {
	if r.Payment == "NONE" {
		return agent.Reply{Ending: sale.EndNotFound}, nil
	}
	return agent.Reply{Ending: sale.EndReversed, Payment: sale.Payment{ID: r.Payment}}, nil
}
func (t *till) Refund(ctx context.Context, r agent.RefundRequest) (agent.Reply, error) {
	return t.refund(ctx, r)
}
func (t *till) SettleRefund(_ context.Context, id string, given bool) error {
	if id != "R1" {
		return errors.New("it does not wait for a decision")
	}
	t.settled <- given
	return nil
}
func (t *till) Watch(context.Context) (<-chan agent.Screen, <-chan agent.Event) { return nil, t.events }
func (t *till) Offer(payment string) error {
	if payment == "CANNOT" {
		return agent.ErrNoOffer
	}
	t.offered = payment
	return nil
}
func (t *till) Confirm(agent.Confirmation) error { return errors.New("decided already") }
func (t *till) Settle(_ context.Context, _ string, paid bool) error {
	t.settled <- paid
	return nil
}
func (t *till) Payments(bool) []sale.Payment { return t.payments }
func (t *till) Payment(id string) (sale.Payment, bool) {
	for _, p := range t.payments {
		if p.ID == id {
			return p, true
		}
	}
	return sale.Payment{}, false
}
func (t *till) Screen() agent.Screen {
	if t.screen.Kind != "" {
		return t.screen
	}
	return agent.Screen{Kind: agent.ScreenIdle}
}

// serve answers on a socket of a short name until the test ends.
func serve(t *testing.T, tl *till) *Client {
	t.Helper()
	return serveBoth(t, tl, nil)
}

func serveBills(t *testing.T, b Bills) *Client {
	t.Helper()
	return serveBoth(t, &till{}, b)
}

func serveBoth(t *testing.T, tl *till, b Bills) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "run", "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Till: tl, Bills: b, Health: health.NewBoard(), Grace: 20 * time.Millisecond,
		Contracts: func() []ContractState { return nil }, Devices: func() []Device { return nil },
		Clock: func() ClockState { return ClockState{} }, Journal: func() map[string]any { return nil },
		Status: Status{POIID: "TILLD-1"}}
	h := &http.Server{Handler: s.Handler()}
	go h.Serve(l)
	t.Cleanup(func() { h.Close() })
	return NewClient(path)
}

func payment(id string, state sale.State, ending sale.Ending, delivered bool) sale.Payment {
	return sale.Payment{ID: id, Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}, Ending: ending, Delivered: delivered,
		Intent: sale.Keep, Attempts: []sale.Attempt{{ID: id + "1", State: state, Contract: sale.ContractRef{Slot: 1, Name: "w"}}}}
}

func TestSocketIsItsOwnersAlone(t *testing.T) {
	c := serve(t, &till{})
	info, err := os.Stat(c.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if _, err := Listen(c.path); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Fatalf("a second daemon listens: %v", err)
	}
}

func TestSocketLeftBehindIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket stays after Close")
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := Listen(path); !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("a file in the way: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file was removed")
	}
}

func TestNobodyThere(t *testing.T) {
	var e *Error
	err := NewClient(filepath.Join(t.TempDir(), "s")).Do(t.Context(), "GET", "/v1/status", nil, new(Status))
	if !errors.Is(err, ErrNoDaemon) || !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("%v", err)
	}
}

func TestStatusPutsTheUndeliveredFirst(t *testing.T) {
	c := serve(t, &till{payments: []sale.Payment{
		payment("UNHEARD", sale.Paid, sale.EndPaid, false), payment("DONE", sale.Paid, sale.EndPaid, true),
		payment("OPEN", sale.Unknown, "", false), payment("PERSON", sale.Manual, "", false)}})
	var s Status
	if err := c.Do(t.Context(), "GET", "/v1/status", nil, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Undelivered) != 1 || s.Undelivered[0].ID != "UNHEARD" || len(s.Doubt) != 1 || s.Doubt[0].ID != "OPEN" ||
		len(s.Manual) != 1 || s.Manual[0].ID != "PERSON" || s.Screen != "idle" || s.PID != os.Getpid() {
		t.Fatalf("%+v", s)
	}
	var duties []Duty
	if err := c.Do(t.Context(), "GET", "/v1/duties", nil, &duties); err != nil || len(duties) != 1 || duties[0].Open != 2 {
		t.Fatalf("%v %+v", err, duties)
	}
}

func TestSale(t *testing.T) {
	asked := make(chan agent.PayRequest, 1)
	tl := &till{delivered: make(chan sale.MessageKey, 1), pay: func(ctx context.Context, r agent.PayRequest) (agent.Reply, error) {
		asked <- r
		if r.Amount.Minor == 100 {
			<-ctx.Done()
			return agent.Reply{}, agent.ErrUndecided
		}
		return agent.Reply{Payment: payment("P", sale.Paid, sale.EndPaid, false), Ending: sale.EndPaid}, nil
	}}
	c := serve(t, tl)
	var out Outcome
	if err := c.Do(t.Context(), "POST", "/v1/sale", SaleRequest{Amount: "12.80", Currency: "CNY", Transaction: "T", ServiceID: "S1", Wait: true}, &out); err != nil {
		t.Fatal(err)
	}
	r := <-asked
	if out.Ending != sale.EndPaid || r.Amount.Minor != 1280 || r.Asked.SaleID != SaleID || r.Asked.TransactionID != "T" || r.Asked.POIID != "TILLD-1" || len(r.Asked.Hash) != 32 {
		t.Fatalf("%+v of %+v", out, r)
	}
	if k := <-tl.delivered; k != r.Asked.Key() {
		t.Errorf("delivered %v", k)
	}
	// Without wait the answer comes soon, and says that the end is not known.
	out = Outcome{}
	if err := c.Do(t.Context(), "POST", "/v1/sale", SaleRequest{Amount: "1.00", Currency: "CNY", ServiceID: "S2"}, &out); err != nil || out.Ending != sale.Undecided || out.ServiceID != "S2" {
		t.Fatalf("%v %+v", err, out)
	}
	<-asked
	select {
	case k := <-tl.delivered:
		t.Errorf("an open end was delivered: %v", k)
	default:
	}
}

func TestRefusals(t *testing.T) {
	tl := &till{payments: []sale.Payment{payment("P", sale.Manual, "", false)}, settled: make(chan bool, 1), delivered: make(chan sale.MessageKey, 1)}
	c := serve(t, tl)
	for _, tc := range []struct {
		path string
		in   any
		want string
	}{
		{"/v1/sale", SaleRequest{Amount: "NaN", Currency: "CNY"}, "bad amount"},
		{"/v1/sale", SaleRequest{Amount: "1", Currency: "???"}, "unknown currency"},
		{"/v1/sale", map[string]any{"amuont": "1"}, "unknown field"},
		{"/v1/sale", strings.Repeat("x", 1<<20), "read the request"},
		{"/v1/refund", RefundRequest{Payment: "NONE"}, `no payment "NONE"`},
		{"/v1/payments/NONE/settle", SettleRequest{Paid: true}, `no payment "NONE"`},
		{"/v1/confirm", ConfirmRequest{Payment: "P"}, "decided already"},
		{"/v1/abort", AbortRequest{ServiceID: "S"}, "nothing to abort"},
		{"/v1/nothing", 1, "404"},
	} {
		if err := c.Do(t.Context(), "POST", tc.path, tc.in, new(any)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.path, err, tc.want)
		}
	}
	var v PaymentView
	if err := c.Do(t.Context(), "POST", "/v1/payments/P/settle", SettleRequest{Paid: true}, &v); err != nil || !<-tl.settled || v.ID != "P" {
		t.Errorf("settle: %v %+v", err, v)
	}
	var out Outcome
	if err := c.Do(t.Context(), "POST", "/v1/refund", RefundRequest{Payment: "P", ServiceID: "S"}, &out); err != nil || out.Ending != sale.EndReversed {
		t.Errorf("refund: %v %+v", err, out)
	}
}

func TestOffer(t *testing.T) {
	tl := &till{}
	c := serve(t, tl)
	var q OfferRequest
	var e *Error
	if err := c.Do(t.Context(), "POST", "/v1/offer", OfferRequest{}, &q); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("nothing waits: %v", err)
	}
	if err := c.Do(t.Context(), "POST", "/v1/offer", OfferRequest{Payment: "CANNOT"}, &q); !errors.As(err, &e) || !strings.Contains(err.Error(), "no code can be shown") || e.Hint == "" {
		t.Errorf("refused: %v", err)
	}
	tl.screen = agent.Screen{Kind: agent.ScreenPay, Payment: "ONSCREEN"}
	if err := c.Do(t.Context(), "POST", "/v1/offer", OfferRequest{}, &q); err != nil || tl.offered != "ONSCREEN" || q.Payment != "ONSCREEN" {
		t.Errorf("the one on the screen: %v, %q", err, tl.offered)
	}
	if err := c.Do(t.Context(), "POST", "/v1/offer", OfferRequest{Payment: "P1"}, &q); err != nil || tl.offered != "P1" {
		t.Errorf("by its id: %v, %q", err, tl.offered)
	}
}
