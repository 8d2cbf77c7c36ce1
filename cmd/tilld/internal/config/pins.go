package config

import "time"

// Indicator is [indicator]: what people at the counter see and hear. Empty lines are not
// fitted.
type Indicator struct {
	Lamp, Buzzer string
	Ready        string // lit while new sales are taken
	ActiveLow    bool
}

// Fitted reports whether there is anything.
func (i Indicator) Fitted() bool { return i.Lamp != "" || i.Buzzer != "" || i.Ready != "" }

// Contact is [door] or [tamper]: a switch on an input line. It is active when the door, or
// the case, is open.
type Contact struct {
	Line      string // empty: not fitted
	ActiveLow bool
	Pull      string // "none", "up", "down"
	Debounce  time.Duration
	// RefuseSales is the tamper switch's: no new sale after it was active.
	RefuseSales bool
}

// pins reads the sections about lines of the board.
func (p *parser) pins(r *reader) {
	taken := map[string]int{}
	if s, present := r.section("indicator"); present {
		i := &p.c.Indicator
		i.Lamp, i.Buzzer, i.Ready = p.line(s, "lamp", taken), p.line(s, "buzzer", taken), p.line(s, "ready", taken)
		i.ActiveLow = s.boolean("active_low", false)
		if !i.Fitted() {
			r.report(Warning, "indicator", `lamp = "GPIO17", or delete the section`, "names no line")
		}
		s.done()
	}
	p.contact(r, "door", &p.c.Door, taken)
	p.contact(r, "tamper", &p.c.Tamper, taken)
	p.palm(r, taken)
}

func (p *parser) line(s *reader, key string, taken map[string]int) string {
	name := p.limited(s, key, 80)
	p.once(s, key, name, taken)
	return name
}

func (p *parser) contact(r *reader, key string, c *Contact, taken map[string]int) {
	s, present := r.section(key)
	if !present {
		return
	}
	if s.table.table["line"] == nil {
		s.missing("line", `line = "GPIO5", or "pinctrl-rp1:5"`)
	}
	c.Line = p.line(s, "line", taken)
	c.ActiveLow = s.boolean("active_low", false)
	c.Pull = s.oneOf("pull", "none", "up", "down")
	c.Debounce = s.duration("debounce", time.Millisecond, time.Second, 20*time.Millisecond)
	if key == "tamper" {
		c.RefuseSales = s.boolean("refuse_sales", false)
	}
	s.done()
}
