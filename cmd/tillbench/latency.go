package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// latencyFigure is how much a till adds to what no till can avoid: the signature and the
// durable record that come before the first byte to the wallet.
var latencyFigure = Figure{
	Name:    "latency",
	What:    "last byte of the code on the tty to first byte of the wallet request, connection warm, over max(one RSA-2048 signature, one durable commit)",
	Target:  "p50 ≤ 1.3, p99 ≤ 3",
	Measure: measureLatency,
}

func measureLatency(ctx context.Context, b *Bench) (Measured, error) {
	var m firstBytes
	s, err := newShop(b, "latency", shopOptions{front: func(_, target string) (io.Closer, string, error) {
		t, err := newTap(target, m.sent)
		if err != nil {
			return nil, "", err
		}
		return t, t.addr(), nil
	}})
	if err != nil {
		return Measured{}, err
	}
	defer s.close()
	limits, err := newLimits(ctx, s.dir)
	if err != nil {
		return Measured{}, err
	}
	defer limits.close()
	if _, err := s.open(ctx); err != nil {
		return Measured{}, err
	}
	var took, durable []time.Duration
	for n := range b.Samples + warmUp {
		mark := s.watch.Mark()
		// The first bytes after the code are the request: the connection stands and is
		// silent by then.
		o := s.sell(ctx, wallettest.WeChatPay, func() { m.quiet(ctx) })
		if err := o.good(); err != nil {
			return Measured{}, err
		}
		if err := limits.sample(ctx); err != nil {
			return Measured{}, err
		}
		if at, ok := m.after(o.scanned); ok && n >= warmUp {
			took = append(took, at.Sub(o.scanned))
			if e, err := s.watch.AwaitEvent(ctx, mark, "sending"); err == nil {
				durable = append(durable, e.At.Sub(o.scanned))
			}
		}
		b.progress("latency: %d of %d sales", n+1, b.Samples+warmUp)
	}
	if len(took) < b.Samples {
		return Measured{}, fmt.Errorf("the first byte was seen for %d of %d sales only", len(took), b.Samples)
	}
	sign, commit := quantile(limits.signs, 0.5), quantile(limits.commits, 0.5)
	limit := max(sign, commit)
	p50, p99 := quantile(took, 0.5), quantile(took, 0.99)
	return Measured{
		Values: []Value{
			atMost("p50 over the limit", float64(p50)/float64(limit), "", 1.3),
			atMost("p99 over the limit", float64(p99)/float64(limit), "", 3),
			plain("p50", ms(p50), "ms"),
			plain("p99", ms(p99), "ms"),
			plain("of this, until signed and durable, p50", ms(quantile(durable, 0.5)), "ms"),
			plain("one signature, p50", ms(sign), "ms"),
			plain("one durable commit, p50", ms(commit), "ms"),
		},
		Notes: []string{
			fmt.Sprintf("%d sales at WeChat Pay through a real tilld; the limits were taken between the sales, on the same disk", b.Samples),
			"the limit is the median of the slower of the two, for p99 as well; the time includes a pseudo-terminal and one more hop over the loopback",
		},
	}, nil
}

// warmUp is how many sales come before the first that counts.
const warmUp = 5

// limits are the two things that a payment cannot do without, measured by turns with sales.
type limits struct {
	signer         *signer
	journal        *journal
	signs, commits []time.Duration
}

func newLimits(ctx context.Context, dir string) (*limits, error) {
	s, err := newSigner()
	if err != nil {
		return nil, err
	}
	j, err := openJournal(ctx, dir+"/limits")
	if err != nil {
		return nil, err
	}
	return &limits{signer: s, journal: j}, nil
}

func (l *limits) close() { l.journal.close() }

// sample takes one of each.
func (l *limits) sample(ctx context.Context) error {
	d, err := l.signer.sign()
	if err != nil {
		return err
	}
	l.signs = append(l.signs, d)
	begun := time.Now()
	if err := l.journal.commit(ctx); err != nil {
		return err
	}
	l.commits = append(l.commits, time.Since(begun))
	return nil
}

// firstBytes remembers when bytes for the wallets came by.
type firstBytes struct {
	mu   sync.Mutex
	seen []time.Time
}

func (m *firstBytes) sent(at time.Time, _ int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, at)
}

// after is the first time after t, and forgets everything.
func (m *firstBytes) after(t time.Time) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.seen = nil }()
	for _, at := range m.seen {
		if at.After(t) {
			return at, true
		}
	}
	return time.Time{}, false
}

// silence is how long nothing must come by until a connection counts as ready.
const silence = 30 * time.Millisecond

// quiet waits until nothing came by for a while.
func (m *firstBytes) quiet(ctx context.Context) {
	look := time.NewTicker(silence / 3)
	defer look.Stop()
	since := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			m.mu.Lock()
			if n := len(m.seen); n > 0 && m.seen[n-1].After(since) {
				since = m.seen[n-1]
			}
			m.mu.Unlock()
			if now.Sub(since) >= silence {
				return
			}
		}
	}
}
