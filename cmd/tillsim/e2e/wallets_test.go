package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// TestWalletAnswersNonsense: whatever stands in for a wallet's answer makes the attempt
// UNKNOWN, and never paid or declined; then the wallet's own word decides it.
func TestWalletAnswersNonsense(t *testing.T) {
	t.Parallel()
	l := open(t, rig.Options{}, nil)
	for _, f := range []wallettest.Fault{
		{Kind: wallettest.HTML200}, {Kind: wallettest.Redirect307}, {Kind: wallettest.Huge},
		{Kind: wallettest.Trickle, Delay: time.Minute}, {Kind: wallettest.Silent},
	} {
		for _, paid := range []bool{true, false} {
			if f.Kind == wallettest.Silent && !paid {
				f.Kind = wallettest.SilentNoOrder
			}
			f.Paid = paid
			name, want, charged := string(f.Kind)+", charged", "Success", int64(770)
			if !paid {
				name, want, charged = string(f.Kind)+", not charged", "Failure/Cancel", 0
			}
			t.Run(name, func(t *testing.T) {
				nonsense(t, l, f, want, charged)
				// A wallet whose payments bring no answers three times in a row is left alone.
				l.good("1.00")
			})
		}
	}
}

func nonsense(t *testing.T, l *till, f wallettest.Fault, want string, charged int64) {
	pays := 0
	seen := make(chan wallettest.Event, 64)
	off := l.World.OnEvent(func(e wallettest.Event) {
		if e.Op == sale.OpPay && e.Phase == "seen" {
			select {
			case seen <- e:
			default:
			}
		}
	})
	defer off()
	l.inject(wallettest.WeChatPay, f, 1)
	mark := l.Watch.Mark()
	done := l.sell("7.70")
	l.show(l.World.NewCode(wallettest.WeChatPay))
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	_, _, err := l.Watch.Await(ctx, mark, "the attempt to become UNKNOWN", func(h rig.Happening) bool {
		return h.Event != nil && h.Event.Kind == "state" && h.Event.State == "UNKNOWN"
	})
	if err != nil {
		t.Fatal(err)
	}
	l.want(done, want)
	order := take(t, "the wallet's request", seen).Order
	for pays = 1; len(seen) > 0; pays++ {
		<-seen
	}
	if pays != 1 {
		t.Errorf("the payment was sent %d times", pays)
	}
	held := int64(0)
	for _, e := range l.World.Ledger() {
		if e.Order == order {
			held += e.ChargedMinor - e.RefundedMinor
		}
	}
	if held != charged {
		t.Errorf("the wallet holds %d fen, want %d", held, charged)
	}
}
