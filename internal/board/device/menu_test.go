package device

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestMenuPublishedAnswers: the commands and replies that the makers' manuals print.
func TestMenuPublishedAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		m             *Menu
		command, want string
	}{
		"Honeywell's Codabar query": {NewHoneywell(), "164d0d4342523f2e",
			"434252454e4131062c53535830062c434b3230062c43435431062c4d494e32062c4d41583630062c444654062e"},
		"Newland's Code 11": {NewNewland(), "7e013030303040433131454e41312c4d494e31322c4d415832323b03",
			"02013030303040433131454e4131062c4d494e3132062c4d41583232063b03"},
		"Honeywell unknown tag":  {NewHoneywell(), hex.EncodeToString([]byte("\x16M\rXYZABC1!")), hex.EncodeToString([]byte("XYZABC1\x05!"))},
		"Honeywell bad value":    {NewHoneywell(), hex.EncodeToString([]byte("\x16M\rTRGMODx;SUFCA2.")), hex.EncodeToString([]byte("TRGMODX\x15;SUFCA2\x06."))},
		"Newland unknown tag":    {NewNewland(), hex.EncodeToString([]byte("~\x010000#XYZABC1;\x03")), hex.EncodeToString([]byte("\x02\x010000#XYZABC1\x05;\x03"))},
		"Newland query of value": {NewNewland(), hex.EncodeToString([]byte("~\x010000#TSUSET*;\x03")), hex.EncodeToString([]byte("\x02\x010000#TSUSET0D0A\x06;\x03"))},
	} {
		command, err := hex.DecodeString(c.command)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for i := range command {
			got = append(got, c.m.Command(command[i:i+1])...)
		}
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %q, want %s", name, got, c.want)
		}
	}
}

func TestMenuGarbage(t *testing.T) {
	for _, m := range []*Menu{NewHoneywell(), NewNewland()} {
		for i := range 256 {
			m.Command([]byte{byte(i), 0x16, byte(i), '\r', '~', 0x01, byte(i)})
		}
		m.Command(bytes.Repeat([]byte("\x16M\rA"), 1000))
		m.Command([]byte("~\x010000;\x03;;,\x16M\r,;,.\x16M\r?."))
		if len(m.Faults()) == 0 {
			t.Error("no faults noted")
		}
	}
}

func FuzzMenu(f *testing.F) {
	f.Add([]byte("\x16M\rPRECA2,BK2995C81!\x16T\r"))
	f.Add([]byte("~\x010000#AIDENA1;TSUENA1,SET0D;\x03"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, m := range []*Menu{NewHoneywell(), NewNewland()} {
			whole := m.Command(in)
			m = newMenu(m.dialect)
			var parts []byte
			for i := range in {
				parts = append(parts, m.Command(in[i:i+1])...)
			}
			if len(in) < 1024 && !bytes.Equal(whole, parts) {
				t.Fatalf("%q, in pieces %q", whole, parts)
			}
		}
	})
}
