package pos

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/localweb"
)

// GoodsCode is what the till's scanner read between two sales: one scanner for goods and
// payment. A payment code is never one.
type GoodsCode struct {
	At        time.Time `json:"at"`
	Text      string    `json:"text"`
	AIM       string    `json:"aim,omitempty"`
	Symbology string    `json:"symbology,omitempty"`
	Scanner   string    `json:"scanner"` // its name in the configuration
}

// goodsQueued bounds what waits for a point of sale that reads slowly; what comes after it
// is not taken. A cashier is not that fast.
const goodsQueued = 16

// Goods hands goods codes to the one point of sale that listens: GET /goods, an endless
// answer of server-sent events "goods". Who listens last is the one that hears; an article
// must not appear in two baskets. The methods are safe for concurrent use.
type Goods struct {
	mu   sync.Mutex
	hear chan GoodsCode // nil while nobody listens; closed when another takes over
}

// Tell passes a code on and reports whether somebody takes it.
func (g *Goods) Tell(c GoodsCode) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case g.hear <- c:
		return true
	default: // nobody, or one that does not read
		return false
	}
}

func (g *Goods) listen() chan GoodsCode {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hear != nil {
		close(g.hear)
	}
	g.hear = make(chan GoodsCode, goodsQueued)
	return g.hear
}

func (g *Goods) leave(hear chan GoodsCode) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hear == hear {
		g.hear = nil
	}
}

// serveGoods streams goods codes until the client goes or another one listens.
func (s *Server) serveGoods(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.o.Goods == nil:
		http.Error(w, "Goods codes are not passed on here: set goods = true in [pos].", http.StatusNotFound)
		return
	case !s.o.Plain:
		http.Error(w, "Goods codes are passed on in plain: set plain = true, on loopback.", http.StatusForbidden)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "GET goods codes here.", http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Origin") != "" || !localweb.LoopbackHost(r.Host):
		http.Error(w, "Requests of web pages are not taken.", http.StatusForbidden)
		return
	case len(s.o.SaleIDs) > 0 && !slices.Contains(s.o.SaleIDs, r.URL.Query().Get("SaleID")):
		http.Error(w, "Name a point of sale of this terminal: /goods?SaleID=...", http.StatusForbidden)
		return
	}
	hear := s.o.Goods.listen() // before the first line: who has read that misses nothing
	defer s.o.Goods.leave(hear)
	stream, err := localweb.OpenStream(w)
	beat := time.NewTicker(s.o.Limits.Space)
	defer beat.Stop()
	for err == nil {
		select {
		case c, ok := <-hear:
			if !ok {
				return
			}
			err = stream.Send("goods", c)
		case <-beat.C:
			err = stream.Beat()
		case <-r.Context().Done():
			return
		}
	}
}
