package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/rig"
)

// basket listens for goods codes as a point of sale does.
func (l *till) basket() <-chan string {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.ctx, "GET", strings.Replace(l.NexoURL(), "/nexo", "/goods?SaleID=E2E", 1), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.roots()}}}
	resp, err := client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		l.t.Fatal(resp.Status)
	}
	stop := context.AfterFunc(l.ctx, func() { resp.Body.Close() })
	l.t.Cleanup(func() { stop(); resp.Body.Close(); client.CloseIdleConnections() })
	heard := make(chan string, 16)
	listening := make(chan struct{})
	go func() {
		defer close(heard)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			switch text := in.Text(); {
			case strings.HasPrefix(text, "retry:"):
				close(listening)
			case strings.Contains(text, `"text"`):
				heard <- text
			}
		}
	}()
	take(l.t, "the stream of goods", listening)
	return heard
}

// TestGoodsBetweenSales: one scanner reads goods and payment codes. Goods reach the point of
// sale between sales; what can pay never does, and a sale's scans are the sale's.
func TestGoodsBetweenSales(t *testing.T) {
	t.Parallel()
	l := open(t, rig.Options{}, func(_ *rig.Rig, text string) string {
		return strings.Replace(text, "\nplain = true\n", "\nplain = true\ngoods = true\n", 1)
	})
	basket := l.basket()
	scan := func(text string) {
		t.Helper()
		if err := l.Scan(text); err != nil {
			t.Fatal(err)
		}
	}
	next := func(want string) {
		t.Helper()
		if got := take(t, "goods "+want, basket); !strings.Contains(got, `"text":"`+want+`"`) {
			t.Fatalf("the basket heard %s, want %s", got, want)
		}
	}
	l.good("1.00") // the scanner was found quiet
	scan("]E06901234567892")
	next("6901234567892")
	l.show(l.World.NewCode(wallettest.WeChatPay))
	scan("]C1" + l.World.NewCode(wallettest.Alipay)) // dressed up as goods
	scan("]E04006381333931")
	next("4006381333931")
	done := l.sell("3.20")
	mark := l.Watch.Mark()
	scan("]E05901234123457")
	l.armed(mark) // refused, and armed anew
	l.show(l.World.NewCode(wallettest.WeChatPay))
	l.want(done, "Success")
	scan("]E496385074")
	next("96385074")
}
