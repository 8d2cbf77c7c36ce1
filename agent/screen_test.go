package agent_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

func TestWatch(t *testing.T) {
	bubble(t, "screens and events of a sale", func(t *testing.T, d *desk) {
		ctx, cancel := context.WithCancel(t.Context())
		screens, events := d.till.Watch(ctx)
		if s := <-screens; s.Kind != agent.ScreenIdle {
			t.Fatalf("first screen %+v", s)
		}
		reply := d.ask("1", "A", 100)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		if s := <-screens; s.Kind != agent.ScreenPaid {
			t.Errorf("latest screen %+v, want paid", s)
		}
		time.Sleep(9 * time.Second)
		if s := <-screens; s.Kind != agent.ScreenIdle {
			t.Errorf("screen afterwards %+v, want idle", s)
		}
		cancel()
		var kinds []string
		for e := range events {
			kinds = append(kinds, e.Kind)
		}
		if want := []string{"armed", "state", "sending", "state", "ended"}; !slices.Equal(kinds, want) {
			t.Errorf("events %v, want %v", kinds, want)
		}
	})
}

// A payment that is undone ends while later customers pay: the screen is theirs.
func TestScreenOfTheNextCustomer(t *testing.T) {
	bubble(t, "an undone payment ends while another is shown as paid", func(t *testing.T, d *desk) {
		d.wechat.onPay = func(o *order) (sale.Answer, bool) { o.exists = true; return d.wechat.answer(o, sale.OutPaying), true }
		undone := d.ask("1", "A", 100)
		start := time.Now()
		d.mustScan(d.wechatCode())
		d.heard(d.abort(asked("1", "A").Key()), time.Second)
		d.wechat.set(func() { d.wechat.onPay = nil })
		// The order of the first is closed 15 s after it was sent.
		time.Sleep(13*time.Second - time.Since(start))
		reply := d.ask("2", "B", 300)
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
		d.want(undone, sale.EndAborted, 5*time.Second)
		if s := d.till.Screen(); s.Kind != agent.ScreenPaid || s.Amount != "3.00" {
			t.Errorf("the second customer paid and sees %+v", s)
		}
	})
}
