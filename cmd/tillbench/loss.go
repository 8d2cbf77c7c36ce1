package main

import (
	"context"
	"fmt"
	"io"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// lossFigure is what a bad network makes of good payments.
var lossFigure = Figure{
	Name:    "loss",
	What:    "good payments that become UNKNOWN at 1 % packet loss",
	Target:  "0 wrong, share stated",
	Measure: measureLoss,
}

func measureLoss(ctx context.Context, b *Bench) (Measured, error) {
	seed := uint64(0)
	s, err := newShop(b, "loss", shopOptions{front: func(_, target string) (io.Closer, string, error) {
		seed++
		l, err := wallettest.NewLossy(target, wallettest.LossOptions{PerMille: 10, Seed: seed})
		if err != nil {
			return nil, "", err
		}
		return l, l.Addr(), nil
	}})
	if err != nil {
		return Measured{}, err
	}
	defer s.close()
	if _, err := s.open(ctx); err != nil {
		return Measured{}, err
	}
	var sales []outcome
	paid := 0
	mark := s.watch.Mark()
	unknown := map[string]bool{} // payments
	for n := range b.Sales {
		o := s.sell(ctx, s.turn(n), nil)
		if ctx.Err() != nil {
			return Measured{}, ctx.Err()
		}
		if o.err == nil && o.answer.Result == "Success" {
			paid++
		}
		sales = append(sales, o)
		for _, h := range s.watch.Since(mark) {
			mark++
			if e := h.Event; e != nil && e.State == sale.Unknown.String() {
				unknown[e.Payment] = true
			}
		}
		b.progress("loss: %d of %d sales, %d unknown for a while", n+1, b.Sales, len(unknown))
	}
	wrong := differences(sales, s.world.Ledger())
	of := fmt.Sprintf("of %d", b.Sales)
	m := Measured{
		Values: []Value{
			atMost("wrong", float64(len(wrong)), of, 0),
			plain("became UNKNOWN", float64(len(unknown)), of),
			plain("ended as paid", float64(paid), of),
		},
		Notes: []string{fmt.Sprintf("%d sales by turns at the three wallets with the real clock tables; a lost packet comes 200 ms late, or later, as TCP repeats it", b.Sales)},
	}
	for _, o := range sales {
		if err := o.good(); err != nil && len(m.Notes) < 6 {
			m.Notes = append(m.Notes, "not paid: "+err.Error())
		}
	}
	for _, w := range wrong[:min(len(wrong), 5)] {
		m.Notes = append(m.Notes, "wrong: "+w)
	}
	return m, nil
}
