package pos

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// goodsServer answers /goods alone.
func goodsServer(t *testing.T, o Options) string {
	o.Limits.Space, o.Limits.Write = defaultSpace, defaultWrite
	s := &Server{o: o}
	h := httptest.NewServer(http.HandlerFunc(s.route))
	t.Cleanup(h.Close)
	return h.URL
}

// hearing is one open answer.
type hearing struct {
	t     *testing.T
	lines *bufio.Scanner
	resp  *http.Response
}

func hear(t *testing.T, url string) *hearing {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	h := &hearing{t, bufio.NewScanner(resp.Body), resp}
	if resp.StatusCode == http.StatusOK {
		h.next("retry:")
	}
	return h
}

// next is the next line that begins so; empty when the answer is over.
func (h *hearing) next(prefix string) string {
	for h.lines.Scan() {
		if strings.HasPrefix(h.lines.Text(), prefix) {
			return h.lines.Text()
		}
	}
	return ""
}

func TestGoodsGoToWhoListensLast(t *testing.T) {
	goods := &Goods{}
	if goods.Tell(GoodsCode{Text: "1"}) {
		t.Error("told although nobody listens")
	}
	url := goodsServer(t, Options{Goods: goods, Plain: true, SaleIDs: []string{"POS1"}}) + "/goods?SaleID=POS1"
	first := hear(t, url)
	tell(t, goods, "6901234567892")
	if got := first.next("data:"); !strings.Contains(got, `"text":"6901234567892"`) {
		t.Errorf("heard %q", got)
	}
	second := hear(t, url)
	if got := first.next("data:"); got != "" {
		t.Errorf("the one before still hears %q", got)
	}
	tell(t, goods, "4006381333931")
	if got := second.next("data:"); !strings.Contains(got, "4006381333931") {
		t.Errorf("heard %q", got)
	}
}

func tell(t *testing.T, g *Goods, text string) {
	t.Helper()
	if !g.Tell(GoodsCode{Text: text, Symbology: "ean13", Scanner: "counter"}) {
		t.Fatal("nobody listens")
	}
}

func TestGoodsAreRefused(t *testing.T) {
	goods := &Goods{}
	for name, c := range map[string]struct {
		o      Options
		path   string
		origin string
		want   int
	}{
		"not configured": {Options{Plain: true}, "/goods", "", 404},
		"encrypted only": {Options{Goods: goods}, "/goods", "", 403},
		"unknown till":   {Options{Goods: goods, Plain: true, SaleIDs: []string{"POS1"}}, "/goods?SaleID=POS2", "", 403},
		"a web page":     {Options{Goods: goods, Plain: true}, "/goods", "https://shop.example", 403},
	} {
		req, err := http.NewRequest("GET", goodsServer(t, c.o)+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}
