package agent_test

import (
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// An order is asked about where it was begun, or not at all.
func TestContractChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*sale.ContractRef)
		asked  bool
	}{
		{"another endpoint", func(r *sale.ContractRef) { r.Endpoint = "https://sandbox.example" }, false},
		{"another merchant", func(r *sale.ContractRef) { r.Merchant = "other" }, false},
		{"another sub-merchant", func(r *sale.ContractRef) { r.SubMerchant = "other" }, false},
		{"another wallet", func(r *sale.ContractRef) { r.Wallet = "alipay" }, false},
		{"a new key and another name", func(r *sale.ContractRef) { r.KeyID, r.Name = "k2", "w2" }, true},
	} {
		bubble(t, c.name, func(t *testing.T, d *desk) {
			d.wechat.onPay = func(o *order) (sale.Answer, bool) { o.exists = true; return d.wechat.answer(o, sale.OutPaying), true }
			d.ask("1", "A", 100)
			d.mustScan(d.wechatCode())
			before := d.wechat.asked()
			d.adjust = func(o *agent.Options) { c.change(&o.Contracts[0].Ref) }
			d.restart()
			time.Sleep(5 * time.Minute)
			if got := d.wechat.asked() > before; got != c.asked {
				t.Errorf("asked about the order: %t, want %t", got, c.asked)
			}
			if cause, closed := d.health.Closing(); closed == c.asked || closed && cause.Code != "contract-dropped" {
				t.Errorf("closed %t, cause %+v", closed, cause)
			}
		})
	}
}

func TestContractByName(t *testing.T) {
	bubble(t, "one that is not configured is refused before anybody shows a code", func(t *testing.T, d *desk) {
		d.want(d.pay(t.Context(), agent.PayRequest{Asked: asked("1", "A"), Amount: cny(1), Contract: "nobody"}), sale.EndNoContract, time.Second)
		reply := d.pay(t.Context(), agent.PayRequest{Asked: asked("2", "B"), Amount: cny(1), Contract: "wechat"})
		d.mustScan(d.wechatCode())
		d.want(reply, sale.EndPaid, time.Second)
	})
}
