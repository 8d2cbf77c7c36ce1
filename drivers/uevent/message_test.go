package uevent

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

const plugged = "add@/devices/platform/dummy_hcd.0/usb1/1-1/1-1:1.0/tty/ttyACM0\x00ACTION=add\x00" +
	"DEVPATH=/devices/platform/dummy_hcd.0/usb1/1-1/1-1:1.0/tty/ttyACM0\x00SUBSYSTEM=tty\x00" +
	"MAJOR=166\x00MINOR=0\x00DEVNAME=ttyACM0\x00SEQNUM=1234\x00"

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name, Hex string
			Expect    map[string]any
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		data, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		m, err := Parse(data)
		if err != nil {
			got["error"] = "malformed"
		} else {
			b, _ := json.Marshal(m.Fields())
			json.Unmarshal(b, &got)
		}
		if !reflect.DeepEqual(got, v.Expect) {
			t.Errorf("%s: %v, want %v", v.Name, got, v.Expect)
		}
	}
}

func TestParse(t *testing.T) {
	m, err := Parse([]byte(plugged))
	want := Message{Action: "add", DevPath: "/devices/platform/dummy_hcd.0/usb1/1-1/1-1:1.0/tty/ttyACM0",
		Subsystem: "tty", Node: "/dev/ttyACM0", Seq: 1234}
	if err != nil || m != want {
		t.Fatalf("%+v, %v", m, err)
	}
	// Cut short anywhere, it is no message.
	for n := range len(plugged) {
		if m, err := Parse([]byte(plugged[:n])); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %+v, %v", n, m, err)
		}
	}
	if m, err := Parse([]byte("libudev\x00\xfe\xed\xca\xfe(\x00\x00\x00")); err != nil || m.Fields()["ignored"] != true {
		t.Errorf("udev's message: %+v, %v", m, err)
	}
}

func TestTheHeadSuffices(t *testing.T) {
	short := strings.Replace(plugged, "ACTION=add\x00", "", 1)
	short = strings.Replace(short, "DEVPATH=/devices/platform/dummy_hcd.0/usb1/1-1/1-1:1.0/tty/ttyACM0\x00", "", 1)
	m, err := Parse([]byte(short))
	if err != nil || m.Action != "add" || m.Node != "/dev/ttyACM0" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestMalformed(t *testing.T) {
	for what, change := range map[string][2]string{
		"other action":      {"ACTION=add", "ACTION=remove"},
		"action twice":      {"ACTION=add\x00", "ACTION=add\x00ACTION=add\x00"},
		"other path":        {"DEVPATH=/devices/platform", "DEVPATH=/devices/other"},
		"no subsystem":      {"SUBSYSTEM=tty\x00", ""},
		"empty subsystem":   {"SUBSYSTEM=tty\x00", "SUBSYSTEM=\x00"},
		"no number":         {"SEQNUM=1234\x00", ""},
		"number in letters": {"SEQNUM=1234", "SEQNUM=12x4"},
		"number below zero": {"SEQNUM=1234", "SEQNUM=-1"},
		"pair without sign": {"MAJOR=166", "MAJOR"},
		"empty pair":        {"MAJOR=166", ""},
		"no key":            {"MAJOR=166", "=166"},
		"name twice":        {"DEVNAME=ttyACM0\x00", "DEVNAME=ttyACM0\x00DEVNAME=ttyACM1\x00"},
		"name outside":      {"DEVNAME=ttyACM0", "DEVNAME=../etc/passwd"},
		"absolute name":     {"DEVNAME=ttyACM0", "DEVNAME=/etc/passwd"},
		"no at":             {"add@/", "add/"},
		"capitals":          {"add@/", "ADD@/"},
		"no action at all":  {"add@/", "@/"},
	} {
		text := strings.Replace(plugged, change[0], change[1], 1)
		if text == plugged {
			t.Fatal(what)
		}
		if m, err := Parse([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", what, m, err)
		}
	}
	up := strings.ReplaceAll(plugged, "/devices/platform/", "/devices/../../etc/")
	if _, err := Parse([]byte(up)); !errors.Is(err, ErrMalformed) {
		t.Error("a path out of sysfs was taken")
	}
	long := strings.Replace(plugged, "MINOR=0", "MINOR="+strings.Repeat("0", MaxMessage), 1)
	if _, err := Parse([]byte(long)); !errors.Is(err, ErrMalformed) {
		t.Error("a message longer than the kernel's was taken")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(plugged))
	f.Add([]byte("libudev\x00"))
	f.Add([]byte("change@/devices/virtual/mem/null\x00ACTION=change\x00DEVPATH=/devices/virtual/mem/null\x00SUBSYSTEM=mem\x00SYNTH_UUID=0\x00SEQNUM=838\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil && (m != Message{}) {
			t.Errorf("%+v with %v", m, err)
		}
		if m.Node != "" && (!strings.HasPrefix(m.Node, "/dev/") || strings.Contains(m.Node, "/../")) {
			t.Errorf("node %q", m.Node)
		}
		if err == nil && !m.Ignored && (m.Action == "" || m.Subsystem == "" || !strings.HasPrefix(m.DevPath, "/")) {
			t.Errorf("%+v", m)
		}
	})
}
