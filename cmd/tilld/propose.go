package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/drivers"
)

// proposal is a section of the configuration for a device that has none.
type proposal struct {
	Scanner string `json:"scanner"` // its name
	// Sure: the device is a scanner. Otherwise it can be one, and a person has to know.
	Sure bool     `json:"sure"`
	Why  []string `json:"why"`
	TOML string   `json:"toml"` // ready to paste
}

// propose makes a section for each device that could be a scanner and is none yet: one for a
// device, however many nodes it has. HID POS comes before a serial line, which comes before a
// keyboard: the first tells lengths and kinds of codes, the last neither.
func propose(list []*attached, have []config.Scanner) []proposal {
	var names []string
	for _, c := range have {
		names = append(names, c.Name)
	}
	out := []proposal{}
	for _, a := range list {
		if slices.ContainsFunc(a.Nodes, func(n node) bool { return n.Stands == nodeUsed || n.Stands == nodeFailed }) {
			continue
		}
		n, driver := best(a)
		if n == nil {
			continue
		}
		p := section(a, n, driver, nameFor(a, names))
		names = append(names, p.Scanner)
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b proposal) int {
		switch {
		case a.Sure == b.Sure:
			return 0
		case a.Sure:
			return -1
		}
		return 1
	})
	return out
}

// best is the node of a device that tells most of a code.
func best(a *attached) (*node, string) {
	for _, want := range []struct{ subsystem, driver string }{{"hidraw", "hidpos"}, {"tty", "serial"}, {"input", "wedge"}} {
		for i := range a.Nodes {
			if n := &a.Nodes[i]; n.Subsystem == want.subsystem && n.Stands == nodeFree {
				return n, want.driver
			}
		}
	}
	return nil, ""
}

func section(a *attached, n *node, driver, name string) proposal {
	m := modelOf(a.id)
	p := proposal{Scanner: name, Sure: m.is == isScanner || n.of.Kind == drivers.HIDPOS}
	what := a.Name
	if what == "" {
		what = n.What
	}
	p.Why = append(p.Why, fmt.Sprintf("%s at %s", what, a.Place))
	lines := []string{"[[scanner]]", "name = " + strconv.Quote(name), "driver = " + strconv.Quote(driver),
		"device = " + strconv.Quote(n.Device)}
	switch {
	case m.is == isPalm:
		p.Sure = false
	case driver == "serial":
		protocol := m.protocol
		if protocol == "" {
			protocol = "line"
		}
		lines = append(lines, "protocol = "+strconv.Quote(protocol))
		if protocol == "line" {
			lines = append(lines, "aim = false            # better: switch AIM identifiers on in the scanner, and write true")
		}
	case driver == "wedge":
		lines = append(lines, `layout = "us"          # the scanner's keyboard country`,
			"aim = false            # better: switch AIM identifiers on in the scanner, and write true")
		p.Why = append(p.Why, "USB HID POS or USB serial mode is better: a keyboard tells neither lengths nor kinds of codes")
	}
	switch {
	case m.is == isBridge:
		p.Why = append(p.Why, m.name+" makes bridges to serial lines: anything can be behind it")
	case !p.Sure && driver == "wedge":
		p.Why = append(p.Why, "only if it is a scanner: tilld takes a wedge's keys away from all other programs")
	case !p.Sure:
		p.Why = append(p.Why, "only if a scanner is behind it")
	}
	if m.remark != "" {
		p.Why = append(p.Why, m.remark)
	}
	p.TOML = strings.Join(lines, "\n") + "\n"
	return p
}

// nameFor makes a name of what the device calls itself, other than those that are taken.
func nameFor(a *attached, taken []string) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r > 0x7E:
			return -1
		}
		return '-'
	}, a.Name)
	words := strings.FieldsFunc(base, func(r rune) bool { return r == '-' })
	base = strings.Join(words, "-")
	if len(base) > 30 {
		base = strings.TrimRight(base[:30], "-")
	}
	if base == "" {
		base = "scanner"
	}
	for i := 1; ; i++ {
		name := base
		if i > 1 {
			name += "-" + strconv.Itoa(i)
		}
		if !slices.Contains(taken, name) {
			return name
		}
	}
}
