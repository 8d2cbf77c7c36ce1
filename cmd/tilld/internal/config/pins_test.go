package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPins(t *testing.T) {
	const sections = `
[indicator]
lamp = "GPIO17"
buzzer = "GPIO27"
ready = "pinctrl-rp1:22"
[door]
line = "GPIO5"
pull = "up"
active_low = true
[tamper]
line = "GPIO6"
debounce = "100ms"
refuse_sales = true
`
	c, problems := Parse([]byte(good+sections), "/etc/tilld", tables())
	if n := problems.Count(Mistake); n != 0 {
		t.Fatalf("%v", problems)
	}
	want := Config{Indicator: Indicator{Lamp: "GPIO17", Buzzer: "GPIO27", Ready: "pinctrl-rp1:22"},
		Door:   Contact{Line: "GPIO5", ActiveLow: true, Pull: "up", Debounce: 20 * time.Millisecond},
		Tamper: Contact{Line: "GPIO6", Pull: "none", Debounce: 100 * time.Millisecond, RefuseSales: true}}
	if got := (Config{Indicator: c.Indicator, Door: c.Door, Tamper: c.Tamper}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for section, mistake := range map[string]string{
		"[indicator]\nlamp = \"A\"\nbuzzer = \"A\"\n":          "taken already",
		"[door]\npull = \"up\"\n":                              "door.line: is missing",
		"[door]\nline = \"A\"\n[tamper]\nline = \"A\"\n":       "taken already",
		"[door]\nline = \"A\"\nrefuse_sales = true\n":          "unknown key",
		"[tamper]\nline = \"A\"\npull = \"sideways\"\n":        "not known",
		"[tamper]\nline = \"A\"\ndebounce = \"2m\"\n":          "not a time in range",
		"[indicator]\nlamp = \"A\"\nactive_low = \"yes\"\n":    "must be true or false",
		"[indicator]\nactive_low = true\n[tamper]\nline = 5\n": "must be a string",
	} {
		_, problems := Parse([]byte(good+"\n"+section), "/etc/tilld", tables())
		if problems.Count(Mistake) == 0 || !strings.Contains(text(problems), mistake) {
			t.Errorf("%s: %s", section, text(problems))
		}
	}
}

func text(ps Problems) string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

func TestKeyStore(t *testing.T) {
	const keys = `keys = "/etc/tilld/keys.toml"` + "\n"
	with := func(lines, sections string) (Terminal, Problems) {
		c, problems := Parse([]byte(strings.Replace(good, keys, lines, 1)+sections), "/etc/tilld", tables())
		return c.Terminal, problems
	}
	for _, c := range []struct {
		lines, sections string
		mistake         string // empty: none
	}{
		{keys, "", ""},
		{keys + `key_store = "tpm"` + "\n", "", ""},
		{keys + `key_store = "tpm"` + "\n", "[terminal.tpm]\npcrs = [7, 11]\nauthority = \"a.pub\"\napprovals = \"a.json\"\n", ""},
		{keys + `key_store = "tpm"` + "\n", "[terminal.tpm]\npcrs = [7]\n", "terminal.tpm.authority: is missing"},
		{keys + `key_store = "tpm"` + "\n", "[terminal.tpm]\npcrs = [7, 24]\nauthority = \"a\"\napprovals = \"b\"\n", "not a number from 0 to 23"},
		{keys + `key_store = "tpm"` + "\n", "[terminal.tpm]\npcrs = [7, 7]\nauthority = \"a\"\napprovals = \"b\"\n", "stands twice"},
		{keys + `key_store = "tpm"` + "\n", "[terminal.tpm]\nauthority = \"a\"\n", "nothing to approve"},
		{keys + `key_store = "tpm"` + "\n", "[terminal.tpm]\ndevice = \"unix:/run/s\"\n", "test"},
		{`key_store = "tpm"` + "\n", "", "terminal.keys: is missing"},
		{`key_store = "atecc608"` + "\n", "[terminal.atecc608]\nbus = \"/dev/i2c-1\"\n", ""},
		{`key_store = "atecc608"` + "\n", "", "atecc608: is missing"},
		{`key_store = "atecc608"` + "\n", "[terminal.atecc608]\nroot_slot = 3\n", "bus: is missing"},
		{`key_store = "atecc608"` + "\n", "[terminal.atecc608]\nbus = \"x\"\nroot_slot = 0\n", "sign_slot too"},
		{`key_store = "atecc608"` + "\n", "[terminal.atecc608]\nbus = \"x\"\naddress = 0\n", "out of range"},
		{keys + `key_store = "atecc608"` + "\n", "[terminal.atecc608]\nbus = \"x\"\n", "there is no file of it"},
		{keys + `key_store = "vault"` + "\n", "", "not known"},
	} {
		k, problems := with(c.lines, c.sections)
		if got := text(problems); c.mistake == "" && problems.Count(Mistake) != 0 || !strings.Contains(got, c.mistake) ||
			c.mistake != "" && problems.Count(Mistake) == 0 {
			t.Errorf("%s%s: %s\n%+v", c.lines, c.sections, got, k)
		}
	}
	if _, problems := with(keys, "[terminal.tpm]\ndevice = \"/dev/tpm0\"\n"); problems.Count(Warning) == 0 || !strings.Contains(text(problems), "the root key is not there") {
		t.Errorf("a section that is not used: %s", text(problems))
	}
	k, _ := with(keys+`key_store = "tpm"`+"\n", "[terminal.tpm]\npcrs = [7, 11]\nauthority = \"a.pub\"\napprovals = \"a.json\"\n")
	if want := (TPMKeys{Device: "/dev/tpmrm0", PCRs: []int{7, 11}, Authority: "/etc/tilld/a.pub", Approvals: "/etc/tilld/a.json"}); !reflect.DeepEqual(k.TPM, want) {
		t.Errorf("%+v", k.TPM)
	}
	k, _ = with(`key_store = "atecc608"`+"\n", "[terminal.atecc608]\nbus = \"/dev/i2c-1\"\n")
	if want := (ATECCKeys{Bus: "/dev/i2c-1", Address: 0x60, RootSlot: 9}); k.ATECC608 != want {
		t.Errorf("%+v", k.ATECC608)
	}
}
