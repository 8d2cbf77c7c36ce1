package device

import "fmt"

// KeyboardDescriptor describes the reports of BootReports.
func KeyboardDescriptor() []byte { return []byte(keyboardDescriptor) }

// keyboardModifiers are the bits of a boot report's first byte, by key.
var keyboardModifiers = map[uint16]byte{29: 0x01, 42: 0x02, 56: 0x04, 125: 0x08, 97: 0x10, 54: 0x20, 100: 0x40, 126: 0x80}

// keyboardUsages are the HID usages (HID Usage Tables, page 07) of the kernel's keys, other
// than letters and the digits' row.
var keyboardUsages = map[uint16]byte{28: 40, 1: 41, 14: 42, 15: 43, 57: 44, 12: 45, 13: 46, 26: 47, 27: 48, 43: 49,
	39: 51, 40: 52, 41: 53, 51: 54, 52: 55, 53: 56, 58: 57, 98: 84, 55: 85, 74: 86, 78: 87, 96: 88,
	79: 89, 80: 90, 81: 91, 75: 92, 76: 93, 77: 94, 71: 95, 72: 96, 73: 97, 82: 98, 83: 99, 86: 100}

func keyboardUsage(code uint16) (byte, bool) {
	if code >= 2 && code <= 11 {
		return byte(30 + code - 2), true
	}
	for i, c := range letters {
		if c == code {
			return byte(4 + i), true
		}
	}
	u, ok := keyboardUsages[code]
	return u, ok
}

// BootReports are the reports with which a USB keyboard has the kernel see these events: one of
// 8 bytes for each EV_SYN (HID 1.11, appendix B.1). Keys that a boot keyboard does not have are
// an error, as is a seventh key held down.
func BootReports(events []KeyEvent) (list [][]byte, err error) {
	var now [8]byte
	for _, e := range events {
		switch {
		case e == (KeyEvent{}):
			list = append(list, append([]byte(nil), now[:]...))
		case e.Type != 1 || e.Value > 1: // the kernel makes its own repeats
		case keyboardModifiers[e.Code] != 0:
			now[0] &^= keyboardModifiers[e.Code]
			if e.Value == 1 {
				now[0] |= keyboardModifiers[e.Code]
			}
		default:
			u, ok := keyboardUsage(e.Code)
			if !ok {
				return nil, fmt.Errorf("a boot keyboard has no key %d", e.Code)
			}
			if err := press(now[2:], u, e.Value == 1); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// press puts a usage into the keys held down, or takes it out.
func press(keys []byte, usage byte, down bool) error {
	for i, k := range keys {
		if down && (k == 0 || k == usage) {
			keys[i] = usage
			return nil
		}
		if !down && k == usage {
			keys[i] = 0
		}
	}
	if down {
		return fmt.Errorf("a seventh key is held down")
	}
	return nil
}
