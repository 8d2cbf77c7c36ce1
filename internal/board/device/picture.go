package device

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
)

// PictureSize is the width and height of a Picture.
const (
	PictureWidth  = 640
	PictureHeight = 480
)

// Picture is the n-th test picture as a JPEG file: the same bytes wherever this program runs.
// It shows nobody.
func Picture(n int) []byte {
	m := image.NewGray(image.Rect(0, 0, PictureWidth, PictureHeight))
	for y := range PictureHeight {
		for x := range PictureWidth {
			m.SetGray(x, y, color.Gray{Y: byte(x*y/97 + n*31)})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 60}); err != nil {
		panic(err) // a buffer takes everything, and the size is one that JPEG has
	}
	return b.Bytes()
}
