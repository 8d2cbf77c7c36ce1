package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Value is one measured number.
type Value struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // empty for a ratio
	// Most and Least are the target, where the number has one.
	Most  *float64 `json:"most,omitempty"`
	Least *float64 `json:"least,omitempty"`
}

// met reports whether the number is within its target; a number without one always is.
func (v Value) met() bool {
	return (v.Most == nil || v.Value <= *v.Most) && (v.Least == nil || v.Value >= *v.Least)
}

// atMost is a number with an upper target.
func atMost(label string, value float64, unit string, most float64) Value {
	return Value{Label: label, Value: value, Unit: unit, Most: &most}
}

// atLeast is a number with a lower target.
func atLeast(label string, value float64, unit string, least float64) Value {
	return Value{Label: label, Value: value, Unit: unit, Least: &least}
}

// plain is a number that is stated and not judged.
func plain(label string, value float64, unit string) Value {
	return Value{Label: label, Value: value, Unit: unit}
}

// Verdict is what became of a figure.
type Verdict string

const (
	Met         Verdict = "met"
	Missed      Verdict = "missed"
	NotMeasured Verdict = "not measured"
)

// Result is one figure with what was measured.
type Result struct {
	Name    string  `json:"name"`
	What    string  `json:"what"`
	Target  string  `json:"target"`
	Verdict Verdict `json:"verdict"`
	Values  []Value `json:"values,omitempty"`
	// Notes say how it was measured, and what is not like in the field.
	Notes []string `json:"notes,omitempty"`
	// Why says why it was not measured.
	Why  string  `json:"why,omitempty"`
	Hint string  `json:"hint,omitempty"`
	Took float64 `json:"seconds"`
}

// Figure is one row of the table of figures.
type Figure struct {
	Name   string // what --only takes
	What   string
	Target string // in words, as the README states it
	// Measure returns the numbers. A *notHere error means that this machine cannot measure
	// it; any other error means that the measuring failed.
	Measure func(ctx context.Context, b *Bench) (Measured, error)
}

// Measured is what a Measure function brings.
type Measured struct {
	Values []Value
	Notes  []string
}

// notHere says why a figure cannot be measured on this machine, and what to do about it.
type notHere struct{ why, hint string }

func (e *notHere) Error() string { return e.why }

// take measures one figure and judges it.
func (f Figure) take(ctx context.Context, b *Bench) Result {
	r := Result{Name: f.Name, What: f.What, Target: f.Target}
	begun := time.Now()
	m, err := f.Measure(ctx, b)
	r.Took = time.Since(begun).Seconds()
	r.Values, r.Notes = m.Values, m.Notes
	var not *notHere
	switch {
	case errors.As(err, &not):
		r.Verdict, r.Why, r.Hint = NotMeasured, not.why, not.hint
	case err != nil:
		r.Verdict, r.Why = NotMeasured, fmt.Sprintf("measuring failed: %v", err)
	default:
		r.Verdict = Met
		for _, v := range m.Values {
			if !v.met() {
				r.Verdict = Missed
			}
		}
	}
	return r
}
