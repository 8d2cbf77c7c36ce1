package hw

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/internal/board/hands"
)

// goodsCheck scans articles between two sales, and payment codes among them: the articles
// reach the point of sale, each once and in their order, and no payment code ever does.
func goodsCheck(ctx context.Context, b *Bench) error {
	scanners, err := b.sellingScanners(ctx, "uart", "cdc", "hidpos")
	if err != nil {
		return err
	}
	if len(scanners) == 0 {
		return errors.New("no scanner is attached that tells what kind a code is of")
	}
	defer b.unplug(ctx, scanners) // what is not found unplugged later says so
	s := scanners[0]
	t, err := b.NewTill(TillOptions{Name: "goods", Scanners: s.section, Clock: "system", Goods: true})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Open(ctx); err != nil {
		return err
	}
	v := hands.Verdict{Device: s.class, Rule: "goods between sales to the point of sale, payment codes never", Of: min(b.tries().scans, 50)}
	if err := t.passGoods(ctx, s, &v); err != nil {
		v.Why = err.Error()
	}
	v.OK = v.Why == "" && v.Done == v.Of
	b.Report(v)
	return t.Shut(ctx)
}

func (t *Till) passGoods(ctx context.Context, s selling, v *hands.Verdict) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heard, err := t.hearGoods(ctx)
	if err != nil {
		return err
	}
	show := func(symbology, text string) error {
		_, err := t.bench.Do(ctx, hands.Order{Do: hands.Scan, Device: s.device, Symbology: symbology, Text: text})
		return err
	}
	wallets := wallettest.Wallets()
	for i := range v.Of {
		if err := show("qr", t.World.NewCode(wallets[i%len(wallets)])); err != nil {
			return err
		}
		article := gtin(460_000_000_000 + int64(i))
		for shown := 1; ; shown++ {
			if err := show("ean13", article); err != nil {
				return err
			}
			got, ok := next(ctx, heard, scanWithin)
			if ok && got != article {
				return fmt.Errorf("%d characters arrived that are not the article's", len(got))
			}
			if ok {
				break
			}
			if shown == 3 {
				return fmt.Errorf("article %s did not arrive", article)
			}
		}
		v.Done++
	}
	if _, ok := next(ctx, heard, 200*time.Millisecond); ok {
		return fmt.Errorf("something arrived that was not shown")
	}
	v.Found = "as many payment codes among them"
	return nil
}

func next(ctx context.Context, heard <-chan string, most time.Duration) (string, bool) {
	limit := time.NewTimer(most)
	defer limit.Stop()
	select {
	case text := <-heard:
		return text, true
	case <-limit.C:
	case <-ctx.Done():
	}
	return "", false
}

// hearGoods listens as a point of sale does.
func (t *Till) hearGoods(ctx context.Context) (<-chan string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+posAt+"/goods?SaleID="+saleID, nil)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// The certificate names a terminal, not this address; what is heard is compared with what
	// was shown.
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the till says %s to who listens for goods", answer.Status)
	}
	heard := make(chan string, 64)
	go func() {
		defer transport.CloseIdleConnections()
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			data, ok := strings.CutPrefix(lines.Text(), "data:")
			var code struct{ Text string }
			if ok && json.Unmarshal([]byte(data), &code) == nil && code.Text != "" {
				heard <- code.Text
			}
		}
	}()
	return heard, nil
}

// gtin is the article number with these twelve digits and its check digit (GS1).
func gtin(digits int64) string {
	text := fmt.Sprintf("%012d", digits)
	sum := 0
	for i, c := range text {
		weight := 1 + 2*(i%2)
		sum += weight * int(c-'0')
	}
	return text + fmt.Sprint((10-sum%10)%10)
}
