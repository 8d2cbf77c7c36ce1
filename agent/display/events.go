package display

import (
	"net/http"
	"time"

	"github.com/tilld/tilld/internal/localweb"
)

// events writes one stream until the page goes away or the till ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	changed, leave, ok := s.join()
	if !ok {
		http.Error(w, "too many open pages\nhint: close some", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	lang := s.language(r)
	screenOnly := r.URL.Query().Get("only") == "screen"
	stream, err := localweb.OpenStream(w)
	if err != nil {
		return // the page is gone
	}
	screens, events := s.o.Till.Watch(r.Context())
	if !screenOnly {
		if stream.Send("health", s.o.Health.Causes()) != nil {
			return
		}
	}
	beat := time.NewTicker(s.o.Beat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case sc, open := <-screens:
			if !open {
				return // the till ended: the page shows that the connection is lost
			}
			err = stream.Send("screen", s.shown(sc, lang))
		case ev, open := <-events:
			if !open {
				events = nil
			} else if !screenOnly {
				err = stream.Send("event", ev)
			}
		case <-changed:
			if !screenOnly {
				err = stream.Send("health", s.o.Health.Causes())
			}
		case <-beat.C:
			err = stream.Beat()
		}
		if err != nil {
			return
		}
	}
}
