package uevent

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tilld/tilld/drivers"
)

// ErrAmbiguous: a description fits more than one device, and none is taken by chance.
var ErrAmbiguous = errors.New("fits more than one device")

// Find is the one node of a subsystem that a description fits. The error is a
// *drivers.Error: fs.ErrNotExist when there is none, ErrAmbiguous when there are two.
func Find(list []drivers.Node, m drivers.Match, subsystem string) (drivers.Node, error) {
	i, err := find(len(list), func(i int) *drivers.Node { return &list[i] }, m, subsystem)
	if err != nil {
		return drivers.Node{}, err
	}
	return list[i], nil
}

func find(n int, at func(int) *drivers.Node, m drivers.Match, subsystem string) (int, error) {
	var found, typing []int
	for i := range n {
		if d := at(i); d.Subsystem == subsystem && m.Is(d.ID) {
			found = append(found, i)
			if d.Kind == drivers.Keyboard {
				typing = append(typing, i)
			}
		}
	}
	// One interface can show itself as several input devices, of which one has the keys.
	if len(typing) > 0 {
		found = typing
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, absent(n, at, m, subsystem)
	}
	var paths []string
	for _, i := range found {
		paths = append(paths, at(i).Path)
	}
	return 0, &drivers.Error{Op: "find", Subject: "device " + m.String(),
		Err:  fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(paths, ", ")),
		Hint: "add what tells them apart, as \"tilld devices\" shows it: port=, serial= or if="}
}

// absent says what is there instead, if anything is: plugs are swapped, and scanners replaced
// by others of their kind.
func absent(n int, at func(int) *drivers.Node, m drivers.Match, subsystem string) error {
	want := m.ID()
	e := &drivers.Error{Op: "find", Subject: "device " + m.String(), Err: fs.ErrNotExist,
		Hint: "plug the device in; \"tilld devices\" shows what is there and what it is called"}
	var place, self, kin, mode *drivers.Node
	for i := range n {
		d := at(i)
		sameKind := d.ID.Vendor == want.Vendor && d.ID.Product == want.Product
		switch {
		case d.Subsystem != subsystem:
			// Many scanners have another product number in each mode.
			if d.ID.Vendor == want.Vendor && want.Vendor != 0 && (want.Serial != "" && d.ID.Serial == want.Serial || want.Port != "" && d.ID.Port == want.Port) {
				mode = d
			}
		case want.Serial != "" && sameKind && d.ID.Serial == want.Serial:
			self = d
		case want.Port != "" && d.ID.Port == want.Port:
			place = d
		case sameKind && want.Vendor != 0:
			kin = d
		}
	}
	instead := func(d *drivers.Node) string { return fmt.Sprintf("device = %q", d.ID.Key(d.Unique)) }
	switch {
	case place != nil:
		e.Err = fmt.Errorf("%w: the configured place now holds another device, %s", fs.ErrNotExist, place.ID)
		if self != nil {
			e.Err = fmt.Errorf("%w; the configured one is at %s", e.Err, self.ID.Port)
		}
		e.Hint = "put the plugs back as they were, or write " + instead(place) + " if this one takes its place"
	case self != nil:
		e.Err = fmt.Errorf("%w: it is at %s now", fs.ErrNotExist, self.ID.Port)
		e.Hint = "put it back, or write " + instead(self)
	case mode != nil:
		e.Err = fmt.Errorf("%w: the device is there, but not as %s: it is %s", fs.ErrNotExist, subsystem, mode.Path)
		e.Hint = "scan the code for the wanted mode in its manual, or take the section that \"tilld devices\" proposes for this one"
	case kin != nil:
		e.Hint = "plug it in; another of its kind is there: if that one takes its place, write " + instead(kin)
	}
	return e
}
