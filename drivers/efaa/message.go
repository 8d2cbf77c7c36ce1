package efaa

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/tilld/tilld/scanner"
)

// Kinds of what a module says.
const (
	msgReply = 0x00
	msgNote  = 0x01
	msgImage = 0x02 // never kept
)

// Note is what a module says on its own.
type Note byte

const (
	Ready     Note = 0x00 // it has started: what was asked before is void
	FaceState Note = 0x01
)

// Message is one frame of a module: a reply or a note. It is valid during the emit call only.
type Message struct {
	d    Dialect
	kind byte
	data []byte
}

var _ scanner.Told = (*Message)(nil)

// Reply is what the message answers, and how it ended; ok is false for a note.
func (m *Message) Reply() (to Op, r Result, ok bool) {
	if m.kind != msgReply || len(m.data) < 2 {
		return "", Unknown, false
	}
	return m.d.op(m.data[0]), Result(m.data[1]), true
}

// Note is what the module says on its own; ok is false for a reply.
func (m *Message) Note() (n Note, ok bool) {
	if m.kind != msgNote || len(m.data) < 1 {
		return 0, false
	}
	return Note(m.data[0]), true
}

// Body is what follows a reply's result. It may be body data: wipe what is copied.
func (m *Message) Body() []byte {
	if m.kind != msgReply || len(m.data) < 2 {
		return nil
	}
	return m.data[2:]
}

// String says what it is and nothing of what it holds.
func (m Message) String() string { return fmt.Sprintf("%s message %02x", m.d, m.kind) }

// Format keeps every verb from printing the data.
func (m Message) Format(f fmt.State, _ rune) { fmt.Fprint(f, m.String()) }

// Fields are those of the wire vectors: msg, note, to, result, and what the reply tells. Of
// features only the length is told.
func (m *Message) Fields() map[string]any {
	if n, ok := m.Note(); ok {
		return noteFields(n, m.data[1:])
	}
	to, r, _ := m.Reply()
	f := map[string]any{"msg": "reply", "to": string(to), "result": m.d.result(r)}
	if r != OK {
		return f
	}
	if m.d == Sum {
		sumFields(f, to, m.Body())
	} else {
		xorFields(f, to, m.Body())
	}
	return f
}

func noteFields(n Note, b []byte) map[string]any {
	f := map[string]any{"msg": "note"}
	switch n {
	case Ready:
		f["note"] = "ready"
	case FaceState:
		f["note"] = "face_state"
		for i, name := range [...]string{"state", "left", "top", "right", "bottom", "yaw", "pitch", "roll"} {
			if len(b) >= 2*i+2 {
				f[name] = int16(binary.LittleEndian.Uint16(b[2*i:]))
			}
		}
	default:
		f["note"] = fmt.Sprintf("%02x", byte(n))
	}
	return f
}

func sumFields(f map[string]any, to Op, b []byte) {
	switch {
	case (to == Identify || to == Enrol) && len(b) >= 2:
		f["user_id"] = binary.BigEndian.Uint16(b)
	case to == Count && len(b) >= 2:
		f["count"] = binary.BigEndian.Uint16(b)
	case to == Version && len(b) > 0:
		f["version"] = text(b)
	case to == Feature:
		f["length"] = len(b)
	}
}

func xorFields(f map[string]any, to Op, b []byte) {
	switch to {
	case Verify, User:
		user(f, b)
	case Enrol, EnrolSingle, EnrolITG, EnrolByFeat:
		if len(b) >= 2 {
			f["user_id"] = binary.BigEndian.Uint16(b)
		}
		if len(b) >= 3 {
			f["direction"] = int(b[2])
		}
	case Status:
		if len(b) >= 1 {
			f["status"] = state(b[0])
		}
	case UserIDs:
		ids := []uint16{}
		for i := 1; len(b) > 0 && i+1 < len(b) && len(ids) < int(b[0]); i += 2 {
			ids = append(ids, binary.BigEndian.Uint16(b[i:]))
		}
		f["user_ids"] = ids
	case Version:
		f["version"] = text(b)
	case Serial:
		f["serial"] = text(b)
	case Export:
		if len(b) >= 6 {
			f["user_id"], f["size"] = binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])
		}
	case Upload, Feature:
		f["length"] = len(b)
	}
}

// user reads id, name, admin and, where it is told, unlock.
func user(f map[string]any, b []byte) {
	if len(b) < 2+NameSize+1 {
		return
	}
	f["user_id"], f["user_name"] = binary.BigEndian.Uint16(b), text(b[2:2+NameSize])
	f["admin"] = int(b[2+NameSize])
	if len(b) > 2+NameSize+1 {
		f["unlock"] = int(b[2+NameSize+1])
	}
}

// text is a field that ends with zero. What is not text is shown as such.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if !utf8.Valid(b) {
		return fmt.Sprintf("%x", b)
	}
	return string(b)
}

func state(s byte) string {
	names := [...]string{"standby", "busy", "error", "invalid", "ota"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("%02x", s)
}
