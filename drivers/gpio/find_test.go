package gpio

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tilld/tilld/drivers"
)

// board makes the lines of a chip; an empty name stands for itself.
func board(label string, names ...string) (out []Line) {
	for i, n := range names {
		out = append(out, Line{Name: n, Chip: label, Path: "/dev/gpiochip0", Offset: i})
	}
	return out
}

func pi5() []Line {
	var header []string
	for i := range 28 {
		header = append(header, fmt.Sprintf("GPIO%d", i))
	}
	header[0], header[1] = "ID_SDA", "ID_SCL"
	return append(board("pinctrl-rp1", header...), board("gpio-brcmstb@107d508500", "-", "2712_BOOT_CS_N", "GPIO17", "2712_WAKE")...)
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []Line
		want  string // the line, or "error: part of it"
	}{
		{"GPIO17", pi5(), "pinctrl-rp1:17"},
		{"GPIO1", pi5(), "pinctrl-rp1:1"}, // the name on the plate, though the system calls it ID_SCL
		{"ID_SCL", pi5(), "pinctrl-rp1:1"},
		{"pinctrl-rp1:17", pi5(), "pinctrl-rp1:17"},
		{"pinctrl-rp1:GPIO17", pi5(), "pinctrl-rp1:17"},
		{"gpio-brcmstb@107d508500:GPIO17", pi5(), "gpio-brcmstb@107d508500:2"},
		{"gpio-brcmstb@107d508500:3", pi5(), "gpio-brcmstb@107d508500:3"},
		{"GPIO17", board("pinctrl-bcm2711", make([]string, 58)...), "pinctrl-bcm2711:17"}, // no names
		{"GPIO17", board("pinctrl-bcm2835", make([]string, 54)...), "pinctrl-bcm2835:17"},
		{"GPIO17", board("9030000.pl061", make([]string, 8)...), "error: no such line"},
		{"GPIO99", pi5(), "error: no such line"},
		{"pinctrl-rp1:99", pi5(), "error: no such line"},
		{"pinctrl-rp1:", pi5(), "error: no such line"},
		{"pinctrl-rp1:017", pi5(), "error: no such line"},
		{"X", append(board("a:b", "X"), board("c", "X")...), "error: two chips"},
		{"a:b:X", append(board("a:b", "X"), board("c", "X")...), "a:b:0"},
		{"", pi5(), "error: empty"},
		{"", board("c", "", ""), "error: empty"},
		{"GPIO17", nil, "error: no lines"},
	} {
		l, err := pick(c.lines, c.name)
		got := l.String()
		if err != nil {
			got = "error: " + err.Error()
			var e *drivers.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Errorf("%q: no hint with %v", c.name, err)
			}
		}
		if want, isError := strings.CutPrefix(c.want, "error: "); isError && !strings.Contains(got, want) || !isError && got != c.want {
			t.Errorf("%q: %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"GPIO17", "pinctrl-rp1:17", ":", "a:b:c", ""} {
		f.Add(s)
	}
	lines := pi5()
	f.Fuzz(func(t *testing.T, name string) {
		l, err := pick(lines, name)
		if err != nil {
			return
		}
		if again, err := pick(lines, l.String()); err != nil || again != l {
			t.Errorf("%q is %s, which is %v, %v", name, l, again, err)
		}
	})
}
