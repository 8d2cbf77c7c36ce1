package counter

import "net/http"

// PalmKind is a sort of thing that can be done about palms.
type PalmKind string

const (
	PalmNobody   PalmKind = "nobody"   // nothing is held over the camera
	PalmHand     PalmKind = "hand"     // the hand of somebody
	PalmStranger PalmKind = "stranger" // the hand of nobody that the provider knows
	PalmFake     PalmKind = "fake"     // an attack instrument that pretends to be the first member
	PalmMember   PalmKind = "member"   // somebody's member code is shown to the scanner
	PalmAccount  PalmKind = "account"  // the one-time code of somebody's app is
	PalmWithdraw PalmKind = "withdraw" // somebody withdraws in the app
)

// PalmChoice is one button.
type PalmChoice struct {
	Name string   `json:"name"` // unique, for Rig.Palm
	Kind PalmKind `json:"kind"`
	Who  string   `json:"who,omitempty"` // a member's name, or the instrument's
	On   bool     `json:"on"`            // it is held over the camera now
}

// palmButton is a choice as the page shows it.
type palmButton struct {
	PalmChoice
	Group string `json:"group"`
	Label string `json:"label"`
}

// group says what stands above the buttons of a kind.
func (k PalmKind) group() string {
	switch k {
	case PalmMember, PalmAccount:
		return "page.palm-codes"
	case PalmWithdraw:
		return "page.palm-app"
	}
	return "page.palm-held"
}

// palms are the buttons in a language.
func (s *Server) palms(lang string) []palmButton {
	out := []palmButton{}
	for _, c := range s.o.Rig.Palms() {
		b := palmButton{PalmChoice: c, Group: say(lang, c.Kind.group())}
		if c.Kind == PalmFake {
			b.Label = label(lang, "palm.", c.Who, c.Who)
		} else {
			b.Label = say(lang, "palm."+string(c.Kind))
			if c.Who != "" {
				b.Label += " " + c.Who
			}
		}
		out = append(out, b)
	}
	return out
}

func (s *Server) palm(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Name string `json:"name"`
	}
	if read(w, r, &ask) {
		done(w, "palm", s.o.Rig.Palm(ask.Name))
	}
}
