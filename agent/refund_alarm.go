package agent

import (
	"fmt"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
)

// refundAlarm asks for a person.
func (t *Till) refundAlarm(payment string, ref sale.Refund, text string) {
	t.o.Health.Set(health.Cause{Code: "refund", Subject: ref.ID, Severity: health.Warning,
		Text: fmt.Sprintf("refund %s of %s: %s", ref.ID, ref.Amount, text), Hint: "tilld queue show " + payment})
	t.emit(Event{Kind: "alarm", Payment: payment, Order: ref.ID, State: "refund", Amount: ref.Amount.String(), Text: text})
}

// alarmBroken raises the alarms of refunds that needed a person when the till stopped.
func (t *Till) alarmBroken() {
	for _, p := range t.Payments(true) {
		for _, ref := range p.Refunds {
			switch {
			case !ref.Broken():
			case ref.State == sale.RefundAbnormal:
				t.refundAlarm(p.ID, ref, abnormalText)
			default:
				t.refundAlarm(p.ID, ref, brokenText)
			}
		}
	}
}

const (
	abnormalText = "the wallet took it and cannot give it to the customer: finish it by hand on the wallet's merchant page; do not pay it out in cash as well"
	brokenText   = "the wallet had taken it, the point of sale was told so, and it was not done: give it back again with tilld refund"
)

// clearRefundAlarms takes the alarms down whose cause is over.
func (t *Till) clearRefundAlarms(pm *payment, op *refundOp) {
	t.o.Health.Clear("foreign-answer", pm.last().ID)
	t.o.Health.Clear("refund", op.ref.ID)
	for _, r := range pm.record().Refunds {
		if !r.Broken() {
			t.o.Health.Clear("refund", r.ID)
		}
	}
}
