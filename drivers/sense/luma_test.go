package sense

import (
	"bytes"
	"errors"
	"testing"
)

// TestLuma compares with values worked out by hand from the format's definitions.
func TestLuma(t *testing.T) {
	for _, c := range []struct {
		px           PixelFormat
		w, h, stride int
		src          []byte
		want         []byte
	}{
		{GREY, 3, 2, 4, []byte{1, 2, 3, 99, 4, 5, 6}, []byte{1, 2, 3, 4, 5, 6}},
		{Y10, 3, 1, 6, []byte{0xFF, 0x03, 0x04, 0x00, 0x00, 0x02}, []byte{255, 1, 128}},
		{Y10, 1, 1, 2, []byte{0x00, 0xFE}, []byte{0x80}}, // padding bits set
		{Y16, 2, 1, 4, []byte{0x34, 0x12, 0xFF, 0xFE}, []byte{0x12, 0xFE}},
		{YUYV, 2, 2, 6, []byte{10, 128, 11, 128, 0, 0, 12, 128, 13, 128}, []byte{10, 11, 12, 13}},
		{YUYV, 1, 1, 4, []byte{10, 128, 11, 128}, []byte{10}},
		{UYVY, 2, 1, 4, []byte{128, 10, 128, 11}, []byte{10, 11}},
		{NV12, 2, 2, 2, []byte{1, 2, 3, 4, 128, 128}, []byte{1, 2, 3, 4}},
	} {
		got, err := Luma(make([]byte, 16), c.src, c.px, c.w, c.h, c.stride)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%v %dx%d: %v, %v; want %v", c.px, c.w, c.h, got, err, c.want)
		}
		if _, err := Luma(make([]byte, 16), c.src[:len(c.src)-1], c.px, c.w, c.h, c.stride); !errors.Is(err, ErrShort) {
			t.Errorf("%v with a byte missing: %v", c.px, err)
		}
		if _, err := Luma(make([]byte, c.w*c.h-1), c.src, c.px, c.w, c.h, c.stride); !errors.Is(err, ErrShort) {
			t.Errorf("%v into too little: %v", c.px, err)
		}
		if _, err := Luma(make([]byte, 16), c.src, c.px, c.w, c.h, c.px.Row(c.w)-1); !errors.Is(err, ErrSize) {
			t.Errorf("%v with a stride of less than a row: %v", c.px, err)
		}
	}
}

func TestSplit(t *testing.T) {
	l, r, err := Split(make([]byte, 4), make([]byte, 4), []byte{1, 2, 3, 4, 0, 5, 6, 7, 8}, Y8I, 2, 2, 5)
	if err != nil || !bytes.Equal(l, []byte{1, 3, 5, 7}) || !bytes.Equal(r, []byte{2, 4, 6, 8}) {
		t.Errorf("Y8I: %v %v %v", l, r, err)
	}
	// Left 0xABC and right 0x123: bytes BC, 3A, 12.
	l, r, err = Split(make([]byte, 1), make([]byte, 1), []byte{0xBC, 0x3A, 0x12}, Y12I, 1, 1, 3)
	if err != nil || l[0] != 0xAB || r[0] != 0x12 {
		t.Errorf("Y12I: %x %x %v", l, r, err)
	}
}

func TestConversionsRefuse(t *testing.T) {
	buf := make([]byte, 64)
	for _, c := range []struct {
		px           PixelFormat
		w, h, stride int
		want         error
	}{
		{MJPEG, 2, 2, 0, ErrFormat}, {Y8I, 2, 2, 4, ErrFormat}, {Y12I, 2, 2, 6, ErrFormat}, {0, 2, 2, 2, ErrFormat},
		{GREY, 0, 2, 2, ErrSize}, {GREY, 2, -1, 2, ErrSize}, {GREY, 1 << 30, 1 << 30, 1 << 30, ErrSize},
		{GREY, 16384, 16384, 1 << 30, ErrSize}, {Y16, 16384, 16384, 1 << 16, ErrShort},
	} {
		if _, err := Luma(buf, buf, c.px, c.w, c.h, c.stride); !errors.Is(err, c.want) {
			t.Errorf("%v %dx%d: %v", c.px, c.w, c.h, err)
		}
	}
	if _, _, err := Split(buf, buf, buf, GREY, 2, 2, 2); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	bad := NewFrame(Header{Pixel: GREY, Width: 2, Height: 2, Stride: 2, Damaged: true}, buf, nil)
	if _, err := bad.Luma(buf); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, _, err := bad.Split(buf, buf); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	gone := NewFrame(Header{Pixel: GREY, Width: 2, Height: 2, Stride: 2}, make([]byte, 4), nil)
	gone.Release()
	if _, err := gone.Luma(buf); !errors.Is(err, ErrShort) {
		t.Errorf("a released frame: %v", err)
	}
}

func TestLumaDoesNotAllocate(t *testing.T) {
	src, dst, other := make([]byte, 3*64*48), make([]byte, 64*48), make([]byte, 64*48)
	n := testing.AllocsPerRun(20, func() {
		for _, px := range []PixelFormat{GREY, Y10, Y16, YUYV, UYVY, NV12} {
			if _, err := Luma(dst, src, px, 64, 48, px.Row(64)); err != nil {
				t.Fatal(err)
			}
		}
		for _, px := range []PixelFormat{Y8I, Y12I} {
			if _, _, err := Split(dst, other, src, px, 64, 48, px.Row(64)); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzLuma: no size and no bytes make a conversion read or write outside.
func FuzzLuma(f *testing.F) {
	for _, px := range []PixelFormat{GREY, Y10, Y16, YUYV, UYVY, NV12, Y8I, Y12I, MJPEG, 0} {
		f.Add(uint32(px), 4, 3, px.Row(4), 48, 12)
		f.Add(uint32(px), 16384, 16384, 32768, 100, 100)
	}
	f.Add(uint32(GREY), 1<<31-1, 1<<31-1, 1<<31-1, 10, 10)
	f.Add(uint32(NV12), 3, 3, 4, 20, 9)
	f.Fuzz(func(t *testing.T, px uint32, w, h, stride, nsrc, ndst int) {
		nsrc, ndst = nsrc&0xFFF, ndst&0xFFF
		src, dst, other := make([]byte, nsrc), make([]byte, ndst), make([]byte, ndst)
		got, err := Luma(dst, src, PixelFormat(px), w, h, stride)
		if err == nil && (len(got) != w*h || !PixelFormat(px).Whole(nsrc, w, h, stride)) {
			t.Errorf("%d bytes of %dx%d from %d", len(got), w, h, nsrc)
		}
		l, r, err := Split(dst, other, src, PixelFormat(px), w, h, stride)
		if err == nil && (len(l) != w*h || len(r) != w*h) {
			t.Errorf("%d and %d bytes of %dx%d", len(l), len(r), w, h)
		}
	})
}

func BenchmarkLuma(b *testing.B) {
	for _, px := range []PixelFormat{GREY, Y10, Y16, YUYV} {
		b.Run(px.String(), func(b *testing.B) {
			src, dst := make([]byte, 2*640*480), make([]byte, 640*480)
			b.SetBytes(640 * 480)
			for b.Loop() {
				if _, err := Luma(dst, src, px, 640, 480, px.Row(640)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
