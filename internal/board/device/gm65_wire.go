package device

import "time"

// receive takes bytes of the host.
func (m *GM65) receive(b []byte) {
	now := time.Now()
	if len(m.in) > 0 && now.Sub(m.heard) > gmSilence {
		m.fault("a command ends early:", m.in)
		m.in = nil
	}
	if len(m.in) == 0 {
		m.heard = now
	}
	m.in = append(m.in, b...)
	for len(m.in) > 0 {
		if m.in[0] != 0x7E || len(m.in) > 1 && m.in[1] != 0 {
			m.fault("no command begins like this:", m.in[:1])
			m.in = m.in[1:]
			continue
		}
		if len(m.in) < 4 {
			return
		}
		n := gmLength(m.in[3])
		if len(m.in) < 8+n {
			return
		}
		m.command(m.in[2 : 8+n])
		m.in = m.in[8+n:]
		m.heard = now
	}
}

// gmLength is the length that a byte stands for.
func gmLength(b byte) int {
	if b == 0 {
		return 256
	}
	return int(b)
}

// command takes a whole one: type, length, zone, data, CRC.
func (m *GM65) command(b []byte) {
	if m.deaf > 0 {
		m.deaf--
		return
	}
	body, sum := b[:len(b)-2], b[len(b)-2:]
	switch {
	case sum[0] == 0xAB && sum[1] == 0xCD:
		m.counts.Unchecked++
		m.fault("a command without CRC:", b)
	case gmCRC(body) != uint16(sum[0])<<8|uint16(sum[1]):
		if m.counts.WrongCRC++; !m.c.Silent {
			m.answer(0x02, 0x01, 0)
		}
		return
	}
	m.counts.Commands++
	zone, data := uint16(body[2])<<8|uint16(body[3]), body[4:]
	switch kind := body[0]; {
	case kind == 0x0A:
		m.counts.Heartbeats++
		m.answer(0x03, 0x00, 0)
	case kind == 0x07 && len(data) == 1 && m.has(zone):
		n := gmLength(data[0])
		value := make([]byte, n)
		for i := range value {
			value[i] = m.zones[byte(int(zone)+i)]
		}
		m.answer(0x02, 0x00, value...)
	case kind == 0x08 && m.has(zone):
		m.set(byte(zone), data)
		m.answer(0x02, 0x00, 0)
	case kind == 0x09:
		m.counts.FlashWrites++
		m.flash = m.zones
		m.answer(0x02, 0x00, 0)
	default:
		m.answer(0x02, 0x03, 0)
	}
}

func (m *GM65) has(zone uint16) bool { return zone < 256 && !(m.c.NoAIM && zone == gmAIM) }

func (m *GM65) set(zone byte, data []byte) {
	for i, v := range data {
		m.zones[zone+byte(i)] = v
	}
	switch {
	case zone == gmReset && data[0] == 0x50:
		m.zones = m.factory()
	case zone == gmTrigger && data[0]&1 != 0:
		m.counts.Triggers++
	}
}

// answer puts a reply on the wire.
func (m *GM65) answer(head, result byte, data ...byte) {
	b := append([]byte{head, 0, result, byte(len(data))}, data...)
	sum := gmCRC(b[2:])
	if m.corrupt > 0 {
		m.corrupt--
		sum ^= 0x0101
	}
	if m.lose > 0 {
		m.lose--
		return
	}
	m.out = append(m.out, append(b, byte(sum>>8), byte(sum)))
}

// gmCRC is bit by bit what the manual's listing computes.
func gmCRC(b []byte) uint16 {
	crc := uint32(0)
	for _, c := range b {
		for bit := byte(0x80); bit != 0; bit >>= 1 {
			crc <<= 1
			if crc&0x10000 != 0 {
				crc ^= 0x11021
			}
			if c&bit != 0 {
				crc ^= 0x1021
			}
		}
	}
	return uint16(crc)
}
