package menu

import (
	"errors"
	"strings"

	"github.com/tilld/tilld/scanner"
)

// Status is a scanner's answer to one setting.
type Status byte

const (
	ACK Status = 0x06 // done
	ENQ Status = 0x05 // unknown tag or sub-tag
	NAK Status = 0x15 // value out of range
)

func (s Status) String() string {
	switch s {
	case ACK:
		return "ack"
	case ENQ:
		return "enq"
	case NAK:
		return "nak"
	}
	return "unknown"
}

func isStatus(c byte) bool { return c == byte(ACK) || c == byte(ENQ) || c == byte(NAK) }

// Reply is what a scanner answers to a command. One that a codec emits is valid during the
// emit call only.
type Reply struct {
	Text   []byte   // the settings as the scanner echoes them: "CBRENA1,SSX0"
	Status []Status // one for each
}

var _ scanner.Told = (*Reply)(nil)

// Fields are "menu_reply" and "status".
func (r *Reply) Fields() map[string]any {
	status := make([]string, len(r.Status))
	for i, s := range r.Status {
		status[i] = s.String()
	}
	return map[string]any{"menu_reply": string(r.Text), "status": status}
}

// OK reports whether every setting was taken.
func (r *Reply) OK() bool {
	for _, s := range r.Status {
		if s != ACK {
			return false
		}
	}
	return len(r.Status) > 0
}

// Answers reports whether the reply belongs to a command's text. Scanners differ in how they
// echo values, so only the tag and sub-tag of the first setting are compared, and of a query
// for a whole group ("CBR?") the tag.
func (r *Reply) Answers(text string) bool {
	n := min(len(text), 6)
	if i := strings.IndexAny(text[:n], queryMarks); i >= 0 {
		n = i
	}
	return n >= 3 && len(r.Text) >= n && strings.EqualFold(string(r.Text[:n]), text[:n])
}

// ErrNoReply: the bytes are not exactly one whole reply.
var ErrNoReply = errors.New("no menu reply")

// ParseReply reads one whole reply of a dialect into r, whose memory it uses again: Honeywell's
// "REVINF" 06 ".", Newland's with its head and end. Text of several lines before it, as USB HID
// POS sends apart under "]X0", is not part of it.
func ParseReply(d Dialect, b []byte, r *Reply) error {
	p := parser{d: d, reply: Reply{Text: r.Text[:0], Status: r.Status[:0]}}
	for i, c := range b {
		switch p.add(c) {
		case refused:
			return ErrNoReply
		case complete:
			if i != len(b)-1 {
				return ErrNoReply
			}
			*r = p.reply
			return nil
		}
	}
	return ErrNoReply
}

// Bounds of one reply. An answer to a query of a whole group holds some hundred bytes.
const (
	maxReply  = 1024
	maxStatus = 64
)

// parser reads a reply byte by byte.
type parser struct {
	d     Dialect
	n     int // bytes so far
	field int // bytes of the setting under way
	// status is that of the setting which ended, until its separator comes.
	status Status
	closed bool // Newland: the last setting's semicolon was read
	reply  Reply
}

type verdict byte

const (
	more     verdict = iota
	refused          // this is no reply
	complete         // this was the last byte of one
)

func (p *parser) reset() {
	text, status := p.reply.Text[:0], p.reply.Status[:0]
	*p = parser{d: p.d, reply: Reply{Text: text, Status: status}}
}

// begins reports whether a reply may begin with c.
func (p *parser) begins(c byte) bool {
	if p.d == Newland {
		return c == 0x02
	}
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == ':'
}

// sure reports whether what came so far can be nothing but a reply.
func (p *parser) sure() bool {
	return p.status != 0 || len(p.reply.Status) > 0 || p.d == Newland && p.n > len(newlandReplyHead)
}

func (p *parser) add(c byte) verdict {
	p.n++
	switch {
	case p.n > maxReply || len(p.reply.Status) > maxStatus:
		return refused
	case p.n == 1 && !p.begins(c):
		return refused
	case p.d == Newland:
		return p.newland(c)
	}
	return p.honeywell(c)
}

func (p *parser) honeywell(c byte) verdict {
	switch {
	case p.status != 0 && (c == '.' || c == '!'):
		p.settle()
		return complete
	case p.status != 0 && (c == ',' || c == ';'):
		p.separate(c)
		return more
	case p.status != 0:
		return refused
	case isStatus(c):
		return p.mark(c)
	case c < 0x20 || c > 0x7E:
		return refused
	}
	p.text(c)
	return more
}

const newlandReplyHead = "\x02\x010000"

// newland: 02 01 "0000", storage, settings, 03. A system query's value holds line ends.
func (p *parser) newland(c byte) verdict {
	const head = newlandReplyHead
	switch {
	case p.n <= len(head):
		if c != head[p.n-1] {
			return refused
		}
		return more
	case p.n == len(head)+1:
		if c != '@' && c != '#' {
			return refused
		}
		return more
	case p.closed && c == 0x03:
		// The separator that was put down belongs to the end.
		p.reply.Text = p.reply.Text[:len(p.reply.Text)-1]
		return complete
	case p.status != 0 && (c == ',' || c == ';'):
		p.separate(c)
		p.closed = c == ';'
		return more
	case p.status != 0:
		return refused
	case isStatus(c):
		return p.mark(c)
	case c < 0x20 && c != '\r' && c != '\n' && c != '\t':
		return refused
	}
	p.closed = false
	p.text(c)
	return more
}

func (p *parser) text(c byte) {
	p.field++
	p.reply.Text = append(p.reply.Text, c)
}

// mark notes the status byte of the setting that ends here.
func (p *parser) mark(c byte) verdict {
	if p.field == 0 {
		return refused
	}
	p.status = Status(c)
	return more
}

func (p *parser) settle() {
	p.reply.Status = append(p.reply.Status, p.status)
	p.status, p.field = 0, 0
}

func (p *parser) separate(c byte) {
	p.settle()
	p.reply.Text = append(p.reply.Text, c)
}
