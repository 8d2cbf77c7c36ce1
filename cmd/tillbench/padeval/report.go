package padeval

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/biometrictest/rates"
	"github.com/tilld/tilld/biometric/pad"
)

// Report is the evaluation of liveness on a source.
type Report struct {
	Simulated bool                      `json:"simulated"`
	Source    string                    `json:"source"`
	Tries     int                       `json:"presentations"`
	Rates     rates.Liveness            `json:"rates"`
	ACER      *float64                  `json:"acer,omitempty"` // absent where a part is not known
	Below     bool                      `json:"acer_below,omitempty"`
	Counts    map[string]rates.Outcomes `json:"counts"`
	Reasons   map[string]map[string]int `json:"reasons"` // by kind: why not bona fide
	Cues      []CueRange                `json:"cues"`
	Unread    []Unread                  `json:"unread,omitempty"` // tries that were not presentations
	Judged    []Judged                  `json:"judged"`
	MS        float64                   `json:"ms"` // of one presentation, median
	Seconds   float64                   `json:"seconds"`
}

// Unread is a try that could not be read, and why. It counts nowhere.
type Unread struct {
	Try string `json:"try"`
	Why string `json:"why"`
}

// CueRange is what one cue said of one kind of presentation.
type CueRange struct {
	Kind   string  `json:"kind"`
	Cue    string  `json:"cue"`
	N      int     `json:"n"`
	Low    float64 `json:"p5"`
	Median float64 `json:"median"`
	High   float64 `json:"p95"`
	BonaFide,
	Attack,
	Undetermined int
}

// Evaluate judges every presentation of a source, on all cores.
func Evaluate(ctx context.Context, src Source, light pad.Config, tick func()) (*Report, error) {
	judged, errs := make([]Judged, src.Len()), make([]error, src.Len())
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), src.Len()) {
		wg.Go(func() {
			var b *bench
			for i := range next {
				judged[i], errs[i] = one(src, i, light, &b)
				tick()
			}
		})
	}
	for i := 0; i < src.Len() && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r := &Report{}
	for i, j := range judged {
		if errs[i] != nil {
			r.Unread = append(r.Unread, Unread{src.Kind(i) + "/" + src.Try(i), errs[i].Error()})
			continue
		}
		j.Kind, j.Try = src.Kind(i), src.Try(i)
		r.Judged = append(r.Judged, j)
	}
	if len(r.Judged) == 0 {
		return nil, fmt.Errorf("evaluate liveness: none of %d presentations could be read (%s: %s)", src.Len(), r.Unread[0].Try, r.Unread[0].Why)
	}
	r.count()
	return r, nil
}

// one judges presentation i with a bench of its size.
func one(src Source, i int, light pad.Config, b **bench) (Judged, error) {
	t, err := src.Take(i)
	if err != nil {
		return Judged{}, err
	}
	w, h := t.Shots[0].Width, t.Shots[0].Height
	if *b == nil || (*b).w != w || (*b).h != h {
		if *b, err = newBench(w, h, light); err != nil {
			return Judged{}, err
		}
	}
	return (*b).judge(t.Shots, t.Order), nil
}

func (r *Report) count() {
	r.Tries, r.Counts, r.Reasons = len(r.Judged), map[string]rates.Outcomes{}, map[string]map[string]int{}
	var times []float64
	for _, j := range r.Judged {
		o := r.Counts[j.Kind]
		switch j.Decision {
		case biometric.BonaFide:
			o.BonaFide++
		case biometric.Attack:
			o.Attack++
		default:
			o.Undetermined++
		}
		r.Counts[j.Kind] = o
		if j.Decision != biometric.BonaFide {
			if r.Reasons[j.Kind] == nil {
				r.Reasons[j.Kind] = map[string]int{}
			}
			r.Reasons[j.Kind][string(cmp.Or(j.Decision, "undetermined"))+": "+j.Reason]++
		}
		times = append(times, j.MS)
	}
	attacks := maps.Clone(r.Counts)
	delete(attacks, BonaFide)
	r.Rates = rates.Judge(r.Counts[BonaFide], attacks)
	if acer, below, ok := r.Rates.ACER(); ok {
		r.ACER, r.Below = &acer, below
	}
	slices.Sort(times)
	r.MS = rates.Quantile(times, 0.5)
	r.cues()
}

func (r *Report) cues() {
	type key struct{ kind, cue string }
	scores := map[key][]float64{}
	ranges := map[key]*CueRange{}
	var seen []key
	for _, j := range r.Judged {
		for _, c := range j.Cues {
			k := key{j.Kind, c.Name}
			if ranges[k] == nil {
				ranges[k] = &CueRange{Kind: j.Kind, Cue: c.Name}
				seen = append(seen, k)
			}
			scores[k] = append(scores[k], c.Score)
			switch c.Decision {
			case biometric.BonaFide:
				ranges[k].BonaFide++
			case biometric.Attack:
				ranges[k].Attack++
			default:
				ranges[k].Undetermined++
			}
		}
	}
	for _, k := range seen {
		s := scores[k]
		slices.Sort(s)
		c := ranges[k]
		c.N, c.Low, c.Median, c.High = len(s), rates.Quantile(s, 0.05), rates.Quantile(s, 0.5), rates.Quantile(s, 0.95)
		r.Cues = append(r.Cues, *c)
	}
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer, cues bool) {
	if r.Simulated {
		fmt.Fprintln(w, "SIMULATED hands and instruments: a regression figure, no claim about real hands or real attacks.")
	}
	fmt.Fprintf(w, "%s: %d presentations, %.0f s; region, codes and detectors of one take %.1f ms\n", r.Source, r.Tries, r.Seconds, r.MS)
	if len(r.Unread) > 0 {
		fmt.Fprintf(w, "not read, and counted nowhere: %d\n", len(r.Unread))
		for _, u := range r.Unread[:min(len(r.Unread), listed)] {
			fmt.Fprintf(w, "    %q: %s\n", u.Try, u.Why)
		}
		if more := len(r.Unread) - listed; more > 0 {
			fmt.Fprintf(w, "    and %d more (--json lists all)\n", more)
		}
	}
	fmt.Fprintln(w, "Rates are over all presentations of a kind; what nothing could be judged of counts as undetermined.")
	fmt.Fprintln(w, "Nothing is shown below 3/n; bounds of 95 % by Clopper and Pearson.")
	fmt.Fprintf(w, "\nbona fide   BPCER %s\n            undetermined (BPNRR) %s\n", r.Rates.BPCER, r.Rates.BPNRR)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\ninstrument\tAPCER\tundetermined (APNRR)")
	for _, i := range r.Rates.Instruments {
		fmt.Fprintf(t, "%s\t%s\t%s\n", i.Name, i.APCER, i.APNRR)
	}
	t.Flush()
	if worst, ok := r.Rates.Of(r.Rates.Worst); ok {
		fmt.Fprintf(w, "\nworst APCER: %s, %s\n", worst.Name, worst.APCER.Short())
	} else {
		fmt.Fprintln(w, "\nworst APCER: n.a.")
	}
	fmt.Fprintf(w, "ACER (worst APCER and BPCER): %s\n", r.acer())
	fmt.Fprintln(w, "\nwhy not bona fide")
	for _, kind := range slices.Sorted(maps.Keys(r.Reasons)) {
		var said []string
		for _, reason := range slices.Sorted(maps.Keys(r.Reasons[kind])) {
			said = append(said, fmt.Sprintf("%s (%d)", reason, r.Reasons[kind][reason]))
		}
		fmt.Fprintf(w, "  %s: %s\n", kind, strings.Join(said, ", "))
	}
	if cues {
		r.printCues(w)
	}
}

const listed = 5

func (r *Report) acer() string {
	switch {
	case r.ACER == nil:
		return "n.a."
	case r.Below:
		return fmt.Sprintf("< %.2f %%", 100**r.ACER)
	}
	return fmt.Sprintf("%.2f %%", 100**r.ACER)
}

func (r *Report) printCues(w io.Writer) {
	fmt.Fprintln(w, "\nscores of the cues: 5th percentile, median, 95th; and how many were bona fide, undetermined, attack")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Cues {
		fmt.Fprintf(t, "  %s\t%s\t%.3f\t%.3f\t%.3f\t%d\t%d\t%d\n", c.Cue, c.Kind, c.Low, c.Median, c.High, c.BonaFide, c.Undetermined, c.Attack)
	}
	t.Flush()
}
