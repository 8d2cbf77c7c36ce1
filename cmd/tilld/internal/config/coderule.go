package config

import (
	"slices"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/scanner/paycode"
)

// Every row is compared with every other: what a file may make of that is bounded.
const (
	maxCodeRules = 100
	maxPatterns  = 32
)

// codeRules reads the [[code_rule]] sections: a shop's own rows of the table of codes, and its
// changes to the built-in ones. What a row may say is for paycode to judge; here each fault
// gets its line.
func (p *parser) codeRules(r *reader) {
	list := r.sections("code_rule")
	before := len(*r.out)
	if len(list) > maxCodeRules {
		r.mistake("code_rule", "join patterns of one scheme into one section", "has %d sections, at most %d are read", len(list), maxCodeRules)
		list = list[:maxCodeRules]
	}
	for _, s := range list {
		p.c.CodeRules = append(p.c.CodeRules, p.codeRule(s))
		s.done()
	}
	if len(*r.out) > before || !slices.Contains(p.known.Profiles, p.c.Terminal.CodeProfile) {
		return // a row that was read in part would be judged for what it does not say
	}
	faults, err := paycode.Check(p.c.Terminal.CodeProfile, p.c.CodeRules)
	if err != nil {
		r.mistake("code_rule", "correct code_profile", "%v", err)
		return
	}
	for _, f := range faults {
		list[f.Row].mistake(f.Key, f.Hint, "%s", f.Text)
	}
	if len(faults) > 0 {
		return
	}
	for i, rule := range p.c.CodeRules {
		if len(rule.Patterns) > 0 && !p.charged(string(rule.Scheme)) {
			list[i].report(Warning, "scheme", "name it in the schemes of a contract whose wallet takes it",
				"no contract takes %s: such a code is recognised and refused", clip(string(rule.Scheme)))
		}
	}
}

func (p *parser) charged(scheme string) bool {
	return slices.ContainsFunc(p.c.Contracts, func(c Contract) bool { return slices.Contains(c.Schemes, scheme) })
}

func (p *parser) codeRule(s *reader) paycode.Rule {
	rule := paycode.Rule{
		Scheme:   paycode.Scheme(s.str("scheme", false, "")),
		Form:     p.limited(s, "form", 40),
		Patterns: s.strs("patterns", false, `patterns = ["77#{10}"]`),
		AIM:      s.strs("aim", false, `aim = ["]Q1"]`),
		Validity: s.duration("validity", time.Second, 24*time.Hour, 0),
		Region:   p.limited(s, "region", 2),
		Priority: int(s.number("priority", 1, 9999, 0)),
		Source:   p.limited(s, "source", 200),
		Disable:  s.boolean("disable", false),
	}
	for _, cur := range s.strs("currencies", false, `currencies = ["CNY"]`) {
		if _, known := sale.Currency(cur).Exponent(); !known && cur != paycode.Anywhere {
			s.mistake("currencies", "an ISO 4217 code in capitals: CNY, HKD, JPY, ...", "%q is not a currency", clip(cur))
		}
		rule.Currencies = append(rule.Currencies, cur)
	}
	if n := len(rule.Patterns); n > maxPatterns {
		s.mistake("patterns", "divide them among sections", "has %d patterns, at most %d are read", n, maxPatterns)
		rule.Patterns = rule.Patterns[:maxPatterns]
	}
	symbologies := s.strs("symbologies", false, "symbologies = "+"["+quoted(paycode.Symbologies())+"]")
	if len(symbologies) > 0 && len(rule.AIM) > 0 {
		s.mistake("symbologies", "delete one of them", "stands beside aim, which says the same more finely")
	}
	for _, name := range symbologies {
		aim := paycode.AIMOf(name)
		if aim == nil {
			s.mistake("symbologies", "write some of: "+quoted(paycode.Symbologies()), "%q carries no payment", clip(name))
		}
		rule.AIM = append(rule.AIM, aim...)
	}
	return rule
}
