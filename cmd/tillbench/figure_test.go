package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []Value
		err    error
		want   Verdict
	}{
		{"within", []Value{atMost("p50", 1.2, "", 1.3), atLeast("rate", 0.4, "", 0.35), plain("n", 9, "")}, nil, Met},
		{"on the line", []Value{atMost("p50", 1.3, "", 1.3)}, nil, Met},
		{"one over", []Value{atMost("p50", 1.2, "", 1.3), atMost("p99", 3.1, "", 3)}, nil, Missed},
		{"one under", []Value{atLeast("rate", 0.34, "", 0.35)}, nil, Missed},
		{"not here", nil, &notHere{"no disk", "buy one"}, NotMeasured},
		{"failed half-way", []Value{atMost("p50", 1.2, "", 1.3)}, errors.New("broke"), NotMeasured},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Figure{Name: "x", Measure: func(context.Context, *Bench) (Measured, error) {
				return Measured{Values: c.values}, c.err
			}}
			r := f.take(context.Background(), nil)
			if r.Verdict != c.want {
				t.Errorf("verdict %q, want %q", r.Verdict, c.want)
			}
			if (c.err != nil) != (r.Why != "") {
				t.Errorf("why: %q", r.Why)
			}
			err := Report{Figures: []Result{r}}.strict()
			if (c.want == Met) != (err == nil) {
				t.Errorf("strict: %v", err)
			}
		})
	}
}

// TestReport checks that a figure that was not measured stays in the table with its reason.
func TestReport(t *testing.T) {
	r := Report{At: time.Unix(0, 0).UTC(), Machine: Machine{Arch: "arm"}, Figures: []Result{
		{Name: "a", What: "first", Target: "≤ 1.30", Verdict: Missed, Values: []Value{atMost("p50", 1.5, "", 1.3), plain("share", 12.345, "%")}},
		{Name: "b", What: "second", Target: "0", Verdict: NotMeasured, Why: "no scanner", Hint: "plug one in"},
	}}
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{"p50 1.50", "≤ 1.30", "MISSED", "share 12.3 %", "not measured: no scanner", "hint: plug one in"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Figures) != 2 || back.Figures[1].Why != "no scanner" || *back.Figures[0].Values[0].Most != 1.3 {
		t.Errorf("read back: %+v", back)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose(nil)
	if err != nil || len(all) != len(figures) {
		t.Errorf("choose nothing: %d figures, %v", len(all), err)
	}
	one, err := choose([]string{"size"})
	if err != nil || len(one) != 1 || one[0].Name != "size" {
		t.Errorf("choose size: %v, %v", one, err)
	}
	if _, err := choose([]string{"speed"}); err == nil || !strings.Contains(err.Error(), "size") {
		t.Errorf("choose a figure that is not there: %v", err)
	}
}

func TestQuantile(t *testing.T) {
	var d []time.Duration
	for i := 100; i > 0; i-- {
		d = append(d, time.Duration(i))
	}
	if p50, p99, p100 := quantile(d, 0.5), quantile(d, 0.99), quantile(d, 1); p50 != 50 || p99 != 99 || p100 != 100 {
		t.Errorf("p50 %d, p99 %d, p100 %d", p50, p99, p100)
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("the quantile of nothing is not zero")
	}
}
