package agent_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// A wallet that says "refunded" of a part as well is believed only after a reverse of ours was
// accepted: another till of the merchant may have given a part back.
func TestRefundedMayBeAPart(t *testing.T) {
	says := func(d *desk, accepted bool) sale.Payment {
		p := d.paid("1", "A", d.wechatCode())
		d.wechat.set(func() {
			d.wechat.onQuery = func(o *order) (sale.Answer, bool) {
				ans := d.wechat.answer(o, sale.OutRefunded)
				ans.MayBePart = true
				return ans, true
			}
			d.wechat.onReverse = func(o *order) (sale.Answer, bool) {
				if accepted {
					return d.wechat.answer(o, sale.OutAccepted), true
				}
				return sale.Answer{Signed: true, Code: "ORDER_REVERSED", Cause: "settles nothing"}, true
			}
		})
		return p
	}
	bubble(t, "a reverse was accepted: it is given back", func(t *testing.T, d *desk) {
		p := says(d, true)
		d.want(d.reverse("2", p.ID), sale.EndReversed, time.Minute)
		d.wantState(p.ID, sale.ReversedRefunded)
	})
	bubble(t, "every reverse is refused: nobody is told that all of it is back", func(t *testing.T, d *desk) {
		p := says(d, false)
		reply := d.reverse("2", p.ID)
		d.quiet(reply, time.Hour)
		d.wantState(p.ID, sale.Reversing)
		d.wantCause("part-refunded", true)
		if n := len(d.wechat.reversed); n > 200 {
			t.Errorf("%d reverses in an hour", n)
		}
	})
}
