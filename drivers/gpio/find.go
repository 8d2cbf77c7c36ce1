package gpio

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"periph.io/x/host/v3/gpioioctl"

	"github.com/tilld/tilld/drivers"
)

// Line is one line of a chip.
type Line struct {
	Name   string // as the board calls it: "GPIO17"; may be empty
	Chip   string // the label of its chip: "pinctrl-rp1"
	Path   string // the node of its chip, which changes between systems
	Offset int    // on its chip
	User   string // who had it when Init ran; empty when it was free
}

// String is the name that finds the line again on every system.
func (l Line) String() string { return fmt.Sprintf("%s:%d", l.Chip, l.Offset) }

// Lines lists every line of this machine, those of a board's header first. Init must have
// run.
func Lines() []Line {
	var out []Line
	for _, c := range gpioioctl.Chips {
		for _, l := range c.Lines() {
			// periph puts the chip's name before a line's when two chips have one of that name.
			name := strings.TrimPrefix(l.Name(), c.Name()+"-")
			out = append(out, Line{Name: name, Chip: c.Label(), Path: c.Path(), Offset: l.Number(), User: l.Consumer()})
		}
	}
	slices.SortStableFunc(out, func(a, b Line) int { return rank(a.Chip) - rank(b.Chip) })
	return out
}

// headers are the chips behind the 40 pins of a Raspberry Pi, by label: 5 and CM5; 4 and
// CM4; the ones before. On them GPIOn is the line at offset n, named or not.
var headers = []string{"pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"}

func rank(label string) int {
	if i := slices.Index(headers, label); i >= 0 {
		return i
	}
	return len(headers)
}

// Find looks a line up by its name or by its chip's label and its offset or name there.
// Among chips of the same rank a name that two of them have is an error. Init must have run.
func Find(name string) (Line, error) {
	l, err := pick(Lines(), name)
	if err != nil {
		return Line{}, err
	}
	return l, nil
}

func pick(lines []Line, name string) (Line, error) {
	fail := func(why, hint string) (Line, error) {
		return Line{}, &drivers.Error{Op: "find", Subject: fmt.Sprintf("line %q", clip(name)), Err: errors.New(why), Hint: hint}
	}
	if len(lines) == 0 {
		return fail("this machine has no lines", "delete it, or let tilld's user open /dev/gpiochip*")
	}
	if name == "" {
		return fail("the name is empty", "write a name such as "+example(lines))
	}
	found := matching(lines, name)
	switch {
	case len(found) == 0:
		return fail("no such line", fmt.Sprintf("this machine has %d lines, such as %s", len(lines), example(lines)))
	case len(found) > 1 && rank(found[0].Chip) == rank(found[1].Chip):
		return fail("two chips have a line of that name", fmt.Sprintf("write %s or %s", found[0], found[1]))
	}
	return found[0], nil
}

// matching are the lines that a name fits, the best first.
func matching(lines []Line, name string) (found []Line) {
	chip, rest, byChip := cutLast(name)
	for _, l := range lines {
		if l.Name == name && name != "" || byChip && l.Chip == chip && (l.Name == rest && rest != "" || strconv.Itoa(l.Offset) == rest) {
			found = append(found, l)
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, l := range lines {
		if rank(l.Chip) < len(headers) && name == "GPIO"+strconv.Itoa(l.Offset) {
			found = append(found, l)
		}
	}
	return found
}

// cutLast cuts "chip:17" at its last colon: labels may hold colons.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

func example(lines []Line) string {
	for _, l := range lines {
		if l.Name != "" && l.Name != "-" && l.Name != "_" {
			return fmt.Sprintf("%s (%s)", l.Name, l)
		}
	}
	return lines[0].String()
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
