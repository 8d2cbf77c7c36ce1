package device

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// TestGM65AsPublished holds the model against the frames that manuals and users print.
func TestGM65AsPublished(t *testing.T) {
	for command, want := range map[string]string{
		"7e000801000201abcd":             "02000001003331", // without CRC
		"7e00080100020102da":             "02000001003331",
		"7e000701002a02d80f":             "020000023901c14c", // 9600 baud
		"7e000901000000dec8":             "02000001003331",
		"7e000a01000000301a":             "03000001003331", // heartbeat
		"7e0008010002010000":             "02000101000401", // a wrong CRC
		"7e000801000a3e4ccf":             "02000001003331",
		"7e0055010000000000":             "02000101000401",
		"00ff7e000a01000000301a":         "03000001003331",
		"7e000a01000000301a7e000a010000": "03000001003331",
	} {
		b, _ := hex.DecodeString(command)
		m := NewGM65(GM65Config{})
		if got := hex.EncodeToString(m.Command(b)); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
		whole := NewGM65(GM65Config{})
		var reply []byte
		for i := range b {
			reply = append(reply, whole.Command(b[i:i+1])...)
		}
		if got := hex.EncodeToString(reply); got != want {
			t.Errorf("%s byte by byte: %s, want %s", command, got, want)
		}
	}
	m := NewGM65(GM65Config{})
	m.Command([]byte{0x7E, 0, 8, 1, 0, 0x0A, 0x3E, 0x4C, 0xCF})
	if got := hex.EncodeToString(m.Command([]byte{0x7E, 0, 7, 1, 0, 0x0A, 1, 0xEE, 0x8A})); got != "020000013ee4ac" {
		t.Errorf("zone 000A reads as %s", got)
	}
	if silent := NewGM65(GM65Config{Silent: true}); len(silent.Command([]byte{0x7E, 0, 8, 1, 0, 2, 1, 0, 0})) > 0 {
		t.Error("it is not silent")
	}
}

// TestGarbage: no model panics, and none keeps garbage.
func TestGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	gm, ssi := NewGM65(GM65Config{}), NewSSI(SSIConfig{Sleepy: true})
	for range 20_000 {
		b := make([]byte, 1+rng.IntN(40))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		switch rng.IntN(4) {
		case 0:
			b = append([]byte{0x7E, 0, byte(7 + rng.IntN(4)), byte(rng.IntN(3)), 0}, b...)
		case 1:
			b[0] = byte(len(b) - 2)
		}
		gm.Command(b)
		ssi.do(func() { ssi.receive(b) })
	}
	if len(gm.in) > 300 || len(ssi.in) > 300 || len(gm.Faults()) > maxFaults || len(ssi.Faults()) > maxFaults {
		t.Error("garbage is kept")
	}
}
