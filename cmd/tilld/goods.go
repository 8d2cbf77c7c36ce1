package main

import (
	"bytes"
	"context"
	"time"

	"github.com/tilld/tilld/agent/pos"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// goodsPasser passes what is scanned between sales on to the point of sale, if it is surely
// goods. A code that may be a payment, a card or a person's number goes nowhere.
type goodsPasser struct {
	codes []*paycode.Table // the shop's, and every row there is
	busy  func() bool      // a payment is in the lane
	scans chan scanner.Scan
	out   *pos.Goods
}

func newGoodsPasser(shop *paycode.Table, busy func() bool) (*goodsPasser, error) {
	all, err := paycode.New("all")
	if err != nil {
		return nil, err
	}
	return &goodsPasser{codes: []*paycode.Table{shop, all}, busy: busy, scans: make(chan scanner.Scan, 8), out: &pos.Goods{}}, nil
}

// list is where a point of sale listens; nil when nothing is passed on.
func (g *goodsPasser) list() *pos.Goods {
	if g == nil {
		return nil
	}
	return g.out
}

// take is what the hub calls.
func (g *goodsPasser) take(s scanner.Scan) bool {
	select {
	case g.scans <- s:
		return true
	default:
		return false
	}
}

func (g *goodsPasser) run(ctx context.Context) {
	for {
		select {
		case s := <-g.scans:
			g.pass(s)
		case <-ctx.Done():
			return
		}
	}
}

func (g *goodsPasser) pass(s scanner.Scan) {
	defer s.Text.Wipe()
	if g.busy() || !isGoods(g.codes, s.Text.Reveal(), s.Identifier(), s.At) {
		return
	}
	g.out.Tell(pos.GoodsCode{At: s.At, Text: string(s.Text.Reveal()), AIM: s.AIM,
		Symbology: string(s.Symbology), Scanner: s.Source})
}

// isGoods reports whether a code is goods by its symbology or check digit in every table,
// and would be nothing else if its symbology were not known.
func isGoods(codes []*paycode.Table, text []byte, aim string, now time.Time) bool {
	const gs = "\x1d" // stands between the fields of GS1 codes
	plain := bytes.ReplaceAll(text, []byte(gs), nil)
	for _, t := range codes {
		if r := t.Classify(plain, aim, now); r.Reason != paycode.GoodsCode {
			return false
		}
		r := t.Classify(plain, "", now)
		if r.Reason != paycode.GoodsCode && r.Reason != paycode.UnknownFormat {
			return false
		}
	}
	return true
}
