package device

import (
	"slices"
	"time"
)

const (
	// ssiSilence is the longest pause within a packet of the host.
	ssiSilence = 200 * time.Millisecond
	// ssiAwake is how long a sleepy decoder stays awake.
	ssiAwake = time.Second
	// ssiTries is how often a packet is sent.
	ssiTries = 3
)

// receive takes bytes of the host.
func (d *SSI) receive(b []byte) {
	now := time.Now()
	switch gap := now.Sub(d.heard); {
	case d.c.Sleepy && gap > ssiAwake && len(b) > 0:
		b = b[1:]
		d.in = nil
	case len(d.in) > 0 && gap > ssiSilence:
		d.fault("the packet of the host ends early:", d.in)
		d.in = nil
	}
	d.heard = now
	d.in = append(d.in, b...)
	for len(d.in) > 0 {
		if d.in[0] == 0 { // to wake it
			d.in = d.in[1:]
			continue
		}
		n := int(d.in[0]) + 2
		if n < 6 {
			d.fault("no packet begins like this:", d.in)
			d.in = nil
			return
		}
		if len(d.in) < n {
			return
		}
		d.packet(d.in[:n])
		d.in = d.in[n:]
	}
}

// packet takes one packet of the host.
func (d *SSI) packet(f []byte) {
	if d.deaf > 0 {
		d.deaf--
		return
	}
	if ssiSum(f) != 0 {
		d.answer(ssiNAK, 1)
		return
	}
	op, status, data := f[1], f[3], f[4:len(f)-2]
	if f[2] != 4 {
		d.fault("a packet of the host with another source:", f)
	}
	switch op {
	case ssiACK, ssiSegmentOK:
		d.acknowledged()
		return
	case ssiNAK:
		d.refused(data)
		return
	case ssiAskParam:
		d.tell(ssiParam, d.values(data))
		d.counts.Commands++
		return
	case ssiAskRev:
		d.tell(ssiRev, []byte("PAACRS00-001-R00"))
		d.counts.Commands++
		return
	}
	cause := d.obey(op, status, data)
	if cause != 0 {
		d.answer(ssiNAK, cause)
		return
	}
	d.counts.Commands++
	d.answer(ssiACK)
}

// obey does what a command says, or gives the cause why not.
func (d *SSI) obey(op, status byte, data []byte) (cause byte) {
	switch op {
	case ssiParam:
		return d.set(data, status&8 != 0)
	case ssiFlush:
		d.counts.Flushes++
		d.queue = slices.DeleteFunc(d.queue, func(m ssiMessage) bool { return m.code })
		d.next()
	case ssiStart:
		d.counts.Triggers++
		d.triggered = true
	case ssiStop:
		d.triggered = false
	case ssiBeep:
		d.counts.Beeps++
	case ssiAimOn:
		d.aiming = true
	case ssiAimOff:
		d.aiming = false
	case ssiLEDOn, ssiLEDOff:
	case ssiEnable:
		d.disabled = false
	case ssiDisable:
		d.disabled = true
	default:
		d.fault("unknown or forbidden opcode:", []byte{op})
		return 2
	}
	return 0
}

// set takes parameters: a beep, then numbers and values.
func (d *SSI) set(data []byte, permanent bool) (cause byte) {
	if len(data) < 3 {
		return 2
	}
	if permanent {
		d.counts.FlashWrites++
	}
	for b := data[1:]; len(b) > 0; {
		wide := b[0] == 0xF4
		if wide {
			b = b[1:]
		}
		param, n := ssiNumber(b)
		size := 1
		if wide {
			size = 2
		}
		if n == 0 || len(b) < n+size {
			d.fault("parameters end early:", data)
			return 2
		}
		value := uint16(b[n])
		if wide {
			value = value<<8 | uint16(b[n+1])
		}
		if slices.Contains(d.c.Unknown, param) {
			return 6
		}
		d.params[param] = value
		b = b[n+size:]
	}
	return 0
}

// ssiNumber reads the number of a parameter.
func ssiNumber(b []byte) (param uint16, n int) {
	switch {
	case len(b) >= 3 && b[0] == 0xF8:
		return uint16(b[1])<<8 | uint16(b[2]), 3
	case len(b) >= 2 && b[0] >= 0xF0 && b[0] <= 0xF2:
		return 256*uint16(b[0]-0xEF) + uint16(b[1]), 2
	case len(b) >= 1 && b[0] < 0xF0:
		return uint16(b[0]), 1
	}
	return 0, 0
}

// values answers a request for parameters.
func (d *SSI) values(data []byte) []byte {
	reply := []byte{0xFF}
	for len(data) > 0 {
		param, n := ssiNumber(data)
		if n == 0 {
			break
		}
		if v := d.params[param]; v > 0xFF {
			reply = append(append(append(reply, 0xF4), data[:n]...), byte(v>>8), byte(v))
		} else {
			reply = append(append(reply, data[:n]...), byte(v))
		}
		data = data[n:]
	}
	return reply
}

// message puts a code into packets.
func (d *SSI) message(kind byte, text string) ssiMessage {
	m := ssiMessage{code: true}
	if d.c.Grow {
		if t := growTypes[kind]; t != 0 {
			kind = t
		}
		if len(text) > d.c.Part {
			m.packets = []ssiPacket{{op: ssiLong, data: append([]byte{kind}, text...)}}
			return m
		}
	}
	if d.c.Cordless && len(text) > d.c.Part {
		size := len(text)
		rest := string([]byte{ssiDecode, 0, 0, byte((size + 3) >> 8), byte(size + 3), kind, 1, byte(size >> 8), byte(size)}) + text
		for n := byte(0); rest != ""; n++ {
			part := rest[:min(len(rest), d.c.Part)]
			rest = rest[len(part):]
			source := byte(0)
			if n == 0 {
				source = 2
			}
			m.packets = append(m.packets, ssiPacket{op: ssiSegment, source: source, data: append([]byte{n}, part...)})
		}
		return m
	}
	if d.c.Cordless {
		data := append([]byte{kind, 1, byte(len(text) >> 8), byte(len(text))}, text...)
		m.packets = append(m.packets, ssiPacket{op: ssiDecode, status: 0x20, data: data})
		return m
	}
	for text != "" {
		part := text[:min(len(text), d.c.Part)]
		text = text[len(part):]
		p := ssiPacket{op: ssiDecode, data: append([]byte{kind}, part...)}
		if text != "" {
			p.status = 2
		}
		m.packets = append(m.packets, p)
	}
	return m
}

// answer sends an ACK or a NAK, which nobody acknowledges.
func (d *SSI) answer(op byte, data ...byte) {
	d.emit(ssiPacket{op: op, status: 0x80, data: data}, 0)
}

// tell sends a message that answers a request.
func (d *SSI) tell(op byte, data []byte) {
	d.queue = append(d.queue, ssiMessage{packets: []ssiPacket{{op: op, status: 0x80, data: data}}})
	d.transmit()
}

// transmit sends the next packet, unless one waits for its acknowledgement.
func (d *SSI) transmit() {
	for d.tries == 0 && len(d.queue) > 0 {
		d.tries = 1
		d.emit(d.queue[0].packets[d.part], 0)
		if d.params[ssiHandshake] != 0 {
			d.startTimer()
			return
		}
		d.acknowledged()
	}
}

// again sends the packet that was not acknowledged once more, or gives its message up.
func (d *SSI) again() {
	if d.tries == 0 || len(d.queue) == 0 {
		return
	}
	if d.tries == ssiTries {
		if d.queue[0].code {
			d.counts.Lost++
		}
		d.queue = d.queue[1:]
		d.next()
		return
	}
	d.tries++
	d.counts.Resent++
	d.emit(d.queue[0].packets[d.part], 1)
	d.startTimer()
}

// acknowledged goes on with the next packet.
func (d *SSI) acknowledged() {
	if d.tries == 0 || len(d.queue) == 0 {
		return
	}
	d.stopTimer()
	d.tries = 0
	if d.part++; d.part == len(d.queue[0].packets) {
		if d.queue[0].code {
			d.counts.Delivered++
		}
		d.queue, d.part = d.queue[1:], 0
	}
	d.transmit()
}

// next goes on with the first message of the queue.
func (d *SSI) next() {
	d.stopTimer()
	d.part, d.tries = 0, 0
	d.transmit()
}

func (d *SSI) refused(data []byte) {
	if len(data) == 1 && data[0] == 1 {
		d.again()
		return
	}
	d.fault("the host refuses a packet:", data)
	d.acknowledged()
}

// emit puts a packet on the wire.
func (d *SSI) emit(p ssiPacket, status byte) {
	f := []byte{byte(4 + len(p.data)), p.op, p.source, p.status | status | d.c.Status}
	if p.op == ssiLong {
		n := 7 + len(p.data)
		f = append([]byte{0xFF, ssiLong, byte(n >> 8), byte(n)}, f[1:]...)
	}
	f = append(f, p.data...)
	sum := -ssiSum(append(f, 0, 0))
	if d.corrupt > 0 {
		d.corrupt--
		sum ^= 1
	}
	d.counts.Sent++
	if d.lose > 0 {
		d.lose--
		return
	}
	d.write(append(f, byte(sum>>8), byte(sum)))
}

func (d *SSI) write(b []byte) { d.out = append(d.out, b) }

// ssiSum is 0 for a whole packet.
func ssiSum(f []byte) (s uint16) {
	for _, c := range f[:len(f)-2] {
		s += uint16(c)
	}
	return s + uint16(f[len(f)-2])<<8 + uint16(f[len(f)-1])
}

func (d *SSI) startTimer() {
	d.stopTimer()
	round := d.round
	d.timer = time.AfterFunc(d.c.ResponseTimeout, func() {
		d.do(func() {
			if round == d.round {
				d.again()
			}
		})
	})
}

func (d *SSI) stopTimer() {
	d.round++
	if d.timer != nil {
		d.timer.Stop()
	}
}
