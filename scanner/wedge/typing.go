package wedge

import (
	"unicode/utf8"

	"github.com/tilld/tilld/scanner"
)

func (d *Codec) key(r record) {
	if d.c.Watch && len(d.typed) < maxTyped {
		d.typed = append(d.typed, [3]int{int(r.typ), int(r.code), int(r.value)})
	}
	code, ends := r.code, d.ends(r.code)
	switch {
	case code > keyMax || r.value < up || r.value > repeat:
		d.violate(scanner.DropMalformed, true)
	case ends && r.value == down:
		if d.skip || d.Pending() {
			d.typed = d.typed[:0]
		}
		d.ended = !d.skip
		d.skip = false
	case ends:
	case (r.value == down) == d.down.has(code):
		// Down twice, or up or repeated and never down.
		d.violate(scanner.DropPartial, r.value == down)
	case isModifier(code) && d.pressed && !d.c.Rollover:
		d.change(code, r.value)
		d.violate(scanner.DropPartial, true)
	case r.value == repeat:
	default:
		d.change(code, r.value)
		if r.value == down {
			d.press(code)
		} else if code == keyLeftAlt {
			d.altUp()
		}
	}
}

func (d *Codec) ends(code uint16) bool {
	return code == keyEnter || code == keyKPEnter || d.c.Tab && code == keyTab
}

// change notes that a key went down or up.
func (d *Codec) change(code uint16, value int32) {
	n := 1
	if isModifier(code) || code == keyCapsLock || code == keyNumLock {
		n = 0
	}
	if value == down {
		d.down.add(code)
		d.held += n
	} else {
		d.down.remove(code)
		d.held -= n
	}
}

func (d *Codec) press(code uint16) {
	switch code {
	case keyCapsLock:
		d.caps = !d.caps
		return
	case keyNumLock:
		return
	case keyLeftShift, keyRightShift, keyRightAlt:
		d.shifted = true
		return
	case keyLeftAlt:
		d.shifted, d.altN = true, 0
		return
	}
	d.pressed = true
	if d.skip {
		if !d.told {
			d.violate(scanner.DropPartial, true)
		}
		return
	}
	if d.ended || d.held > 1 && !d.c.Rollover {
		d.violate(scanner.DropPartial, true)
		return
	}
	if d.down.has(keyLeftAlt) {
		d.altDigit(code)
		return
	}
	level := 0
	if d.down.has(keyLeftShift) || d.down.has(keyRightShift) {
		level |= levelShift
	}
	if d.down.has(keyRightAlt) {
		level |= levelAltGr
	}
	if c, dead := d.m.char(code, level, d.caps); !d.typeChar(c, dead) {
		d.violate(scanner.DropMalformed, true)
	}
}

// typeChar reports whether there is such a character, after the one before it.
func (d *Codec) typeChar(c rune, dead bool) bool {
	switch {
	case c == 0 || d.ctrl():
		return false
	case d.dead != 0 && c != ' ', len(d.buf)+utf8.UTFMax > cap(d.buf):
		return false
	case dead:
		d.dead = c
		return true
	case d.dead != 0:
		c, d.dead = d.dead, 0
	}
	d.buf = utf8.AppendRune(d.buf, c)
	return true
}

func (d *Codec) ctrl() bool {
	return d.down.has(keyLeftCtrl) || d.down.has(keyRightCtrl) || d.down.has(keyLeftMeta) || d.down.has(keyRightMeta)
}

func (d *Codec) altDigit(code uint16) {
	digit, ok := keypadDigit(code)
	if !ok || d.altN == len(d.alt) || d.dead != 0 {
		d.violate(scanner.DropMalformed, true)
		return
	}
	d.alt[d.altN] = digit
	d.altN++
}

// altUp ends a character in ALT mode: three digits are a byte, a zero and three digits a
// character of Windows-1252.
func (d *Codec) altUp() {
	if d.skip {
		return
	}
	n := 0
	for _, digit := range d.alt[:d.altN] {
		n = 10*n + int(digit)
	}
	const gs = 0x1D
	windows := d.altN == 4 && d.alt[0] == 0
	switch {
	case d.altN < 3:
		d.violate(scanner.DropPartial, true)
		return
	case d.altN == 4 && !windows, n > 0xFF, n < 0x20 && n != gs, n == 0x7F, len(d.buf)+utf8.UTFMax > cap(d.buf),
		windows && fromCP1252(byte(n)) == 0:
		d.violate(scanner.DropMalformed, true)
		return
	case windows:
		d.buf = utf8.AppendRune(d.buf, fromCP1252(byte(n)))
	default:
		d.buf = append(d.buf, byte(n))
	}
	d.altN = 0
}

// finish ends a scan after the report that its terminator came in: had an event of the scan
// been overtaken by the terminator, it would show by then.
func (d *Codec) finish() {
	switch {
	case !d.ended:
		return
	case !d.Pending(): // an Enter of its own
		d.ended = false
		return
	case d.modified() || d.held > 0 && !d.c.Rollover:
		d.emit(scanner.Result{Drop: scanner.DropPartial})
	default:
		d.emit(d.decode())
	}
	d.wipe()
}

// modified reports whether a modifier is held.
func (d *Codec) modified() bool {
	return d.down.has(keyLeftShift) || d.down.has(keyRightShift) || d.down.has(keyLeftAlt) || d.down.has(keyRightAlt) || d.ctrl()
}

func (d *Codec) decode() scanner.Result {
	text, aim, ok := d.buf, "", true
	if d.c.AIM {
		aim, text, ok = scanner.CutAIM(text)
	}
	if !ok || d.dead != 0 || len(text) == 0 || len(text) > d.c.MaxText || !utf8.Valid(text) {
		return scanner.Result{Drop: scanner.DropMalformed}
	}
	return scanner.Result{Text: text, AIM: aim, Symbology: scanner.AIMSymbology(aim)}
}
