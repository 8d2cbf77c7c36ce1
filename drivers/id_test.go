package drivers

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	xenon := ID{Vendor: 0x0c2e, Product: 0x0901, Serial: "SN 1%", Port: "1-1.2", Iface: 1}
	uart := ID{Port: "platform/serial8250/tty/ttyS0"}
	for _, tc := range []struct {
		text string
		id   ID
		is   bool
	}{
		{xenon.String(), xenon, true},
		{xenon.Key(true), xenon, true},
		{xenon.Key(false), xenon, true},
		{uart.String(), uart, true},
		{uart.Key(true), uart, true},
		{"serial=SN%201%25", xenon, true},
		{"if=1 port=1-1.2", xenon, true},
		{"0c2e:0901 port=1-1.2 if=0", xenon, false},
		{"0c2e:0902 port=1-1.2", xenon, false},
		{"0c2e:0901 serial=SN", xenon, false},
		{"port=1-1", xenon, false},
		{"port=1-1.2", uart, false},
	} {
		m, err := ParseMatch(tc.text)
		if err != nil || m.Is(tc.id) != tc.is {
			t.Errorf("%s: %v, %v", tc.text, m.Is(tc.id), err)
		}
		again, err := ParseMatch(m.String())
		if err != nil || again != m {
			t.Errorf("%s: %s, %v", tc.text, m, err)
		}
	}
	if got, want := xenon.String(), "0c2e:0901 serial=SN%201%25 port=1-1.2 if=1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if k := (ID{Vendor: 1, Port: "1-1"}).Key(true); k != "0001:0000 port=1-1 if=0" {
		t.Errorf("without a serial number: %s", k)
	}
}

func TestMatchRefuses(t *testing.T) {
	for _, text := range []string{"", "0c2e:0901", "0c2e:0901 if=0", "c2e:901 serial=A", "0c2e serial=A", "0c2e:0901:1 serial=A",
		"serial=A serial=B", "serial=A colour=red", "serial=%4", "serial=%zz", "serial=A if=256", "serial=A if=-1", "serial=A if=x",
		"0c2e:0901 0c2e:0902 serial=A", "serial= port=", strings.Repeat("x", 1000)} {
		if m, err := ParseMatch(text); err == nil {
			t.Errorf("%q is %s", text, m)
		} else if len(err.Error()) > 400 {
			t.Errorf("%q: an error of %d bytes", text, len(err.Error()))
		}
	}
}

func FuzzParseMatch(f *testing.F) {
	f.Add("0c2e:0901 serial=T0001 if=0")
	f.Add("port=1-1.2 if=3")
	f.Add("serial=%20%25")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMatch(text)
		if err != nil {
			return
		}
		again, err := ParseMatch(m.String())
		if err != nil || again != m {
			t.Errorf("%q: %q, %q, %v", text, m, again, err)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add(uint16(0x0c2e), uint16(0x0901), "T0001", "1-1.2", uint8(0), true)
	f.Add(uint16(0), uint16(0), "", "platform/serial8250/tty/ttyS0", uint8(0), false)
	f.Fuzz(func(t *testing.T, vendor, product uint16, serial, port string, iface uint8, unique bool) {
		id := ID{vendor, product, serial, port, iface}
		if serial == "" && port == "" {
			return
		}
		key := id.Key(unique)
		if key == "" || serial != "" && unique == false && port == "" {
			return // nothing is left to name it by
		}
		m, err := ParseMatch(key)
		if err != nil || !m.Is(id) {
			t.Errorf("%+v: %q fits %v, %v", id, key, m.Is(id), err)
		}
		for _, c := range key {
			if c < ' ' || c > '~' {
				t.Errorf("%q is not one line of ASCII", key)
			}
		}
	})
}
