package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// The picture of all tests: 3 wide, 2 high.
var want = []byte{0, 50, 100, 150, 200, 250}

func check(t *testing.T, name string, data []byte) {
	t.Helper()
	g, err := Decode(data)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if g.Width != 3 || g.Height != 2 || !bytes.Equal(g.Pix, want) {
		t.Errorf("%s: %d x %d, %v", name, g.Width, g.Height, g.Pix)
	}
}

func encode(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPNG(t *testing.T) {
	r := image.Rect(0, 0, 3, 2)
	palette := color.Palette{}
	for i := range 256 {
		palette = append(palette, color.Gray{uint8(255 - i)})
	}
	for name, m := range map[string]interface {
		image.Image
		Set(x, y int, c color.Color)
	}{
		"grey": image.NewGray(r), "rgb": image.NewNRGBA(r), "rgba": image.NewRGBA(r), "palette": image.NewPaletted(r, palette), "rgb, 16 bits": image.NewNRGBA64(r),
	} {
		for i, v := range want {
			m.Set(i%3, i/3, color.Gray{v})
		}
		check(t, name, encode(t, m))
	}
	deep, ten := image.NewGray16(r), image.NewGray16(r)
	for i, v := range want {
		deep.SetGray16(i%3, i/3, color.Gray16{uint16(v) << 8})
		ten.SetGray16(i%3, i/3, color.Gray16{uint16(v) << 2})
	}
	check(t, "16 bits", encode(t, deep))
	check(t, "10 bits of 16", encode(t, ten))
}

// bmp makes a file of the test's picture.
func bmp(depth int, topDown, masks bool, header int) []byte {
	var pixels []byte
	for i := range 2 {
		y := 1 - i
		if topDown {
			y = i
		}
		start := len(pixels)
		for _, v := range want[y*3:][:3] {
			switch depth {
			case 8:
				pixels = append(pixels, 255-v)
			case 24:
				pixels = append(pixels, v, v, v)
			case 32:
				pixels = append(pixels, v, v, v, 77)
			}
		}
		for (len(pixels)-start)%4 != 0 {
			pixels = append(pixels, 99)
		}
	}
	head := make([]byte, header)
	le := binary.LittleEndian
	le.PutUint32(head, uint32(header))
	entry := 4
	if header == 12 {
		entry = 3
		le.PutUint16(head[4:], 3)
		le.PutUint16(head[6:], 2)
		le.PutUint16(head[8:], 1)
		le.PutUint16(head[10:], uint16(depth))
	} else {
		le.PutUint32(head[4:], 3)
		height := int32(2)
		if topDown {
			height = -2
		}
		le.PutUint32(head[8:], uint32(height))
		le.PutUint16(head[12:], 1)
		le.PutUint16(head[14:], uint16(depth))
		if masks {
			le.PutUint32(head[16:], 3)
		}
	}
	var extra []byte
	if masks {
		for _, m := range []uint32{0xff, 0xff00, 0xff0000} {
			extra = le.AppendUint32(extra, m)
		}
		if header > 40 {
			copy(head[40:], extra)
			extra = nil
		}
	}
	if depth == 8 {
		for i := range 256 {
			extra = append(extra, byte(255-i), byte(255-i), byte(255-i))
			if entry == 4 {
				extra = append(extra, 0)
			}
		}
	}
	file := append([]byte("BM"), make([]byte, 12)...)
	le.PutUint32(file[10:], uint32(14+header+len(extra)))
	file = append(append(append(file, head...), extra...), pixels...)
	return file
}

func TestBMP(t *testing.T) {
	for _, depth := range []int{8, 24, 32} {
		for _, header := range []int{12, 40, 108, 124} {
			check(t, fmt.Sprintf("%d bits, header %d, bottom up", depth, header), bmp(depth, false, false, header))
			if header != 12 {
				check(t, fmt.Sprintf("%d bits, header %d, top down", depth, header), bmp(depth, true, false, header))
			}
		}
	}
	check(t, "masks", bmp(32, false, true, 40))
	check(t, "masks in the header", bmp(32, true, true, 124))
	whole := bmp(24, false, false, 40)
	check(t, "no padding at the end", whole[:len(whole)-3])
	for n := range len(whole) - 3 {
		if _, err := Decode(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes are a picture", n, len(whole))
		}
	}
	compressed := bytes.Clone(bmp(8, false, false, 40))
	compressed[30] = 1
	if _, err := Decode(compressed); err == nil || !strings.Contains(err.Error(), "compression 1") {
		t.Errorf("compressed: %v", err)
	}
}

func TestPGM(t *testing.T) {
	check(t, "bytes", append([]byte("P5\n# a comment\n3 2\n255\n"), want...))
	check(t, "bytes after CRLF comments", append([]byte("P5 # c\r\n3\t2 #d\r\n255 "), want...))
	check(t, "text", []byte("P2 3 2 255\n0 50 100\n150 200 250"))
	var deep []byte
	for _, v := range want {
		deep = binary.BigEndian.AppendUint16(deep, uint16(v)*257)
	}
	check(t, "16 bits", append([]byte("P5 3 2 65535\n"), deep...))
	check(t, "less than 8 bits", []byte("P2 3 2 51 0 10 20 30 40 50"))
	for _, bad := range []string{"P5", "P5 3 2", "P5 3 2 255\nabc", "P5 99999 99999 255\nabc", "P2 3 2 255 1 2 3 4 5", "P5 0 2 255\n", "P5 3 2 0\nabcdef", "P5 3 2 70000\nabcdef", "P2 3 2 255 1 2 x 4 5 6", "P5 -3 2 255\nabcdef"} {
		if g, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q is a picture of %d x %d", bad, g.Width, g.Height)
		}
	}
}

func TestOther(t *testing.T) {
	for _, bad := range []string{"", "P", "BM", "\x89PNG", "GIF89a", "\xff\xd8\xff"} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q is a picture", bad)
		}
	}
	if _, err := Read(t.TempDir() + "/none.png"); err == nil {
		t.Error("read what is not there")
	}
}

func TestSquare(t *testing.T) {
	g := &Grey{4, 4, []byte{10, 20, 30, 40, 10, 20, 30, 40, 50, 60, 70, 80, 50, 60, 70, 80}}
	half, err := g.Square(2)
	if err != nil || !bytes.Equal(half, []byte{15, 35, 55, 75}) {
		t.Errorf("half: %v, %v", half, err)
	}
	for _, side := range []int{1, 3, 4, 5, 128} {
		flat := &Grey{150, 150, bytes.Repeat([]byte{77}, 150*150)}
		out, err := flat.Square(side)
		if err != nil || !bytes.Equal(out, bytes.Repeat([]byte{77}, side*side)) {
			t.Errorf("side %d: %v", side, err)
		}
	}
	ramp := &Grey{2, 2, []byte{0, 100, 0, 100}}
	if out, _ := ramp.Square(4); !bytes.Equal(out[:4], []byte{0, 25, 75, 100}) {
		t.Errorf("twice as large: %v", out[:4])
	}
	if _, err := (&Grey{Width: 2, Height: 1, Pix: []byte{1, 2}}).Square(2); err == nil {
		t.Error("took an oblong")
	}
}

func FuzzDecodeBMP(f *testing.F) {
	for _, depth := range []int{8, 24, 32} {
		f.Add(bmp(depth, false, false, 40))
		f.Add(bmp(depth, true, depth == 32, 124))
		f.Add(bmp(depth, false, false, 12))
	}
	f.Fuzz(func(t *testing.T, data []byte) { decoded(t, append([]byte("BM"), data[min(2, len(data)):]...)) })
}

func FuzzDecodePGM(f *testing.F) {
	f.Add([]byte("P5\n# a comment\n3 2\n255\nabcdef"))
	f.Add([]byte("P2 3 2 255\n0 50 100\n150 200 250"))
	f.Add([]byte("P5 1 1 65535\nab"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2 && data[0] == 'P' {
			decoded(t, data)
		}
	})
}

// decoded checks what every picture must be.
func decoded(t *testing.T, data []byte) {
	g, err := Decode(data)
	if err != nil {
		if g != nil {
			t.Error("a picture and an error")
		}
		return
	}
	if g.Width < 1 || g.Height < 1 || len(g.Pix) != g.Width*g.Height || len(g.Pix) > 2*len(data) && g.Width*g.Height > len(data) {
		t.Errorf("%d x %d with %d pixels of %d bytes", g.Width, g.Height, len(g.Pix), len(data))
	}
}

func TestShrink(t *testing.T) {
	g := &Grey{3, 2, want}
	if s := g.Shrink(2); s.Width != 1 || s.Height != 1 || s.Pix[0] != 100 {
		t.Errorf("half: %+v", s)
	}
	if g.Shrink(1) != g || g.Shrink(5) != g {
		t.Error("what cannot be shrunk is another picture")
	}
}
