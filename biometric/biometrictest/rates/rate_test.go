package rates

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.8f, want %.8f", what, got, want)
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		hits, n   int
		low, high float64
	}{
		{5, 100, 0.016432, 0.112835},
		{1, 10, 0.002529, 0.445016},
		{0, 10, 0, 1 - math.Pow(0.025, 0.1)}, // closed form
		{10, 10, math.Pow(0.025, 0.1), 1},
		{500, 1000, 0.468549, 0.531451},
		{0, 100000, 0, 1 - math.Pow(0.025, 1e-5)},
	} {
		b := Rate{c.hits, c.n}.Bounds()
		near(t, "low", b.Low, c.low, 1e-6)
		near(t, "high", b.High, c.high, 1e-6)
	}
	if b := (Rate{}).Bounds(); b != (Bounds{0, 1}) {
		t.Errorf("bounds of nothing are %v", b)
	}
}

func TestRateIsNeverShownBelowThreeInN(t *testing.T) {
	for _, c := range []struct {
		r    Rate
		want string
	}{
		{Rate{0, 1000}, "< 0.30 %"},
		{Rate{2, 1000}, "< 0.30 %"},
		{Rate{3, 1000}, "0.30 %"},
		{Rate{5, 400}, "1.25 %"},
		{Rate{0, 2}, "n.a."},
		{Rate{0, 0}, "n.a."},
		{Rate{0, 7}, "< 42.9 %"}, // rounded up: 42.857
		{Rate{400, 400}, "100 %"},
		{Rate{0, 90000}, "< 0.0034 %"},
	} {
		if got := c.r.Short(); got != c.want {
			t.Errorf("%d of %d is shown as %q, want %q", c.r.Hits, c.r.N, got, c.want)
		}
	}
	for n := range 2000 {
		for hits := range min(n+1, 6) {
			r := Rate{hits, n}
			if shown, _ := r.Shown(); shown < Floor(n) {
				t.Fatalf("%d of %d is shown as %g", hits, n, shown)
			}
			if b := r.Bounds().above(Floor(n)); b.Low < Floor(n) {
				t.Fatalf("%d of %d is bounded by %v", hits, n, b)
			}
		}
	}
}

func TestRateInWords(t *testing.T) {
	if got, want := (Rate{0, 1000}).String(), "< 0.30 % (0 of 1000, 95 %: up to 0.37 %)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (Rate{50, 400}).String(), "12.5 % (50 of 400, 95 %: 9.43 to 16.2 %)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	data, err := json.Marshal(Rate{0, 1000})
	if err != nil || !strings.Contains(string(data), `"rate":0.003,"below":true`) {
		t.Errorf("%s, %v", data, err)
	}
	if data, _ := json.Marshal(Rate{0, 1}); string(data) != `{"hits":0,"n":1}` {
		t.Errorf("%s", data)
	}
}

func TestAtMost(t *testing.T) {
	if (Rate{0, 100}).AtMost(0.01) {
		t.Error("100 attempts without a hit are no 1 %")
	}
	if !(Rate{0, 300}).AtMost(0.01) || (Rate{4, 300}).AtMost(0.01) {
		t.Error("300 attempts bound 1 %, unless 4 are hit")
	}
}
