package device

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// honeywell is the dialect of Honeywell, Youjie and Mindeo scanners.
type honeywell struct{}

func (honeywell) factory() []setting {
	return []setting{
		{"PREBK2", ""}, {"SUFBK2", "990D"}, {"TRGMOD", "3"}, {"BEPLVL", "3"},
		{"CBRENA", "1"}, {"CBRSSX", "0"}, {"CBRCK2", "0"}, {"CBRCCT", "1"}, {"CBRMIN", "2"}, {"CBRMAX", "60"}, {"CBRDFT", ""},
		{"TERMID", "000"}, {"REVINF", ""},
	}
}

const syn = 0x16

func (honeywell) cut(in []byte) (c wireCommand, n int) {
	if in[0] != syn {
		n := bytes.IndexByte(in, syn)
		if n < 0 {
			n = len(in)
		}
		return wireCommand{now: "noise"}, n
	}
	if len(in) < 3 {
		return c, 0
	}
	if in[2] != '\r' {
		return wireCommand{now: "noise"}, 1
	}
	switch in[1] {
	case 'T', 't':
		return wireCommand{now: "trigger"}, 3
	case 'U', 'u':
		return wireCommand{now: "untrigger"}, 3
	case 0x07:
		return wireCommand{now: "beep"}, 3
	case 'M', 'm':
	default:
		return wireCommand{now: "noise"}, 3
	}
	end := bytes.IndexAny(in, ".!")
	if end < 0 {
		return c, 0
	}
	text := strings.ToUpper(string(in[3:end]))
	return wireCommand{text: text, store: in[end], toROM: in[end] == '.'}, end + 1
}

func (honeywell) frame(c wireCommand, body []byte) []byte { return append(body, c.store) }

func (honeywell) query() string { return "?^*" }

func (h honeywell) apply(s settings, name, value string) byte {
	switch name {
	case "PRECA2", "SUFCA2":
		if value != "" {
			return nak
		}
		s[name[:3]+"BK2"] = ""
		return ack
	case "PREBK2", "SUFBK2":
		if _, err := hex.DecodeString(value); err != nil || len(value) < 4 {
			return nak
		}
	case "TRGMOD", "BEPLVL", "CBRENA", "CBRSSX", "CBRCK2", "CBRCCT", "CBRMIN", "CBRMAX":
		if value == "" || strings.Trim(value, "0123456789") != "" {
			return nak
		}
	case "REVINF", "CBRDFT":
		if value != "" {
			return nak
		}
	default:
		return enq
	}
	s[name] = value
	return ack
}

func (h honeywell) frameScan(s settings, symbology, text string) []byte {
	b := h.affix(s["PREBK2"], symbology)
	b = append(b, text...)
	return append(b, h.affix(s["SUFBK2"], symbology)...)
}

// affix writes a prefix or suffix: two digits of the symbology (99 all), then bytes, of which
// 5C81 is the AIM identifier.
func (honeywell) affix(value, symbology string) (out []byte) {
	if len(value) < 4 || value[:2] != "99" {
		return nil
	}
	b, err := hex.DecodeString(value[2:])
	if err != nil {
		return nil
	}
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == 0x5C && i+1 < len(b) && b[i+1] == 0x81:
			out = append(out, AIM(symbology)...)
			i++
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func (honeywell) looking(s settings) bool { return s["TRGMOD"] != "0" }

// locked: no command against programming bar codes is published.
func (honeywell) locked(settings) bool { return false }
