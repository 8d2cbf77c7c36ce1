package display

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
)

// present hands the person's wish to pay by palm to the till.
func (s *Server) present(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Payment string `json:"payment"`
	}
	if !s.read(w, r, "present a palm", `want {"payment": ID}`, &q) {
		return
	}
	s.done(w, "present a palm", s.o.Till.Present(q.Payment, biometric.Palm))
}

// enrol and withdraw begin what a person does with nothing to pay.
func (s *Server) enrol(w http.ResponseWriter, r *http.Request) {
	s.begin(w, r, "enrol a palm", s.o.Till.Enrol)
}

func (s *Server) withdraw(w http.ResponseWriter, r *http.Request) {
	s.begin(w, r, "withdraw a palm", s.o.Till.Withdraw)
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request, what string, f func(biometric.Modality) error) {
	var q struct{}
	if s.read(w, r, what, `want {}`, &q) {
		s.done(w, what, f(biometric.Palm))
	}
}

// touch hands one deed of the person to the till, which knows what may be done when. The
// boxes of a consent come all at once, each as true or false: none of them is taken for
// granted.
func (s *Server) touch(w http.ResponseWriter, r *http.Request) {
	const what = "touch the screen"
	var q struct {
		Payment   string     `json:"payment"`
		Step      uint64     `json:"step"`
		Deed      agent.Deed `json:"deed"`
		Code      string     `json:"code"`
		Age       *bool      `json:"age"`
		Biometric *bool      `json:"biometric"`
		Transfer  *bool      `json:"transfer"`
	}
	if !s.read(w, r, what, `want {"payment": ID, "step": N, "deed": WORD}`, &q) {
		return
	}
	x := agent.Touch{Payment: q.Payment, Step: q.Step, Deed: q.Deed, Language: s.language(r)}
	boxes := q.Age != nil && q.Biometric != nil && q.Transfer != nil
	switch {
	case q.Payment == "" || q.Step == 0 || q.Deed == "":
		s.refuse(w, http.StatusBadRequest, what+`: want {"payment": ID, "step": N, "deed": WORD}`)
		return
	case (q.Deed == agent.DeedAgree) != boxes || !boxes && (q.Age != nil || q.Biometric != nil || q.Transfer != nil):
		s.refuse(w, http.StatusBadRequest, what+`: want "age", "biometric" and "transfer", each true or false, with "agree" alone`)
		return
	case (q.Deed == agent.DeedType) != (q.Code != ""):
		s.refuse(w, http.StatusBadRequest, what+`: want a "code" with "type" alone`)
		return
	}
	if boxes {
		x.Age, x.Biometric, x.Transfer = *q.Age, *q.Biometric, *q.Transfer
	}
	if q.Code != "" {
		x.Code = secret.New([]byte(q.Code))
	}
	s.done(w, what, s.o.Till.Touch(x))
}

func (s *Server) done(w http.ResponseWriter, what string, err error) {
	switch {
	case errors.Is(err, queue.ErrNotFound):
		s.refuse(w, http.StatusNotFound, fmt.Sprintf("%s: %v", what, err))
	case err != nil:
		s.refuse(w, http.StatusConflict, fmt.Sprintf("%s: %v", what, err))
	default:
		s.reply(w, http.StatusOK, map[string]bool{"done": true})
	}
}

// palmWords puts the screens of palms into words; false for every other screen.
func palmWords(sc agent.Screen, w words, lang string) (words, bool) {
	switch sc.Kind {
	case agent.ScreenClaim, agent.ScreenAccount, agent.ScreenConsent:
		w.Note = sc.Provider
		if sc.Reason != "" {
			w.Note = reason(sc.Reason, agent.ScreenFresh, lang)
		}
	case agent.ScreenPresent:
		if guide := "guide." + string(sc.Guide); known(guide) {
			w.Headline, w.Detail = say(lang, guide), ""
		}
		if sc.Of > 1 {
			count := strings.NewReplacer("%d", strconv.Itoa(min(sc.Taken+1, sc.Of)), "%n", strconv.Itoa(sc.Of))
			w.Note = count.Replace(say(lang, "page.palm.count"))
		}
	case agent.ScreenAgree:
		w.Detail, w.Note = sc.Name, w.Detail
	case agent.ScreenEnrolled:
		w.Note = sc.Name
	case agent.ScreenWithdraw, agent.ScreenWithdrawn, agent.ScreenSaving, agent.ScreenMatching:
		w.Note = sc.Provider
	case agent.ScreenNotEnrolled, agent.ScreenNotWithdrawn:
		w.Detail, w.Note = reason(sc.Reason, sc.Kind, lang), w.Detail
	default:
		return w, false
	}
	return w, true
}

// consentFor is the text of a consent that is being asked for, in the page's language.
func consentFor(sc agent.Screen, lang string) *agent.ConsentText {
	if sc.Kind != agent.ScreenConsent {
		return nil
	}
	c, ok := agent.Consent(lang, sc.Provider, sc.MinAge)
	if !ok {
		return nil
	}
	return &c
}

// left is how many milliseconds a step has left; 0 where it has no end.
func left(sc agent.Screen, now time.Time) int64 {
	if sc.Ends.IsZero() {
		return 0
	}
	return cmp.Or(max(0, sc.Ends.Sub(now).Milliseconds()), 1)
}
