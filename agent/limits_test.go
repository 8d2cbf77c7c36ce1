package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

func TestLimits(t *testing.T) {
	bubble(t, "a reference longer than any request's name", func(t *testing.T, d *desk) {
		long := sale.MessageKey{SaleID: strings.Repeat("S", 80), POIID: strings.Repeat("P", 128), ServiceID: "1"}
		d.wantStatus(long, agent.StatusNotFound)
		d.heard(d.abort(long), time.Second)
		d.paid("1", "A", d.wechatCode())
	})
	bubble(t, "a hundred repeats of one payment in doubt", func(t *testing.T, d *desk) {
		d.adjust = func(o *agent.Options) {
			o.Render = func(a sale.Asked, _ agent.Reply) []byte { return []byte(a.ServiceID + strings.Repeat("x", 4500)) }
		}
		d.restart()
		d.wechat.onPay, d.wechat.onQuery = silent(true), mute
		first := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		for i := range 100 {
			ctx, hangUp := context.WithTimeout(t.Context(), 10*time.Second)
			d.askCtx(ctx, fmt.Sprint("r", i), "A", 100)
			time.Sleep(11 * time.Second)
			hangUp()
		}
		d.wechat.set(func() { d.wechat.onQuery = nil })
		d.want(first, sale.EndPaid, 5*time.Minute)
		for _, service := range []string{"r0", "r99"} {
			if r := d.want(d.ask(service, "A", 100), sale.EndPaid, time.Second); !bytes.HasPrefix(r.Bytes, []byte(service+"x")) {
				t.Errorf("%s is told %.10q", service, r.Bytes)
			}
		}
	})
	bubble(t, "the network comes back while a query is out", func(t *testing.T, d *desk) {
		d.wechat.onPay = silent(true)
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.wechat.set(func() { d.wechat.lost = true })
		time.Sleep(2 * time.Hour)
		for before := d.wechat.asked(); d.wechat.asked() == before; {
			time.Sleep(50 * time.Millisecond)
		}
		// This query is lost; by now the next one is due in 15 minutes.
		time.Sleep(2 * time.Second)
		d.wechat.set(func() { d.wechat.lost = false })
		d.want(reply, sale.EndPaid, 10*time.Second)
	})
	bubble(t, "a code is wiped once its request is answered", func(t *testing.T, d *desk) {
		d.wechat.onPay, d.wechat.onQuery = silent(true), mute
		reply := d.ask("1", "A", 100)
		code := secret.Copy([]byte(d.wechatCode()))
		d.gate.scans <- scanner.Scan{At: time.Now(), Text: code, AIM: "]Q1"}
		synctest.Wait()
		d.quiet(reply, time.Second)
		if code.Len() != 0 {
			t.Error("in doubt, and the code is still in memory")
		}
	})
	for _, c := range []struct {
		name   string
		adjust func(*agent.Options)
		ending sale.Ending
	}{
		{"a till that has stopped begins nothing", nil, sale.EndUnreachable},
		{"a till that stops after it has looked at the wallets begins nothing", untried, "undecided"},
	} {
		bubble(t, c.name, func(t *testing.T, d *desk) {
			d.adjust = c.adjust
			d.restart()
			d.stop()
			code := secret.Copy([]byte(d.wechatCode()))
			d.want(d.pay(t.Context(), agent.PayRequest{Asked: asked("1", "A"), Amount: cny(100), Code: code}), c.ending, time.Second)
			if d.journal.commits != 0 || len(d.wechat.pays) != 0 || code.Len() != 0 {
				t.Errorf("%d commits, sent %v, %d bytes of the code left", d.journal.commits, d.wechat.pays, code.Len())
			}
		})
	}
}

// untried makes wallets whose connection nobody tries before a sale.
func untried(o *agent.Options) {
	for i := range o.Contracts {
		o.Contracts[i].Wallet = struct{ agent.Wallet }{o.Contracts[i].Wallet}
	}
}

// Points of sale repeat, ask and abort all at once; the money must come out right.
func TestCrowd(t *testing.T) {
	bubble(t, "thirty baskets", func(t *testing.T, d *desk) {
		for round := range 30 {
			crowd(d, round)
		}
		time.Sleep(10 * time.Minute)
		var paid int64
		baskets := map[string]int{}
		for _, p := range d.till.Payments(false) {
			if p.Ending == sale.EndPaid {
				paid += p.Amount.Minor
				baskets[p.Asked.TransactionID]++
			}
		}
		d.wantNet(d.wechat, paid)
		if len(baskets) < 20 {
			t.Errorf("%d baskets paid, want the twenty that nobody aborted", len(baskets))
		}
		for basket, times := range baskets {
			if times != 1 {
				t.Errorf("basket %s was paid %d times", basket, times)
			}
		}
	})
}

// crowd asks for one basket under six numbers, twice each, and checks that a number is never
// told two things.
func crowd(d *desk, round int) {
	basket := fmt.Sprint("B", round)
	service := func(i int) string { return fmt.Sprint(round, "x", i) }
	var wg sync.WaitGroup
	var mu sync.Mutex
	told := map[string]string{}
	for i := range 6 {
		for range 2 {
			wg.Go(func() {
				r, err := d.till.Pay(context.Background(), agent.PayRequest{Asked: asked(service(i), basket), Amount: cny(100)})
				if err != nil {
					return
				}
				d.till.Delivered(asked(service(i), basket).Key())
				mu.Lock()
				defer mu.Unlock()
				if was, again := told[service(i)]; again && was != string(r.Bytes) {
					d.t.Errorf("%s: %q then %q", service(i), was, r.Bytes)
				}
				told[service(i)] = string(r.Bytes)
			})
		}
	}
	wg.Go(func() { _, _, _ = d.till.Status(context.Background(), asked(service(3), basket).Key()) })
	if round%3 == 0 {
		wg.Go(func() { _ = d.till.Abort(context.Background(), asked(service(0), basket).Key(), "") })
	}
	time.Sleep(time.Second)
	d.scan(d.wechatCode())
	wg.Wait()
	time.Sleep(time.Second)
}
