package device

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// newland is the dialect of Newland scanners.
type newland struct{}

func (newland) factory() []setting {
	return []setting{
		{"AIDENA", "0"}, {"TSUENA", "1"}, {"TSUSET", "0D0A"}, {"SCNMOD", "2"}, {"SETUPE", "1"},
		{"C11ENA", "0"}, {"C11MIN", "4"}, {"C11MAX", "48"}, {"QRYSYS", ""},
	}
}

const newlandCommand, newlandReply = "~\x010000", "\x02\x010000"

func (newland) cut(in []byte) (c wireCommand, n int) {
	if !strings.HasPrefix(newlandCommand, string(in[:min(len(in), len(newlandCommand))])) {
		n := 1 + bytes.IndexByte(in[1:], newlandCommand[0])
		if n == 0 {
			n = len(in)
		}
		return wireCommand{now: "noise"}, n
	}
	end := bytes.Index(in, []byte(";\x03"))
	if end < 0 {
		return c, 0
	}
	body := in[len(newlandCommand):end]
	if len(body) < 1 || body[0] != '@' && body[0] != '#' {
		return wireCommand{now: "noise"}, end + 2
	}
	return wireCommand{text: string(body[1:]), store: body[0], toROM: body[0] == '@'}, end + 2
}

func (newland) frame(c wireCommand, body []byte) []byte {
	reply := append([]byte(newlandReply), c.store)
	return append(append(reply, body...), ";\x03"...)
}

func (newland) query() string { return "*&^" }

func (newland) apply(s settings, name, value string) byte {
	switch name {
	case "AIDENA", "TSUENA", "SETUPE", "C11ENA", "SCNTRG":
		if value != "0" && value != "1" {
			return nak
		}
	case "SCNMOD", "C11MIN", "C11MAX":
		if value == "" || strings.Trim(value, "0123456789") != "" {
			return nak
		}
	case "TSUSET":
		if _, err := hex.DecodeString(value); err != nil || value == "" {
			return nak
		}
	case "BEEPON":
		if !strings.HasSuffix(value, "V") {
			return nak
		}
	case "QRYSYS":
		if value != "" {
			return nak
		}
	default:
		return enq
	}
	if name != "SCNTRG" && name != "BEEPON" {
		s[name] = value
	}
	return ack
}

func (newland) frameScan(s settings, symbology, text string) (out []byte) {
	if s["AIDENA"] == "1" {
		out = append(out, AIM(symbology)...)
	}
	out = append(out, text...)
	if s["TSUENA"] == "1" {
		suffix, _ := hex.DecodeString(s["TSUSET"]) // apply has checked it
		out = append(out, suffix...)
	}
	return out
}

func (newland) looking(s settings) bool { return s["SCNMOD"] != "0" }

func (newland) locked(s settings) bool { return s["SETUPE"] == "0" }
