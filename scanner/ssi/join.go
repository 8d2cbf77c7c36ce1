package ssi

import (
	"time"

	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
)

// join is a message of several packets.
type join struct {
	open   bool
	kind   byte
	status byte // of the first packet
	text   []byte
	last   time.Time // of the last packet
	// numbered: in segments; next is the number of the one to come and size the length of the
	// whole text.
	numbered bool
	next     byte
	size     int
	skipTo   time.Time // until when the rest of a message that was given up may come
}

func (j *join) begin(kind, status byte) {
	j.forget()
	j.open, j.kind, j.status = true, kind, status
}

// add reports whether part fits.
func (j *join) add(part []byte, now time.Time) bool {
	if len(part) > cap(j.text)-len(j.text) {
		return false
	}
	j.text, j.last = append(j.text, part...), now
	return true
}

func (j *join) forget() {
	secret.Zero(j.text)
	*j = join{text: j.text[:0], last: j.last}
}

// abandon forgets a message whose rest may still come.
func (j *join) abandon(now time.Time) {
	if !j.open {
		return
	}
	numbered := j.numbered
	if j.forget(); !numbered {
		j.skipTo = now.Add(JoinWithin)
	}
}

// firstSegment stands in place of the source in the first segment of a message.
const firstSegment = 0x02

// segmentHead is what comes before the text in the first segment: its number 0, DECODE_DATA,
// two bytes 0, the length of what follows in two bytes, the type of the code, 01, and the
// length of the text in two bytes.
const segmentHead = 10

// segment takes one of the numbered packets of a cordless scanner.
func (d *Codec) segment(p packet, now time.Time, emit func(scanner.Result)) {
	j := &d.join
	again := d.repeated(p, now) || !j.open && d.stale(p, now)
	if len(p.data) < 2 {
		d.giveUp(now, false, scanner.DropMalformed, emit)
		return
	}
	number, part := p.data[0], p.data[1:]
	switch {
	case again || j.open && j.numbered && number == j.next-1 && p.status&Retransmitted != 0:
		d.acknowledgeSegment(j.open && j.numbered, emit)
		return
	case number == 0 && (p.source == firstSegment || !j.open):
		cut := j.open
		if !d.firstSegment(p.data) {
			d.giveUp(now, false, scanner.DropMalformed, emit)
			return
		}
		if cut {
			emit(scanner.Result{Drop: scanner.DropPartial})
		}
		part = p.data[segmentHead:]
	case !j.open || !j.numbered || number != j.next:
		// One is missing. Those after it cannot pass for a message: they have numbers.
		d.giveUp(now, false, scanner.DropPartial, emit)
		return
	}
	if j.next = number + 1; len(j.text)+len(part) > j.size || !j.add(part, now) {
		d.giveUp(now, false, scanner.DropMalformed, emit)
		return
	}
	if len(j.text) < j.size {
		d.acknowledgeSegment(true, emit)
		return
	}
	d.deliver(j.kind, 0, j.text, emit)
	j.forget()
}

// firstSegment begins a message.
func (d *Codec) firstSegment(data []byte) bool {
	if len(data) <= segmentHead || Opcode(data[1]) != DecodeData {
		return false
	}
	size := int(data[8])<<8 | int(data[9])
	if size == 0 || size > d.c.MaxText {
		return false
	}
	d.join.begin(data[6], 0)
	d.join.numbered, d.join.size = true, size
	return true
}

// acknowledgeSegment answers a segment: MULTIPACKET_ACK while more are to come.
func (d *Codec) acknowledgeSegment(more bool, emit func(scanner.Result)) {
	op := CmdACK
	if more {
		op = MultipacketACK
	}
	emit(scanner.Result{Reply: Append(d.out[:0], op, 0)})
}
