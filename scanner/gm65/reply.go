package gm65

import (
	"encoding/hex"
	"fmt"

	"github.com/tilld/tilld/scanner"
)

// Code is the result that a reply begins with.
type Code byte

// Results.
const (
	OK             Code = 0x00
	CRCFailure     Code = 0x01
	InvalidCommand Code = 0x03
)

func (c Code) String() string {
	switch c {
	case OK:
		return "ok"
	case CRCFailure:
		return "crc_failure"
	case InvalidCommand:
		return "invalid_command"
	}
	return fmt.Sprintf("result_%02x", byte(c))
}

// Reply is what a module answers. One that a codec emits is valid during the emit call only.
type Reply struct {
	Code Code
	Data []byte
	Type Type   // of the command; 0 if that is not known
	Zone uint16 // of a Read or Write
}

var _ scanner.Told = (*Reply)(nil)

// Fields are "reply", "data" in hexadecimal digits, and "baud" where that was asked for.
func (r *Reply) Fields() map[string]any {
	f := map[string]any{"reply": r.Code.String(), "data": hex.EncodeToString(r.Data)}
	if r.Code == OK && r.Type == Read && r.Zone == ZoneBaud && len(r.Data) == 2 {
		f["baud"] = Baud(uint16(r.Data[0]) | uint16(r.Data[1])<<8)
	}
	return f
}

// request is a command whose reply is due.
type request struct {
	kind Type // 0: not known
	zone uint16
	size int // of the data of its reply
}

// requestOf reads a command; anything else is a request of unknown kind.
func requestOf(b []byte) request {
	if len(b) < 7 || b[0] != 0x7E || b[1] != 0 {
		return request{}
	}
	r := request{kind: Type(b[2]), zone: uint16(b[4])<<8 | uint16(b[5]), size: 1}
	if r.kind == Read {
		r.size = length(b[6])
	}
	return r
}

// length is that which a byte stands for.
func length(b byte) int {
	if b == 0 {
		return 256
	}
	return int(b)
}

// progress says how far the bytes of a reply are.
type progress int

const (
	partial  progress = iota
	complete          // with the right CRC
	damaged           // with a wrong one
	none              // it is no reply to this request
)

// match compares what came with what is due.
func (r request) match(b []byte) progress {
	if !r.begins(b[0]) || len(b) > 1 && b[1] != 0 {
		return none
	}
	if len(b) < headLen {
		return partial
	}
	n := length(b[3])
	if r.kind != 0 && n != 1 && (n != r.size || Code(b[2]) != OK) || r.kind == Read && Code(b[2]) == OK && n != r.size {
		return none
	}
	switch total := headLen + n + crcLen; {
	case len(b) < total:
		return partial
	case CRC(b[2:total-crcLen]) != uint16(b[total-2])<<8|uint16(b[total-1]):
		return damaged
	}
	return complete
}

// replyLen is the length of the reply that b begins with; 0 if with none, or a damaged one.
func replyLen(b []byte) int {
	if (request{}).match(b) != complete {
		return 0
	}
	return headLen + length(b[3]) + crcLen
}

// replyHead is what all replies but that to a heartbeat begin with.
const replyHead = 0x02

// begins reports whether a reply may begin with c.
func (r request) begins(c byte) bool {
	const alive = 0x03
	return c == replyHead && r.kind != Heartbeat || c == alive && (r.kind == Heartbeat || r.kind == 0)
}
