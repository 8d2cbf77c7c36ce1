package display

import (
	"net/http"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/localweb"
)

// Languages are the languages of the pages, in the order of their buttons.
var languages = []string{"zh", "en", "ja"}

// words are what the customer's screen says, ready to be shown.
type words struct {
	Headline string `json:"headline"`
	Amount   string `json:"amount,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Note     string `json:"note,omitempty"`
}

// shown is a screen and its words.
type shown struct {
	agent.Screen
	Lang  string `json:"lang"`
	Words words  `json:"words"`
	// Picture is the QR code of Screen.Code.
	Picture *picture `json:"picture,omitempty"`
	// Consent is the text of ScreenConsent; Left is for how many milliseconds more the step is
	// shown.
	Consent *agent.ConsentText `json:"consent,omitempty"`
	Left    int64              `json:"left,omitempty"`
}

func (s *Server) language(r *http.Request) string {
	return localweb.Language(r, languages, s.o.Language)
}

func (s *Server) shown(sc agent.Screen, lang string) shown {
	sc.Test = sc.Test || s.o.Test
	now := time.Now()
	p, err := drawCode(sc, now)
	if err != nil {
		s.o.Log.Error("a code is not shown", "payment", sc.Payment, "err", err)
		sc.Code = ""
	}
	return shown{Screen: sc, Lang: lang, Words: wordsFor(sc, lang), Picture: p, Consent: consentFor(sc, lang), Left: left(sc, now)}
}

// screen answers with the current screen as JSON.
func (s *Server) screen(w http.ResponseWriter, r *http.Request) {
	s.reply(w, http.StatusOK, s.shown(s.o.Till.Screen(), s.language(r)))
}

// wordsFor puts a screen into words. A kind it does not know reads like the start of the
// till, never like a payment that went well.
func wordsFor(sc agent.Screen, lang string) words {
	kind := "screen." + string(sc.Kind)
	if !known(kind) {
		kind = "screen." + string(agent.ScreenStarting)
	}
	w := words{Headline: say(lang, kind), Detail: say(lang, kind+".detail")}
	if sc.Code != "" {
		w.Detail = say(lang, "page.scan")
	}
	w.Amount = writeAmount(sc.Amount, sc.Currency, lang)
	if w, ok := palmWords(sc, w, lang); ok {
		return w
	}
	switch sc.Kind {
	case agent.ScreenFresh, agent.ScreenNotPaid, agent.ScreenClosed:
		w.Note = w.Detail
		w.Detail = reason(sc.Reason, sc.Kind, lang)
	case agent.ScreenPay, agent.ScreenClosing:
		if sc.Reason != "" {
			w.Note = reason(sc.Reason, agent.ScreenFresh, lang)
		}
	case agent.ScreenReturn:
		if sc.Reason != "" {
			w.Note = reason(sc.Reason, sc.Kind, lang)
		}
	case agent.ScreenNotRefunded:
		w.Note = w.Detail
		w.Detail = refundReason(sc.Reason, lang)
	case agent.ScreenPaid, agent.ScreenConfirm, agent.ScreenSending:
		w.Note = scheme(sc.Scheme, lang)
	}
	if sc.Kind == agent.ScreenNotPaid && sc.Reason == string(sale.EndMistaken) {
		w.Note = "" // the reason itself says that the money went out and came back
	}
	return w
}

// refundReason is why nothing was given back, where the sentence of a payment fits.
func refundReason(word, lang string) string {
	switch sale.Ending(word) {
	case sale.EndUnreachable, sale.EndNoScanner, sale.EndNoSpace, sale.EndNotFound, sale.EndStopped:
		return reason(word, agent.ScreenNotRefunded, lang)
	}
	return say(lang, "reason.any."+string(agent.ScreenNotRefunded))
}

// reason is the sentence for a word in Screen.Reason; an unknown word gets the kind's
// general sentence, because a customer can do nothing with a word.
func reason(word string, kind agent.ScreenKind, lang string) string {
	if key := "reason." + word; word != "" && known(key) {
		return say(lang, key)
	}
	return say(lang, "reason.any."+string(kind))
}

// scheme is the wallet's name as its customers know it.
func scheme(name, lang string) string {
	if key := "scheme." + name; known(key) {
		return say(lang, key)
	}
	return name
}
