package display

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// mostPayments bounds the list of payments; open ones come first.
const mostPayments = 100

// row is what a page may know of a payment: no code's MAC, no stored reply, no echo.
type row struct {
	Payment     string        `json:"payment"`
	SaleID      string        `json:"sale_id"`
	ServiceID   string        `json:"service_id"`
	Transaction string        `json:"transaction,omitempty"`
	Amount      string        `json:"amount"`
	Currency    sale.Currency `json:"currency"`
	Written     string        `json:"written"` // the amount as the page's language writes it
	Intent      sale.Intent   `json:"intent"`
	UndoneBy    string        `json:"undone_by,omitempty"`
	Begun       time.Time     `json:"begun"`
	Order       string        `json:"order,omitempty"`
	Contract    string        `json:"contract,omitempty"`
	State       string        `json:"state,omitempty"` // of the last attempt
	StateText   string        `json:"state_text,omitempty"`
	WalletCode  string        `json:"wallet_code,omitempty"`
	Ending      sale.Ending   `json:"ending,omitempty"`
	EndingText  string        `json:"ending_text,omitempty"`
	InDoubt     bool          `json:"in_doubt"`
	Manual      bool          `json:"manual"` // waits for the bill or an operator
	Open        bool          `json:"open"`
	// Undelivered is set when the point of sale may not have heard the answer.
	Undelivered bool `json:"undelivered"`
}

func newRow(p sale.Payment, lang string) row {
	r := row{
		Payment: p.ID, SaleID: p.Asked.SaleID, ServiceID: p.Asked.ServiceID,
		Transaction: p.Asked.TransactionID, Amount: p.Amount.Decimal(),
		Currency: p.Amount.Currency, Intent: p.Intent, UndoneBy: p.UndoneBy,
		Begun: p.Begun, Ending: p.Ending, InDoubt: p.InDoubt(), Open: p.Open(),
		Undelivered: p.Ending != sale.Undecided && !p.Delivered,
	}
	r.Written = writeAmount(r.Amount, r.Currency, lang)
	if p.Ending != sale.Undecided {
		r.EndingText = say(lang, "reason."+string(p.Ending))
	}
	if a := p.Current(); a != nil {
		r.Order, r.Contract, r.WalletCode = a.ID, a.Contract.Name, a.WalletCode
		r.State, r.StateText = a.State.String(), say(lang, "state."+a.State.String())
		r.Manual = a.State == sale.Manual
	}
	return r
}

// payments lists what is on record, the newest first; ?open=true leaves out what is over.
func (s *Server) payments(w http.ResponseWriter, r *http.Request) {
	lang := s.language(r)
	rows := []row{}
	for _, p := range s.o.Till.Payments(r.URL.Query().Get("open") == "true") {
		if len(rows) == mostPayments {
			break
		}
		rows = append(rows, newRow(p, lang))
	}
	s.reply(w, http.StatusOK, rows)
}

// read takes the body of a request that changes something. It must be JSON: no form of
// another page can send that without being asked first.
func (s *Server) read(w http.ResponseWriter, r *http.Request, what, want string, into any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.refuse(w, http.StatusUnsupportedMediaType, what+": the body must be application/json")
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		s.refuse(w, http.StatusBadRequest, what+": "+want)
		return false
	}
	return true
}

// confirm hands the operator's decision to the till.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Payment string `json:"payment"`
		OK      *bool  `json:"ok"`
	}
	if !s.read(w, r, "confirm a payment", `want {"payment": ID, "ok": true or false}`, &c) {
		return
	}
	if c.Payment == "" || c.OK == nil {
		s.refuse(w, http.StatusBadRequest, `confirm a payment: want {"payment": ID, "ok": true or false}`)
		return
	}
	if err := s.o.Till.Confirm(agent.Confirmation{Payment: c.Payment, OK: *c.OK}); err != nil {
		s.refuse(w, http.StatusConflict, fmt.Sprintf("confirm payment %.22s: %v", c.Payment, err))
		return
	}
	s.reply(w, http.StatusOK, map[string]bool{"done": true})
}

func (s *Server) refuse(w http.ResponseWriter, status int, why string) {
	s.reply(w, status, map[string]string{"error": why})
}

func (s *Server) reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a type of ours that JSON cannot write
		http.Error(w, "write the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // a reader that went away is no error of ours
}
