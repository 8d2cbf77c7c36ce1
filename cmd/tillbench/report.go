package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is everything that one run measured.
type Report struct {
	At      time.Time `json:"at"`
	Machine Machine   `json:"machine"`
	Figures []Result  `json:"figures"`
}

// print writes the table: one line a number, the figure's name on its first.
func (r Report) print(w io.Writer) {
	fmt.Fprintln(w, r.Machine)
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tmeasured\ttarget\t")
	fmt.Fprintln(t, "------\t--------\t------\t")
	for _, f := range r.Figures {
		name, verdict := f.Name, f.Verdict
		for _, v := range f.Values {
			fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\n", name, v.Label, v.text(), v.target(), mark(v, verdict))
			name = ""
		}
		if f.Verdict == NotMeasured {
			fmt.Fprintf(t, "%s\tnot measured\t%s\t\n", name, f.Target)
		}
	}
	t.Flush()
	for _, f := range r.Figures {
		if f.Why == "" && len(f.Notes) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", f.Name, f.What)
		if f.Why != "" {
			fmt.Fprintf(w, "  not measured: %s\n", f.Why)
		}
		if f.Hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", f.Hint)
		}
		for _, n := range f.Notes {
			fmt.Fprintf(w, "  %s\n", n)
		}
	}
}

func mark(v Value, verdict Verdict) string {
	switch {
	case v.Most == nil && v.Least == nil, verdict == NotMeasured:
		return ""
	case v.met():
		return "met"
	}
	return "MISSED"
}

// text is the number with its unit, in three significant figures or as an integer.
func (v Value) text() string {
	text := strconv.FormatFloat(v.Value, 'f', -1, 64)
	if v.Value != float64(int64(v.Value)) {
		digits := 2
		if v.Value >= 100 {
			digits = 0
		} else if v.Value >= 10 {
			digits = 1
		}
		text = strconv.FormatFloat(v.Value, 'f', digits, 64)
	}
	return strings.TrimSpace(text + " " + v.Unit)
}

func (v Value) target() string {
	number := func(f float64) string { return Value{Value: f, Unit: v.Unit}.text() }
	switch {
	case v.Most != nil && *v.Most == 0:
		return number(0)
	case v.Most != nil:
		return "≤ " + number(*v.Most)
	case v.Least != nil:
		return "≥ " + number(*v.Least)
	}
	return ""
}

func (r Report) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}

// strict is an error when anything missed its target or was not measured.
func (r Report) strict() error {
	var bad []string
	for _, f := range r.Figures {
		if f.Verdict != Met {
			bad = append(bad, f.Name+": "+string(f.Verdict))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s", strings.Join(bad, ", "))
	}
	return nil
}
