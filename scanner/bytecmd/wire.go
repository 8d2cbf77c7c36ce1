// Package bytecmd speaks the dialects whose commands are single bytes or a few: Datalogic's,
// Opticon's and CipherLab's. The scans come as package line decodes them; the scanner's framing
// is set at the scanner and declared in the configuration, because these commands cannot set
// it (CipherLab's and Opticon's numbered settings can, see Config.Settings).
//
// No command is acknowledged, so a scanner that does not listen is not noticed by this package.
//
// Sources: the appendices "Host Commands" of Datalogic Magellan 800i and 9300i and PowerScan
// 9600; Opticon NLV-5201; CipherLab 1663 and 1664 ("Host Serial Commands").
package bytecmd

import (
	"errors"
	"fmt"
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

// Append appends a command to dst and reports whether the dialect has it. Opticon's letters
// other than the trigger's are unconfirmed.
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

// AppendSetting appends a volatile setting to dst: CipherLab's six digits, or Opticon's
// identifier of one to three capital letters and digits. What writes flash is refused.
func AppendSetting(dst []byte, d Dialect, setting string) ([]byte, error) {
	fail := func(why string) ([]byte, error) { return dst, fmt.Errorf("setting %.10q: %s", setting, why) }
	const save, opticonSave = "109999", "Z2"
	switch d {
	case CipherLab:
		if len(setting) != 6 || !only(setting, false) {
			return fail("want six digits")
		}
		if setting == save {
			return fail("it writes flash, which wears when that is done at each start")
		}
		return append(append(append(dst, "#@"...), setting...), '\r'), nil
	case Opticon:
		if len(setting) < 1 || len(setting) > 3 || !only(setting, true) {
			return fail("want one to three capital letters or digits")
		}
		if setting == opticonSave {
			return fail("it writes flash, which wears when that is done at each start")
		}
		dst = append(dst, 0x1B)
		if len(setting) == 3 {
			dst = append(dst, '[')
		}
		return append(append(dst, setting...), '\r'), nil
	case Datalogic:
		return fail("this dialect has no settings")
	}
	return dst, errors.New("unknown dialect")
}

// only reports whether s holds nothing but digits, and capital letters where they may be.
func only(s string, letters bool) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || letters && c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}
