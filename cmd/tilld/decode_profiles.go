package main

import (
	"fmt"
	"strings"

	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
	"github.com/tilld/tilld/scanner/menu"
)

// profileRow is one wire protocol that a dump may be of, with the codec in the state of a
// device that was set up and has nothing under way.
type profileRow struct {
	name, text string
	make       func() (scanner.Codec, error)
}

// decodeProfiles is the table of profiles.
func decodeProfiles() []profileRow {
	return []profileRow{
		{"serial-aim", "serial line, ends on CR, LF or CRLF, AIM prefix on", func() (scanner.Codec, error) {
			return asCodec(line.New(line.Config{AIM: true}))
		}},
		{"serial-plain", "serial line, ends on CR, LF or CRLF, no prefix", func() (scanner.Codec, error) {
			return asCodec(line.New(line.Config{}))
		}},
		{"honeywell", "Honeywell menu and trigger commands", func() (scanner.Codec, error) {
			return asCodec(menu.New(menu.Config{Dialect: menu.Honeywell}))
		}},
		{"newland", "Newland 7E 01 commands", func() (scanner.Codec, error) {
			return asCodec(menu.New(menu.Config{Dialect: menu.Newland}))
		}},
	}
}

// asCodec keeps a nil pointer out of the interface.
func asCodec[C scanner.Codec](c C, err error) (scanner.Codec, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

func profileNamed(name string) (profileRow, error) {
	var names []string
	for _, p := range decodeProfiles() {
		if p.name == name {
			return p, nil
		}
		names = append(names, p.name)
	}
	return profileRow{}, fmt.Errorf("unknown profile %.40q, want one of %s", name, strings.Join(names, ", "))
}
