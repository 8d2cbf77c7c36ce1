package control

import (
	"net/http"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// RefundView is one operation that gives a part of a payment back.
type RefundView struct {
	ID           string        `json:"id"`
	Amount       string        `json:"amount"`
	Currency     sale.Currency `json:"currency"`
	State        string        `json:"state"`
	Ending       sale.Ending   `json:"ending,omitempty"` // what was told; empty: nothing yet
	Delivered    bool          `json:"delivered"`
	Broken       bool          `json:"broken,omitempty"` // a person must look
	SaleID       string        `json:"sale_id"`
	ServiceID    string        `json:"service_id"`
	Transaction  string        `json:"transaction_id,omitempty"`
	AskedAt      time.Time     `json:"asked_at"`
	EndedAt      time.Time     `json:"ended_at,omitzero"`
	WalletCode   string        `json:"wallet_code,omitempty"`
	WalletRefund string        `json:"wallet_refund,omitempty"`
}

func refundView(r *sale.Refund) RefundView {
	return RefundView{ID: r.ID, Amount: r.Amount.Decimal(), Currency: r.Amount.Currency, State: r.State.String(), Ending: r.Ending,
		Delivered: r.Delivered, Broken: r.Broken(), SaleID: r.Asked.SaleID, ServiceID: r.Asked.ServiceID, Transaction: r.Asked.TransactionID,
		AskedAt: r.AskedAt, EndedAt: r.EndedAt, WalletCode: r.WalletCode, WalletRefund: r.WalletRefund}
}

// untoldRefund reports whether money went back and no point of sale heard of it.
func untoldRefund(p sale.Payment) bool {
	for i := range p.Refunds {
		if r := &p.Refunds[i]; r.State == sale.RefundDone && !r.Delivered {
			return true
		}
	}
	return false
}

// refund gives back in full by a reversal where the wallet still makes one, else by a refund.
func (s *Server) refund(w http.ResponseWriter, r *http.Request) {
	var q RefundRequest
	if !read(w, r, &q) {
		return
	}
	if q.Scan == (q.Payment != "") {
		refuse(w, http.StatusBadRequest, "name the payment or order, or scan the customer's bill", "refund: which payment is not said")
		return
	}
	asked := s.asked(q.ServiceID, "", q)
	var reply agent.Reply
	var err error
	if q.Scan || q.Amount != "" {
		reply, err = s.Till.Refund(r.Context(), agent.RefundRequest{Asked: asked, Payment: q.Payment, Major: q.Amount})
	} else {
		reply, err = s.Till.Reverse(r.Context(), agent.ReverseRequest{Asked: asked, Payment: q.Payment})
	}
	if err == nil && reply.Ending == sale.EndNotFound && !q.Scan {
		refuse(w, http.StatusNotFound, `"tilld queue ls --all" lists what is on record; give a payment or an order id`, "no payment %.40q: %s", q.Payment, reply.Why)
		return
	}
	s.outcome(w, asked, reply, err)
}

// SettleRefundRequest closes a refund that waits for a person.
type SettleRefundRequest struct {
	Given bool `json:"given"` // the customer has the money
}

func (s *Server) settleRefund(w http.ResponseWriter, r *http.Request) {
	var q SettleRefundRequest
	if !read(w, r, &q) {
		return
	}
	id := r.PathValue("id")
	if err := s.Till.SettleRefund(r.Context(), id, q.Given); err != nil {
		refuse(w, http.StatusConflict, "only a refund that the wallet cannot finish, or did not do after all, is settled by a person", "%v", err)
		return
	}
	for _, p := range s.Till.Payments(false) {
		if p.FindRefund(id) != nil {
			write(w, http.StatusOK, View(p))
			return
		}
	}
	refuse(w, http.StatusNotFound, "", "no refund %.40q", id)
}
