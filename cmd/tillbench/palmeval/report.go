package palmeval

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/tilld/tilld/biometric/biometrictest/rates"
)

// Report is the evaluation of a source.
type Report struct {
	Simulated bool           `json:"simulated"`
	Source    string         `json:"source"`
	Pictures  int            `json:"pictures"`
	Codes     int            `json:"codes"`
	Regions   bool           `json:"regions_given"`
	FTA       rates.Rate     `json:"failure_to_acquire"`
	Causes    map[string]int `json:"failures,omitempty"`
	Failed    []Skipped      `json:"failed,omitempty"`
	Skipped   []Skipped      `json:"skipped,omitempty"`
	Others    int            `json:"other_files,omitempty"`
	Notes     []string       `json:"notes,omitempty"`
	Sets      []*Result      `json:"sets"`
	Steps     []Step         `json:"steps"`
	Seconds   float64        `json:"seconds"`
}

// listed is how many failed or skipped files are named in the table.
const listed = 5

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	if r.Simulated {
		fmt.Fprintln(w, "SIMULATED palms: good for regression and linkability, no claim about how well real palms are told apart.")
	}
	fmt.Fprintf(w, "%s: %d pictures, %d codes, %.0f s\n", r.Source, r.Pictures, r.Codes, r.Seconds)
	if len(r.Failed) > 0 {
		fmt.Fprintf(w, "failure to acquire: %s\n", r.FTA)
		for _, cause := range slices.Sorted(maps.Keys(r.Causes)) {
			fmt.Fprintf(w, "  %d: %s\n", r.Causes[cause], cause)
		}
		list(w, r.Failed)
	}
	if len(r.Skipped) > 0 {
		fmt.Fprintf(w, "skipped %d files\n", len(r.Skipped))
		list(w, r.Skipped)
	}
	if r.Others > 0 {
		fmt.Fprintf(w, "%d other files are no PNG, BMP or PGM by their names\n", r.Others)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	fmt.Fprintln(w, "n.a.: not enough comparisons; nothing is shown below 3/n. In brackets: bounds of 95 % by a bootstrap")
	fmt.Fprintln(w, "over identities, as pairs of one palm depend on each other; --json has those of independent pairs too.")
	for _, s := range r.Sets {
		s.print(w)
	}
	fmt.Fprintf(w, "\ntime of a step, one core, median\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Steps {
		fmt.Fprintf(t, "  %s\t%.3f ms\n", s.Name, s.MS)
	}
	t.Flush()
}

func list(w io.Writer, files []Skipped) {
	for _, f := range files[:min(len(files), listed)] {
		fmt.Fprintf(w, "    %q: %s\n", f.Path, f.Why)
	}
	if more := len(files) - listed; more > 0 {
		fmt.Fprintf(w, "    and %d more (--json lists all)\n", more)
	}
}

func bandName(b string) string {
	if b == "" {
		return "all"
	}
	return b
}

func (s *Result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d subjects, %d samples", s.Subjects, s.Samples)
	if s.Incomplete > 0 {
		fmt.Fprintf(w, ", %d of them left out for lack of a band", s.Incomplete)
	}
	fmt.Fprintln(w)
	for _, p := range s.Protocol {
		fmt.Fprintln(w, "  "+p)
	}
	s.printFigures(w)
	s.printLosses(w)
	s.printFound(w)
	for _, p := range s.Protection {
		p.print(w)
	}
}

func (s *Result) printFigures(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "\nband\tenrolled\ttemplates\tshift\tEER")
	for _, far := range rates.FARs {
		fmt.Fprintf(t, "\tFRR @FAR %.0e", far)
	}
	fmt.Fprintln(t, "\tgenuine/impostor")
	for _, f := range s.Figures {
		for i, v := range []rates.Verification{f.Single, f.Three} {
			fmt.Fprintf(t, "%s\t%s\t%s\t±%d", bandName(f.Band), [2]string{"1 sample", "3 samples"}[i], f.Transform, f.Shift)
			fmt.Fprintf(t, "\t%s", cell(v.EER.Known(), v.EER.Short(), v.EER.Clusters, v.EER.N))
			for _, p := range v.At {
				fmt.Fprintf(t, "\t%s", cell(p.Known(), p.Short(), p.Clusters, p.FRR.N))
			}
			fmt.Fprintf(t, "\t%d/%d\n", v.Genuine, v.Impostor)
		}
	}
	t.Flush()
}

// cell is a rate with its bounds over identities.
func cell(known bool, rate string, b rates.Bounds, n int) string {
	if !known {
		return rate
	}
	return fmt.Sprintf("%s (%s)", rate, b.Text(rates.Floor(n)))
}

func (s *Result) printLosses(w io.Writer) {
	fmt.Fprintln(w, "\nloss by protection, EER with 3 samples enrolled, the same comparisons")
	for _, l := range s.Losses {
		said := "not seen: both are below 3/n"
		if l.Points != nil {
			said = fmt.Sprintf("%+.2f points", *l.Points)
		}
		fmt.Fprintf(w, "  %s, %s: %s\n", bandName(l.Band), l.Transform, said)
	}
}

func (s *Result) printFound(w io.Writer) {
	fmt.Fprintln(w, "\nidentification: FNIR, 3 samples enrolled; protected ones with one salt for all")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "band\ttemplates\tN\tFPIR 1e-2\tFPIR 1e-3\tFPIR 1e-4\tsearches mated/non-mated")
	for _, f := range s.Found {
		for _, of := range f.Of {
			row := fmt.Sprintf("%s\t%s\t%d", bandName(f.Band), f.Transform, of.N)
			if of.NotEnough {
				fmt.Fprintf(t, "%s\tn.a.\t\t\tneeds %d subjects with a template, there are %d\n", row, of.N+1, of.Subjects)
				continue
			}
			for _, p := range of.Points {
				row += "\t" + p.Short()
			}
			fmt.Fprintf(t, "%s\t%d/%d\n", row, of.Mated, of.NonMated)
		}
	}
	t.Flush()
}

func (p Protection) print(w io.Writer) {
	fmt.Fprintf(w, "\nprofile %s, band %s\n", p.Transform, bandName(p.Band))
	if p.Links == nil {
		fmt.Fprintf(w, "  linkability: n.a., it takes %d subjects with two samples\n", fewestToLink)
	}
	for i, l := range p.Links {
		if i == 0 {
			fmt.Fprintf(w, "  linkability: %d identities, %d mated scores, %d pairs of keys; floor by %d derangements\n", l.Identities, l.Mated, linkKeys, l.Repeats)
		}
		fmt.Fprintf(w, "    %s, %s: D_sys %.3f, floor %.3f (95th percentile %.3f), above it %+.3f\n", l.Linker, l.Salt, l.DSys, l.Mean, l.P95, l.Above())
	}
	fmt.Fprintln(w, "  pre-image, key and template stolen, accepted by another key's template of another session at FAR 1e-3")
	for _, a := range p.PreImages {
		said := a.Accepted.String()
		if a.Why != "" {
			said = "n.a.: " + a.Why
		} else if a.Accepted.Known() {
			said += fmt.Sprintf(", %d identities, threshold %.3f", a.Subjects, a.Threshold)
		}
		fmt.Fprintf(w, "    %s, %d sample(s): %s\n", a.Method, a.Samples, said)
	}
}

// Loaded notes what reading the source came to.
func (r *Report) Loaded(l *Loaded) {
	r.Pictures, r.Codes = l.Pictures, l.Pictures-len(l.Failed)
	r.Failed, r.Causes = l.Failed, l.Causes
	r.FTA = rates.Rate{Hits: len(l.Failed), N: l.Pictures}
	if l.Separate {
		r.Notes = append(r.Notes, "the two bands are hardly ever of the same captures (<session>-<n>): each is evaluated by itself, without fusion")
	}
}

// Hurdle is the most frequent failure, for an error.
func (r *Report) Hurdle() string {
	if len(r.Failed) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d pictures failed, the first one %q: %s)", len(r.Failed), r.Failed[0].Path, r.Failed[0].Why)
}
