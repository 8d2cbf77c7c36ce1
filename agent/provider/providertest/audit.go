package providertest

import (
	"maps"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/biometric"
)

// Event is one line of the audit. It holds no template, no credential and no salt; the claim
// of an enrolment is its account code, spent or soon over, since the terminal signed it.
type Event struct {
	At       time.Time
	What     string // "presented" or "withdrawn"
	Terminal string
	Member   string           // of a withdrawal
	Outcome  provider.Outcome // of a presentation
	Why      string           // of a refusal
	// Record is of a presentation: the verdict that the terminal signed, and for what. It can be
	// verified when the template is long deleted.
	Record biometric.Record
}

// maxEvents is how many are kept, the latest ones.
const maxEvents = 10000

type audit struct {
	events []Event
	counts map[string]int
}

func (a *audit) add(e Event) {
	if len(a.events) == maxEvents {
		a.events = slices.Delete(a.events, 0, maxEvents/10)
	}
	a.events = append(a.events, e)
	a.count(e.What)
	if e.Outcome != "" {
		a.count(string(e.Outcome))
	}
}

func (a *audit) count(what string) { a.counts[what]++ }

// record puts a presentation into the audit.
func (p *Provider) record(t *Terminal, s biometric.Sealed, outcome provider.Outcome, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.audit.add(Event{At: p.o.Clock(), What: "presented", Terminal: t.Serial, Outcome: outcome, Why: why, Record: s.Record()})
}

func (p *Provider) count(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.audit.count(what)
}

// Audit is what happened, oldest first.
func (p *Provider) Audit() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.audit.events)
}

// Counts says how often things happened: every What and Outcome of the audit, "challenge",
// "issued", "repeated", "voided", "locked out", "consent refused".
func (p *Provider) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.audit.counts)
}

// Consents is every consent on record, the withdrawn ones included, oldest first.
func (p *Provider) Consents() []Consent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.people.consents)
}
