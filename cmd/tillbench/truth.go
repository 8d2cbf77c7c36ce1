package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
)

const (
	outages    = 20
	truthScale = 20 // of the wallets' clock tables
	outage     = 3 * time.Second
)

// truthFigure is how long a customer and a cashier stand there once the network is back.
var truthFigure = Figure{
	Name:    "truth",
	What:    "network back to truth at the point of sale, the answer to a payment lost, shortened tables",
	Target:  "p99 ≤ 10 s",
	Measure: measureTruth,
}

func measureTruth(ctx context.Context, b *Bench) (Measured, error) {
	boxes := map[string]*wallettest.Middlebox{}
	s, err := newShop(b, "truth", shopOptions{scale: truthScale, front: func(wallet, target string) (io.Closer, string, error) {
		m, err := wallettest.NewMiddlebox(target, 0)
		if err != nil {
			return nil, "", err
		}
		boxes[wallet] = m
		return m, m.Addr(), nil
	}})
	if err != nil {
		return Measured{}, err
	}
	defer s.close()
	if _, err := s.open(ctx); err != nil {
		return Measured{}, err
	}
	var took []time.Duration
	var sales []outcome
	for n := range outages {
		b.progress("truth: outage %d of %d", n+1, outages)
		o, back, err := s.cut(ctx, s.turn(n), boxes)
		if err != nil {
			return Measured{}, err
		}
		if o.err != nil {
			return Measured{}, fmt.Errorf("after outage %d: %w", n+1, o.err)
		}
		sales = append(sales, o)
		took = append(took, o.told.Sub(back))
	}
	if wrong := differences(sales, s.world.Ledger()); len(wrong) > 0 {
		return Measured{}, fmt.Errorf("the truth was not told: %s", wrong[0])
	}
	return Measured{
		Values: []Value{atMost("p99", quantile(took, 0.99).Seconds(), "s", 10), plain("p50", quantile(took, 0.5).Seconds(), "s")},
		Notes:  []string{fmt.Sprintf("%d outages of %s that begin when the wallet has the request; clock tables divided by %d", outages, outage, truthScale)},
	}, nil
}

// cut makes one sale and takes the network away from all wallets once its request has
// arrived. It returns when the network came back.
func (s *shop) cut(ctx context.Context, wallet string, boxes map[string]*wallettest.Middlebox) (outcome, time.Time, error) {
	all := func(on bool) {
		for _, m := range boxes {
			m.Blackhole(on)
		}
	}
	arrived := make(chan struct{}, 1)
	off := s.world.OnEvent(func(e wallettest.Event) {
		if e.Phase == "seen" && e.Op == "pay" {
			all(true)
			select {
			case arrived <- struct{}{}:
			default:
			}
		}
	})
	defer off()
	defer all(false)
	sold := make(chan outcome, 1)
	go func() { sold <- s.sell(ctx, wallet, nil) }()
	select {
	case <-arrived:
	case o := <-sold:
		return o, time.Time{}, fmt.Errorf("the request never came: %w", o.good())
	}
	over := time.NewTimer(outage)
	defer over.Stop()
	select {
	case <-over.C:
	case o := <-sold:
		// Told before the network was back: nothing is wrong with that, but nothing is
		// measured either.
		return o, time.Time{}, fmt.Errorf("the point of sale was told %q during the outage", o.answer.Result)
	}
	back := time.Now()
	all(false)
	return <-sold, back, nil
}
