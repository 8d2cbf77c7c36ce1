package paycode

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a shop's row.
type Fault struct {
	Row  int    // its place in the shop's list, from 0
	Key  string // the field that is wrong: "patterns", "priority"
	Text string
	Hint string
}

func (f *Fault) Error() string { return fmt.Sprintf("code rule %d: %s: %s", f.Row+1, f.Key, f.Text) }

// HintText says what to do.
func (f *Fault) HintText() string { return f.Hint }

// NewWith makes the table of a profile with a shop's rows. A row with Patterns is one more
// row, whatever the profile. A row without them changes the built-in rows of its Scheme,
// narrowed by Form and Region where it has them: Disable takes them out, and Priority,
// Validity, Currencies, AIM and Source replace theirs where they are set. The error is an
// unknown profile, or the first *Fault of [Check].
func NewWith(profile string, shop []Rule) (*Table, error) {
	rows, faults, err := build(profile, shop)
	if err != nil {
		return nil, fmt.Errorf("table of payment codes: %w", err)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("table of payment codes: %w", &faults[0])
	}
	t := &Table{}
	slices.SortStableFunc(rows, func(a, b row) int { return byName(a.Rule, b.Rule) })
	for _, r := range rows {
		t.rules = append(t.rules, r.Rule)
	}
	for i := range t.rules {
		r := &t.rules[i]
		t.cpm = t.cpm || r.Scheme == EMVCPM
		for _, p := range rows[i].patterns {
			p.rule = r
			into := &t.byLength
			if r.Reserved {
				into = &t.reserved
			}
			for n := p.min; n <= p.max; n++ {
				into[n] = append(into[n], p)
			}
		}
	}
	return t, nil
}

// Check lists everything that is wrong with a shop's rows in a profile, row by row.
func Check(profile string, shop []Rule) ([]Fault, error) {
	_, faults, err := build(profile, shop)
	return faults, err
}

// row is an enabled Rule on its way into a table.
type row struct {
	Rule
	patterns []*pattern
	shop     int // the shop's row that added or changed it last; -1 = as built in
}

// as is how faults name the row.
func (r *row) as() string {
	if r.Profile == "" {
		return fmt.Sprintf("code rule %d, %s", r.shop+1, r.Name())
	}
	return "the built-in row " + r.Name()
}

func build(profile string, shop []Rule) ([]row, []Fault, error) {
	level := slices.Index(profiles, profile)
	if level < 0 {
		return nil, nil, fmt.Errorf("unknown profile %.40q, want one of %s", profile, strings.Join(profiles, ", "))
	}
	var rows []row
	for _, r := range builtin() {
		compiled, err := compileAll(r.Patterns)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row{Rule: r, patterns: compiled, shop: -1})
	}
	var faults []Fault
	for i, s := range shop {
		if len(s.Patterns) == 0 {
			faults = append(faults, change(rows, level, i, s)...)
			continue
		}
		r, f := added(i, s)
		if faults = append(faults, f...); len(f) == 0 {
			rows = append(rows, r)
		}
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.Disable || slices.Index(profiles, r.Profile) > level })
	return rows, append(faults, ambiguities(rows)...), nil
}

var schemeForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// added checks a shop's own row and fills in what it may leave out.
func added(i int, s Rule) (row, []Fault) {
	var faults []Fault
	bad := func(key, hint, format string, args ...any) {
		faults = append(faults, Fault{Row: i, Key: key, Text: fmt.Sprintf(format, args...), Hint: hint})
	}
	switch {
	case s.Scheme == "":
		bad("scheme", `which wallet shows such codes: scheme = "wechatpay"`, "is missing")
	case s.Scheme == EMVCPM:
		bad("patterns", "delete patterns: emv-cpm is told by its structure", "%s takes no pattern", EMVCPM)
	case !schemeForm.MatchString(string(s.Scheme)):
		bad("scheme", "small letters, digits and dashes, a letter first: scheme = \"shopcard\"", "%.40q cannot be a scheme", string(s.Scheme))
	}
	if s.Source == "" {
		bad("source", `say where the pattern comes from: source = "letter of the issuer, 2026-03"`, "is missing")
	}
	if s.Disable {
		bad("disable", "delete patterns to take a built-in row out, or delete this section", "stands beside patterns")
	}
	if s.Priority < 0 {
		bad("priority", "priority = 100", "%d is below 1", s.Priority)
	}
	for _, aim := range s.AIM {
		if !PayingSymbology(aim) {
			bad("aim", "write some of ]C0, ]Q0, ]Q1, ]Q2", "%.8q carries no payment", aim)
		}
	}
	compiled, err := compileAll(s.Patterns)
	if err != nil {
		bad("patterns", `digits, # for any digit, [0-4] for one of a set, {16} for how many: patterns = ["77#{10}"]`, "%v", err)
	}
	if len(s.AIM) == 0 {
		s.AIM = slices.Concat(aimOf["code128"], aimOf["qr"])
	}
	if len(s.Currencies) == 0 {
		s.Currencies = []string{Anywhere}
	}
	s.Tells = s.Region != "" && s.Region != Anywhere
	s.Region = cmp.Or(s.Region, Anywhere)
	s.Profile = ""
	return row{Rule: s, patterns: compiled, shop: i}, faults
}

// change applies a shop's row without patterns to the built-in rows it names.
func change(rows []row, level, i int, s Rule) []Fault {
	fault := func(key, hint, format string, args ...any) []Fault {
		return []Fault{{Row: i, Key: key, Text: fmt.Sprintf(format, args...), Hint: hint}}
	}
	if s.Scheme == "" {
		return fault("scheme", `which built-in rows: scheme = "alipayplus"; tilld classify --table lists them`, "is missing")
	}
	if !s.Disable && s.Priority == 0 && s.Validity == 0 && len(s.Currencies) == 0 && len(s.AIM) == 0 {
		return fault("scheme", "add patterns for a row of your own, or disable = true, or priority = N", "changes nothing")
	}
	if s.Priority < 0 {
		return fault("priority", "priority = 100", "%d is below 1", s.Priority)
	}
	for _, aim := range s.AIM {
		if !PayingSymbology(aim) {
			return fault("aim", "write some of ]C0, ]Q0, ]Q1, ]Q2", "%.8q carries no payment", aim)
		}
	}
	found, enabled := false, false
	var forms, schemes []string
	for j := range rows {
		r := &rows[j]
		if r.Profile == "" { // another row of the shop's: edit that one instead
			continue
		}
		if !slices.Contains(schemes, string(r.Scheme)) {
			schemes = append(schemes, string(r.Scheme))
		}
		if r.Scheme != s.Scheme {
			continue
		}
		forms = append(forms, r.Name())
		if s.Form != "" && s.Form != r.Form || s.Region != "" && s.Region != r.Region {
			continue
		}
		found, enabled = true, enabled || slices.Index(profiles, r.Profile) <= level
		r.changeTo(s, i)
	}
	switch {
	case len(forms) == 0:
		return fault("scheme", "add patterns for a row of your own; built in are "+strings.Join(schemes, ", "), "no built-in row has the scheme %.40q", string(s.Scheme))
	case !found:
		return fault("form", "built in are "+strings.Join(forms, ", "), "no built-in row of %s has this form and region", s.Scheme)
	case !enabled:
		return fault("scheme", "delete this section, or choose the profile that has the row", "%s is not in the profile %s", s.Scheme, profiles[level])
	}
	return nil
}

func (r *row) changeTo(s Rule, i int) {
	r.shop = i
	r.Disable = r.Disable || s.Disable
	r.Priority = cmp.Or(s.Priority, r.Priority)
	r.Validity = cmp.Or(s.Validity, r.Validity)
	r.Source = cmp.Or(s.Source, r.Source)
	if len(s.Currencies) > 0 {
		r.Currencies = s.Currencies
	}
	if len(s.AIM) > 0 {
		r.AIM = s.AIM
	}
}

// ambiguities finds rows that share a code and do not say which of them comes first, and
// codes that more schemes share than a Result can hold. Reserved rows share with anybody:
// they only speak where nobody else does.
func ambiguities(rows []row) []Fault {
	var faults []Fault
	for i := range rows {
		a := &rows[i]
		shared := map[Scheme]bool{a.Scheme: true}
		for j := range rows {
			b := &rows[j]
			if i == j || a.Reserved || b.Reserved {
				continue
			}
			example := sharedCode(a.patterns, b.patterns)
			if example == "" {
				continue
			}
			shared[b.Scheme] = true
			if j > i && (a.Priority == 0 || b.Priority == 0 || a.Priority == b.Priority) {
				faults = append(faults, ambiguous(a, b, example))
			}
		}
		if len(shared) > maxCandidates && a.shop >= 0 {
			faults = append(faults, Fault{Row: a.shop, Key: "patterns", Text: fmt.Sprintf("shares codes with %d other schemes, at most %d may", len(shared)-1, maxCandidates-1),
				Hint: "write narrower patterns"})
		}
	}
	return faults
}

// ambiguous blames the shop's row of the two: the later one when both are the shop's, unless
// only the earlier one lacks a priority.
func ambiguous(a, b *row, example string) Fault {
	if a.shop > b.shop {
		a, b = b, a
	}
	if a.shop >= 0 && a.Priority == 0 && b.Priority != 0 {
		a, b = b, a
	}
	return Fault{Row: b.shop, Key: "priority", Text: fmt.Sprintf("%s matches the same codes as %s, such as %s", b.as(), a.as(), example),
		Hint: fmt.Sprintf("write a priority that no other row of these codes has, lower goes first: %s has %s", a.as(), stated(a.Priority))}
}

func stated(priority int) string {
	if priority == 0 {
		return "none yet"
	}
	return fmt.Sprint(priority)
}

// sharedCode makes the lowest code that fits a pattern of each; "" when there is none.
func sharedCode(as, bs []*pattern) string {
	for _, a := range as {
		for _, b := range bs {
			if a.overlaps(b) {
				return a.lowest(b)
			}
		}
	}
	return ""
}

func compileAll(texts []string) ([]*pattern, error) {
	var out []*pattern
	for _, text := range texts {
		p, err := compile(text)
		if err != nil {
			return nil, err
		}
		out = append(out, &p)
	}
	return out, nil
}
