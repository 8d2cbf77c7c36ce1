package device

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync"
)

// RSID is a RealSense ID module in plain mode. It has no camera: people are names, and
// faceprints are made of the name. It keeps nobody: a host that wants faceprints gets them
// without enrolment.
type RSID struct {
	mu       sync.Mutex
	wire     io.Writer
	in       []byte
	binary   bool   // the line that announces a packet was read
	session  bool   // begun by the host
	sequence uint32 // of the last packet sent
	heard    uint32 // of the last packet received
	looking  byte   // the message that waits for a face; 0: none
	faults   []string
}

// NewRSID makes a module.
func NewRSID() *RSID { return &RSID{} }

const (
	rsAnnounce = "\r\n__FACE_API__\r\n"
	rsCancel   = "\r\n__FACE_CANCEL__\r\n"
	rsHead     = 22
	rsFoot     = 34
)

// Status numbers.
const (
	rsOK, rsNoFace, rsSpoof, rsForbidden = 0, 1, 16, 17
)

// Serve answers on a wire until it ends.
func (r *RSID) Serve(ctx context.Context, wire io.ReadWriter) error {
	r.mu.Lock()
	r.wire, r.in, r.binary, r.session, r.looking = wire, nil, false, false, 0
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.wire, r.looking = nil, 0
		r.mu.Unlock()
	}()
	for buf := make([]byte, 512); ctx.Err() == nil; {
		n, err := wire.Read(buf)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.in = append(r.in, buf[:n]...)
		for r.next() {
		}
		r.mu.Unlock()
	}
	return ctx.Err()
}

// next takes a line or a packet off the input; false: more is needed.
func (r *RSID) next() bool {
	if !r.binary {
		return r.line()
	}
	if len(r.in) < rsHead {
		return false
	}
	if r.in[0] != '@' || r.in[1] != 'F' || r.in[2] != 3 {
		r.fault("no packet after its announcement")
		r.binary = false
		return true
	}
	size := int(binary.LittleEndian.Uint16(r.in[20:]))
	if size > 8192 || size%32 != 0 || size == 0 {
		r.fault("a payload of no possible size")
		r.binary, r.in = false, r.in[rsHead:]
		return true
	}
	end := rsHead + size + rsFoot
	if len(r.in) < end {
		return false
	}
	p := r.in[:end]
	r.in, r.binary = r.in[end:], false
	if ccitt(p[:end-2]) != binary.LittleEndian.Uint16(p[end-2:]) {
		r.fault("a wrong CRC")
		return true
	}
	r.packet(p[3], binary.LittleEndian.Uint32(p[rsHead:]), p[rsHead+4:rsHead+size])
	return true
}

// line looks for one of the two lines of text; what is before it is skipped.
func (r *RSID) line() bool {
	announce, cancel := bytes.Index(r.in, []byte(rsAnnounce)), bytes.Index(r.in, []byte(rsCancel))
	switch {
	case cancel >= 0 && (announce < 0 || cancel < announce):
		r.in = r.in[cancel+len(rsCancel):]
		if r.looking != 0 {
			r.looking = 0
			r.send('Y', fa("", rsForbidden))
		}
		return true
	case announce >= 0:
		r.in, r.binary = r.in[announce+len(rsAnnounce):], true
		return true
	}
	if keep := len(rsCancel) - 1; len(r.in) > keep {
		r.in = r.in[len(r.in)-keep:]
	}
	return false
}

func (r *RSID) packet(msg byte, sequence uint32, body []byte) {
	if msg == 'o' {
		r.session, r.sequence, r.heard = true, 0, sequence
		r.send('o', body)
		return
	}
	// The same number again would be a replay; a gap of more than 20 is none of this session.
	if !r.session || sequence <= r.heard || sequence > r.heard+20 {
		r.fault("a packet out of its session")
		r.send('Y', fa("", rsForbidden))
		return
	}
	r.heard = sequence
	switch msg {
	case 'A', 'B', 'X', 'T':
		if r.looking != 0 {
			r.fault("a command while another is under way")
		}
		r.looking = msg
	case 'e', 'w':
		r.fault("a message with a picture")
		r.send('Y', fa("", rsForbidden))
	default:
		r.fault("a message that it does not know")
		r.send('Y', fa("", rsForbidden))
	}
}

// Present is a person before the module: live, or a picture of the person; nobody if person
// is empty. It reports whether the module was looking.
func (r *RSID) Present(person string, live bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	msg := r.looking
	if msg == 0 {
		return false
	}
	r.looking = 0
	status := byte(rsOK)
	switch {
	case person == "":
		status = rsNoFace
	case !live:
		status = rsSpoof
	case msg == 'A':
		status = rsForbidden // it keeps nobody whom it could know
	}
	if person != "" {
		r.send('g', []byte{10, 0, 0, 0, 20, 0, 0, 0, 200, 0, 0, 0, 240, 0, 0, 0})
	}
	if status == rsOK && (msg == 'X' || msg == 'T') {
		r.send('f', faceprints(person))
	}
	r.send('R', fa("", status))
	r.send('Y', fa("", status))
	return true
}

// send writes a packet. A host that does not read is no affair of the module's.
func (r *RSID) send(msg byte, body []byte) {
	if r.wire == nil {
		return
	}
	size := (4 + len(body) + 31) / 32 * 32
	p := append([]byte{'@', 'F', 3, msg}, make([]byte, 16)...)
	p = binary.LittleEndian.AppendUint16(p, uint16(size))
	p = binary.LittleEndian.AppendUint32(p, r.sequence)
	p = append(p, body...)
	p = append(p, make([]byte, size-4-len(body)+32)...)
	_, _ = r.wire.Write(binary.LittleEndian.AppendUint16(p, ccitt(p)))
	r.sequence++
}

// Faults is what the host did wrong, the first hundred.
func (r *RSID) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

func (r *RSID) fault(text string) {
	if len(r.faults) < 100 {
		r.faults = append(r.faults, text)
	}
}

// fa is a body of user id and status.
func fa(user string, status byte) []byte { return append(padded(user, 31), '0'+status) }

// faceprints are one element: version 9, type and flags, 515 numbers.
func faceprints(person string) []byte {
	b := []byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for len(b) < 1042 {
		b = append(b, template(person)...)
	}
	return b[:1042]
}

// ccitt is CRC-16 with polynomial 1021 and initial value 1D0F, by nibbles.
func ccitt(b []byte) uint16 {
	table := [16]uint16{
		0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
		0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
	}
	crc := uint16(0x1D0F)
	for _, x := range b {
		crc = crc<<4 ^ table[byte(crc>>12)^x>>4]
		crc = crc<<4 ^ table[byte(crc>>12)^x&15]
	}
	return crc
}
