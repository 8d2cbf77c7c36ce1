package v4l2

import (
	"testing"
	"unsafe"
)

// TestCodes compares with the numbers that C programs on arm and arm64 use.
func TestCodes(t *testing.T) {
	wide, narrow, old := layouts(8)[0], layouts(4)[0], layouts(4)[1]
	for _, c := range []struct {
		name string
		q    request
		want uintptr
	}{
		{"QUERYCAP", queryCap, 0x80685600}, {"ENUM_FMT", enumFormat, 0xC0405602}, {"REQBUFS", requestBuffers, 0xC0145608},
		{"STREAMON", streamOn, 0x40045612}, {"STREAMOFF", streamOff, 0x40045613},
		{"G_PARM", getParameters, 0xC0CC5615}, {"S_PARM", setParameters, 0xC0CC5616}, {"QUERYCTRL", queryControl, 0xC0445624},
		{"ENUM_FRAMESIZES", enumFrameSizes, 0xC02C564A}, {"ENUM_FRAMEINTERVALS", enumFrameIntervals, 0xC034564B},
		{"S_FMT arm64", wide.setFormat(), 0xC0D05605}, {"S_FMT arm", narrow.setFormat(), 0xC0CC5605},
		{"QUERYBUF arm64", wide.queryBuffer(), 0xC0585609}, {"QBUF arm64", wide.queue(), 0xC058560F}, {"DQBUF arm64", wide.dequeue(), 0xC0585611},
		{"QUERYBUF arm", narrow.queryBuffer(), 0xC0505609}, {"QBUF arm", narrow.queue(), 0xC050560F}, {"DQBUF arm", narrow.dequeue(), 0xC0505611},
		{"QUERYBUF 32-bit time", old.queryBuffer(), 0xC0445609}, {"QBUF 32-bit time", old.queue(), 0xC044560F}, {"DQBUF 32-bit time", old.dequeue(), 0xC0445611},
	} {
		if got := c.q.code(); got != c.want {
			t.Errorf("%s is %#x, want %#x", c.name, got, c.want)
		}
	}
	want := map[uintptr][2]uintptr{8: {0xC0205647, 0xC0205648}, 4: {0xC0185647, 0xC0185648}}[wordSize]
	if getExtControls.code() != want[0] || setExtControls.code() != want[1] {
		t.Errorf("G, S_EXT_CTRLS are %#x, %#x, want %#x", getExtControls.code(), setExtControls.code(), want)
	}
}

// TestLayouts: the structures that Go lays out, and the offsets that are by hand.
func TestLayouts(t *testing.T) {
	var list extControls
	var one extControl
	size, at := map[uintptr]uintptr{8: 32, 4: 24}[wordSize], map[uintptr]uintptr{8: 24, 4: 20}[wordSize]
	if unsafe.Sizeof(list) != size || unsafe.Offsetof(list.controls) != at {
		t.Errorf("v4l2_ext_controls has %d bytes, its pointer is at %d", unsafe.Sizeof(list), unsafe.Offsetof(list.controls))
	}
	if unsafe.Sizeof(one) != 20 || unsafe.Offsetof(one.value) != 12 {
		t.Errorf("v4l2_ext_control has %d bytes, its value is at %d", unsafe.Sizeof(one), unsafe.Offsetof(one.value))
	}
	var r record
	if unsafe.Alignof(r) < min(wordSize, 8) {
		t.Errorf("aligned to %d", unsafe.Alignof(r))
	}
	for _, word := range []uintptr{4, 8} {
		for _, l := range layouts(word) {
			if l.formatSize > unsafe.Sizeof(r) || l.bufferSize > unsafe.Sizeof(r) || l.length+4 > l.bufferSize {
				t.Errorf("%+v does not fit", l)
			}
		}
	}
}
