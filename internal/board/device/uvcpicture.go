package device

import "time"

// UVCPictures is how many pictures UVCPicture tells apart before it begins anew.
const UVCPictures = 4

// UVCModes is what the virtual board's camera offers.
func UVCModes() []UVCMode {
	var list []UVCMode
	for _, format := range []string{"MJPG", "GREY", "YUYV", "Y16", "Y10", "Y8I"} {
		list = append(list, UVCMode{Format: format, Width: PictureWidth, Height: PictureHeight, Interval: time.Second / 30})
	}
	return list
}

// UVCPicture is the n-th picture that the virtual board's camera takes in a mode, the same
// wherever this program runs: a Picture in JPEG, or as much noise as the mode takes.
func UVCPicture(m UVCMode, n int) []byte {
	n %= UVCPictures
	if m.Format == "MJPG" {
		return Picture(n)
	}
	b := make([]byte, m.bytes())
	const period = 4093 // a prime, so that no two rows are the same
	x := uint32(2*n + 1)
	for i := range b[:period] {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	for k := period; k < len(b); k *= 2 {
		copy(b[k:], b[:k])
	}
	return b
}
