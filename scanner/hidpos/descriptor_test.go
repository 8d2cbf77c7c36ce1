package hidpos

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// Descriptors in the forms that makers write them.
const (
	head = "\x05\x8c\x09\x02\xa1\x01"
	// The three identifier bytes and the data one by one, no length, no symbology.
	oneByOne = head + "\x85\x02\x15\x00\x26\xff\x00\x75\x08\x95\x01\x09\xfb\x81\x02\x09\xfc\x81\x02\x09\xfd\x81\x02" +
		"\x95\x38\x09\xfe\x82\x02\x01\x75\x01\x95\x01\x25\x01\x09\xff\x81\x02\x75\x07\x81\x03\xc0"
	// The identifier as a range of usages, a page with each usage, globals pushed, no report id.
	ranged = head + "\x15\x00\x26\xff\x00\x75\x08\x95\x01\x0b\x3b\x00\x01\x00\x81\x02\xa4\x95\x03\x19\xfb\x29\xfd\x81\x02\xb4" +
		"\x95\x02\x81\x03\xa4\x95\x20\x09\xfe\x82\x02\x01\xb4\x75\x01\x95\x04\x81\x03\x95\x01\x09\xff\x81\x02\x95\x03\x81\x03\xc0"
	// No place for an identifier, commands in report 4, a long item before all.
	newlandLike = "\xfe\x02\xf0\xaa\xbb" + head + "\x85\x02\x15\x00\x26\xff\x00\x75\x08\x95\x01\x05\x01\x09\x3b\x81\x02" +
		"\x05\x8c\x95\x38\x09\xfe\x82\x02\x01\x95\x04\x81\x03\x06\x00\xff\x95\x01\x09\x01\x81\x02\x05\x8c\x75\x01\x09\xff\x81\x02\x95\x07\x81\x03" +
		"\x85\x04\x06\x00\xff\x09\x02\x75\x08\x95\x3f\x91\x02\x85\x05\x09\x03\x95\x01\x91\x02\xc0"
	keyboard = "\x05\x01\x09\x06\xa1\x01\x05\x07\x19\xe0\x29\xe7\x15\x00\x25\x01\x75\x01\x95\x08\x81\x02\xc0"
	// A scanner's usages inside of a keyboard's collection.
	disguised = "\x05\x01\x09\x06\xa1\x01\x05\x8c\x85\x02\x75\x08\x95\x38\x09\xfe\x82\x02\x01\xc0" + head + "\xc0"
)

func TestParseDescriptor(t *testing.T) {
	for _, c := range []struct {
		name, descriptor string
		want             Layout
		err              error
	}{
		{"model", string(device.NewHIDPOS(device.HIDPOSOptions{}).Descriptor()),
			Layout{ID: 2, Size: 64, Length: 1, AIM: 2, Data: 5, Max: 56, Symbology: 61, Continued: 63, Mask: 1, Told: true, OutID: 0xFD, OutSize: 64}, nil},
		{"one by one", oneByOne,
			Layout{ID: 2, Size: 61, Length: None, AIM: 1, Data: 4, Max: 56, Symbology: None, Continued: 60, Mask: 1, Told: true}, nil},
		{"ranged", ranged,
			Layout{Size: 39, Length: 0, AIM: 1, Data: 6, Max: 32, Symbology: None, Continued: 38, Mask: 0x10, Told: true}, nil},
		{"newland", newlandLike,
			Layout{ID: 2, Size: 64, Length: 1, AIM: None, Data: 2, Max: 56, Symbology: 62, Continued: 63, Mask: 1, Told: true, OutID: 4, OutSize: 64}, nil},
		{"keyboard", keyboard, Layout{}, ErrNotScanner},
		{"keyboard and scanner", keyboard + oneByOne,
			Layout{ID: 2, Size: 61, Length: None, AIM: 1, Data: 4, Max: 56, Symbology: None, Continued: 60, Mask: 1, Told: true}, nil},
		{"disguised", disguised, Layout{}, ErrNoData},
		{"empty", "", Layout{}, ErrNotScanner},
		{"cut off", oneByOne[:31], Layout{}, ErrNoData},
		{"half an item", oneByOne[:len(oneByOne)-2], Layout{ID: 2, Size: 61, Length: None, AIM: 1, Data: 4, Max: 56, Symbology: None, Continued: 60, Mask: 1, Told: true}, nil},
		{"half a long item", "\xfe\x20\xf0", Layout{}, ErrNotScanner},
		{"a report of two gigabytes", head + "\x85\x02\x75\x08\x97\xff\xff\xff\x7f\x09\xfe\x82\x02\x01\xc0", Layout{}, ErrNoData},
		{"too many bits in all", head + "\x85\x02\x75\x08\x95\x38\x09\xfe\x82\x02\x01\x97\xff\xff\xff\xff\x81\x03\xc0", Layout{}, ErrNoData},
		{"more than a descriptor can be", oneByOne + strings.Repeat("\xc0", 4096), Layout{}, ErrNotScanner},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseDescriptor([]byte(c.descriptor))
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLayoutsRead(t *testing.T) {
	for _, c := range []struct {
		name, descriptor, report string
		want                     []out
	}{
		{"one by one", oneByOne, "\x02]Q1134567" + strings.Repeat("\x00", 51), []out{scan("]Q1", "134567")}},
		{"ranged", ranged, "\x06]Q1\x00\x00134567" + strings.Repeat("\x00", 27), []out{scan("]Q1", "134567")}},
		{"ranged, not whole", ranged, "\x06]Q1\x00\x00134567" + strings.Repeat("\x00", 26) + "\x10", []out{dropped(scanner.DropPartial)}},
		{"ranged, too long", ranged, "\x21]Q1\x00\x00134567" + strings.Repeat("\x00", 27), []out{dropped(scanner.DropMalformed)}},
	} {
		l, err := ParseDescriptor([]byte(c.descriptor))
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, Config{Layout: l})
		b.feed([]byte(c.report))
		b.silence(Gap)
		b.want(c.want...)
	}
}

func TestLayoutOf(t *testing.T) {
	noData := head + "\xc0"
	for _, c := range []struct {
		name       string
		vendor     uint16
		descriptor string
		want       Layout
		err        error
	}{
		{"told", 0x0C2E, oneByOne + "", Layout{ID: 2, Size: 61, Length: None, AIM: 1, Data: 4, Max: 56, Symbology: None, Continued: 60, Mask: 1, Told: true, OutID: 0xFD, OutSize: 64}, nil},
		{"unknown maker", 0x1234, oneByOne, Layout{ID: 2, Size: 61, Length: None, AIM: 1, Data: 4, Max: 56, Symbology: None, Continued: 60, Mask: 1, Told: true}, nil},
		{"known maker, nothing told", 0x05E0, noData, Published(), nil},
		{"known maker, no descriptor", 0x1EAB, "", publishedNewland(), nil},
		{"unknown maker, nothing told", 0x1234, noData, Layout{}, ErrNoData},
		{"known maker, other mode", 0x0C2E, keyboard, Layout{}, ErrNotScanner},
	} {
		got, err := LayoutOf(c.vendor, []byte(c.descriptor))
		if !errors.Is(err, c.err) || got != c.want {
			t.Errorf("%s: %+v %v", c.name, got, err)
		}
	}
	if !IsScanner([]byte(noData)) || IsScanner([]byte(keyboard)) || IsScanner(nil) {
		t.Error("IsScanner")
	}
}
