// Package bytecmd speaks the dialects whose commands are single bytes or a few: Datalogic's,
// Opticon's and CipherLab's. The scans come as package line decodes them; the scanner's framing
// is set at the scanner and declared in the configuration, because these commands cannot set
// it (CipherLab's and Opticon's numbered settings can, see Config.Settings).
//
// No command is acknowledged, so a scanner that does not listen is not noticed by this package.
//
// Sources: the appendices "Host Commands" of Datalogic Magellan 800i and 9300i and PowerScan
// 9600; Opticon NLV-4001 and NLV-5201 ("Universal Command"); CipherLab 1663 and 1664 ("Host Serial Commands").
package bytecmd

import (
	"errors"
	"fmt"
	"strings"
)

// Dialect is a maker's commands.
type Dialect string

const (
	Datalogic Dialect = "datalogic"
	Opticon   Dialect = "opticon"
	CipherLab Dialect = "cipherlab"
)

// Command is something that a scanner does at once.
type Command string

const (
	Enable    Command = "enable"
	Disable   Command = "disable"
	Reboot    Command = "reset"       // Datalogic: ignores commands for a while after it
	NotOnFile Command = "not-on-file" // Datalogic: bad tone, and disabled until Enable
	Beep      Command = "beep"        // as after a good read, whatever the scanner's settings
	BeepError Command = "beep-error"
	Pull      Command = "trigger"
	Release   Command = "untrigger"
	Identify  Command = "identification" // Datalogic: answered with text, as the next two
	Health    Command = "health"
	Status    Command = "status"
)

// Append appends a command to dst and reports whether the dialect has it.
func Append(dst []byte, d Dialect, c Command) (out []byte, ok bool) {
	wire := ""
	switch d {
	case Datalogic:
		wire = datalogic(c)
	case Opticon:
		wire = opticon(c)
	case CipherLab:
		wire = cipherLab(c)
	}
	return append(dst, wire...), wire != ""
}

func datalogic(c Command) string {
	switch c {
	case Enable:
		return "E"
	case Disable:
		return "D"
	case Reboot:
		return "R"
	case NotOnFile:
		return "F"
	case Beep:
		return "\x01"
	case Pull:
		return "T"
	case Release:
		return "X"
	case Identify:
		return "i"
	case Health:
		return "h"
	case Status:
		return "s"
	}
	return ""
}

func opticon(c Command) string {
	switch c {
	case Pull:
		return "\x1bZ\r"
	case Release:
		return "\x1bY\r"
	case Beep:
		return "\x1bB\r"
	case BeepError:
		return "\x1bE\r"
	}
	return ""
}

// cipherLab has no trigger; enabling and disabling does what it does.
func cipherLab(c Command) string {
	switch c {
	case Enable, Pull:
		return "E"
	case Disable, Release:
		return "D"
	case Beep:
		return "#@////\r"
	}
	return ""
}

// maxSetting is the longest setting in bytes.
const maxSetting = 16

// AppendSetting appends a volatile setting to dst: CipherLab's six digits, or Opticon's
// identifiers as its manual prints them ("S0", "BCC", "M41B", "]ABCD"; one of three characters
// gets its bracket). What writes flash is refused.
func AppendSetting(dst []byte, d Dialect, setting string) ([]byte, error) {
	const wears = "it writes flash, which wears when that is done at each start"
	fail := func(why string) ([]byte, error) { return dst, fmt.Errorf("setting %.16q: %s", setting, why) }
	switch d {
	case CipherLab:
		switch {
		case len(setting) != 6 || !only(setting, "0123456789"):
			return fail("want six digits")
		case setting == "109999":
			return fail(wears)
		}
		return append(append(append(dst, "#@"...), setting...), '\r'), nil
	case Opticon:
		switch {
		case setting == "" || len(setting) > maxSetting || !only(setting, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789[]"):
			return fail("want capital letters and digits")
		case strings.Contains(setting, "Z2"):
			return fail(wears)
		}
		dst = append(dst, 0x1B)
		if len(setting) == 3 && !strings.ContainsAny(setting, "[]") {
			dst = append(dst, '[')
		}
		return append(append(dst, setting...), '\r'), nil
	case Datalogic:
		return fail("this dialect has no settings")
	}
	return dst, errors.New("unknown dialect")
}

func only(s, characters string) bool { return strings.Trim(s, characters) == "" }
