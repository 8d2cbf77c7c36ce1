package hw

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/internal/board/hands"
)

// clockCheck runs a till on a board that believes it is 1970: it must refuse new sales and say
// why, and sell once the clock is right.
func clockCheck(ctx context.Context, b *Bench) error {
	booted := time.Now().UTC()
	// The wallets and the certificates are of today: only the till is in the past.
	today, err := present()
	if err != nil {
		return err
	}
	if _, err := b.Do(ctx, hands.Order{Do: hands.Clock, When: today}); err != nil {
		return err
	}
	scanners, err := b.sellingScanners(ctx, "uart")
	if err != nil {
		return err
	}
	t, err := b.NewTill(TillOptions{Name: "clock", Scanners: scanners[0].section, Clock: "ntp"})
	if err != nil {
		return err
	}
	defer t.Close()
	if _, err := b.Do(ctx, hands.Order{Do: hands.Clock, When: booted}); err != nil {
		return err
	}
	if err := t.Open(ctx); err != nil {
		return err
	}
	show := func(code string) error {
		_, err := b.Do(ctx, hands.Order{Do: hands.Scan, Device: scanners[0].device, Symbology: "qr", Text: code})
		return err
	}
	v := hands.Verdict{Device: "clock", Rule: "boots in " + booted.Format("2006")}
	why, err := t.Says(ctx, "clock")
	if err != nil {
		return err
	}
	sold, err := t.sell(ctx, wallettest.Wallets()[0], show)
	v.Found = "says that the time is not trusted, refuses a sale (" + sold.Answer.ErrorCondition + ")"
	v.OK = booted.Year() < 2000 && err != nil && sold.Answer.Result == "Failure"
	if !v.OK {
		v.Why = fmt.Sprintf("booted at %s, the till said %q, the sale ended with %v", booted, why, err)
	}
	b.Report(v)
	if _, err := b.Do(ctx, hands.Order{Do: hands.Clock, When: today.Add(time.Minute)}); err != nil {
		return err
	}
	v = hands.Verdict{Device: "clock", Rule: "sells once the time is right"}
	set := time.Now()
	err = Await(ctx, 30*time.Second, "a sale after the clock was set", func() bool {
		sold, err = t.Sell(ctx, wallettest.Wallets()[0], show)
		return err == nil
	})
	v.OK = err == nil
	if err != nil {
		v.Why = err.Error()
	} else {
		v.Found = "after " + ms(time.Since(set))
	}
	b.Report(v)
	return t.Shut(ctx)
}

// present is what time it is outside the board, as it was told when it was made.
func present() (time.Time, error) {
	text, err := os.ReadFile("/etc/present")
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, string(text))
}
