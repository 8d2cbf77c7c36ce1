package counter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/localweb"
)

// reply writes JSON.
func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a type of ours that JSON cannot write
		http.Error(w, "write the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // a reader that went away is no error of ours
}

func refuse(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}

func done(w http.ResponseWriter, what string, err error) {
	if err != nil {
		refuse(w, http.StatusConflict, fmt.Errorf("%s: %w", what, err))
		return
	}
	reply(w, http.StatusOK, map[string]bool{"done": true})
}

// read decodes a POST's JSON body into v and answers itself when that is impossible.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, fmt.Errorf("the body must be application/json"))
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
		return false
	}
	return true
}

// What a point of sale gives back, beside selling.
const (
	backPart = "part" // of the payment that was paid last
	backDesk = "desk" // of the payment whose bill the customer shows
)

// sell begins a sale and answers at once; its end comes as an event. With again set it
// asks for the last basket once more, as a point of sale does that heard nothing. With back
// set it begins a refund.
func (s *Server) sell(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Amount   string `json:"amount"`
		Currency string `json:"currency"`
		Again    bool   `json:"again"`
		Back     string `json:"back"`
	}
	if !read(w, r, &ask) {
		return
	}
	if !ask.Again {
		// What the till refuses is worth seeing, so only what is no amount at all stops here.
		if _, err := sale.ParseAmount(ask.Amount, sale.Currency(ask.Currency)); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil:
		refuse(w, http.StatusConflict, fmt.Errorf("sell: the counter is closed"))
		return
	case s.sale.Running:
		refuse(w, http.StatusConflict, fmt.Errorf("sell: a sale is running"))
		return
	case ask.Again && s.sale.Transaction == "":
		refuse(w, http.StatusConflict, fmt.Errorf("ask again: there was no sale yet"))
		return
	case ask.Back != "" && ask.Back != backPart && ask.Back != backDesk:
		refuse(w, http.StatusBadRequest, fmt.Errorf("give back: no way %.20q", ask.Back))
		return
	case ask.Back == backPart && s.paid == "":
		refuse(w, http.StatusConflict, fmt.Errorf("give back: nothing was paid yet"))
		return
	}
	next := saleState{Running: true, Begun: time.Now(), Amount: ask.Amount, Currency: ask.Currency, Transaction: "B-" + rand.Text()[:8], Back: ask.Back}
	if ask.Back == backPart {
		next.Payment = s.paid
	}
	if ask.Again {
		next.Amount, next.Currency, next.Transaction = s.sale.Amount, s.sale.Currency, s.sale.Transaction
		next.Back, next.Payment = s.sale.Back, s.sale.Payment
	}
	s.tell(next)
	s.selling.Add(1)
	go s.run(next)
	reply(w, http.StatusAccepted, next)
}

func (s *Server) run(now saleState) {
	defer s.selling.Done()
	var answer Answer
	var err error
	if now.Back == "" {
		answer, err = s.o.Rig.Sell(s.ctx, now.Amount, now.Currency, now.Transaction)
	} else {
		answer, err = s.o.Rig.Refund(s.ctx, now.Payment, now.Amount, now.Currency, now.Transaction)
	}
	now.Running = false
	if err != nil {
		now.Error = err.Error()
	} else {
		now.Answer = &answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Back == "" && answer.Result == "Success" {
		s.paid = answer.Payment
	}
	s.tell(now)
}

// tell notes the sale's state and hands the latest one to every page; s.mu is held.
func (s *Server) tell(now saleState) {
	s.sale = now
	for c := range s.pages {
		select {
		case <-c: // an older one that was not read yet
		default:
		}
		c <- now
	}
}

// abortWithin is how long the till may take to note an abort.
const abortWithin = 10 * time.Second

func (s *Server) abort(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), abortWithin)
	defer cancel()
	done(w, "abort", s.o.Rig.Abort(ctx))
}

// ours shows a code of ours, or is the customer who scans the one that is shown.
func (s *Server) ours(w http.ResponseWriter, r *http.Request) {
	if s.o.Rig.Offered() {
		done(w, "scan our code", s.o.Rig.ScanOurs())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), abortWithin)
	defer cancel()
	done(w, "show our code", s.o.Rig.Offer(ctx))
}

func (s *Server) scan(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Text string `json:"text"`
	}
	if read(w, r, &ask) {
		done(w, "scan", s.o.Rig.Scan(ask.Text))
	}
}

// show makes the code of a choice and scans it; the answer holds the code, so that the page
// can show what the customer held up.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Choice string `json:"choice"`
	}
	if !read(w, r, &ask) {
		return
	}
	code, err := s.o.Rig.NewCode(ask.Choice)
	if err == nil {
		err = s.o.Rig.Scan(code)
	}
	if err != nil {
		refuse(w, http.StatusConflict, fmt.Errorf("show %.40q: %w", ask.Choice, err))
		return
	}
	reply(w, http.StatusOK, map[string]string{"code": code})
}

func (s *Server) fault(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Name string `json:"name"`
		On   bool   `json:"on"`
	}
	if read(w, r, &ask) {
		done(w, "switch a fault", s.o.Rig.SetFault(ask.Name, ask.On))
	}
}

func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Order string `json:"order"`
	}
	if read(w, r, &ask) {
		done(w, "confirm in the wallet", s.o.Rig.Confirm(ask.Order))
	}
}

func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	lang := s.language(r)
	type code struct {
		CodeChoice
		Label string `json:"label"`
	}
	type fault struct {
		FaultSwitch
		Label string `json:"label"`
	}
	codes, faults := []code{}, []fault{}
	for _, c := range s.o.Rig.Codes() {
		codes = append(codes, code{c, label(lang, "code.", string(c.Kind), c.Name)})
	}
	for _, f := range s.o.Rig.Faults() {
		faults = append(faults, fault{f, label(lang, "fault.", f.Name, f.Name)})
	}
	waiting := s.o.Rig.Waiting()
	if waiting == nil {
		waiting = []string{}
	}
	reply(w, http.StatusOK, map[string]any{"codes": codes, "faults": faults, "waiting": waiting, "offered": s.o.Rig.Offered(),
		"palms": s.palms(lang), "lit": s.o.Rig.Lit()})
}

// events writes one stream until the page goes away.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	mine := make(chan saleState, 1)
	s.mu.Lock()
	mine <- s.sale
	s.pages[mine] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pages, mine)
	}()
	stream, err := localweb.OpenStream(w)
	if err != nil {
		return // the page is gone
	}
	events := s.o.Rig.Events(r.Context())
	beat := time.NewTicker(s.o.Beat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		case now := <-mine:
			err = stream.Send("sale", now)
		case e, open := <-events:
			if !open {
				return
			}
			err = stream.Send("event", e)
		case <-beat.C:
			err = stream.Beat()
		}
		if err != nil {
			return
		}
	}
}
