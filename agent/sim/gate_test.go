package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// gate is the scanner of one run of a till, with the customer in front of it.
type gate struct {
	inc   *incarnation
	scans chan scanner.Scan
	armed bool // guarded by world.mu
	shut  chan struct{}
}

func newGate(inc *incarnation) *gate { return &gate{inc: inc, scans: make(chan scanner.Scan)} }

// Scans implements scanner.Source.
func (g *gate) Scans() <-chan scanner.Scan { return g.scans }

// Ready implements scanner.Source.
func (g *gate) Ready() (bool, string) { return true, "" }

// Arm implements scanner.Source: the customer whose amount is on the screen shows a code.
func (g *gate) Arm(context.Context) error {
	p := g.wanted()
	payment, w := p.ID, g.inc.box.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if payment == "" || g.inc.dead {
		return nil
	}
	g.checkAlone(payment)
	if off := p.Begun.Sub(epoch.Add(time.Since(w.begin))); off.Abs() > 24*time.Hour {
		w.violate("payment %s began %s off the right time", payment, off)
	}
	b := w.basketOf(p.Asked)
	w.paymentOf[payment] = b
	g.armed, g.shut = true, make(chan struct{})
	if wait, code := b.show(); code != "" {
		shut := g.shut
		time.AfterFunc(wait, func() { g.present(shut, code) })
	}
	return nil
}

// wanted is the payment that waits for its customer.
func (g *gate) wanted() sale.Payment {
	for _, p := range g.inc.till.Payments(true) {
		if p.Ending == sale.Undecided && p.Intent == sale.Keep {
			return p
		}
	}
	return sale.Payment{}
}

// checkAlone holds the till to: one payment at a time, as long as it may still be kept.
func (g *gate) checkAlone(payment string) {
	for other, at := range g.inc.box.disk.places {
		if other != payment && (at == sending || at == unknownKeep || at == offered) {
			g.inc.box.w.violate("payment %s asks for a code while %s is %s", payment, other, at)
		}
	}
	for _, p := range g.inc.box.w.providers {
		for _, o := range p.list {
			if o.foreign && o.owner == g.inc.box && o.sentBy == g.inc && g.inc.box.disk.places[o.id[:22]] == manual {
				g.inc.box.w.violate("payment %s asks for a code though the number of order %s was used before", payment, o.id)
			}
		}
	}
}

// present holds a code before the scanner until it is read or the gate shuts.
func (g *gate) present(shut chan struct{}, code string) {
	select {
	case <-shut: // the gate has shut meanwhile, and may be open for the next customer
		return
	default:
	}
	select {
	case g.scans <- scanner.Scan{At: time.Now(), Text: secret.Copy([]byte(code)), AIM: "]Q1"}:
	case <-shut:
	}
}

// Disarm implements scanner.Source.
func (g *gate) Disarm() {
	g.inc.box.w.mu.Lock()
	defer g.inc.box.w.mu.Unlock()
	if g.armed {
		close(g.shut)
		g.armed = false
	}
}

// newCode is a code of a provider; none looks like the number of an ID document.
func (w *world) newCode(p *provider) string {
	w.nextCode++
	switch p.scheme {
	case "wechatpay":
		return fmt.Sprintf("13%016d", 9_900_000_000_000+w.nextCode)
	case "alipay-cn":
		return fmt.Sprintf("28%016d", 7_000_000_000_000_000+w.nextCode)
	}
	return fmt.Sprintf("62%017d", 7_000_000_000_000_000+w.nextCode)
}
