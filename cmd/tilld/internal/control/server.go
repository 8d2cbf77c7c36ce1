package control

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// Till is what the command line needs of the daemon's till; *agent.Till is one.
type Till interface {
	Pay(ctx context.Context, r agent.PayRequest) (agent.Reply, error)
	Delivered(k sale.MessageKey)
	Abort(ctx context.Context, ref sale.MessageKey, reason string) error
	Reverse(ctx context.Context, r agent.ReverseRequest) (agent.Reply, error)
	Refund(ctx context.Context, r agent.RefundRequest) (agent.Reply, error)
	SettleRefund(ctx context.Context, refund string, given bool) error
	Watch(ctx context.Context) (<-chan agent.Screen, <-chan agent.Event)
	Confirm(c agent.Confirmation) error
	Offer(payment string) error
	Settle(ctx context.Context, payment string, paid bool) error
	Payments(openOnly bool) []sale.Payment
	Payment(id string) (sale.Payment, bool)
	Screen() agent.Screen
}

// Server answers the command line. All fields are needed.
type Server struct {
	Till      Till
	Bills     Bills
	Health    *health.Board
	Contracts func() []ContractState
	Devices   func() []Device
	Clock     func() ClockState
	Journal   func() map[string]any
	Reload    func() (contracts []string, err error)
	Status    Status // the fields that do not change: POIID, Environment, Version, Since
	// Grace is how long a sale without wait may take to fail at once; zero means 300 ms.
	Grace time.Duration
}

// maxBody bounds a request: the largest is a sale.
const maxBody = 16 << 10

// Handler serves the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", s.status)
	mux.HandleFunc("GET /v1/payments", s.payments)
	mux.HandleFunc("GET /v1/payments/{id}", s.payment)
	mux.HandleFunc("POST /v1/payments/{id}/settle", s.settle)
	mux.HandleFunc("GET /v1/duties", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, Duties(s.Till.Payments(true)))
	})
	mux.HandleFunc("GET /v1/devices", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, s.Devices()) })
	mux.HandleFunc("POST /v1/sale", s.sale)
	mux.HandleFunc("POST /v1/refund", s.refund)
	mux.HandleFunc("POST /v1/refunds/{id}/settle", s.settleRefund)
	mux.HandleFunc("POST /v1/self-test", s.selfTest)
	mux.HandleFunc("POST /v1/confirm", s.confirm)
	mux.HandleFunc("POST /v1/offer", s.offer)
	mux.HandleFunc("POST /v1/reload", s.reload)
	mux.HandleFunc("POST /v1/abort", s.abort)
	s.bills(mux)
	return mux
}

func write(w http.ResponseWriter, code int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	return json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, hint, format string, args ...any) {
	write(w, code, Fault{Error: fmt.Sprintf(format, args...), Hint: hint})
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, "daemon and command line must be of one version", "read the request: %v", err)
		return false
	}
	return true
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	st := s.Status
	st.Undelivered, st.Doubt, st.Manual, st.Running = []PaymentView{}, []PaymentView{}, []PaymentView{}, []PaymentView{}
	st.BrokenRefunds, st.Refunding = []PaymentView{}, []PaymentView{}
	for _, p := range s.Till.Payments(false) {
		cur := p.Current()
		switch {
		case p.BrokenRefund() != nil:
			st.BrokenRefunds = append(st.BrokenRefunds, View(p))
		case p.OpenRefund() != nil:
			st.Refunding = append(st.Refunding, View(p))
		case p.Untold(), untoldRefund(p):
			st.Undelivered = append(st.Undelivered, View(p))
		case cur != nil && cur.State == sale.Manual:
			st.Manual = append(st.Manual, View(p))
		case p.Open():
			if p.InDoubt() || p.Undoing() {
				st.Doubt = append(st.Doubt, View(p))
			} else {
				st.Running = append(st.Running, View(p))
			}
		}
	}
	st.Health = s.Health.Causes()
	st.Devices, st.Contracts, st.Clock, st.Journal = s.Devices(), s.Contracts(), s.Clock(), s.Journal()
	st.Screen = string(s.Till.Screen().Kind)
	st.PID = os.Getpid()
	write(w, http.StatusOK, st)
}

func (s *Server) payments(w http.ResponseWriter, r *http.Request) {
	out := []PaymentView{}
	for _, p := range s.Till.Payments(r.FormValue("all") == "") {
		out = append(out, View(p))
	}
	write(w, http.StatusOK, out)
}

// find answers 404 when there is no such payment.
func (s *Server) find(w http.ResponseWriter, id string) (sale.Payment, bool) {
	p, ok := s.Till.Payment(id)
	if !ok {
		refuse(w, http.StatusNotFound, `"tilld queue ls --all" lists what is on record; give a payment or an order id`, "no payment %.40q", id)
	}
	return p, ok
}

func (s *Server) payment(w http.ResponseWriter, r *http.Request) {
	if p, ok := s.find(w, r.PathValue("id")); ok {
		write(w, http.StatusOK, View(p))
	}
}

func (s *Server) settle(w http.ResponseWriter, r *http.Request) {
	var q SettleRequest
	if !read(w, r, &q) {
		return
	}
	p, ok := s.find(w, r.PathValue("id"))
	if !ok {
		return
	}
	if err := s.Till.Settle(r.Context(), p.ID, q.Paid); err != nil {
		refuse(w, http.StatusConflict, "only a payment in the state MANUAL is settled by a person", "%v", err)
		return
	}
	p, _ = s.Till.Payment(p.ID)
	write(w, http.StatusOK, View(p))
}

// asked identifies a request of the command line. The hash covers what was asked for, as
// it does for a point of sale.
func (s *Server) asked(service, transaction string, content any) sale.Asked {
	j, _ := json.Marshal(content) // strings and numbers only
	h := sha256.Sum256(j)
	return sale.Asked{SaleID: SaleID, POIID: s.Status.POIID, ServiceID: service, TransactionID: transaction,
		TimeStamp: time.Now().UTC().Format(time.RFC3339), Hash: h[:]}
}

func (s *Server) sale(w http.ResponseWriter, r *http.Request) {
	var q SaleRequest
	if !read(w, r, &q) {
		return
	}
	a, err := sale.ParseAmount(q.Amount, q.Currency)
	if err != nil {
		refuse(w, http.StatusBadRequest, "", "%v", err)
		return
	}
	ctx := r.Context()
	if !q.Wait {
		// Long enough to hear that it is refused at once; the payment itself goes on.
		grace := s.Grace
		if grace == 0 {
			grace = 300 * time.Millisecond
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, grace)
		defer cancel()
	}
	asked := s.asked(q.ServiceID, q.Transaction, q)
	reply, err := s.Till.Pay(ctx, agent.PayRequest{Asked: asked, Amount: a})
	s.outcome(w, asked, reply, err)
}

// outcome writes how it stands, and notes the ending as delivered once it was written.
func (s *Server) outcome(w http.ResponseWriter, asked sale.Asked, reply agent.Reply, err error) {
	out := Outcome{Ending: reply.Ending, Why: reply.Why, ServiceID: asked.ServiceID}
	if reply.Refund != nil {
		v := refundView(reply.Refund)
		out.Refund = &v
	}
	if reply.Payment.ID != "" {
		v := View(reply.Payment)
		out.Payment = &v
	}
	switch {
	case errors.Is(err, agent.ErrUndecided):
		out.Ending = sale.Undecided
		write(w, http.StatusAccepted, out)
	case err != nil:
		refuse(w, http.StatusConflict, "", "%v", err)
	default:
		err := write(w, http.StatusOK, out)
		if err == nil && http.NewResponseController(w).Flush() == nil {
			s.Till.Delivered(asked.Key())
		}
	}
}

func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	changed, err := s.Reload()
	if err != nil {
		hint := "tilld check says what is wrong; the old keys stay"
		var h interface{ HintText() string }
		if errors.As(err, &h) && h.HintText() != "" {
			hint = h.HintText()
		}
		refuse(w, http.StatusConflict, hint, "%v", err)
		return
	}
	write(w, http.StatusOK, Reloaded{Contracts: append([]string{}, changed...)})
}

func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	var q ConfirmRequest
	if !read(w, r, &q) {
		return
	}
	if err := s.Till.Confirm(agent.Confirmation{Payment: q.Payment, OK: q.OK}); err != nil {
		refuse(w, http.StatusConflict, `"tilld status" shows what waits for a decision`, "%v", err)
		return
	}
	write(w, http.StatusOK, q)
}

// offer shows a code of ours for the payment that waits for the customer's.
func (s *Server) offer(w http.ResponseWriter, r *http.Request) {
	var q OfferRequest
	if !read(w, r, &q) {
		return
	}
	if q.Payment == "" {
		q.Payment = s.Till.Screen().Payment
	}
	if q.Payment == "" {
		refuse(w, http.StatusConflict, `"tilld sale" begins a payment`, "no payment waits for a code")
		return
	}
	if err := s.Till.Offer(q.Payment); err != nil {
		refuse(w, http.StatusConflict, `a contract needs offer = true, and the payment must wait for a code; "tilld status" shows where it stands`, "%v", err)
		return
	}
	write(w, http.StatusOK, q)
}

func (s *Server) abort(w http.ResponseWriter, r *http.Request) {
	var q AbortRequest
	if !read(w, r, &q) {
		return
	}
	key := sale.MessageKey{SaleID: SaleID, POIID: s.Status.POIID, ServiceID: q.ServiceID}
	if err := s.Till.Abort(r.Context(), key, "command line"); err != nil {
		refuse(w, http.StatusConflict, "", "%v", err)
		return
	}
	write(w, http.StatusOK, q)
}
