package hidpos

import (
	"errors"
	"slices"
)

// None stands for the place of a field that a report does not have.
const None = -1

// MaxSize is the longest report, in bytes, that a layout may describe: the kernel's limit for
// a hidraw write.
const MaxSize = 4096

// Layout says where a scan lies in a report. Places are bytes from the beginning of the
// report as hidraw reads it, its id included. The zero value stands for Published.
type Layout struct {
	ID   byte // first byte of an input report; 0: reports have no id
	Size int  // bytes of an input report

	Length    int  // number of data bytes; None: data ends before the NULs that fill it up
	AIM       int  // first of three bytes, or one later; None
	Data      int  // first byte
	Max       int  // most data bytes of a report
	Symbology int  // the maker's own symbology byte; None
	Continued int  // the byte with the bit that says that more follows; None
	Mask      byte // that bit

	// Told: the device's report descriptor says all this. A device whose AIM bytes are all
	// zero then sends none; under a layout that was only assumed it is not believed.
	Told bool

	OutID   byte // of the output report that carries commands
	OutSize int  // its bytes, the id included; 0: there is none
}

// Published is the layout of the manuals of Access-IS and Honeywell: 64 bytes, report 2, AIM
// identifier at 2, up to 56 bytes of data at 5, symbology at 61, bit 0 of 63 for more.
func Published() Layout {
	return Layout{ID: 2, Size: 64, Length: 1, AIM: 2, Data: 5, Max: 56, Symbology: 61, Continued: 63, Mask: 1, OutID: 0xFD, OutSize: 64}
}

// publishedNewland is the layout of the manuals of Newland FM430 and Unitech MS842N: no AIM
// identifier, data at 2, and another output report.
func publishedNewland() Layout {
	return Layout{ID: 2, Size: 64, Length: 1, AIM: None, Data: 2, Max: 56, Symbology: 62, Continued: 63, Mask: 1, OutID: 4, OutSize: 64}
}

// PublishedFor is the layout in the manuals of a vendor's scanners.
func PublishedFor(vendor uint16) (Layout, bool) {
	switch vendor {
	case 0x0C2E, 0x23D0, 0x05E0, 0x05F9, 0x0DB5: // Honeywell, Youjie, Zebra, Datalogic, Access-IS
		return Published(), true
	case 0x1EAB, 0x2745: // Newland, Unitech
		return publishedNewland(), true
	}
	return Layout{}, false
}

// Errors of LayoutOf.
var (
	// ErrNotScanner: the descriptor is of something else, or of a scanner in another mode.
	ErrNotScanner = errors.New("not a HID POS bar code scanner")
	// ErrNoData: a scanner whose descriptor does not say where the data of a scan lies.
	ErrNoData = errors.New("report descriptor of a scanner without a place for decoded data")
)

// LayoutOf reads a report descriptor. Where it does not say where the data lies, the layout
// that the vendor published is taken; so is it where the descriptor is empty.
func LayoutOf(vendor uint16, descriptor []byte) (Layout, error) {
	l, err := ParseDescriptor(descriptor)
	if err == nil {
		if p, ok := PublishedFor(vendor); ok && l.OutSize == 0 {
			l.OutID, l.OutSize = p.OutID, p.OutSize
		}
		return l, nil
	}
	if p, ok := PublishedFor(vendor); ok && (errors.Is(err, ErrNoData) || len(descriptor) == 0) {
		return p, nil
	}
	return Layout{}, err
}

var errLayout = errors.New("HID POS layout: a field lies outside of the report")

// check refuses layouts that read outside of a report.
func (l Layout) check() error {
	inside := func(at, n int) bool { return at >= 0 && n >= 0 && at+n <= l.Size }
	for _, at := range []int{l.Length, l.Symbology, l.Continued} {
		if at != None && !inside(at, 1) {
			return errLayout
		}
	}
	switch {
	case l.Size < 2 || l.Size > MaxSize || l.OutSize < 0 || l.OutSize > MaxSize || l.OutSize > 0 && l.OutSize < 3,
		l.AIM != None && !inside(l.AIM, 3),
		l.Max < 1 || !inside(l.Data, l.Max),
		l.Continued != None && l.Mask == 0:
		return errLayout
	}
	return nil
}

// piece is what one report holds.
type piece struct {
	aim       [3]byte // zero: none
	data      []byte
	symbology byte
	continued bool
}

// read takes a report apart. not ok means malformed; aim and continued are then as far as
// they can be told.
func (l Layout) read(r []byte) (p piece, ok bool) {
	if l.Continued != None {
		p.continued = r[l.Continued]&l.Mask != 0
	}
	if l.Symbology != None {
		p.symbology = r[l.Symbology]
	}
	shift := 0
	if l.AIM != None {
		if shift, ok = l.aim(r, &p.aim); !ok {
			return p, false
		}
	}
	room := r[l.Data+shift : min(l.Data+shift+l.Max, l.Size)]
	n := len(room)
	if l.Length != None {
		n = int(r[l.Length])
	} else {
		for n > 0 && room[n-1] == 0 {
			n--
		}
	}
	if n > l.Max || n > len(room) {
		return p, false
	}
	p.data = room[:n]
	return p, true
}

// aim finds the identifier. Some devices put it one byte later, and the data with it.
func (l Layout) aim(r []byte, aim *[3]byte) (shift int, ok bool) {
	at := l.AIM
	switch {
	case r[at] == ']':
	case at+4 <= l.Size && l.Data+1 < l.Size && r[at+1] == ']':
		shift = 1
	default:
		return 0, l.Told && r[at] == 0 && r[at+1] == 0 && r[at+2] == 0
	}
	copy(aim[:], r[at+shift:])
	return shift, true
}

// IsScanner reports whether a report descriptor begins as a bar code scanner's: usage page
// 8C, usage 02. Keyboard wedges and the keyboard half of a composite device do not.
func IsScanner(descriptor []byte) bool {
	return slices.ContainsFunc(applications(descriptor), func(u usage) bool { return u == usageScanner })
}
