package usb

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// host is the kernel's end of the wire.
type host struct {
	t    *testing.T
	conn net.Conn
	seq  uint32
}

func newHost(t *testing.T, d *Device) *host {
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- d.Serve(context.Background(), far) }()
	t.Cleanup(func() {
		near.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &host{t: t, conn: near}
}

func (h *host) submit(ep uint32, in bool, n int, setup []byte, out []byte) uint32 {
	h.seq++
	b := make([]byte, headerSize)
	be := binary.BigEndian
	be.PutUint32(b, cmdSubmit)
	be.PutUint32(b[4:], h.seq)
	if in {
		be.PutUint32(b[12:], 1)
	}
	be.PutUint32(b[16:], ep)
	be.PutUint32(b[24:], uint32(n))
	copy(b[40:], setup)
	if _, err := h.conn.Write(append(b, out...)); err != nil {
		h.t.Fatal(err)
	}
	return h.seq
}

// answer reads one reply. Replies to transfers that wrote data carry none.
func (h *host) answer(in bool) (kind, seq uint32, status int32, data []byte) {
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(h.conn, b); err != nil {
		h.t.Fatal(err)
	}
	be := binary.BigEndian
	if n := be.Uint32(b[24:]); in && n > 0 {
		data = make([]byte, n)
		if _, err := io.ReadFull(h.conn, data); err != nil {
			h.t.Fatal(err)
		}
	}
	return be.Uint32(b), be.Uint32(b[4:]), int32(be.Uint32(b[20:])), data
}

func (h *host) get(setup ...byte) ([]byte, int32) {
	h.submit(0, true, int(binary.LittleEndian.Uint16(setup[6:])), setup, nil)
	_, _, status, data := h.answer(true)
	return data, status
}

func TestDescriptors(t *testing.T) {
	h := newHost(t, &Device{Vendor: 0x0C2E, Product: 0x0901, Name: "POS", Serial: "T1",
		Functions: []Function{NewHID([]byte{5, 0x8C}), NewACM()}})
	d, _ := h.get(0x80, 6, 0, 1, 0, 0, 18, 0)
	if len(d) != 18 || d[8] != 0x2E || d[9] != 0x0C || d[4] != 0xEF {
		t.Errorf("device descriptor % X", d)
	}
	c, _ := h.get(0x80, 6, 0, 2, 0, 0, 255, 0)
	if len(c) < 9 || int(binary.LittleEndian.Uint16(c[2:])) != len(c) || c[4] != 3 {
		t.Fatalf("configuration % X", c)
	}
	for rest := c; len(rest) > 0; rest = rest[rest[0]:] { // descriptors tile it
		if rest[0] == 0 || int(rest[0]) > len(rest) {
			t.Fatalf("broken at % X", rest)
		}
	}
	if s, _ := h.get(0x80, 6, 2, 3, 9, 4, 255, 0); string(s) != "\x06\x03T\x001\x00" {
		t.Errorf("serial number % X", s)
	}
	if r, _ := h.get(0x81, 6, 0, 0x22, 0, 0, 255, 0); string(r) != "\x05\x8C" {
		t.Errorf("report descriptor % X", r)
	}
	if _, status := h.get(0x80, 6, 0, 6, 0, 0, 10, 0); status != statusStall {
		t.Errorf("device qualifier: status %d, want a stall", status)
	}
}

func TestReportWaitsForTheHost(t *testing.T) {
	hid := NewHID([]byte{0})
	if hid.Report([]byte{1}) {
		t.Error("a report went out of a device that is not plugged in")
	}
	h := newHost(t, &Device{Functions: []Function{hid}})
	h.get(0x80, 6, 0, 1, 0, 0, 18, 0)
	sent := make(chan bool, 1)
	go func() { sent <- hid.Report([]byte{2, 3}) }()
	seq := h.submit(1, true, 64, nil, nil)
	if kind, got, _, data := h.answer(true); kind != retSubmit || got != seq || string(data) != "\x02\x03" {
		t.Errorf("%d %d % X", kind, got, data)
	}
	if !<-sent {
		t.Error("the host fetched the report, and the device does not know")
	}
	go func() { sent <- hid.Report([]byte{4}) }()
	h.conn.Close()
	if <-sent {
		t.Error("the plug is out, and the report was fetched all the same")
	}
}

func TestUnlink(t *testing.T) {
	h := newHost(t, &Device{Functions: []Function{NewHID([]byte{0})}})
	seq := h.submit(1, true, 64, nil, nil)
	b := make([]byte, headerSize)
	binary.BigEndian.PutUint32(b, cmdUnlink)
	binary.BigEndian.PutUint32(b[4:], 77)
	binary.BigEndian.PutUint32(b[20:], seq)
	h.conn.Write(b)
	if kind, got, status, _ := h.answer(true); kind != retUnlink || got != 77 || status != statusReset {
		t.Errorf("%d %d %d", kind, got, status)
	}
}

func TestSerialPort(t *testing.T) {
	acm := NewACM()
	h := newHost(t, &Device{Functions: []Function{acm}})
	h.get(0xA1, 0x21, 0, 0, 0, 0, 7, 0) // it is plugged in by now
	if n, err := acm.Write([]byte("lost")); n != 4 || err != nil {
		t.Errorf("nobody has the port open: %d, %v", n, err)
	}
	h.submit(0, false, 0, []byte{0x21, 0x22, 3, 0, 0, 0, 0, 0}, nil)
	h.answer(false)
	wrote := make(chan error, 1)
	go func() { _, err := acm.Write([]byte("12345")); wrote <- err }()
	var got []byte
	for len(got) < 5 {
		h.submit(2, true, 3, nil, nil)
		_, _, _, data := h.answer(true)
		got = append(got, data...)
	}
	if err := <-wrote; err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	h.submit(2, false, 2, nil, []byte("E\r"))
	h.answer(false)
	p := make([]byte, 8)
	if n, err := acm.Read(p); string(p[:n]) != "E\r" || err != nil {
		t.Errorf("%q, %v", p[:n], err)
	}
}

func FuzzServe(f *testing.F) {
	f.Add(make([]byte, headerSize))
	seed := make([]byte, headerSize)
	seed[3], seed[15], seed[19], seed[27] = cmdSubmit, 1, 1, 64
	f.Add(seed)
	f.Fuzz(func(t *testing.T, in []byte) {
		d := &Device{Functions: []Function{NewHID([]byte{0}), NewACM()}}
		d.Serve(t.Context(), &sink{rest: in})
	})
}

// sink is a wire with a fixed text, whose other direction leads nowhere.
type sink struct{ rest []byte }

func (s *sink) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) Close() error                { return nil }

func TestTakenBackBeforeItCame(t *testing.T) {
	hid := NewHID([]byte{0})
	h := newHost(t, &Device{Functions: []Function{hid}})
	h.get(0x80, 6, 0, 1, 0, 0, 18, 0)
	unlink, victim := h.seq+2, h.seq+1
	b := make([]byte, headerSize)
	be := binary.BigEndian
	be.PutUint32(b, cmdUnlink)
	be.PutUint32(b[4:], unlink)
	be.PutUint32(b[20:], victim)
	if _, err := h.conn.Write(b); err != nil {
		t.Fatal(err)
	}
	if seq := h.submit(1, true, 64, nil, nil); seq != victim {
		t.Fatalf("request %d", seq)
	}
	if kind, seq, status, _ := h.answer(false); kind != retUnlink || seq != unlink || status != statusReset {
		t.Errorf("answer %d to %d, status %d", kind, seq, status)
	}
	h.seq++
	sent := make(chan bool, 1)
	go func() { sent <- hid.Report([]byte{2}) }()
	seq := h.submit(1, true, 64, nil, nil)
	if kind, got, _, data := h.answer(true); kind != retSubmit || got != seq || len(data) != 1 {
		t.Errorf("answer %d to %d", kind, got)
	}
	<-sent
}
