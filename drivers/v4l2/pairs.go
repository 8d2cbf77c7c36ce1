package v4l2

import (
	"strings"

	"github.com/tilld/tilld/drivers"
)

// Found is a device node that takes pictures, and what it says of itself.
type Found struct {
	Node drivers.Node
	Info Info
}

// infrared: it offers grey pictures and nothing else.
func (f Found) infrared() bool {
	for _, m := range f.Info.Modes {
		if !m.Pixel.Infrared() {
			return false
		}
	}
	return len(f.Info.Modes) > 0
}

// Pair is the two cameras of a module that sees colour and near-infrared.
type Pair struct{ Colour, Infrared Found }

// Pairs finds the modules among cameras: one colour and one near-infrared camera of the same
// vendor, in one USB device, or else in two that sit on one hub, as modules have it inside.
// What is not plain, such as a hub with three of them, is no pair. It is pure.
func Pairs(cameras []Found) []Pair {
	used := make([]bool, len(cameras))
	var pairs []Pair
	for _, place := range []func(string) string{device, hub} {
		for i, a := range cameras {
			at := place(a.Node.ID.Port)
			if at == "" || used[i] {
				continue
			}
			var group []int
			for j, b := range cameras {
				if !used[j] && place(b.Node.ID.Port) == at && b.Node.ID.Vendor == a.Node.ID.Vendor {
					group = append(group, j)
				}
			}
			if len(group) != 2 || cameras[group[0]].infrared() == cameras[group[1]].infrared() {
				continue
			}
			p := Pair{cameras[group[0]], cameras[group[1]]}
			if p.Colour.infrared() {
				p.Colour, p.Infrared = p.Infrared, p.Colour
			}
			used[group[0]], used[group[1]] = true, true
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// device is a port itself: "1-1.2".
func device(port string) string { return port }

// hub is what a port is on, where that is no root hub: "1-1" of "1-1.2".
func hub(port string) string {
	i := strings.LastIndexByte(port, '.')
	if i < 0 {
		return ""
	}
	return port[:i]
}
