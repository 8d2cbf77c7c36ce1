package ssi

import (
	"errors"
	"hash/maphash"
	"time"

	"github.com/tilld/tilld/scanner"
)

// handle acts on an intact packet. One of the host is our own, sent back by a line that
// echoes.
func (d *Codec) handle(f []byte, now time.Time, emit func(scanner.Result)) {
	p := open(f)
	if p.source == fromHost {
		return
	}
	switch p.op {
	case CmdACK:
		d.answered(p, emit)
	case CmdNAK:
		d.denied(p, now, emit)
	case DecodeData:
		d.decode(p, now, emit)
	case MultipacketSegment:
		d.segment(p, now, emit)
	case ParamSend:
		d.ack(scanner.Result{Event: d.params(p)}, emit)
		d.answered(p, emit)
	default:
		d.ack(scanner.Result{Event: told(p)}, emit)
		if p.op == Event && len(p.data) == 1 && p.data[0] == Boot && d.talk.live {
			d.talk.begin() // it lost its settings
		}
		d.answered(p, emit)
	}
}

// told is what another message says. The data of one that is not known may be a code.
func told(p packet) Told {
	if !known[p.op] {
		return Told{Opcode: p.op}
	}
	return Told{Opcode: p.op, Data: append([]byte(nil), p.data...)}
}

// params are those of a PARAM_SEND, nil if it is malformed.
func (d *Codec) params(p packet) scanner.Told {
	v, ok := parseParams(p.data)
	if !ok && len(v) == 0 {
		return Told{Opcode: p.op, Data: append([]byte(nil), p.data...)}
	}
	return v
}

// ack emits a result and acknowledges the packet it came from.
func (d *Codec) ack(r scanner.Result, emit func(scanner.Result)) {
	r.Reply = Append(d.out[:0], CmdACK, 0)
	emit(r)
}

// decode takes a DECODE_DATA: a whole code, or a part of one.
func (d *Codec) decode(p packet, now time.Time, emit func(scanner.Result)) {
	j, more, none := &d.join, p.status&More != 0, scanner.Result{}
	harms := d.damages
	again := d.repeated(p, now)
	switch {
	case again && j.open && harms > 0:
		// Either the last part once more, or the next one, with the same content.
		d.giveUp(now, more, scanner.DropPartial, emit)
		return
	case again:
		d.ack(none, emit)
		return
	case !j.open && d.stale(p, now):
		if more {
			j.skipTo = now.Add(JoinWithin)
		}
		d.ack(none, emit)
		return
	case j.open && (j.numbered || harms > 0 && p.status&Retransmitted == 0 && (harms >= Tries || now.Sub(j.last) >= GivenUpAfter)):
		// A packet may be missing for good, and this one be of another message.
		d.giveUp(now, more, scanner.DropPartial, emit)
		return
	case !j.open && now.Before(j.skipTo):
		// The rest of a message that was given up.
		if !more {
			j.skipTo = time.Time{}
		}
		d.ack(none, emit)
		return
	case len(p.data) == 0:
		d.giveUp(now, more, scanner.DropMalformed, emit)
		return
	case !j.open && !more:
		d.deliver(p.data[0], p.status, p.data[1:], emit)
		return
	}
	if !j.open {
		j.begin(p.data[0], p.status)
	}
	part := p.data
	if part[0] == j.kind {
		part = part[1:]
	}
	if len(part) == 0 && !more || !j.add(part, now) {
		d.giveUp(now, more, scanner.DropMalformed, emit)
		return
	}
	if more {
		d.ack(none, emit)
		return
	}
	d.deliver(j.kind, j.status, j.text, emit)
	j.forget()
}

// giveUp acknowledges a packet and drops the message that it belongs to, with what is still
// to come of it.
func (d *Codec) giveUp(now time.Time, more bool, why scanner.DropReason, emit func(scanner.Result)) {
	if d.join.forget(); more {
		d.join.skipTo = now.Add(JoinWithin)
	}
	d.ack(scanner.Result{Drop: why}, emit)
}

// repeated reports whether a packet is a retransmission of the last one that was accepted;
// any other is accepted herewith. Long after that one, and if something else was lost since,
// the same bytes are of a new presentation whose first copy was lost.
func (d *Codec) repeated(p packet, now time.Time) bool {
	id := maphash.Bytes(d.seed, p.data) ^ uint64(p.op)<<8 ^ uint64(p.status&More)
	if p.status&Retransmitted != 0 && id == d.accepted && !d.at.IsZero() && (d.damages == 0 || now.Sub(d.at) < ResentWithin) {
		d.at = now
		return true
	}
	d.accepted, d.at, d.damages = id, now, 0
	return false
}

// stale reports whether a packet is of a code that was read before Reset: a retransmission
// without a first copy since.
func (d *Codec) stale(p packet, now time.Time) bool {
	return p.status&Retransmitted != 0 && !d.harmed && now.Before(d.staleTo)
}

var errAIM = errors.New("a scan came without an AIM identifier: the scanner lost its settings, or knows no identifiers")

// deliver acknowledges the last packet of a code and emits the code.
func (d *Codec) deliver(kind, status byte, text []byte, emit func(scanner.Result)) {
	if n := len(text) - 3; status&cordless != 0 && n >= 0 && text[0] == 1 && int(text[1])<<8|int(text[2]) == n {
		text = text[3:]
	}
	r := scanner.Result{}
	switch {
	case kind == NoRead:
		r.Event = Told{Opcode: DecodeData, Data: []byte{NoRead}}
	case len(text) == 0 || len(text) > d.c.MaxText || kind == multicode:
		r.Drop = scanner.DropMalformed
	case d.talk.settingUp():
	case d.c.AIM && d.talk.live:
		var ok bool
		if r.AIM, r.Text, ok = scanner.CutAIM(text); !ok || len(r.Text) == 0 {
			r = scanner.Result{Drop: scanner.DropMalformed, Fault: errAIM}
			break
		}
		r.Symbology, _ = symbology(kind)
		if r.Symbology == scanner.Other {
			r.Symbology = scanner.AIMSymbology(r.AIM)
		}
	default:
		r.Symbology, r.AIM = symbology(kind)
		r.Text = text
	}
	d.ack(r, emit)
}
