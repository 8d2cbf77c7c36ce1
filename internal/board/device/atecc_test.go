package device

import (
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"
)

// Frames that were published or made by others.
func TestATECCFrames(t *testing.T) {
	for frame, want := range map[string]string{
		"0730000000035d": "00006002", // Info
		"0724010000":     "03",       // cut short
		"07240100000f77": "01000000", // Counter 0 up
		"0724010000ffff": "ff",       // bad checksum
	} {
		synctest.Test(t, func(t *testing.T) {
			a := NewATECC(ATECCOptions{})
			w, _ := hex.DecodeString(frame)
			r := make([]byte, 7)
			if a.Tx(0x60, []byte{0}, nil) == nil {
				t.Error("a sleeping chip acknowledges")
			}
			_ = a.Tx(0, []byte{0}, nil)
			if a.Tx(0x60, nil, r[:4]) == nil {
				t.Error("acknowledged while it wakes")
			}
			time.Sleep(2 * time.Millisecond)
			if err := a.Tx(0x60, nil, r[:4]); err != nil || hex.EncodeToString(r[:4]) != "04113343" {
				t.Fatalf("%x, %v", r, err)
			}
			if err := a.Tx(0x60, append([]byte{3}, w...), nil); err != nil {
				t.Fatal(err)
			}
			if a.Tx(0x60, nil, r) == nil {
				t.Error("acknowledged while it works")
			}
			time.Sleep(2 * time.Millisecond)
			if err := a.Tx(0x60, nil, r); err != nil || int(r[0]) > len(r) {
				t.Fatalf("%x, %v", r, err)
			}
			if got := hex.EncodeToString(r[1 : r[0]-2]); got != want {
				t.Errorf("%s: %s, want %s", frame, got, want)
			}
			time.Sleep(2 * time.Second)
			if a.Awake() && a.Tx(0x60, nil, r) == nil {
				t.Error("awake after its watchdog")
			}
		})
	}
}

func FuzzATECC(f *testing.F) {
	for _, s := range []string{"0307300000000035d", "03072401000f77", "00", "01", "02", "0328160300000000"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	a := NewATECC(ATECCOptions{Busy: time.Nanosecond})
	f.Fuzz(func(t *testing.T, w []byte) {
		_ = a.Tx(0, []byte{0}, nil)
		a.mu.Lock()
		a.ready, a.woke = time.Time{}, time.Now()
		a.mu.Unlock()
		_ = a.Tx(0x60, w, nil)
		if len(w) > 5 { // with a good checksum
			w[0], w[1] = 3, byte(len(w)+1)
			crc := crcATECC(w[1:])
			_ = a.Tx(0x60, append(w, byte(crc), byte(crc>>8)), make([]byte, 80))
		}
	})
}

func TestCP2112(t *testing.T) {
	c := NewCP2112(nil)
	if len(c.Descriptor()) == 0 {
		t.Fatal("no descriptor")
	}
	if v, err := c.Feature(5); err != nil || len(v) != 3 || v[1] != 0x0C {
		t.Errorf("version % x, %v", v, err)
	}
	config, err := c.Feature(6)
	if err != nil || len(config) != 14 || c.SetFeature(config) != nil {
		t.Errorf("configuration % x, %v", config, err)
	}
	// Line 7 is an output, 2 an input.
	if c.SetFeature([]byte{2, 0x80, 0, 0, 0}) != nil || c.SetFeature([]byte{4, 0x84, 0x84}) != nil {
		t.Error("lines refused")
	}
	c.SetLine(2, false)
	if high, driven := c.Line(7); !high || !driven {
		t.Error("line 7 is not driven high")
	}
	if high, driven := c.Line(2); high || driven {
		t.Error("line 2 is not its own")
	}
	c.SetLine(2, true)
	if l, err := c.Feature(3); err != nil || l[1] != 0x84 {
		t.Errorf("levels % x, %v", l, err)
	}
	if in := c.Output([]byte{0x14, 0xA0, 1, 7}); in != nil {
		t.Errorf("% x", in)
	}
	if in := c.Output([]byte{0x15, 1}); len(in) != 1 || in[0][1] != 3 {
		t.Errorf("an empty bus acknowledges: % x", in)
	}
	if len(c.Faults()) != 0 {
		t.Error(c.Faults())
	}
	if _, err := c.Feature(99); err == nil || c.SetFeature([]byte{99}) == nil || len(c.Faults()) != 2 {
		t.Error("unknown reports pass")
	}
}

func FuzzCP2112(f *testing.F) {
	f.Add([]byte{0x14, 0xC0, 1, 3}, byte(3))
	f.Add([]byte{0x11, 0xC0, 0, 4, 1, 0}, byte(0x12))
	f.Fuzz(func(t *testing.T, p []byte, id byte) {
		c := NewCP2112(NewATECC(ATECCOptions{}))
		c.Output(p)
		_ = c.SetFeature(p)
		_, _ = c.Feature(id)
		for _, in := range c.Output([]byte{0x12, 0, 61}) {
			if len(in) != 64 {
				t.Errorf("an input report of %d bytes", len(in))
			}
		}
	})
}
