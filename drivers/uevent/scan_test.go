package uevent

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
)

func fakeSysfs(t testing.TB) *driverstest.Sysfs {
	t.Helper()
	s, err := driverstest.NewSysfs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func counter(t testing.TB) *driverstest.Sysfs { return recorded(t, "testdata/counter.txt") }

func recorded(t testing.TB, file string) *driverstest.Sysfs {
	t.Helper()
	s := fakeSysfs(t)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Add(f); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScan(t *testing.T) {
	list, err := Scan(counter(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, list,
		`gpio /dev/gpiochip0 "port=platform/9030000.pl061/gpiochip0" "9030000.pl061" `,
		`hidraw /dev/hidraw0 "0c2e:0901 serial=TILLD0001 if=0" "Honeywell Imaging & Mobility Xenon 1900" hidpos`,
		`hidraw /dev/hidraw1 "0c2e:0901 serial=TILLD0001 if=3" "Honeywell Imaging & Mobility Xenon 1900" `,
		`hidraw /dev/hidraw2 "05e0:1900 serial=94:fb:29:00:00:07 if=0" "DS2278" `,
		`i2c-dev /dev/i2c-1 "port=platform/axi/1000120000.pcie/1f00074000.i2c/i2c-1/i2c-dev/i2c-1" "Synopsys DesignWare I2C adapter" `,
		`input /dev/input/event9 "0c2e:0901 serial=TILLD0001 if=3" "Honeywell Xenon 1900 Consumer Control" `,
		`input /dev/input/event10 "0c2e:0901 serial=TILLD0001 if=3" "Honeywell Xenon 1900" keyboard`,
		`input /dev/input/event11 "1234:5678 port=virtual/input/a%20program's%20keyboard if=0" "a program's keyboard" keyboard`,
		`tpm /dev/tpm0 "port=platform/soc/fe204000.spi/spi_master/spi0/spi0.1/tpm/tpm0" "" `,
		`tpmrm /dev/tpmrm0 "port=platform/soc/fe204000.spi/spi_master/spi0/spi0.1/tpmrm/tpmrm0" "" `,
		`tty /dev/ttyS0 "port=platform/serial8250/tty/ttyS0" "" `,
		`tty /dev/ttyACM0 "1eab:1d06 port=1-1.2 if=0" "Newland Auto-ID NLS-FM430" `,
		`tty /dev/ttyACM1 "1eab:1d06 port=1-1.3 if=0" "Newland Auto-ID NLS-FM430" `,
		`tty /dev/ttyACM2 "28e9:018a port=1-2.1 if=0" "GDMicroelectronics Virtual COM Port" `,
		`tty /dev/ttyACM3 "28e9:018a port=1-2.2 if=0" "GDMicroelectronics Virtual COM Port" `,
		`tty /dev/ttyACM4 "0c2e:0901 serial=TILLD0001 if=1" "Honeywell Imaging & Mobility Xenon 1900" `,
		`tty /dev/ttyAMA0 "port=platform/9000000.pl011/9000000.pl011:0/9000000.pl011:0.0/tty/ttyAMA0" "" console`,
		`tty /dev/ttyUSB0 "1a86:7523 port=1-4 if=0" "USB2.0-Serial" `,
		`video4linux /dev/video0 "0416:c141 serial=CAM7 if=0" "Two-eyed camera: RGB" `,
		`video4linux /dev/video1 "0416:c141 serial=CAM7 if=2" "Two-eyed camera: IR" `)
	// Each device is found again by the name that a configuration would hold.
	for _, n := range list {
		m, err := drivers.ParseMatch(n.ID.Key(n.Unique))
		if err != nil {
			t.Errorf("%s: %v", n.Path, err)
			continue
		}
		found, err := Find(list, m, n.Subsystem)
		if n.Path == "/dev/input/event9" { // no keyboard: the keyboard of the same interface is meant
			n.Path = "/dev/input/event10"
		}
		if err != nil || found.Path != n.Path {
			t.Errorf("%s is found as %s, %v", n.Path, found.Path, err)
		}
	}
}

// A board under QEMU, as its kernel showed it.
func TestScanOfARecordedBoard(t *testing.T) {
	list, err := Scan(recorded(t, "testdata/board.txt").Root)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, list,
		`gpio /dev/gpiochip0 "port=platform/9030000.pl061/gpiochip0" "9030000.pl061" `,
		`hidraw /dev/hidraw0 "0c2e:0901 serial=T0001 if=0" "Honeywell Xenon 1900" hidpos`,
		`hidraw /dev/hidraw1 "0c2e:0901 serial=T0001 if=1" "Honeywell Xenon 1900" `,
		`input /dev/input/event0 "0c2e:0901 serial=T0001 if=1" "Honeywell Xenon 1900" keyboard`,
		`tty /dev/ttyS0 "port=platform/4010000000.pcie/pci0000:00/0000:00:01.0/0000:00:01.0:0/0000:00:01.0:0.0/tty/ttyS0" "" `,
		`tty /dev/ttyACM0 "0c2e:0901 serial=T0001 if=2" "Honeywell Xenon 1900" `,
		`tty /dev/ttyACM1 "1eab:1d06 port=1-2 if=0" "Newland NLS-FM430" `,
		`tty /dev/ttyACM2 "1eab:1d06 port=1-3 if=0" "Newland NLS-FM430" `,
		`tty /dev/ttyAMA0 "port=platform/9000000.pl011/9000000.pl011:0/9000000.pl011:0.0/tty/ttyAMA0" "" console`)
}

// compare shows each node as one line.
func compare(t *testing.T, list []drivers.Node, want ...string) {
	t.Helper()
	var got []string
	for _, n := range list {
		got = append(got, fmt.Sprintf("%s %s %q %q %s", n.Subsystem, n.Path, n.ID.Key(n.Unique), n.Name, n.Kind))
	}
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("got  %s\nwant %s", g, w)
		}
	}
}

func TestFindTakesNothingByChance(t *testing.T) {
	list, err := Scan(counter(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		"28e9:018a serial=0001 if=0":         ErrAmbiguous,
		"0c2e:0901 serial=TILLD0001":         nil, // one tty only
		"0c2e:0901 serial=TILLD0002":         os.ErrNotExist,
		"1eab:1d06 port=1-1.4 if=0":          os.ErrNotExist,
		"port=1-1.2":                         nil,
		"0c2e:0901 port=2-1 if=0":            os.ErrNotExist, // interface 0 is no tty
		"port=platform/serial8250/tty/ttyS0": nil,
	} {
		m, err := drivers.ParseMatch(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Find(list, m, "tty")
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		var e *drivers.Error
		if err != nil && (!errors.As(err, &e) || e.Hint == "") {
			t.Errorf("%s: %v says not what to do", text, err)
		}
	}
}

func TestFindSaysWhatIsThereInstead(t *testing.T) {
	list, err := Scan(counter(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ text, why, hint string }{
		{"0c2e:0901 serial=OLD port=2-1", "the configured place now holds another device, 0c2e:0901 serial=TILLD0001 port=2-1 if=1",
			`write device = "0c2e:0901 serial=TILLD0001 if=1"`},
		{"1a86:7523 port=1-1.2", "the configured place now holds another device, 1eab:1d06 port=1-1.2 if=0", `device = "1eab:1d06 port=1-1.2 if=0"`},
		{"0c2e:0901 serial=TILLD0001 port=1-7", "it is at 2-1 now", `write device = "0c2e:0901 serial=TILLD0001 if=1"`},
		{"0c2e:0901 serial=OLD", "file does not exist", `another of its kind is there: if that one takes its place, write device = "0c2e:0901 serial=TILLD0001 if=1"`},
		{"0c2e:9999 serial=OLD", "file does not exist", "plug the device in"},
		{"05e0:1701 serial=94:fb:29:00:00:07", "the device is there, but not as tty: it is /dev/hidraw2", "scan the code for the wanted mode"},
	} {
		_, err := Find(list, match(t, tc.text), "tty")
		var e *drivers.Error
		if !errors.Is(err, os.ErrNotExist) || !errors.As(err, &e) || !strings.Contains(err.Error(), tc.why) || !strings.Contains(e.Hint, tc.hint) {
			t.Errorf("%s: %v, hint %q", tc.text, err, e.Hint)
		}
	}
}

func TestSerialNumbersThatAreNone(t *testing.T) {
	for _, s := range []string{"", "0", "0001", "000000000000", "123456", "1234567890", "FFFFFFFF", "1111", "0123456789ABCDEF"} {
		if !hollow(s) {
			t.Errorf("%q tells devices apart", s)
		}
	}
	for _, s := range []string{"T0001", "TILLD0001", "18285B0AF3", "94:fb:29:00:00:07", "1290"} {
		if hollow(s) {
			t.Errorf("%q tells nothing", s)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	root := counter(b).Root
	for b.Loop() {
		if _, err := Scan(root); err != nil {
			b.Fatal(err)
		}
	}
}

func TestScanWithoutSysfs(t *testing.T) {
	var e *drivers.Error
	if _, err := Scan(t.TempDir()); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("%v", err)
	}
	if list, err := Scan(fakeSysfs(t).Root); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestNamesStayOnOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[2Jb\nc": "a[2Jbc", " x  y ": "x y", "\xff": "?", strings.Repeat("é", 200): strings.Repeat("é", 80),
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
