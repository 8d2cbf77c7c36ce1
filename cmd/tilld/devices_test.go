package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/scanner"
)

func pos1() []byte { return []byte("\x05\x8c\x09\x02\xa1\x01\xc0") }

// counterOf is a root with some USB devices.
func counterOf(t *testing.T, list ...driverstest.USB) (root string, s *driverstest.Sysfs) {
	t.Helper()
	root = t.TempDir()
	s, err := driverstest.NewSysfs(filepath.Join(root, "sys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if err := s.Plug(u); err != nil {
			t.Fatal(err)
		}
	}
	return root, s
}

func usb(port string, vendor, product uint16, serial, maker, name string, nodes ...driverstest.USBNode) driverstest.USB {
	return driverstest.USB{Port: port, Vendor: vendor, Product: product, Serial: serial, Maker: maker, Name: name, Nodes: nodes}
}

func tty(iface uint8, name string) driverstest.USBNode {
	return driverstest.USBNode{Iface: iface, Subsystem: "tty", Name: name}
}

// easy finds every node as it is, and nothing wrong with it.
func easy() looker {
	return looker{
		real:   func(path string) (string, error) { return path, nil },
		access: func(string) error { return nil },
		holder: func(string) (string, string) { return "", "" },
	}
}

// What is proposed is read by the configuration's own parser, and finds its device again.
func TestProposalsAreReadAndFound(t *testing.T) {
	root, _ := counterOf(t,
		usb("1-1", 0x0c2e, 0x0901, "SN 1%", "Honeywell", "Xenon 1900\"",
			driverstest.USBNode{Iface: 0, Subsystem: "hidraw", Name: "hidraw0", Descriptor: pos1()}, tty(1, "ttyACM0")),
		usb("1-2", 0x1eab, 0x1d06, "", "", "FM430", tty(0, "ttyACM1")),
		usb("1-3", 0x1eab, 0x1d06, "", "", "FM430", tty(0, "ttyACM2")),
		usb("1-4", 0x28e9, 0x018a, "0001", "", "ZXCV\u00e9", tty(0, "ttyACM3")),
		usb("1-5", 0x1a86, 0x7523, "", "", "", tty(0, "ttyUSB0")),
		usb("1-6", 0x05e0, 0x1200, "K9", "Zebra", "DS2208", driverstest.USBNode{Subsystem: "input", Name: "event3", Keyboard: true}),
		usb("1-7", 0x046d, 0xc31c, "", "Logitech", "Keyboard", driverstest.USBNode{Subsystem: "input", Name: "event4", Keyboard: true}),
		usb("1-8", 0x046d, 0xc077, "", "Logitech", "Mouse", driverstest.USBNode{Subsystem: "input", Name: "event5"}),
		usb("1-9", 0x7985, 0x1001, "P", "", "Palm", tty(0, "ttyACM4")),
	)
	nodes, err := uevent.Scan(filepath.Join(root, "sys"))
	if err != nil {
		t.Fatal(err)
	}
	inv := takeInventory(nodes, nil, nil, easy())
	list := propose(inv.Attached, nil)
	var text strings.Builder
	sure := 0
	for _, p := range list {
		text.WriteString(p.TOML)
		if p.Sure {
			sure++
		}
	}
	if len(list) != 8 || sure != 4 {
		t.Errorf("%d proposals, %d sure: %+v", len(list), sure, list)
	}
	cfg, problems := config.Parse([]byte(text.String()), "/", known())
	for _, p := range problems {
		if strings.HasPrefix(p.Key, "scanner") && p.Level != config.Note {
			t.Errorf("line %d: %v in\n%s", p.Line, p, text.String())
		}
	}
	seen := map[string]bool{}
	for i, c := range cfg.Scanners {
		n, err := nodeOf(c, nodes, easy())
		if err != nil || seen[n.Path] || c.Name != list[i].Scanner {
			t.Errorf("%+v: %+v, %v", c, n, err)
		}
		seen[n.Path] = true
		if _, p, err := scannerRows(c); err != nil || p.Check(c) != nil {
			t.Errorf("%+v: %v, %v", c, err, p.Check(c))
		}
	}
	// Taken over, nothing is left to propose.
	inv = takeInventory(nodes, cfg.Scanners, nil, easy())
	if rest := propose(inv.Attached, cfg.Scanners); len(rest) != 0 || len(inv.Missing) != 0 {
		t.Errorf("still proposed: %+v; missing: %+v", rest, inv.Missing)
	}
}

// Every driver speaks protocols that there are, and every protocol belongs to one.
func TestScannerTables(t *testing.T) {
	spoken := map[string]bool{}
	for _, d := range scannerDrivers() {
		for _, name := range d.Protocols {
			spoken[name] = true
			c := config.Scanner{Name: "x", Driver: d.Name, Protocol: name, Terminator: "cr", Layout: "us"}
			_, p, err := scannerRows(c)
			if err != nil {
				t.Error(err)
				continue
			}
			if err := p.Check(c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if slices.Contains(p.Keys, "trigger") {
				c.Trigger = true
				c.Dialect = "honeywell"
				codec, err := p.make(c)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if cmd, ok := codec.(scanner.Commander); !ok || !cmd.Do(scanner.Trigger) || !cmd.Do(scanner.Untrigger) {
					t.Errorf("%s: takes the key trigger and no trigger", name)
				}
			}
		}
	}
	for _, p := range scannerProtocols() {
		if !spoken[p.Name] {
			t.Errorf("no driver speaks %s", p.Name)
		}
	}
}

func TestModels(t *testing.T) {
	type key struct{ vendor, product uint16 }
	seen := map[key]bool{}
	for _, m := range models() {
		products := m.products
		if products == nil {
			products = []uint16{0}
		}
		for _, p := range products {
			k := key{m.vendor, p}
			if seen[k] {
				t.Errorf("%04x:%04x stands twice", m.vendor, p)
			}
			seen[k] = true
		}
		if m.protocol != "" && !strings.Contains(strings.Join(driverNames()[0].Protocols, " "), m.protocol) {
			t.Errorf("%s: unknown protocol %q", m.name, m.protocol)
		}
		if m.is == isScanner && m.products == nil && (m.vendor == 0x1a86 || m.vendor == 0x28e9 || m.vendor == 0x0403 || m.vendor == 0x10c4) {
			t.Errorf("%s: a bridge is no scanner by its vendor alone", m.name)
		}
	}
	if m := modelOf(drivers.ID{Vendor: 0x0c2e, Product: 0x9999}); m.name != "Honeywell" {
		t.Errorf("%+v", m)
	}
	if m := modelOf(drivers.ID{Vendor: 0xffff}); m.name != "" {
		t.Errorf("%+v", m)
	}
}

func TestInventorySaysWhatFails(t *testing.T) {
	root, _ := counterOf(t, usb("1-1", 0x0c2e, 0x0901, "SN-1", "Honeywell", "Xenon", tty(1, "ttyACM0")),
		usb("1-2", 0x05f9, 0x4204, "SN-2", "Datalogic", "QD", tty(0, "ttyACM1")))
	nodes, err := uevent.Scan(filepath.Join(root, "sys"))
	if err != nil {
		t.Fatal(err)
	}
	look := easy()
	look.access = func(path string) error { return &os.PathError{Op: "access", Path: path, Err: os.ErrPermission} }
	look.holder = func(path string) (string, string) {
		if path == "/dev/ttyACM1" {
			return "ModemManager (process 812)", "keep ModemManager away"
		}
		return "", ""
	}
	list := []config.Scanner{{Name: "a", Driver: "serial", Protocol: "line", Port: "/dev/ttyACM0"},
		{Name: "b", Driver: "serial", Protocol: "line", Device: "0c2e:0901 serial=OLD"}}
	inv := takeInventory(nodes, list, nil, look)
	inv.held(look)
	if n := inv.node("/dev/ttyACM0"); n.Stands != nodeFailed || n.Scanner != "a" || !strings.Contains(n.Hint, "group") {
		t.Errorf("%+v", n)
	}
	if n := inv.node("/dev/ttyACM1"); n.Stands != nodeFree || n.Why != "opened by ModemManager (process 812)" || n.Hint != "keep ModemManager away" {
		t.Errorf("%+v", n)
	}
	if len(inv.Missing) != 1 || inv.Missing[0].Scanner != "b" || !strings.Contains(inv.Missing[0].Hint, "another of its kind is there") {
		t.Errorf("%+v", inv.Missing)
	}
	wrong, _ := counterOf(t, usb("1-1", 0x0c2e, 0x0901, "SN-1", "Honeywell", "Xenon",
		driverstest.USBNode{Subsystem: "hidraw", Name: "hidraw0", Descriptor: []byte("\x05\x01\x09\x06\xa1\x01\xc0")}))
	keyboard, err := uevent.Scan(filepath.Join(wrong, "sys"))
	if err != nil {
		t.Fatal(err)
	}
	inv = takeInventory(keyboard, []config.Scanner{{Name: "h", Driver: "hidpos", Protocol: "hidpos", Device: "0c2e:0901 serial=SN-1"}}, nil, easy())
	if n := inv.node("/dev/hidraw0"); n.Stands != nodeFailed || !strings.Contains(n.Why, "another mode") {
		t.Errorf("%+v", n)
	}
	// The daemon knows better.
	inv = takeInventory(nodes, list, []control.Device{{Name: "a", Why: "in use", Hint: "stop it"}, {Name: "b", Open: true, Node: "/dev/ttyACM1"}}, easy())
	if n := inv.node("/dev/ttyACM0"); n.Stands != nodeFailed || n.Why != "in use" || n.Hint != "stop it" {
		t.Errorf("%+v", n)
	}
	if n := inv.node("/dev/ttyACM1"); n.Stands != nodeUsed || n.Scanner != "b" {
		t.Errorf("%+v", n)
	}
}

func TestWatchDevices(t *testing.T) {
	a := usb("1-1", 0x0c2e, 0x0901, "SN-1", "Honeywell", "Xenon", tty(1, "ttyACM0"))
	b := usb("1-2", 0x0c2e, 0x0901, "SN-2", "Honeywell", "Xenon",
		driverstest.USBNode{Subsystem: "hidraw", Name: "hidraw0", Descriptor: pos1()})
	root, s := counterOf(t, a)
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	var said bytes.Buffer
	go func() {
		code <- run(ctx, []string{"devices", "--watch", "--json", "--root", root}, strings.NewReader(""), w, &said)
		w.Close()
	}()
	lines := json.NewDecoder(r)
	// Next is the next line about a device: that sysfs is looked at comes when it comes.
	next := func() watched {
		for {
			var got watched
			if err := lines.Decode(&got); err != nil {
				t.Fatalf("%v; %s", err, said.String())
			}
			if got.Event != "polling" {
				return got
			}
		}
	}
	if got := next(); got.Event != "present" || got.Node != "/dev/ttyACM0" || got.Device != "0c2e:0901 serial=SN-1 port=1-1 if=1" || got.Name != "Honeywell Xenon" {
		t.Errorf("%+v", got)
	}
	if err := s.Plug(b); err != nil {
		t.Fatal(err)
	}
	if got := next(); got.Event != "added" || got.Node != "/dev/hidraw0" || got.At.After(time.Now()) {
		t.Errorf("%+v", got)
	}
	if err := s.Unplug(a); err != nil {
		t.Fatal(err)
	}
	if got := next(); got.Event != "removed" || got.Node != "/dev/ttyACM0" {
		t.Errorf("%+v", got)
	}
	cancel()
	go io.Copy(io.Discard, r)
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d: %s", c, said.String())
	}
}
