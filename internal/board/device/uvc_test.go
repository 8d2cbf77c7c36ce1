package device

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/board/usb"
)

// camera is a model that a host has been bound to, and how often it asked to be fetched from.
func camera(t *testing.T, o UVCOptions) (*UVC, []byte, chan uint8) {
	t.Helper()
	c := NewUVC(o)
	woken := make(chan uint8, 100)
	d, ifaces, endpoints := c.Bind(2, 3, func(e uint8) { woken <- e })
	if ifaces != 2 || endpoints != 1 {
		t.Fatalf("%d interfaces, %d endpoints", ifaces, endpoints)
	}
	c.Plugged(true)
	return c, d, woken
}

// commit has the host choose a format and a frame, as uvcvideo does.
func commit(t *testing.T, c *UVC, format, frame byte) []byte {
	t.Helper()
	wish := make([]byte, uvcProbeSize)
	wish[2], wish[3] = format, frame
	if _, ok := c.Control(usb.Setup{Type: 0x21, Request: uvcSetCur, Value: 0x100, Index: 3}, wish); !ok {
		t.Fatal("probe refused")
	}
	got, ok := c.Control(usb.Setup{Type: 0xA1, Request: uvcGetCur, Value: 0x100, Index: 3}, nil)
	if !ok {
		t.Fatal("probe not told")
	}
	if _, ok := c.Control(usb.Setup{Type: 0x21, Request: uvcSetCur, Value: 0x200, Index: 3}, got); !ok {
		t.Fatal("commit refused")
	}
	return got
}

// fetch puts a frame together from its payloads, as the class defines them.
func fetch(t *testing.T, c *UVC) (frame []byte, flags byte) {
	t.Helper()
	for range 10_000 {
		p, ok := c.In(3, 16384)
		if !ok || len(p) < 2 || p[0] != 2 || len(p) > 16384 {
			t.Fatalf("payload of %d bytes, %v", len(p), ok)
		}
		frame, flags = append(frame, p[2:]...), flags|p[1]
		if p[1]&2 != 0 {
			return frame, flags
		}
	}
	t.Fatal("no end of a frame")
	return nil, 0
}

func TestUVCFrames(t *testing.T) {
	modes := UVCModes()
	c, _, _ := camera(t, UVCOptions{Modes: modes, Frame: func(mode, n int) []byte { return UVCPicture(modes[mode], n) },
		Fault: func(n int) UVCFault { return []UVCFault{UVCWhole, UVCErrorBit, UVCTruncated, UVCWhole}[n%4] }})
	if _, ok := c.In(3, 16384); ok {
		t.Error("pictures before the start")
	}
	for i, m := range modes {
		probe := commit(t, c, byte(i+1), 1)
		if probe[2] != byte(i+1) || binary.LittleEndian.Uint32(probe[18:]) != m.bytes() || binary.LittleEndian.Uint32(probe[4:]) != 333333 {
			t.Errorf("%s: probe % X", m.Format, probe)
		}
		toggle := byte(2)
		for n := range 4 {
			want := UVCPicture(m, n)
			frame, flags := fetch(t, c)
			if n == 2 {
				want = want[:len(want)/2]
			}
			if !bytes.Equal(frame, want) {
				t.Errorf("%s frame %d: %d bytes, want %d", m.Format, n, len(frame), len(want))
			}
			if failed := flags&0x40 != 0; failed != (n == 1) || flags&1 == toggle {
				t.Errorf("%s frame %d: flags %x after toggle %d", m.Format, n, flags, toggle)
			}
			toggle = flags & 1
		}
		if _, ok := c.In(3, 16384); !ok { // left in the middle of a frame
			t.Fatal("no payload")
		}
	}
	if c.Starts() != len(modes) {
		t.Errorf("%d starts", c.Starts())
	}
}

func TestUVCDescriptors(t *testing.T) {
	_, d, _ := camera(t, UVCOptions{Modes: UVCModes()})
	kinds := map[[2]byte]int{}
	total := 0
	for rest := d; len(rest) > 0; rest = rest[rest[0]:] { // they tile it
		if rest[0] < 3 || int(rest[0]) > len(rest) {
			t.Fatalf("broken at % X", rest[:min(len(rest), 40)])
		}
		if rest[1] == 0x24 {
			kinds[[2]byte{rest[1], rest[2]}]++
		}
		if rest[1] == 0x24 && rest[2] == 1 && rest[0] > 13 { // streaming header: what belongs to it
			total = int(binary.LittleEndian.Uint16(rest[4:]))
			if total != len(rest)-7 || rest[6] != 0x83 { // all but the endpoint
				t.Errorf("length %d of %d, endpoint %x", total, len(rest), rest[6])
			}
		}
	}
	if total == 0 || kinds[[2]byte{0x24, 6}] == 0 || kinds[[2]byte{0x24, 4}] < 5 {
		t.Errorf("%v", kinds)
	}
}

func TestUVCControls(t *testing.T) {
	c, _, _ := camera(t, UVCOptions{Modes: UVCModes()})
	ask := func(typ, request byte, value, index uint16, out ...byte) ([]byte, bool) {
		return c.Control(usb.Setup{Type: typ, Request: request, Value: value, Index: index}, out)
	}
	if _, ok := ask(0x21, uvcSetCur, 0x400, 0x0102, 50, 0, 0, 0); !ok || c.Setting(UVCExposureTime) != 50 {
		t.Errorf("exposure is %d", c.Setting(UVCExposureTime))
	}
	if b, ok := ask(0xA1, uvcGetMax, 0x400, 0x0202); !ok || !bytes.Equal(b, []byte{100, 0}) {
		t.Errorf("most gain % X", b)
	}
	for _, bad := range []struct {
		value, index uint16
		out          []byte
	}{{0x400, 0x0102, []byte{1, 0, 0, 0}}, {0x400, 0x0102, []byte{50}}, {0x4400, 0x0102, []byte{1}}, {0x400, 0x0902, []byte{1, 0}}} {
		if _, ok := ask(0x21, uvcSetCur, bad.value, bad.index, bad.out...); ok {
			t.Errorf("%+v was accepted", bad)
		}
	}
	c.Plugged(true)
	if c.Setting(UVCExposureTime) != 156 {
		t.Error("a camera that was unplugged remembers")
	}
}

func TestUVCPace(t *testing.T) {
	m := UVCMode{Format: "GREY", Width: 8, Height: 8, Interval: 20 * time.Millisecond}
	c, _, woken := camera(t, UVCOptions{Modes: []UVCMode{m}, Paced: true, Frame: func(int, int) []byte { return make([]byte, 64) }})
	begun := time.Now()
	commit(t, c, 1, 1)
	for range 5 {
		for {
			if _, ok := c.In(3, 16384); ok {
				break
			}
			if <-woken != 3 {
				t.Fatal("another endpoint woken")
			}
		}
	}
	if took := time.Since(begun); took < 4*m.Interval {
		t.Errorf("five frames in %v", took)
	}
}

// FuzzUVC: no request and no size make the model panic.
func FuzzUVC(f *testing.F) {
	f.Add(uint8(0x21), uint8(1), uint16(0x100), uint16(3), make([]byte, 26), 16384)
	f.Add(uint8(0xA1), uint8(0x81), uint16(0x400), uint16(0x102), []byte{}, 3)
	f.Add(uint8(0x21), uint8(1), uint16(0x200), uint16(3), []byte{0, 0, 9, 9, 25: 0}, 512)
	f.Fuzz(func(t *testing.T, typ, request uint8, value, index uint16, out []byte, n int) {
		m := UVCMode{Format: "GREY", Width: 8, Height: 8, Interval: time.Second}
		c := NewUVCFrames(m, [][]byte{make([]byte, 64), {}})
		c.Bind(2, 3, func(uint8) {})
		for range 3 {
			c.Control(usb.Setup{Type: typ, Request: request, Value: value, Index: index}, out)
			for range 5 {
				if p, ok := c.In(3, n); ok && len(p) > n {
					t.Errorf("%d bytes for %d", len(p), n)
				}
			}
		}
	})
}
