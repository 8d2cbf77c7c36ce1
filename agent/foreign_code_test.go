package agent_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/agent"
)

// promptPay is the example of a PromptPay code in EMVCo's form: what a merchant in Thailand
// shows.
const promptPay = "00020101021229370016A000000677010111011300668123456785802TH530376454044.2263045D49"

// TestForeignMerchantCode: whoever stands behind the counter is told whose code the customer
// showed by mistake; the customer is told what to do.
func TestForeignMerchantCode(t *testing.T) {
	named := func(d *desk, events <-chan agent.Event) {
		d.t.Helper()
		synctest.Wait()
		for {
			select {
			case e := <-events:
				if e.Kind != "refused" {
					continue
				}
				if !strings.Contains(e.Text, "PromptPay merchant code") || strings.Contains(e.Text, promptPay) {
					d.t.Fatalf("told %q", e.Text)
				}
				return
			default:
				d.t.Fatal("nobody was told that a code was refused")
			}
		}
	}
	offering(t, "while a code is waited for, and while ours is shown", func(t *testing.T, d *desk) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, events := d.till.Watch(ctx)
		d.ask("S1", "B1", 1280)
		synctest.Wait()
		d.mustScan(promptPay)
		named(d, events)
		d.wantScreen(agent.ScreenFresh, "merchant-code")
		code := d.offer()
		time.Sleep(3 * time.Second) // of the bubble: another presentation
		d.mustScan(promptPay)
		named(d, events)
		if s := d.till.Screen(); s.Code != code || s.Reason != "merchant-code" {
			t.Fatalf("screen %+v", s)
		}
	})
}
