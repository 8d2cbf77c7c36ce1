package device

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"
)

// begin waits for a face. timeoutAt is where the command holds the seconds.
func (e *EFAA) begin(msg byte, data []byte, size, timeoutAt int) {
	if len(data) != size {
		e.fault("data of a wrong length")
		e.reply(msg, efParameter)
		return
	}
	seconds := 10
	if timeoutAt >= 0 {
		seconds = int(data[timeoutAt])
	}
	e.busy, e.asked = msg, slices.Clone(data)
	e.round++
	round := e.round
	e.wait = time.AfterFunc(time.Duration(seconds)*time.Second, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.busy != 0 && e.round == round {
			e.fail(efTimeout)
		}
	})
}

// fail ends the wait; the TX510 knows one failure.
func (e *EFAA) fail(result byte) {
	if e.sum {
		result = efRejected
	}
	e.reply(e.busy, result)
	e.idle()
}

func (e *EFAA) idle() {
	e.busy = 0
	if e.wait != nil {
		e.wait.Stop()
	}
}

// Present is a person before the module: live, or a picture of the person. It reports whether
// the module was looking.
func (e *EFAA) Present(person string, live bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy == 0 {
		return false
	}
	id, known := e.find(person)
	if !e.sum {
		e.send(0x01, append([]byte{0x01}, make([]byte, 16)...)...) // a face, straight ahead
	}
	switch enrol := e.busy != 0x12; {
	case !live:
		e.fail(efLiveness)
	case enrol && known:
		e.fail(efEnrolled)
	case enrol && len(e.users) == 100:
		e.fail(efFull)
	case enrol:
		id = 1
		for e.users[id] != "" {
			id++
		}
		e.users[id] = person
		e.done(append(pair(id), 0)...)
	case !known:
		e.fail(efUnknownUser)
	case e.sum:
		e.done(pair(id)...)
	default:
		e.done(append(append(pair(id), padded(person, 32)...), 0, 0)...)
	}
	return true
}

func (e *EFAA) done(body ...byte) {
	e.reply(e.busy, efOK, body...)
	e.idle()
}

func (e *EFAA) find(person string) (uint16, bool) {
	for id, name := range e.users {
		if name == person {
			return id, true
		}
	}
	return 0, false
}

// store does what concerns those who are enrolled.
func (e *EFAA) store(msg byte, data []byte) {
	switch {
	case msg == 0x21:
		clear(e.users)
		e.reply(msg, efOK)
	case msg == 0x24:
		ids := slices.Sorted(maps.Keys(e.users))
		body := []byte{byte(len(ids))}
		for _, id := range ids {
			body = append(body, pair(id)...)
		}
		e.reply(msg, efOK, body...)
	case len(data) != 2:
		e.fault("no user")
		e.reply(msg, efParameter)
	case e.users[binary.BigEndian.Uint16(data)] == "":
		e.reply(msg, efUnknownUser)
	case msg == 0x20:
		delete(e.users, binary.BigEndian.Uint16(data))
		e.reply(msg, efOK)
	default:
		name := e.users[binary.BigEndian.Uint16(data)]
		e.reply(msg, efOK, append(append(slices.Clone(data), padded(name, 32)...), 0)...)
	}
}

// export gives out templates: announced by 7C and fetched by 7D, or at once by FA (palm).
func (e *EFAA) export(msg byte, data []byte) {
	switch {
	case msg == 0x7D && len(data) >= 8 && e.asked != nil:
		t := template(e.users[binary.BigEndian.Uint16(e.asked)])
		offset, size := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
		if uint64(offset)+uint64(size) > uint64(len(t)) {
			e.reply(msg, efParameter)
			return
		}
		e.reply(msg, efOK, t[offset:offset+size]...)
	case msg == 0x7D || len(data) != 2:
		e.fault("data of a wrong length")
		e.reply(msg, efParameter)
	case e.users[binary.BigEndian.Uint16(data)] == "":
		e.reply(msg, efUnknownUser)
	case msg == 0xFA:
		e.reply(msg, efOK, template(e.users[binary.BigEndian.Uint16(data)])...)
	default:
		e.asked = slices.Clone(data)
		t := template(e.users[binary.BigEndian.Uint16(data)])
		sum := md5.Sum(t) // what the modules announce a template with
		e.reply(msg, efOK, append(binary.BigEndian.AppendUint32(slices.Clone(data), uint32(len(t))), hexOf(sum[:])...)...)
	}
}

// template is a person's features: numbers that say nothing of anybody.
func template(person string) (t []byte) {
	for i := range byte(32) {
		sum := sha256.Sum256(append([]byte{i}, person...))
		t = append(t, sum[:]...)
	}
	return t
}

func pair(n uint16) []byte { return []byte{byte(n >> 8), byte(n)} }

func padded(s string, n int) []byte {
	b := make([]byte, n)
	copy(b[:n-1], s)
	return b
}

func hexOf(b []byte) (out []byte) {
	const digits = "0123456789abcdef"
	for _, x := range b {
		out = append(out, digits[x>>4], digits[x&15])
	}
	return out
}
