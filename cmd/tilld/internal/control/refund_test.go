package control

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/sale"
)

// given is a refund of a cent.
func given(id string, state sale.RefundState, ending sale.Ending, delivered bool) sale.Refund {
	return sale.Refund{ID: id, Amount: sale.Amount{Minor: 1, Currency: "CNY", Exponent: 2}, State: state, Ending: ending, Delivered: delivered}
}

func TestRefund(t *testing.T) {
	asked := make(chan agent.RefundRequest, 1)
	p := payment("P", sale.Paid, sale.EndPaid, true)
	tl := &till{delivered: make(chan sale.MessageKey, 9), settled: make(chan bool, 1), payments: []sale.Payment{p},
		refund: func(_ context.Context, r agent.RefundRequest) (agent.Reply, error) {
			asked <- r
			ref := given("R1", sale.RefundPending, sale.EndRefunded, false)
			return agent.Reply{Payment: p, Ending: sale.EndRefunded, Refund: &ref}, nil
		}}
	c := serve(t, tl)
	for _, q := range []RefundRequest{{Payment: "P", Amount: "0.01", ServiceID: "S1"}, {Scan: true, ServiceID: "S2"}, {Scan: true, Amount: "0.01", ServiceID: "S3"}} {
		var out Outcome
		if err := c.Do(t.Context(), "POST", "/v1/refund", q, &out); err != nil {
			t.Fatal(err)
		}
		r := <-asked
		if out.Ending != sale.EndRefunded || out.Refund == nil || out.Refund.State != "PROCESSING" || r.Payment != q.Payment || r.Major != q.Amount || r.Amount != nil {
			t.Errorf("%+v asked for %+v and got %+v", q, r, out)
		}
	}
	for _, q := range []RefundRequest{{ServiceID: "S4"}, {Scan: true, Payment: "P", ServiceID: "S5"}} {
		if err := c.Do(t.Context(), "POST", "/v1/refund", q, new(Outcome)); err == nil {
			t.Errorf("%+v was taken", q)
		}
	}
}

func TestSettleRefund(t *testing.T) {
	p := payment("P", sale.Paid, sale.EndPaid, true)
	p.Refunds = []sale.Refund{given("R1", sale.RefundAbnormal, "", false)}
	c := serve(t, &till{settled: make(chan bool, 1), payments: []sale.Payment{p}})
	var v PaymentView
	if err := c.Do(t.Context(), "POST", "/v1/refunds/R1/settle", SettleRefundRequest{Given: true}, &v); err != nil || v.ID != "P" || len(v.Refunds) != 1 || !v.Refunds[0].Broken {
		t.Errorf("%v %+v", err, v)
	}
	if err := c.Do(t.Context(), "POST", "/v1/refunds/R2/settle", SettleRefundRequest{}, &v); err == nil {
		t.Error("settled what does not wait")
	}
}

func TestStatusOfRefunds(t *testing.T) {
	with := func(id string, r sale.Refund) sale.Payment {
		p := payment(id, sale.Paid, sale.EndPaid, true)
		p.Refunds = []sale.Refund{r}
		return p
	}
	c := serve(t, &till{payments: []sale.Payment{
		with("OPEN", given("1", sale.RefundPending, sale.EndRefunded, true)), with("ABNORMAL", given("2", sale.RefundAbnormal, "", false)),
		with("PROMISED", given("3", sale.RefundRefused, sale.EndRefunded, true)), with("UNHEARD", given("4", sale.RefundDone, sale.EndRefunded, false)),
		with("DONE", given("5", sale.RefundDone, sale.EndRefunded, true)), with("REFUSED", given("6", sale.RefundRefused, sale.EndDeclined, false))}})
	var s Status
	if err := c.Do(t.Context(), "GET", "/v1/status", nil, &s); err != nil {
		t.Fatal(err)
	}
	ids := func(list []PaymentView) (out string) {
		for _, p := range list {
			out += p.ID + " "
		}
		return out
	}
	if ids(s.BrokenRefunds) != "ABNORMAL PROMISED " || ids(s.Refunding) != "OPEN " || ids(s.Undelivered) != "UNHEARD " || ids(s.Doubt) != "" {
		t.Errorf("broken %s, open %s, undelivered %s, in doubt %s", ids(s.BrokenRefunds), ids(s.Refunding), ids(s.Undelivered), ids(s.Doubt))
	}
	var duties []Duty
	if err := c.Do(t.Context(), "GET", "/v1/duties", nil, &duties); err != nil || len(duties) != 1 || duties[0].Open != 2 {
		t.Errorf("duties %+v, %v", duties, err)
	}
}

func TestSelfTestSteps(t *testing.T) {
	paid := payment("P", sale.Paid, sale.EndPaid, false)
	paid.Attempts[0].Scheme = "wechatpay"
	for name, c := range map[string]struct {
		pay, refund sale.Ending
		want        string
		failed      bool
	}{
		"done":             {sale.EndPaid, sale.EndRefunded, "armed code-read sent paid refund-asked refunded done", false},
		"not paid":         {sale.EndNoContract, "", "armed code-read sent not-paid", true},
		"refund is denied": {sale.EndPaid, sale.EndDeclined, "armed code-read sent paid refund-asked refund-refused reversed", true},
	} {
		t.Run(name, func(t *testing.T) {
			tl := &till{delivered: make(chan sale.MessageKey, 9), events: make(chan agent.Event)}
			tl.pay = func(_ context.Context, r agent.PayRequest) (agent.Reply, error) {
				if r.Contract != "w" {
					t.Errorf("asked for contract %q", r.Contract)
				}
				p := paid
				p.Asked = r.Asked
				tl.payments = []sale.Payment{p}
				tl.events <- agent.Event{Kind: "armed", Payment: "P"}
				tl.events <- agent.Event{Kind: "armed", Payment: "another"}
				tl.events <- agent.Event{Kind: "sending", Payment: "P"}
				return agent.Reply{Payment: p, Ending: c.pay}, nil
			}
			tl.refund = func(_ context.Context, r agent.RefundRequest) (agent.Reply, error) {
				ref := given("R1", sale.RefundDone, c.refund, false)
				return agent.Reply{Payment: paid, Ending: c.refund, Refund: &ref}, nil
			}
			var steps []string
			var last TestStep
			err := serve(t, tl).Lines(t.Context(), "/v1/self-test", SelfTestRequest{Amount: "0.01", Currency: "CNY", Contract: "w", ServiceID: "S"}, func(line json.RawMessage) error {
				last = TestStep{}
				err := json.Unmarshal(line, &last)
				steps = append(steps, last.Step)
				return err
			})
			if got := strings.Join(steps, " "); err != nil || got != c.want || last.Failed != c.failed || last.Failed && last.Hint == "" {
				t.Errorf("%s, %+v, %v; want %s", got, last, err, c.want)
			}
		})
	}
}
