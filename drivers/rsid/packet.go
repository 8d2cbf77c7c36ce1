package rsid

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/tilld/tilld/scanner"
)

// Packet is one packet of a module. It is valid during the emit call only.
type Packet struct {
	msg     Msg
	iv      []byte
	payload []byte
	hmac    []byte
}

var _ scanner.Told = (*Packet)(nil)

// Msg is the message's letter.
func (p *Packet) Msg() Msg { return p.msg }

// Encrypted reports whether the packet is of secure mode: nothing in it can be read here.
func (p *Packet) Encrypted() bool { return !zero(p.iv) || !zero(p.hmac) }

// Sequence is the number of the packet in its session.
func (p *Packet) Sequence() uint32 { return binary.LittleEndian.Uint32(p.payload) }

// FA is the body of a message with a capital letter: user id and status, 0 = success.
func (p *Packet) FA() (user string, status byte, ok bool) {
	id, status, ok := p.fa()
	return string(id), status, ok
}

func (p *Packet) fa() (id []byte, status byte, ok bool) {
	b := p.payload[sequenceLen:]
	if p.Encrypted() || !p.msg.isFA() || len(b) < userRoom+1 || b[userRoom] < '0' || b[userRoom] > '0'+MaxStatus {
		return nil, 0, false
	}
	id = b[:userRoom]
	if i := bytes.IndexByte(id, 0); i >= 0 {
		id = id[:i]
	}
	if !utf8.Valid(id) {
		return nil, 0, false
	}
	return id, b[userRoom] - '0', true
}

// Body is what follows the sequence number, with its padding. It may be body data: wipe what
// is copied.
func (p *Packet) Body() []byte { return p.payload[sequenceLen:] }

// String says what it is and nothing of what it holds.
func (p Packet) String() string {
	return fmt.Sprintf("rsid message %q of %d bytes", byte(p.msg), len(p.payload))
}

// Format keeps every verb from printing the body.
func (p Packet) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// Fields are those of the wire vectors: msg, sequence, user_id and status (its character); a
// face's box; of other data the length, of faceprints also their version.
func (p *Packet) Fields() map[string]any {
	f := map[string]any{"msg": string(rune(p.msg))}
	if p.Encrypted() {
		f["encrypted"], f["length"] = true, len(p.payload)
		return f
	}
	f["sequence"] = p.Sequence()
	b := p.Body()
	if user, status, ok := p.FA(); ok {
		f["user_id"], f["status"] = user, string(rune('0'+status))
		return f
	}
	switch {
	case p.msg == FaceBox && len(b) >= 16:
		for i, name := range [...]string{"x", "y", "w", "h"} {
			f[name] = binary.LittleEndian.Uint32(b[4*i:])
		}
	case p.msg == Faceprints && len(b) >= PrintsSize:
		f["length"], f["version"] = PrintsSize, int32(binary.LittleEndian.Uint32(b))
	default:
		f["length"] = len(b)
	}
	return f
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
