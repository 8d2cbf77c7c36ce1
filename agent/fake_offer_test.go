package agent_test

import (
	"context"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// codePrefix begins the text of every offered code: whatever holds it holds a code.
const codePrefix = "fakepay://pay?order="

// Offer makes an order that a customer may pay until its life is over.
func (w *wallet) Offer(_ context.Context, a sale.Attempt) (sale.Offer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return sale.Offer{Answer: sale.Answer{NotSent: true, Cause: "connection refused"}}, nil
	}
	o := w.order(a)
	if w.onOffer != nil {
		w.mu.Unlock()
		made, handled := w.onOffer(o)
		w.mu.Lock()
		if handled {
			return made, nil
		}
	}
	o.exists, o.ends = !w.lazy, time.Now().Add(a.OfferLife)
	return w.offered(o), nil
}

func (w *wallet) offered(o *order) sale.Offer {
	ans := w.answer(o, sale.OutAccepted)
	ans.HasTotal, ans.WalletTransaction = false, ""
	return sale.Offer{Answer: ans, Code: codePrefix + o.id}
}

// Close closes an unpaid order.
func (w *wallet) Close(_ context.Context, a sale.Attempt) (sale.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closes = append(w.closes, time.Now())
	if w.lost {
		w.await(func() { time.Sleep(10 * time.Second) })
		return sale.Answer{Cause: "no answer in 10s"}, nil
	}
	if w.down {
		return sale.Answer{NotSent: true, Cause: "connection refused"}, nil
	}
	o := w.order(a)
	if w.onClose != nil {
		if ans, handled := w.onClose(o); handled {
			return ans, nil
		}
	}
	switch {
	case w.lazy && !o.exists:
		return w.answer(o, sale.OutNotFound), nil
	case o.charged > 0:
		return w.answer(o, sale.OutPaid), nil
	}
	o.closed = true
	return w.answer(o, sale.OutAccepted), nil
}

// scanned is a customer who scans an offered code and pays: it reports whether the wallet
// took the money.
func (w *wallet) scanned(code string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pay(w.orders[strings.TrimPrefix(code, codePrefix)])
}

// pay is a customer's payment of an offered order. The caller holds mu.
func (w *wallet) pay(o *order) bool {
	if o == nil || !o.payable() {
		return false
	}
	o.exists, o.charged = true, o.amount.Minor
	return true
}

// payable reports whether an offered order can be paid now.
func (o *order) payable() bool {
	return !o.ends.IsZero() && !o.closed && o.charged == 0 && time.Now().Before(o.ends)
}
