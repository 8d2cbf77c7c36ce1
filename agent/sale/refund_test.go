package sale

import "testing"

var allRefundStates = []RefundState{RefundUnknown, RefundPending, RefundDone, RefundRefused, RefundAbnormal}

// TestRefundLaw tries every move: what is final stays, and nothing becomes unknown again.
func TestRefundLaw(t *testing.T) {
	for _, from := range allRefundStates {
		for _, to := range allRefundStates {
			r := Refund{ID: "x", State: from}
			err := r.Move(to)
			if err == nil && (from.Final() || to == RefundUnknown || from == to) {
				t.Errorf("%s to %s is legal", from, to)
			}
			if err != nil && r.State != from {
				t.Errorf("%s to %s is illegal and happened", from, to)
			}
		}
	}
}

func TestJudgeRefund(t *testing.T) {
	cny := func(n int64) Amount { return Amount{n, "CNY", 2} }
	a := &Attempt{ID: "order", Contract: ContractRef{Merchant: "m", SubMerchant: "s"}}
	good := RefundAnswer{Outcome: RefOutDone, Signed: true, Order: "order", Merchant: "m", SubMerchant: "s", ID: "r", Amount: cny(5), HasAmount: true}
	for name, c := range map[string]struct {
		change func(*RefundAnswer)
		want   RefundState
		counts bool
	}{
		"good":           {func(*RefundAnswer) {}, RefundDone, true},
		"unsigned":       {func(a *RefundAnswer) { a.Signed = false }, RefundUnknown, false},
		"not sent":       {func(a *RefundAnswer) { a.NotSent = true }, RefundUnknown, false},
		"other order":    {func(a *RefundAnswer) { a.Order = "x" }, RefundUnknown, false},
		"other merchant": {func(a *RefundAnswer) { a.Merchant = "x" }, RefundUnknown, false},
		"other sub":      {func(a *RefundAnswer) { a.SubMerchant = "x" }, RefundUnknown, false},
		"other refund":   {func(a *RefundAnswer) { a.ID = "x" }, RefundUnknown, false},
		"names nothing":  {func(a *RefundAnswer) { a.ID, a.Order = "", "" }, RefundUnknown, false},
		"other sum":      {func(a *RefundAnswer) { a.Amount = cny(6) }, RefundUnknown, false},
		"unknown":        {func(a *RefundAnswer) { a.Outcome = RefOutUnknown }, RefundUnknown, false},
		"not found":      {func(a *RefundAnswer) { a.Outcome = RefOutNotFound }, RefundUnknown, false},
		"pending":        {func(a *RefundAnswer) { a.Outcome = RefOutPending }, RefundPending, true},
		"abnormal":       {func(a *RefundAnswer) { a.Outcome = RefOutAbnormal }, RefundAbnormal, true},
		"refused":        {func(a *RefundAnswer) { a.Outcome = RefOutRefused }, RefundRefused, true},
	} {
		ans := good
		c.change(&ans)
		r := &Refund{ID: "r", Amount: cny(5)}
		if state, counts := r.JudgeRefund(a, ans); state != c.want || counts != c.counts {
			t.Errorf("%s: %s, counts %v", name, state, counts)
		}
	}
}

func TestRefundID(t *testing.T) {
	cny := Amount{100, "CNY", 2}
	id := RefundID("0123456789ABCDEFGHJKMNPQRST", "till", "basket", cny, 0)
	if len(id) != 40 || id != RefundID("0123456789ABCDEFGHJKMNPQRST", "till", "basket", cny, 0) {
		t.Errorf("%s: not 40 characters, or another each time", id)
	}
	if id == RefundID("0123456789ABCDEFGHJKMNPQRST", "till", "basket", cny, 1) || id == RefundID("0123456789ABCDEFGHJKMNPQRST", "till", "other", cny, 0) {
		t.Error("two requests, one id")
	}
}
